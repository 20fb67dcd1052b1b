// Sets up a new printer: asks the port who is there, fills in what was found and what its kind has, and has the section
// checked and saved. What boards and servers say becomes text and never markup.

import { morph } from "./morph.js";
import { fill, say } from "./platen.js";
import { ask, dialog } from "./send.js";

const PROBE_MS = 60000;
const MEASURE_MS = 260000;
const SECTION_MS = 30000;

function made(name, text, kind) {
  const element = document.createElement(name);
  if (text !== undefined) element.textContent = text;
  if (kind) element.className = kind;
  return element;
}

function facts(pairs) {
  const list = made("dl", undefined, "facts");
  for (const [what, value] of pairs) {
    if (value === null || value === undefined || value === "") continue;
    list.append(made("dt", what), made("dd", String(value)));
  }
  return list;
}

export function attach(element) {
  const texts = JSON.parse(element.dataset.texts);
  const at = (id) => document.getElementById(id);
  const section = at("section");

  // --- 1. ports

  at("ports-again").addEventListener("click", async (event) => {
    event.preventDefault();
    try {
      const answer = await fetch("/commission");
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.getElementById("ports-list");
      if (fresh) morph(at("ports-list"), fresh);
    } catch {
      location.reload();
    }
  });

  // --- one step after the other: what comes next opens when the one before is done

  function steps() {
    const port = at("other-port")?.value.trim() || chosen()?.value;
    const button = at("probe-ask");
    if (button && !isAsking) button.disabled = !port;
    // Who may not ask begins with what they know of it.
    const opens = !button || isAnswered;
    at("limits-fields").disabled = !opens;
    at("limits-wait").hidden = opens;
    const check = at("check-it");
    if (check) check.disabled = !opens || !section.checkValidity();
  }
  let isAsking = false;
  let isAnswered = false;

  const chosen = () => element.querySelector("input[name=port]:checked");
  at("ports-list").addEventListener("change", () => {
    const port = chosen();
    if (!port) return;
    section.elements.port.value = port.value;
    unchecked();
    steps();
  });
  at("other-port")?.addEventListener("input", steps);
  at("probe-skip")?.addEventListener("click", () => {
    isAnswered = true;
    const typed = at("other-port").value.trim();
    if (typed) section.elements.port.value = typed;
    steps();
    section.elements.name.focus();
  });

  // --- 2. who is there

  const probe = at("probe");
  const said = at("probe-said");

  function warmth(all) {
    const one = ([what, reading]) => reading && `${what} ${reading.actual.toLocaleString(document.documentElement.lang)} °C`;
    return Object.entries(all ?? {}).map(one).filter(Boolean).join(", ");
  }

  function showProbe(told) {
    const found = told.board;
    const note = made("div", undefined, "note");
    note.dataset.state = found ? "good" : "bad";
    note.append(made("p", `${told.words}. ${told.help}`));
    said.replaceChildren(note);
    if (found) {
      const protection = { true: texts.yes, false: texts.no }[found.thermal_protection] ?? texts.unknown;
      const able = found.capabilities.filter((one) => one.able).map((one) => one.name).join(", ");
      said.append(facts([
        [texts.firmware, found.firmware], [texts.machine, found.machine], [texts.uuid, found.uuid],
        [texts.dialect, found.dialect], [texts.protection, protection],
        [texts.temperatures, warmth(found.temperatures)], [texts.capabilities, able],
        [texts.buffer, told.window && `${told.window.rx_buffer} + ${told.window.command_buffer}: ${told.window.words}`],
      ]));
    } else if (told.tried.length > 1) {
      said.append(facts(told.tried.map((one) => [`${texts.tried} ${one.baud}`, one.words])));
    }
  }

  // What was checked is not what stands there any more.
  function unchecked() {
    if (at("save-it")) at("save-it").disabled = true;
  }

  function take(told) {
    unchecked();
    section.elements.port.value = told.port;
    if (told.baud) section.elements.baud.value = told.baud;
    if (told.window) {
      section.elements.rx_buffer.value = told.window.rx_buffer;
      section.elements.command_buffer.value = told.window.command_buffer;
    }
  }

  if (said) {
    probe.addEventListener("submit", async (event) => {
      event.preventDefault();
      event.stopPropagation();
      const button = at("probe-ask");
      if (button.disabled) return;
      const port = at("other-port").value.trim() || chosen()?.value;
      if (!port) {
        say(texts.portFirst, true);
        at("ports-head").scrollIntoView();
        return;
      }
      const body = { port, measure: probe.elements.measure.checked };
      if (probe.elements.baud.value) body.baud = Number(probe.elements.baud.value);
      const begun = Date.now();
      const note = made("p", fill(texts.asking, { n: 0 }));
      // A number that changes each second is not read out.
      note.setAttribute("aria-live", "off");
      said.replaceChildren(note);
      const ticks = setInterval(() => {
        note.textContent = fill(texts.asking, { n: Math.round((Date.now() - begun) / 1000) });
      }, 1000);
      isAsking = true;
      button.disabled = true;
      try {
        const told = await ask("POST /v1/commissioning/probe", body, body.measure ? MEASURE_MS : PROBE_MS);
        showProbe(told);
        take(told);
        isAnswered ||= Boolean(told.board);
      } catch (error) {
        said.replaceChildren(made("p", error.message, "old"));
      } finally {
        clearInterval(ticks);
        isAsking = false;
        steps();
      }
    });
  }

  // --- 3. what it is

  at("like").addEventListener("change", (event) => {
    const option = event.target.selectedOptions[0];
    if (!option?.dataset.settings) return;
    const settings = JSON.parse(option.dataset.settings);
    unchecked();
    if (option.dataset.model) settings.model ??= option.dataset.model;
    for (const field of section.elements) {
      if (!field.name || !(field.name in settings)) continue;
      // What was found at the printer counts more than what its kind mostly has.
      if (["baud", "rx_buffer", "command_buffer"].includes(field.name) && field.value !== "") continue;
      const value = settings[field.name];
      field.value = field.dataset.as === "pair" ? value[Number(field.dataset.place)] : String(value);
    }
    steps();
  });

  // --- 4. its section

  function bodyOf() {
    const body = {};
    for (const field of section.elements) {
      const text = field.value?.trim();
      if (!field.name || !text) continue;
      if (field.dataset.as === "number") body[field.name] = Number(text);
      else if (field.dataset.as === "yes") body[field.name] = text === "true";
      else if (field.dataset.as === "pair") (body[field.name] ??= [null, null])[Number(field.dataset.place)] = Number(text);
      else body[field.name] = text;
    }
    return body;
  }

  function tellMistakes(mistakes) {
    for (const place of section.querySelectorAll(".mistake")) place.textContent = "";
    for (const field of section.elements) field.removeAttribute("aria-invalid");
    for (const one of mistakes) {
      // `printer "mk3-07" baud`
      const key = one.key.split(" ").pop();
      const place = section.querySelector(`.mistake[data-of="${CSS.escape(key)}"]`);
      if (!place) continue;
      place.textContent = `${one.reason}; ${texts.instead}: ${one.instead}`;
      for (const field of section.querySelectorAll(`[name="${CSS.escape(key)}"]`)) field.setAttribute("aria-invalid", "true");
    }
  }

  function list(head, lines) {
    const items = made("ul", undefined, "rows");
    for (const line of lines) items.append(made("li", line));
    return [made("p", head), items];
  }

  function showSection(told) {
    const place = at("check-said");
    place.replaceChildren();
    tellMistakes(told.mistakes);
    if (told.words) {
      const note = made("p", told.words, "note");
      note.dataset.state = told.saved ? "good" : "wants";
      place.append(note);
    } else if (told.good) {
      const note = made("p", texts.good, "note");
      note.dataset.state = "good";
      place.append(note);
    }
    if (told.mistakes.length > 0) {
      const words = told.mistakes.map((one) => `${one.key}: ${one.reason}; ${texts.instead}: ${one.instead}`);
      place.append(...list(texts.mistakes, words));
    }
    if (told.hints.length > 0) place.append(...list(texts.hints, told.hints));
    at("section-text").textContent = told.section;
    at("section-text").hidden = false;
    at("check-then").hidden = false;
    at("save-it").disabled = !told.good || told.saved === true;
  }

  async function send(route) {
    if (!section.reportValidity()) return;
    try {
      showSection(await ask(route, bodyOf(), SECTION_MS));
    } catch (error) {
      at("check-said").replaceChildren(made("p", error.message, "old"));
    }
  }

  section.addEventListener("submit", (event) => {
    event.preventDefault();
    event.stopPropagation();
    if (at("check-it")) send("POST /v1/commissioning/configuration");
  });
  for (const kind of ["input", "change"]) section.addEventListener(kind, () => { unchecked(); steps(); });

  at("save-it")?.addEventListener("click", async () => {
    const sure = await dialog((form) => form.append(made("p", texts.sure)));
    if (sure) send("POST /v1/commissioning/save");
  });
  at("copy-it")?.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(at("section-text").textContent);
      say(texts.copied, false);
    } catch {
      // No clipboard without a safe connection: it is marked, and copied by hand.
      getSelection().selectAllChildren(at("section-text"));
    }
  });

  steps();

  // --- 5. the test print: then to the printer's own page

  const test = at("test-print");
  test?.addEventListener("platen:body", (event) => { test.dataset.then = `/printers/${event.detail.printer}`; });
}
