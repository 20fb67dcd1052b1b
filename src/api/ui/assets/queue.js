// The queue: jobs are moved by dragging their handle or by its arrow keys, which sends where they are to stand; forms
// that say of which part something is; and the boxes by which warnings are accepted.

import { morph } from "./morph.js";
import { fill, say, who, words } from "./platen.js";
import { ask } from "./send.js";

const REST_MS = 700; // from the last arrow key until it is sent
const EDGE = 90; // so near to the edge of the window a drag scrolls it

// --- what forms say beside their fields

document.addEventListener("platen:body", (event) => {
  const body = event.detail;
  if (typeof body.piece === "string") {
    const [part, number] = body.piece.split("/");
    body.case = part;
    body.part = Number(number);
    delete body.piece;
  }
  if (Array.isArray(body.model?.expected)) body.model.expected = body.model.expected.map(Number);
  const ticked = [...event.target.querySelectorAll("[data-accept]:checked")].filter((box) => {
    // What was found on other printers is no finding of the one that is meant.
    const printers = box.dataset.printers?.split(" ");
    return !body.printer || !printers || printers.includes(body.printer);
  });
  const codes = [...new Set(ticked.map((box) => box.dataset.accept))];
  if (codes.length > 0) body.accept = codes;
});

// A refusal lists what was found: each warning gets a box, for the next try.
document.addEventListener("platen:refused", (event) => {
  const place = event.target.querySelector("[data-found]");
  if (!place) return;
  const has = (code) => [...event.target.querySelectorAll("[data-accept]")].some((box) => box.dataset.accept === code);
  for (const { code, severity, what, help } of event.detail.findings ?? []) {
    if (has(code)) continue;
    const line = document.createElement(severity === "warning" ? "label" : "p");
    line.className = severity === "warning" ? "tick note" : "note";
    line.dataset.state = severity === "warning" ? "wants" : "bad";
    if (severity === "warning") {
      const box = document.createElement("input");
      box.type = "checkbox";
      box.dataset.accept = code;
      line.append(box);
    }
    const text = document.createElement("span");
    text.textContent = `${code}: ${what}. ${help}.`;
    line.append(text);
    place.append(line);
  }
});

// --- moving

export function attach(list) {
  if (!list.matches("ol")) return;
  const told = JSON.parse(list.dataset.words);
  let moving = null; // { row, before, at }: the row, what stood behind it, and where the pointer is

  const rows = () => [...list.querySelectorAll(":scope > li[data-job]")];
  const behind = (row) => row.nextElementSibling;

  // Not the row is moved but what stands beside it, so that its handle keeps focus and pointer.
  function up(row) {
    const other = row.previousElementSibling;
    if (other) list.insertBefore(other, row.nextElementSibling);
    return Boolean(other);
  }

  function down(row) {
    const other = row.nextElementSibling;
    if (other) list.insertBefore(other, row);
    return Boolean(other);
  }

  function putBack(row, before) {
    list.insertBefore(row, before?.parentNode === list ? before : null);
  }

  function begin(row) {
    if (moving?.row === row) return;
    moving = { row, before: behind(row) };
    row.dataset.ownDragged = "yes";
    // What comes from platen meanwhile would move it from under the hand.
    list.setAttribute("data-keep", "");
  }

  // The page as it is now, in place of what was not taken in while something was moved.
  async function fresh() {
    let other = null;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (answer.ok) other = page.getElementById("waiting");
    } catch {
      // What has come meanwhile was thrown away: it does not go on looking new.
      document.dispatchEvent(new CustomEvent("platen:again"));
    }
    // The next one is in somebody's hand already: its end asks again.
    if (moving) return;
    list.removeAttribute("data-keep");
    if (other) morph(document.getElementById("waiting"), other);
    document.dispatchEvent(new CustomEvent("platen:changed"));
  }

  async function wish(job, before, was) {
    const body = was ? { before, was } : { before };
    if (who?.value.trim()) body.by = who.value.trim();
    return ask(`POST /v1/queue/${job}`, body);
  }

  // Says where it is to stand. What is refused stands where it stood.
  async function end() {
    if (!moving) return;
    const { row, before } = moving;
    moving = null;
    delete row.dataset.ownDragged;
    const next = behind(row);
    if (next === before) return fresh();
    if (who && who.value.trim() === "") {
      putBack(row, before);
      say(words.nameFirst, true);
      who.focus();
      return fresh();
    }
    const job = row.dataset.job;
    const back = row.dataset.back;
    const focused = document.activeElement === row.querySelector("[data-handle]");
    try {
      const to = next ? next.dataset.job : "last";
      await wish(job, to);
      const wanted = next?.dataset.job;
      await fresh();
      const now = document.getElementById(`job-${job}`);
      const follows = now && behind(now)?.dataset.job === wanted;
      say(follows ? told.moved : told.movedBut, false, () => undo(job, back, to));
    } catch (error) {
      putBack(row, before);
      await fresh().catch(() => {});
      say(`${told.putBack} ${error.message}`, true);
    }
    if (focused) document.getElementById(`job-${job}`)?.querySelector("[data-handle]")?.focus();
  }

  // Not where somebody else has moved it since.
  async function undo(job, back, was) {
    try {
      await wish(job, back, was);
      await fresh();
      say(words.undone, false);
    } catch (error) {
      say(error.message, true);
    }
  }

  function giveUp() {
    if (!moving) return;
    const { row, before } = moving;
    moving = null;
    delete row.dataset.ownDragged;
    putBack(row, before);
    say(told.putBack);
    row.querySelector("[data-handle]")?.focus();
    fresh().catch(() => {});
  }

  // --- by keys

  let rests;

  list.addEventListener("keydown", (event) => {
    const handle = event.target.closest("[data-handle]");
    if (!handle) return;
    const row = handle.closest("li");
    if (event.key === "ArrowUp" || event.key === "ArrowDown") {
      event.preventDefault();
      event.stopPropagation();
      begin(row);
      const moved = event.key === "ArrowUp" ? up(row) : down(row);
      if (moved) row.scrollIntoView({ block: "nearest" });
      say(fill(told.moving, { at: rows().indexOf(row) + 1, of: rows().length }));
      clearTimeout(rests);
      rests = setTimeout(end, REST_MS);
    } else if (event.key === "Escape" && moving) {
      event.preventDefault();
      clearTimeout(rests);
      giveUp();
    } else if (event.key === "Enter" && moving) {
      event.preventDefault();
      clearTimeout(rests);
      end();
    }
  });

  // --- by hand

  function follow(event) {
    if (!moving) return;
    const { row } = moving;
    const y = event.clientY;
    for (let other = row.previousElementSibling; other; other = row.previousElementSibling) {
      const box = other.getBoundingClientRect();
      if (y > box.top + box.height / 2) break;
      up(row);
    }
    for (let other = row.nextElementSibling; other; other = row.nextElementSibling) {
      const box = other.getBoundingClientRect();
      if (y < box.top + box.height / 2) break;
      down(row);
    }
    if (y < EDGE + 60) scrollBy(0, -12);
    else if (y > innerHeight - EDGE) scrollBy(0, 12);
  }

  list.addEventListener("pointerdown", (event) => {
    const handle = event.target.closest("[data-handle]");
    if (!handle || event.button !== 0) return;
    event.preventDefault();
    handle.focus();
    clearTimeout(rests);
    handle.setPointerCapture(event.pointerId);
    begin(handle.closest("li"));
    const done = (last) => {
      handle.removeEventListener("pointermove", follow);
      handle.removeEventListener("pointerup", done);
      handle.removeEventListener("pointercancel", done);
      if (last.type === "pointerup") end();
      else giveUp();
    };
    handle.addEventListener("pointermove", follow);
    handle.addEventListener("pointerup", done);
    handle.addEventListener("pointercancel", done);
  });
}
