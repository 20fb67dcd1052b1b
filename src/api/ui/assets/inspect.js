// Judges what is measured while it is typed, and sends the inspection and its decision in one go. The verdicts that
// count are platen's.

import { fill, say, who, words as common } from "./platen.js";
import { ask } from "./send.js";
import { judge, thousandths, worst } from "./verdict.js";

const STATES = { pass: "good", fail: "bad" };

function chip(verdict, says) {
  const chip = document.createElement("span");
  chip.className = "chip";
  chip.dataset.state = STATES[verdict] ?? "wants";
  chip.textContent = says[verdict];
  return chip;
}

function textOf(row) {
  if (!row.hasAttribute("data-yes")) return row.querySelector("input").value;
  return row.querySelector("input:checked")?.value ?? "";
}

function itemOf(row) {
  return { low: Number(row.dataset.low), high: Number(row.dataset.high), weight: row.dataset.weight };
}

function shown(thousands) {
  const separator = document.documentElement.lang === "de" ? "," : ".";
  const text = `${thousands > 0 ? "+" : ""}${thousands / 1000}`;
  return text.replace(".", separator).replace("-", "\u2212");
}

// One row: its verdict, and by how much it is off.
function look(row, says) {
  const value = thousandths(textOf(row));
  const said = row.querySelector(".said");
  const field = row.querySelector("input");
  const verdict = judge(itemOf(row), value);
  if (!row.hasAttribute("data-yes")) field.setCustomValidity(value === undefined ? says.unreadable : "");
  if (value === undefined) said.replaceChildren(says.unreadable);
  else if (value === null) said.replaceChildren();
  else if (row.hasAttribute("data-yes")) said.replaceChildren(chip(verdict, says));
  else {
    const deviation = `${shown(value - Number(row.dataset.nominal))} ${row.dataset.unit}`;
    said.replaceChildren(chip(verdict, says), ` ${fill(says.offBy, { deviation })}`);
  }
  return { value, verdict };
}

function bodyOf(form) {
  const { serial, of, template, version } = form.dataset;
  const number = (row) => {
    const value = thousandths(textOf(row));
    return value === null || value === undefined ? null : value / 1000;
  };
  const body = {
    subject: { of, serial },
    template,
    version: Number(version),
    values: [...form.querySelectorAll("[data-item]")].map(number),
    looked_at: [...form.querySelectorAll("[data-doubt]:checked")].map((one) => one.dataset.doubt),
    photos: [...form.querySelectorAll("[data-photo]")].map((one) => one.dataset.photo),
  };
  if (form.elements.instrument.value) body.instrument = form.elements.instrument.value;
  if (form.elements.note.value.trim()) body.note = form.elements.note.value.trim();
  return signed(body);
}

function signed(body) {
  return who?.value.trim() ? { ...body, by: who.value.trim() } : body;
}

// The same for the same content: what is sent again after an answer that did not arrive is not noted twice.
function requests() {
  let last = { text: "", id: "" };
  return (body) => {
    const text = JSON.stringify(body);
    if (text !== last.text) {
      const random = [...crypto.getRandomValues(new Uint8Array(16))];
      last = { text, id: random.map((byte) => byte.toString(16).padStart(2, "0")).join("") };
    }
    return { ...body, request: last.id };
  };
}

export function attach(form) {
  const says = JSON.parse(form.dataset.says);
  const rows = [...form.querySelectorAll("[data-item]")];
  const why = form.querySelector("#why");
  const told = form.querySelector("#inspection-said");
  const accept = form.querySelector("#save-accept");
  let mine = "incomplete";

  const requested = requests();
  const tell = (...parts) => told.replaceChildren(...parts);

  function lookAll() {
    const found = rows.map((row) => look(row, says));
    const verdict = worst(found.map((one) => one.verdict));
    // It is read aloud, and only when it is another one: what each value comes to is told with its field.
    if (verdict !== mine) form.querySelector("#verdict").replaceChildren(chip(verdict, says));
    mine = verdict;
    const instrument = form.elements.instrument;
    const late = instrument.selectedOptions[0]?.hasAttribute("data-late");
    form.querySelector("#instrument-said").textContent = late ? says.expired : "";
    // Not only by eye: platen would refuse it.
    if (accept) {
      const open = form.querySelector("[data-doubt]:not([data-seen]):not(:checked)");
      accept.disabled = !["pass", "flag"].includes(mine) || Boolean(open);
    }
  }

  async function send(wanted) {
    if (who && !who.value.trim()) {
      tell(common.nameFirst);
      who.focus();
      return;
    }
    const reason = why?.value.trim() ?? "";
    if ((wanted === "rejected" || (wanted === "accepted" && mine === "flag")) && !reason) {
      tell(says.whyNeeded);
      why.focus();
      return;
    }
    if (form.querySelector("[data-own-busy]")) {
      tell(says.photosWait);
      return;
    }
    const kept = await ask("POST /v1/inspections", requested(bodyOf(form)));
    const verdict = says[kept.verdict] ?? kept.verdict;
    const page = `/printed/${form.dataset.serial}`;
    const link = document.createElement("a");
    link.href = page;
    link.className = "button";
    link.textContent = says.toPart;
    // It is written down: nothing here is sent a second time.
    form.querySelectorAll("button").forEach((button) => { button.disabled = true; });
    if (kept.verdict !== mine) {
      tell(fill(says.mismatch, { mine: says[mine], verdict }), " ", link);
      return;
    }
    if (wanted) {
      const step = wanted === "rejected" ? { is: "rejected", why: reason } : { is: "accepted", inspection: kept.id };
      if (wanted === "accepted" && mine === "flag") step.why = reason;
      try {
        await ask(`POST /v1${page}/steps`, signed(step));
      } catch (error) {
        tell(fill(says.notStepped, { why: error.message }), " ", link);
        return;
      }
    }
    say(fill(says.saved, { verdict }), false);
    location.assign(page);
  }

  form.addEventListener("input", lookAll);
  form.addEventListener("change", lookAll);
  // Enter goes to the next value, as a caliper's or a scale's cable sends it; it decides nothing.
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !event.target.matches("input:not([type=file])")) return;
    event.preventDefault();
    const values = [...form.querySelectorAll("input.value")];
    values[values.indexOf(event.target) + 1]?.focus();
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (form.dataset.ownSending) return;
    form.dataset.ownSending = "yes";
    tell("");
    try {
      await send(event.submitter?.value ?? "");
    } catch (error) {
      tell(error.message);
    } finally {
      delete form.dataset.ownSending;
    }
  });
  lookAll();
}
