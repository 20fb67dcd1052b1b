// The console of a printer: what is sent and answered stands in a log, the newest below. Arrow up brings back what was
// sent before. Without it the form leads to a page with the answer.

import { ask } from "./send.js";
import { say, who, words } from "./platen.js";

const KEPT = 200;
// Homing takes its time.
const PATIENCE_MS = 60000;

export function attach(element) {
  const log = element.querySelector(".console-log");
  const form = element.querySelector("form");
  const field = form.elements.command;
  const sent = [];
  let place = 0;

  // The firmware's own words: text, whatever is in them.
  function note(text, kind) {
    const line = document.createElement("p");
    line.className = kind;
    line.textContent = text;
    log.append(line);
    while (log.childElementCount > KEPT) log.firstElementChild.remove();
    log.scrollTop = log.scrollHeight;
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    // The page's own way would say it at the top.
    event.stopPropagation();
    const command = field.value.trim();
    if (command === "" || form.dataset.ownBusy) return;
    if (who && who.value.trim() === "") {
      say(words.nameFirst, true);
      who.focus();
      return;
    }
    form.dataset.ownBusy = "yes";
    note(command, "sent");
    try {
      const body = { command };
      if (who) body.by = who.value.trim();
      const told = await ask(`POST /v1/printers/${element.dataset.printer}/console`, body, PATIENCE_MS);
      for (const line of told.lines) note(line, "answered");
      if (told.lines.length === 0 && told.done) note(element.dataset.nothing, "quiet");
      if (told.cut) note(element.dataset.cut, "quiet");
      if (!told.done) note(element.dataset.open, "old");
      sent.push(command);
      place = sent.length;
      field.value = "";
    } catch (error) {
      note(error.message, "failed");
    } finally {
      delete form.dataset.ownBusy;
    }
  });

  field.addEventListener("keydown", (event) => {
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    const next = place + step;
    if (!step || next < 0 || next > sent.length) return;
    event.preventDefault();
    place = next;
    field.value = sent[place] ?? "";
  });
}
