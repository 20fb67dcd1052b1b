// The page's script: what every page has. What only some have is loaded by `data-use="name"` from name.js, whose
// `attach(element)` is called once for each such element.

import { start as startKeys } from "./keys.js";
import { start as startLive } from "./live.js";
import { isChanged } from "./morph.js";
import { start as startSend } from "./send.js";
import { isBusy, start as startStop } from "./stop.js";
import { start as startStopped } from "./stopped.js";

export const words = JSON.parse(document.body.dataset.words);
const news = document.getElementById("news");

// The name that buttons are pressed under where nobody signs in, kept in this browser only.
export const who = document.getElementById("who");

// A text with its holes filled.
export function fill(text, holes) {
  return text.replace(/\{(\w+)\}/g, (_, name) => holes?.[name] ?? "");
}

// A number as the pages write it: in threes, with thin spaces that no line is broken at.
export function grouped(number, digits = 2) {
  const parts = new Intl.NumberFormat(document.documentElement.lang, { maximumFractionDigits: digits, useGrouping: "always" });
  return parts.formatToParts(number).map(({ type, value }) => (type === "group" ? "\u202f" : value)).join("");
}

// Whom this page was made for: all that it asks says so, and is refused where somebody else is signed in by now.
export const madeFor = document.body.dataset.for ?? "";
export const asMade = { "Platen-For": madeFor };

// What came of one's own press stands at least this long, and news that wait for it are news for this long.
const OWN_MS = 6000;
const NEWS_MS = 30000;
let fades;
let stays = 0;
let later;
const waiting = [];
// A stop that failed: what it was of, and what was said of it.
let unstopped;
const UNSTOPPED = "platen-unstopped";

// It is said on every page of this tab.
function keepUnstopped(one) {
  unstopped = one;
  try {
    if (one) sessionStorage.setItem(UNSTOPPED, JSON.stringify(one));
    else sessionStorage.removeItem(UNSTOPPED);
  } catch {
    // Then it is said on this page only.
  }
}

// What came of a stop. One that failed is said until somebody has closed it, whatever else is said meanwhile, or until
// the same or the stop of all (`which` is empty) was sent.
export function sayStop(text, failed, which) {
  if (!failed && (which === "" || unstopped?.which === which)) keepUnstopped(undefined);
  if (failed && unstopped?.which !== "") keepUnstopped({ text, which });
  say(text, failed);
}

// Says something at the top; with `undo`, a button takes it back for a while. `failed` tells what became of what
// somebody has pressed; what is only news has none.
export function say(text, failed = undefined, undo = undefined) {
  const stands = unstopped && unstopped.text !== text ? unstopped.text : "";
  news.replaceChildren([stands, text].filter(Boolean).join(" · "));
  news.classList.toggle("failed", failed === true || unstopped !== undefined);
  news.classList.toggle("done", failed === false && !unstopped);
  clearTimeout(fades);
  stays = text && failed !== undefined ? Date.now() + OWN_MS : 0;
  if (undo) {
    const button = document.createElement("button");
    button.textContent = words.undo;
    button.addEventListener("click", () => { button.remove(); undo(); });
    news.append(" ", button);
  }
  if (failed || unstopped) {
    const button = document.createElement("button");
    button.textContent = words.close;
    button.addEventListener("click", () => {
      keepUnstopped(undefined);
      say("");
    });
    news.append(" ", button);
  }
  // What went wrong stays until it has been read.
  if (!failed && text) fades = setTimeout(() => say(""), 12000);
  if (!text || failed !== undefined) tellWaiting();
}

// Whether somebody has typed or chosen something here that is not sent yet.
export function isTouched() {
  return [...document.querySelectorAll("#page :is(input, select, textarea)")].some((field) => {
    // A name that the script has put there is nothing that somebody has typed.
    if (field.type === "hidden" || field.type === "search" || field.name === "by") return false;
    return field.type === "file" ? field.files.length > 0 : isChanged(field);
  });
}

// Nobody is signed in any more: what a shared screen shows is not for whoever comes next, but what somebody has typed
// is not thrown away either.
export function signedOut() {
  const at = location.pathname + location.search;
  if (!isTouched()) {
    location.assign(`/sign-in?to=${encodeURIComponent(at)}`);
    return;
  }
  if (news.querySelector("a")) return;
  document.body.dataset.ownOut = "yes";
  say(words.signedOut, true);
  const link = document.createElement("a");
  link.className = "button";
  link.href = "/sign-in";
  link.target = "_blank";
  link.rel = "noopener";
  link.textContent = words.signInTab;
  news.append(" ", link);
}

// Somebody else has signed in in another tab: what is shown is not theirs, and is never sent in their name.
export function another() {
  if (!isTouched() && !isBusy() && !document.querySelector("dialog[open]")) {
    location.reload();
    return;
  }
  if (document.body.dataset.ownOut === "another") return;
  document.body.dataset.ownOut = "another";
  say(fill(words.another, { name: document.body.dataset.user ?? "" }), true);
}

// Whoever the page was made for is signed in again: what was said of it is over.
export function signedIn() {
  if (document.body.dataset.ownOut) say(words.goOn);
  delete document.body.dataset.ownOut;
  for (const place of document.querySelectorAll(".said-here")) {
    if (place.textContent === words.signedOut) place.textContent = "";
  }
}

// What others do is said too, but takes away nothing that somebody has to read or may take back.
export function tellNews(text) {
  waiting.push({ text, at: Date.now() });
  tellWaiting();
}

function tellWaiting() {
  clearTimeout(later);
  const now = Date.now();
  while (waiting.length > 3 || (waiting.length > 0 && now - waiting[0].at > NEWS_MS)) waiting.shift();
  if (waiting.length === 0 || news.querySelector("button")) return;
  if (now < stays) later = setTimeout(tellWaiting, stays - now);
  else say(waiting.splice(0).map((one) => one.text).join(" · "));
}

function sign(root) {
  if (!who) return;
  for (const field of root.querySelectorAll("input[name=by]")) {
    field.value = who.value;
    if (field.type === "hidden") continue;
    field.required = false;
    field.closest("label").hidden = true;
  }
}

if (who) {
  who.value = localStorage.getItem("who") ?? "";
  who.closest("label").hidden = false;
  who.addEventListener("input", () => {
    localStorage.setItem("who", who.value);
    sign(document);
  });
}

function lastUnstopped() {
  try {
    return JSON.parse(sessionStorage.getItem(UNSTOPPED));
  } catch {
    return null;
  }
}

// What this browser has kept for one person is not for the next one: names of files are a patient's at times. That a
// stop failed is for everybody.
const failedStop = lastUnstopped();
if (location.pathname === "/sign-in") sessionStorage.clear();
if (failedStop) sayStop(failedStop.text, true, failedStop.which);

const attached = new WeakSet();

async function attach() {
  sign(document);
  for (const element of document.querySelectorAll("[data-use]")) {
    if (attached.has(element)) continue;
    attached.add(element);
    const module = await import(`./${element.dataset.use}.js`);
    module.attach(element);
  }
}

document.addEventListener("platen:changed", attach);
attach();
startStop();
startStopped();
startSend();
startKeys();
startLive();
document.documentElement.classList.add("script");

// --- a page that is not finished loads itself again, but never from under somebody's hands

const reloadSeconds = Number(document.body.dataset.reload);
let sent = false;
document.addEventListener("submit", () => { sent = true; });
addEventListener("pageshow", () => { sent = false; });

function reload() {
  const busy = sent || isBusy() || isTouched() || document.activeElement?.closest("form, label");
  if (busy) setTimeout(reload, reloadSeconds * 1000);
  else location.reload();
}
if (reloadSeconds > 0) setTimeout(reload, reloadSeconds * 1000);
