// Files that are dropped on the page, or chosen: sent one or two at a time with their progress, and then to be tied to
// a case. What they are called stays in this browser: no address, and nothing that is sent, has their name.

import { fits } from "./compare.js";
import { fill, madeFor, say, words as shared } from "./platen.js";
import { problemWords } from "./send.js";

const AT_ONCE = 2; // a stop needs a connection, too
const KEPT = "platen-files";
const MODELS = ["stl", "obj", "3mf"];
const GCODE = ["gcode", "gco", "g", "gc", "nc"];

// --- what this browser knows of files that it has sent

function known() {
  try {
    return JSON.parse(sessionStorage.getItem(KEPT) ?? "[]");
  } catch {
    return [];
  }
}

function keep(all) {
  try {
    sessionStorage.setItem(KEPT, JSON.stringify(all));
  } catch {
    // Without it the list is shorter after a reload, and nothing else.
  }
}

function forget(hash) {
  keep(known().filter((one) => one.hash !== hash));
}

// A job was made of it.
document.addEventListener("platen:sent", (event) => {
  const hash = event.target.closest("[data-file]")?.dataset.file;
  if (hash) forget(hash);
});

// --- what is in a file

async function kindOf(file) {
  const end = file.name.toLowerCase().split(".").pop();
  if (MODELS.includes(end)) return end;
  if (GCODE.includes(end)) return "gcode";
  const head = new TextDecoder().decode(await file.slice(0, 1024).arrayBuffer());
  if (head.startsWith("PK")) return "3mf";
  if (/^\s*solid\s/.test(head)) return "stl";
  if (/^\s*(;|[GMT]\d)/.test(head)) return "gcode";
  return "";
}

export function attach(element) {
  const { named, told } = element.dataset;
  const sent = known().find((one) => one.hash === (named ?? told));
  if (named) {
    if (sent) element.textContent = sent.name;
  } else if (told) {
    if (sent?.size) {
      const { watertight, leaky, large, rooms } = element.dataset;
      const isLarge = !fits(sent.mm, rooms);
      element.textContent = `${sent.size} mm, ${sent.watertight ? watertight : leaky}${isLarge ? `, ${large}` : ""}`;
      if (isLarge) element.classList.add("note");
      if (isLarge) element.dataset.state = "wants";
    }
  } else {
    zone(element);
  }
}

function zone(place) {
  const words = JSON.parse(place.dataset.words);
  const list = place.querySelector(".files");
  const queues = place.dataset.queues === "yes";
  const onlyNew = location.pathname === "/queue/new";
  const waiting = [];
  let running = 0;
  place.dataset.ownReady = "yes";

  function element(kind, text = "") {
    const made = document.createElement(kind);
    made.textContent = text;
    return made;
  }

  function button(text, does) {
    const made = element("button", text);
    made.type = "button";
    made.addEventListener("click", does);
    return made;
  }

  function address({ hash, kind }) {
    const of = kind === "gcode" ? "file" : "model";
    return `/queue/new?${of}=${hash}${chosen()}`;
  }

  // The part that it is for, where the page was opened for one.
  function chosen() {
    const [part, number] = (place.dataset.more ?? "").split("/");
    return part && number ? `&case=${encodeURIComponent(part)}&part=${encodeURIComponent(number)}` : "";
  }

  const isLarge = (one) => !fits(one.mm, place.dataset.rooms);

  function what(one) {
    if (one.kind === "gcode") return fill(words.file, { lines: one.lines });
    const closed = one.watertight ? words.watertight : words.leaky;
    const large = isLarge(one) ? `, ${words.fitsNone}` : "";
    return fill(words.model, { size: one.size, watertight: `${closed}${large}` });
  }

  // A file that is here, and waits for somebody to say of which part it is.
  function show(one, item = list.appendChild(document.createElement("li"))) {
    item.dataset.state = isLarge(one) ? "wants" : "good";
    const state = element("span", what(one));
    item.replaceChildren(element("strong", one.name), " ", state, " ");
    if (queues) {
      const link = element("a", words.tie);
      link.className = "button";
      link.href = address(one);
      item.append(link, " ");
    }
    item.append(button(words.forget, () => { forget(one.hash); item.remove(); }));
  }

  function failed(item, name, text) {
    item.dataset.state = "bad";
    item.replaceChildren(element("strong", name), " ", element("span", text), " ", button(words.forget, () => item.remove()));
    say(`${name}: ${text}`, true);
  }

  function problem(request) {
    try {
      return problemWords(JSON.parse(request.responseText), request.status);
    } catch {
      return `${request.status}`;
    }
  }

  function send({ file, kind, item }) {
    const request = new XMLHttpRequest();
    const bar = document.createElement("progress");
    const state = element("span", fill(words.sending, { percent: 0 }));
    bar.max = 100;
    bar.value = 0;
    bar.setAttribute("aria-label", file.name);
    item.replaceChildren(element("strong", file.name), " ", bar, " ", state, " ", button(shared.cancel, () => request.abort()));
    request.upload.addEventListener("progress", ({ loaded, total }) => {
      const percent = total > 0 ? Math.floor((loaded / total) * 100) : 0;
      bar.value = percent;
      state.textContent = percent < 100 ? fill(words.sending, { percent }) : words.reading;
    });
    request.addEventListener("load", () => {
      if (request.status === 401) {
        location.assign(`/sign-in?to=${encodeURIComponent(location.pathname)}`);
      } else if (request.status === 201) {
        done(file.name, kind, item, JSON.parse(request.responseText));
      } else {
        failed(item, file.name, problem(request));
      }
    });
    request.addEventListener("abort", () => failed(item, file.name, words.cancelled));
    request.addEventListener("error", () => failed(item, file.name, shared.noAnswer));
    request.addEventListener("loadend", () => { running -= 1; next(); });
    request.open("POST", kind === "gcode" ? "/v1/files" : `/v1/models?kind=${kind}`);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.setRequestHeader("Platen-For", madeFor);
    request.send(file);
  }

  function done(name, kind, item, answer) {
    const one = kind === "gcode"
      ? { hash: answer.file, kind, name, lines: answer.lines }
      : {
        hash: answer.model, kind, name, watertight: answer.watertight,
        mm: answer.size_mm,
        size: answer.size_mm.map((mm) => (Math.round(mm * 10) / 10).toLocaleString(document.documentElement.lang)).join(" × "),
      };
    keep([...known().filter((other) => other.hash !== one.hash), one]);
    show(one, item);
    say(`${name} ${what(one)}`, false);
    // Where nothing else is wanted, the next step is the only one.
    if (onlyNew && queues && running + waiting.length <= 1) setTimeout(() => location.assign(address(one)), 0);
  }

  function next() {
    while (running < AT_ONCE && waiting.length > 0) {
      running += 1;
      send(waiting.shift());
    }
  }

  async function take(files) {
    for (const file of files) {
      const item = list.appendChild(document.createElement("li"));
      item.replaceChildren(element("strong", file.name), " ", element("span", words.turn));
      const kind = await kindOf(file).catch(() => "");
      const most = Number(place.dataset.max);
      if (kind === "") failed(item, file.name, words.unknown);
      else if (kind !== "gcode" && place.dataset.models !== "yes") failed(item, file.name, words.noModels);
      else if (file.size > most) failed(item, file.name, fill(words.tooLarge, { mb: Math.floor(most / 1048576) }));
      else waiting.push({ file, kind, item });
    }
    next();
  }

  known().forEach((one) => show(one));

  const field = place.querySelector("input[type=file]");
  field.addEventListener("change", () => {
    take([...field.files]);
    field.value = "";
  });

  // Anywhere on the page.
  const hasFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  let depth = 0;
  const mark = (on) => document.body.classList.toggle("dropping", on);
  addEventListener("dragenter", (event) => { if (hasFiles(event)) { depth += 1; mark(true); } });
  addEventListener("dragleave", (event) => { if (hasFiles(event)) { depth = Math.max(0, depth - 1); mark(depth > 0); } });
  addEventListener("dragover", (event) => { if (hasFiles(event)) event.preventDefault(); });
  addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth = 0;
    mark(false);
    take([...event.dataTransfer.files]);
  });
  // Leaving while something is sent ends it.
  addEventListener("beforeunload", (event) => { if (running > 0) event.preventDefault(); });
}
