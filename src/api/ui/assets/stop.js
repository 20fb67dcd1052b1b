// The stop: pressed and held, so that no sleeve and no glove stops a print by chance; sent the moment that it is full.
// It works by touch, mouse, Space and Enter. Nothing else of the page stands between it and platen.

import { asMade, say, sayStop, who, words } from "./platen.js";

const HOLD_MS = 700;
// A finger rolls a little; who goes farther off the button than that has thought better of it.
const SLIDE_PX = 40;
const HINT_MS = 2000;
const PATIENCE_MS = 10000;
const KEYS = "keys";
// By what presses, a pointer or the keys: a second finger ends nothing of the first one's.
const holds = new Map();
const hints = new WeakMap();
let onTheWay = 0;

// While this is so nothing on the page moves: the button stays under the finger.
export const isHeld = () => [...holds.values()].some((hold) => !hold.sent);

// While this is so the page is not left: the stop would go with it.
export const isBusy = () => isHeld() || onTheWay > 0;

function end(by) {
  const hold = holds.get(by);
  if (!hold) return;
  clearTimeout(hold.timer);
  holds.delete(by);
  hold.button.removeAttribute("data-own-held");
  if (hold.sent) return;
  say(words.hold);
  hint(hold.button);
}

// Where the finger is, somebody looks, too.
function hint(button) {
  button.setAttribute("data-own-hint", words.longer);
  clearTimeout(hints.get(button));
  hints.set(button, setTimeout(() => button.removeAttribute("data-own-hint"), HINT_MS));
}

// A touch stays with the button that it began on, so that only its place tells that it has left.
function hasLeft(button, { clientX: x, clientY: y }) {
  const { left, right, top, bottom } = button.getBoundingClientRect();
  return x < left - SLIDE_PX || x > right + SLIDE_PX || y < top - SLIDE_PX || y > bottom + SLIDE_PX;
}

function begin(by, button) {
  end(by);
  button.removeAttribute("data-own-hint");
  button.setAttribute("data-own-held", "yes");
  // Which one it is, before it is full.
  say(button.getAttribute("aria-label"));
  const hold = { button, sent: false };
  hold.timer = setTimeout(() => {
    hold.sent = true;
    send(button);
  }, HOLD_MS);
  holds.set(by, hold);
}

async function send(button) {
  const body = new URLSearchParams(new FormData(button.form));
  if (who) body.set("by", who.value);
  const which = body.get("printer") ?? "";
  button.setAttribute("data-own-sent", "yes");
  onTheWay += 1;
  // The answer is not said behind a question; nobody has answered that one.
  for (const box of document.querySelectorAll("dialog[open]")) box.close();
  try {
    // It outlives the page. What is so old that it knows no time limit stops without one.
    const signal = AbortSignal.timeout?.(PATIENCE_MS);
    const how = { method: "POST", headers: asMade, body, signal, keepalive: true, priority: "high" };
    const answer = await fetch("/do/stop", how);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const said = page.getElementById("said");
    const isMissed = !answer.ok || !said || Boolean(said.querySelector("[data-missed]"));
    sayStop(said?.textContent ?? words.stopNotSent, isMissed, which);
    document.dispatchEvent(new CustomEvent("platen:stopped"));
  } catch {
    sayStop(words.stopNotSent, true, which);
  } finally {
    onTheWay -= 1;
    button.removeAttribute("data-own-sent");
  }
}

const stopOf = (target) => target.closest?.("form.stops button.stop");

// The stop of all, for a dialog: what is behind one cannot be reached.
export function another() {
  const form = document.getElementById("stop-all").form.cloneNode(true);
  for (const one of form.querySelectorAll("[id]")) one.removeAttribute("id");
  return form;
}

export function start() {
  document.addEventListener("pointerdown", (event) => {
    const button = stopOf(event.target);
    if (button && event.button === 0) begin(event.pointerId, button);
  });
  for (const kind of ["pointerup", "pointercancel"]) document.addEventListener(kind, (event) => end(event.pointerId));
  document.addEventListener("pointerout", (event) => {
    const button = stopOf(event.target);
    const isIts = button && holds.get(event.pointerId)?.button === button;
    if (isIts && !button.contains(event.relatedTarget)) end(event.pointerId);
  });
  document.addEventListener("pointermove", (event) => {
    const hold = holds.get(event.pointerId);
    if (hold && hasLeft(hold.button, event)) end(event.pointerId);
  }, { passive: true });
  document.addEventListener("keydown", (event) => {
    if (event.key !== " " && event.key !== "Enter") return;
    // A key that is still down after its stop was sent presses nothing of what has the focus when a dialog has closed.
    if (holds.get(KEYS)?.sent) {
      if (event.repeat) event.preventDefault();
      else end(KEYS);
    }
    const button = stopOf(event.target);
    if (!button) return;
    event.preventDefault();
    if (!event.repeat) begin(KEYS, button);
  });
  document.addEventListener("keyup", (event) => {
    if (event.key !== " " && event.key !== "Enter") return;
    // Firefox would press it now.
    if (stopOf(event.target)) event.preventDefault();
    end(KEYS);
  });
  // What had the focus before a mouse came loses it just then: that ends nothing.
  document.addEventListener("blur", (event) => {
    const hold = holds.get(KEYS);
    if (hold?.button === event.target && !hold.sent) end(KEYS);
  }, true);
  document.addEventListener("click", (event) => {
    // A screen reader's or a voice's press has no length, and is meant.
    const button = event.detail === 0 && stopOf(event.target);
    if (button) send(button);
  });
  document.addEventListener("contextmenu", (event) => {
    // A long touch is a hold, and no menu.
    if (stopOf(event.target)) event.preventDefault();
  });
  document.addEventListener("submit", (event) => {
    if (event.target.matches("form.stops")) event.preventDefault();
  });
}
