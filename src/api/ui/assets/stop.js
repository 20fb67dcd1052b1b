// The stop: pressed and held, so that no sleeve and no glove stops a print by chance; sent the moment that it is full.
// It works by touch, mouse, Space and Enter. Nothing else of the page stands between it and platen.

import { say, who, words } from "./platen.js";

const HOLD_MS = 700;
let held = null;

function end(button) {
  if (!held || (button && held.button !== button)) return;
  clearTimeout(held.timer);
  held.button.removeAttribute("data-own-held");
  const early = !held.sent;
  held = null;
  if (early) say(words.hold);
}

function begin(button) {
  if (held) return;
  button.setAttribute("data-own-held", "yes");
  held = { button, sent: false, timer: setTimeout(() => { held.sent = true; send(button); }, HOLD_MS) };
}

async function send(button) {
  const form = button.form;
  const body = new URLSearchParams(new FormData(form));
  if (who) body.set("by", who.value);
  button.setAttribute("data-own-sent", "yes");
  try {
    const answer = await fetch("/do/stop", { method: "POST", body, signal: AbortSignal.timeout(10000) });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    say(page.getElementById("said")?.textContent ?? words.stopNotSent, !answer.ok);
  } catch {
    say(words.stopNotSent, true);
  } finally {
    button.removeAttribute("data-own-sent");
  }
}

const stopOf = (target) => target.closest?.("form.stops button.stop");

export function start() {
  document.addEventListener("pointerdown", (event) => {
    const button = stopOf(event.target);
    if (button && event.button === 0) begin(button);
  });
  for (const kind of ["pointerup", "pointercancel"]) document.addEventListener(kind, () => end());
  document.addEventListener("pointerout", (event) => {
    const button = stopOf(event.target);
    if (button && !button.contains(event.relatedTarget)) end(button);
  });
  document.addEventListener("keydown", (event) => {
    const button = stopOf(event.target);
    if (!button || (event.key !== " " && event.key !== "Enter")) return;
    event.preventDefault();
    if (!event.repeat) begin(button);
  });
  document.addEventListener("keyup", (event) => {
    if (event.key === " " || event.key === "Enter") end();
  });
  document.addEventListener("blur", () => end(), true);
  document.addEventListener("contextmenu", (event) => {
    // A long touch is a hold, and no menu.
    if (stopOf(event.target)) event.preventDefault();
  });
  document.addEventListener("submit", (event) => {
    if (event.target.matches("form.stops")) event.preventDefault();
  });
}
