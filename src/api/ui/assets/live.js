// Keeps the page live: takes the pieces that have changed, and says when what is shown is old.

import { morph } from "./morph.js";
import { keep, start as startOrder } from "./order.js";
import { another, asMade, fill, isTouched, madeFor, signedIn, signedOut, tellNews, words } from "./platen.js";
import { isBusy, isHeld } from "./stop.js";

const SILENCE_MS = 12000; // two heartbeats and a little
const ANOTHER_MS = 3000;
const page = document.getElementById("page");
const link = document.getElementById("link");

let heard = Date.now();
// The connection is gone, and no other one is there yet.
let lost = false;
let first = true;
let source;
let again;
// What came while a stop was held, or a mouse was on its way: it is taken in when that is over, so that no card moves
// from under a finger.
const later = [];
const ON_ITS_WAY_MS = 600;
const AT_MOST_MS = 3000;
let moved = 0;
let waitsSince = 0;

// What is for browsers without a script is text on a page that was loaded, and would be fields in a piece that comes.
function scriptless(root) {
  for (const one of root.querySelectorAll("noscript")) one.remove();
}

// In a template also what stands only in a table, such as a row, is what it is; nothing of it runs.
function made(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  scriptless(template.content);
  return document.importNode(template.content, true);
}

// Something on the page is others than before: modules of the page look at it.
function changed() {
  document.dispatchEvent(new CustomEvent("platen:changed"));
}

function pieces(text) {
  for (const { id, html } of JSON.parse(text)) {
    const old = document.getElementById(id);
    const fresh = made(html).firstElementChild;
    if (!old || !fresh) continue;
    keep(fresh);
    morph(old, fresh);
  }
  changed();
}

function all(text) {
  const fresh = document.createElement("main");
  for (const { name, value } of page.attributes) fresh.setAttribute(name, value);
  fresh.append(...made(JSON.parse(text)).childNodes);
  keep(fresh);
  morph(page, fresh);
  changed();
}

// A mouse that moves for ever holds up nothing for ever; a stop that is held does, for it is short.
function mustWait() {
  const now = Date.now();
  return isHeld() || (now - moved < ON_ITS_WAY_MS && now - waitsSince < AT_MOST_MS);
}

function takeIn() {
  if (later.length === 0) return;
  if (mustWait()) {
    setTimeout(takeIn, ON_ITS_WAY_MS / 4);
    return;
  }
  for (const change of later.splice(0)) change();
}

function whenFree(change) {
  if (later.length === 0) waitsSince = Date.now();
  later.push(change);
  if (later.length === 1) takeIn();
}

// Loads the page anew, but takes no stop along, and nothing that somebody has typed.
function reload() {
  if (isBusy() || isTouched()) setTimeout(reload, 500);
  else location.reload();
}

function leave() {
  source?.close();
  clearTimeout(again);
}

function listen() {
  leave();
  // A page that nobody sees follows nothing: a browser has six connections, and a stop needs one of them.
  if (document.hidden) return;
  const have = first ? page.dataset.live : "";
  const at = location.pathname + location.search;
  const mine = new EventSource(`/live?at=${encodeURIComponent(at)}&have=${have}`);
  source = mine;
  const alive = () => {
    heard = Date.now();
    lost = false;
    tell();
  };
  // A browser that comes back by itself asks with the same address: what it has is of before.
  const anew = () => {
    mine.close();
    first = false;
    clearTimeout(again);
    again = setTimeout(listen, 1000 + Math.random() * 1000);
  };
  mine.addEventListener("hello", (message) => {
    const [version, name = ""] = message.data.split(" ");
    // Nothing of it is taken in: it is for somebody else. They may leave again.
    if (name !== madeFor) {
      leave();
      again = setTimeout(listen, ANOTHER_MS);
      another();
      return;
    }
    alive();
    first = false;
    signedIn();
    // Another platen answers: its page may be another, too.
    if (version !== document.body.dataset.version) reload();
  });
  mine.addEventListener("alive", alive);
  mine.addEventListener("pieces", (message) => { alive(); whenFree(() => pieces(message.data)); });
  mine.addEventListener("all", (message) => { alive(); whenFree(() => all(message.data)); });
  mine.addEventListener("news", (message) => { alive(); tellNews(message.data); });
  mine.addEventListener("error", async () => {
    // Of an older one that is closed: another one is under way.
    if (source !== mine) return;
    lost = true;
    tell();
    anew();
    await whoIsHere();
  });
}

// Whether whom the page was made for is signed in.
async function whoIsHere() {
  try {
    // The page that is made with the least work.
    const answer = await fetch("/look", { method: "HEAD", redirect: "manual", headers: asMade });
    if (isBusy()) return;
    if (answer.type === "opaqueredirect" || answer.status === 401) signedOut();
    else if (answer.status === 409) another();
    else signedIn();
  } catch {
    // It does not answer at all: the silence tells the user.
  }
}

function age(ms) {
  const seconds = Math.round(ms / 1000);
  return seconds < 120 ? `${seconds} s` : `${Math.floor(seconds / 60)} min`;
}

function tell() {
  const since = Date.now() - heard;
  const stale = since > SILENCE_MS;
  document.body.classList.toggle("stale", stale);
  document.body.classList.toggle("lost", lost && !stale);
  const fresh = lost ? words.lost : words.live;
  const text = stale ? fill(words.notLive, { age: age(since) }) : fresh;
  if (link.textContent !== text) link.textContent = text;
  // A number that changes each second is not read out again and again.
  link.setAttribute("aria-live", stale ? "off" : "polite");
}

export function start() {
  scriptless(document);
  if (!page?.dataset.live) {
    // What stands still follows nothing, and asks when somebody comes back to it.
    if (madeFor) document.addEventListener("visibilitychange", () => { if (!document.hidden) whoIsHere(); });
    return;
  }
  listen();
  setInterval(tell, 1000);
  startOrder(whenFree);
  page.addEventListener("pointermove", () => { moved = Date.now(); }, { passive: true });
  // Something of the page has not taken in what was sent.
  document.addEventListener("platen:again", () => {
    first = false;
    listen();
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      leave();
      return;
    }
    tell();
    listen();
  });
}
