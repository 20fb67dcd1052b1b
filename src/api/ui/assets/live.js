// Keeps the page live: takes the pieces that have changed, and says when what is shown is old.

import { morph } from "./morph.js";
import { fill, say, words } from "./platen.js";

const SILENCE_MS = 12000; // two heartbeats and a little
const page = document.getElementById("page");
const link = document.getElementById("link");

let heard = Date.now();
let first = true;

// In a template also what stands only in a table, such as a row, is what it is; nothing of it runs.
function made(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
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
    if (old && fresh) morph(old, fresh);
  }
  changed();
}

function all(text) {
  const fresh = document.createElement("main");
  for (const { name, value } of page.attributes) fresh.setAttribute(name, value);
  fresh.append(...made(JSON.parse(text)).childNodes);
  morph(page, fresh);
  changed();
}

function listen() {
  const have = first ? page.dataset.live : "";
  const at = location.pathname + location.search;
  const source = new EventSource(`/live?at=${encodeURIComponent(at)}&have=${have}`);
  const alive = () => {
    heard = Date.now();
    tell();
  };
  // A browser that comes back by itself asks with the same address: what it has is of before.
  const again = () => {
    source.close();
    first = false;
    setTimeout(listen, 1000 + Math.random() * 1000);
  };
  source.addEventListener("hello", (message) => {
    alive();
    // Another platen answers: its page may be another, too.
    if (message.data !== document.body.dataset.version) location.reload();
  });
  source.addEventListener("alive", alive);
  source.addEventListener("pieces", (message) => { alive(); pieces(message.data); });
  source.addEventListener("all", (message) => { alive(); all(message.data); });
  source.addEventListener("news", (message) => { alive(); say(message.data); });
  source.addEventListener("error", async () => {
    tell();
    again();
    // Nobody is signed in any more: what a shared screen shows is not for whoever comes next.
    try {
      const answer = await fetch(at, { method: "HEAD", redirect: "manual" });
      if (answer.type === "opaqueredirect" || answer.status === 401) {
        location.assign(`/sign-in?to=${encodeURIComponent(at)}`);
      }
    } catch {
      // It does not answer at all: the silence tells the user.
    }
  });
}

function age(ms) {
  const seconds = Math.round(ms / 1000);
  return seconds < 120 ? `${seconds} s` : `${Math.floor(seconds / 60)} min`;
}

function tell() {
  const since = Date.now() - heard;
  const stale = since > SILENCE_MS;
  document.body.classList.toggle("stale", stale);
  const text = stale ? fill(words.notLive, { age: age(since) }) : words.live;
  if (link.textContent !== text) link.textContent = text;
  // A number that changes each second is not read out again and again.
  link.setAttribute("aria-live", stale ? "off" : "polite");
}

export function start() {
  if (!page?.dataset.live) return;
  listen();
  setInterval(tell, 1000);
}
