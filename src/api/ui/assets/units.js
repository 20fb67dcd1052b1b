// Fetches the proposal of a case's units, and lets a coder confirm exactly what they saw.

import { ask } from "./send.js";
import { say } from "./platen.js";

// The whole journal is read for it.
const COUNTING_MS = 120000;

function element(name, text, more = {}) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  return Object.assign(made, more);
}

export function attach(box) {
  const words = JSON.parse(box.dataset.words);
  const button = box.querySelector("button");
  const place = document.getElementById("sheet-shown");

  function row(line, official, may) {
    const made = document.createElement("tr");
    const code = element("th", line.code, { scope: "row" });
    const units = element("td", may ? undefined : String(line.units));
    if (may) {
      const field = element("input", undefined, { type: "number", min: "0", max: "999", required: true });
      // As it is in the page, so that the form's reset brings back what is proposed.
      field.defaultValue = String(line.units);
      field.name = `units.${line.code}`;
      field.dataset.as = "number";
      field.setAttribute("aria-label", `${words.units} ${line.code}`);
      units.append(field);
    }
    made.append(code, element("td", official ?? line.paraphrase), units, element("td", line.cap ? String(line.cap.units) : ""));
    return made;
  }

  function table(sheet, may) {
    const made = document.createElement("table");
    const head = made.createTHead().insertRow();
    for (const name of [words.code, words.what, words.units, words.cap]) head.append(element("th", name, { scope: "col" }));
    const body = made.createTBody();
    for (const line of sheet.proposal.lines) body.append(row(line, sheet.official_texts[line.code], may));
    const scroll = element("div", undefined, { className: "scroll" });
    scroll.append(made);
    return sheet.proposal.lines.length ? scroll : element("p", words.none);
  }

  function shown(sheet) {
    // As the page says it now: the case may have been released since.
    const may = box.hasAttribute("data-may");
    const all = may ? element("form", undefined, { className: "form" }) : document.createElement("div");
    all.append(table(sheet, may));
    if (sheet.warnings.length) {
      const list = document.createElement("ul");
      list.append(...sheet.warnings.map((warning) => element("li", warning)));
      all.append(element("p", `${words.warnings}:`), list);
    }
    all.append(element("p", `${words.digest} ${sheet.proposal_sha256.slice(0, 12)}…`, { className: "quiet" }));
    if (!may) return all;
    all.id = "confirm-units";
    all.dataset.send = `POST /v1/cases/${box.dataset.case}/steps`;
    all.dataset.fixed = JSON.stringify({ is: "units_confirmed", of: sheet.proposal_sha256, units: {} });
    all.dataset.done = words.confirmed;
    const note = element("label", undefined, { className: "field" });
    note.append(element("span", words.note), element("input", undefined, { name: "note", maxLength: 200 }));
    all.append(note, element("button", words.confirm));
    // What was confirmed is told above; the next look counts anew.
    all.addEventListener("platen:sent", () => all.remove());
    return all;
  }

  button.addEventListener("click", async () => {
    button.disabled = true;
    say(words.wait);
    try {
      const told = await ask(`GET /v1/reports/worksheet?case=${box.dataset.case}&format=json`, undefined, COUNTING_MS);
      place.replaceChildren(shown(told.report.body));
      say("");
    } catch (error) {
      say(error.message, true);
    } finally {
      button.disabled = false;
    }
  });
}
