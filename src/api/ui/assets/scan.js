// Takes what a scanner types: in its field, or wherever the focus is, as long as nobody types by hand there. What a
// label is of, platen says; a printer and then a lot are a load.

import { fill, say, who, words as common } from "./platen.js";
import { ask, dialog } from "./send.js";

// No hand types so fast for so long.
const GAP_MS = 50;
const SHORTEST = 5;
const LONGEST = 200;

function tell(text, failed = false) {
  const told = document.getElementById("scan-said");
  told.textContent = text;
  told.classList.toggle("failed", failed);
}

// Whether somebody may be typing there.
function takesText(element) {
  if (element.isContentEditable || element.closest("textarea")) return true;
  const input = element.closest("input");
  return Boolean(input) && !["checkbox", "radio", "button", "submit", "file", "range"].includes(input.type);
}

// Calls `take` with each code that is typed so fast that no hand did it, outside of fields. Its Enter presses no button.
export function listen(take) {
  let text = "";
  let last = -Infinity;
  let swallowed = false;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || takesText(event.target)) {
      text = "";
      return;
    }
    const quick = event.timeStamp - last < GAP_MS;
    if (event.key === "Enter") {
      if (quick && text.length >= SHORTEST) {
        event.preventDefault();
        event.stopImmediatePropagation();
        // A question that is open is to be answered by hand, and not by a label.
        if (!document.querySelector("dialog[open]")) take(text);
      }
      text = "";
      return;
    }
    // Capitals come with the shift key between them.
    if (event.key.length !== 1) return;
    last = event.timeStamp;
    text = quick ? (text + event.key).slice(0, LONGEST) : event.key;
    // Two may be a quick person's: those that lead to a room.
    swallowed = text.length > 2;
    if (swallowed) {
      event.preventDefault();
      event.stopImmediatePropagation();
    }
  }, true);
  // A blank in a code would press the button that is focused.
  document.addEventListener("keyup", (event) => {
    if (event.key === " " && swallowed) event.preventDefault();
  }, true);
}

function named() {
  if (!who || who.value.trim()) return true;
  tell(common.nameFirst, true);
  who.focus();
  return false;
}

function by(body) {
  return who?.value.trim() ? { ...body, by: who.value.trim() } : body;
}

// What is in the way there is taken off first, if that is meant.
async function makeRoom(says, printer, slot, taken) {
  if (!taken?.dataset.loaded) return true;
  // The one that is asked about, whatever comes while somebody reads the question.
  const { lot } = taken.dataset;
  const question = fill(says.instead, { printer, slot, what: taken.dataset.loaded });
  const yes = await dialog((form) => {
    const text = document.createElement("p");
    text.textContent = question;
    form.append(text);
  });
  if (yes) await ask(`POST /v1/printers/${printer}/unload`, by({ slot, lot }));
  return Boolean(yes);
}

async function load(form, says, code, lot) {
  if (!form.dataset.mayLoad) return tell(says.mayNot, true);
  if (!named()) return undefined;
  const printer = form.dataset.printer;
  const chosen = document.querySelector("input[name=load-slot]:checked");
  const slot = Number(chosen?.value ?? 0);
  if (chosen?.dataset.lot === lot) return tell(says.same, true);
  if (!(await makeRoom(says, printer, slot, chosen))) return tell("");
  const loads = await ask("POST /v1/loads", by({ printer: form.dataset.code, lot: code, slot }));
  const now = loads.find((one) => one.lot === lot && !one.to);
  tell("");
  const what = now ? `${now.material} ${now.supplier_lot}` : lot;
  say(fill(says.loaded, { what, printer, slot }), false, async () => {
    try {
      await ask(`POST /v1/printers/${printer}/unload`, by({ slot, lot }));
      say(common.undone, false);
    } catch (error) {
      say(error.message, true);
    }
  });
  return undefined;
}

async function take(form, code) {
  const says = JSON.parse(form.dataset.says);
  tell(says.reading);
  try {
    const what = await ask("POST /v1/scans", { code });
    const name = encodeURIComponent(what.name);
    if (what.kind === "part") location.assign(`/printed/${name}`);
    else if (what.kind === "printer") location.assign(`/hands?printer=${name}`);
    // How much of it goes into the vat is asked at the vat.
    else if (form.dataset.vat) location.assign(`/printers/${form.dataset.printer}?lot=${name}#resin`);
    else if (form.dataset.printer) await load(form, says, code, what.name);
    else location.assign(`/materials/${name}`);
  } catch (error) {
    const kind = error.problem?.type?.replace("urn:platen:problem:", "");
    tell(says[kind] ?? error.message, true);
  }
}

export function attach(form) {
  const field = form.elements.code;
  // Browsers leave autofocus out where they think that somebody is busy.
  if (document.activeElement === document.body) field.focus({ preventScroll: true });
  // One after the other: a printer's label and a lot's may come quickly.
  let before = Promise.resolve();
  const next = (code) => {
    if (code.trim()) before = before.then(() => take(form, code.trim()));
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    next(field.value);
    field.value = "";
    field.focus();
  });
  listen(next);
}
