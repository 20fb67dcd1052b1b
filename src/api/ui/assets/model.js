// Sends a model's file first, with its progress; then the form goes on by itself with the hash that came back.

import { fits } from "./compare.js";
import { madeFor, say, who } from "./platen.js";
import { problemWords } from "./send.js";

function upload(file, units, onSent) {
  const ending = (file.name.split(".").pop() ?? "").toLowerCase();
  // Of the name only its ending is sent.
  const query = new URLSearchParams();
  if (["stl", "obj", "3mf"].includes(ending)) query.set("kind", ending);
  if (units && ending !== "3mf") query.set("units", units);
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `/v1/models?${query}`);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.setRequestHeader("Platen-For", madeFor);
    request.responseType = "json";
    request.upload.addEventListener("progress", (event) => onSent(event.loaded / Math.max(event.total, 1)));
    request.addEventListener("load", () => {
      if (request.status === 201) resolve(request.response);
      else reject(new Error(problemWords(request.response ?? {}, request.status)));
    });
    request.addEventListener("error", () => reject(new TypeError("no answer")));
    request.send(file);
  });
}

export function attach(fields) {
  const form = fields.closest("form");
  const words = JSON.parse(fields.dataset.words);
  const file = fields.querySelector("input[type=file]");
  const hash = fields.querySelector("input[type=hidden]");
  const line = fields.querySelector(".sending");
  const bar = line.querySelector("progress");
  const told = line.querySelector("span");
  let busy = false;

  function show(part) {
    line.hidden = false;
    bar.hidden = false;
    bar.value = part;
    told.textContent = part < 1 ? `${words.sending} ${Math.round(part * 100)} %` : words.reading;
  }

  form.addEventListener("submit", async (event) => {
    // Nobody's model is sent before there is a name; the form itself says so.
    if (hash.value || (who && who.value.trim() === "")) return;
    event.preventDefault();
    event.stopPropagation();
    if (busy) return;
    busy = true;
    const notes = [];
    try {
      show(0);
      const chosen = fields.querySelector("select").value;
      const kept = await upload(file.files[0], chosen || fields.dataset.units, show);
      hash.value = kept.model;
      if (!kept.watertight) notes.push(words.open);
      if (!fits(kept.size_mm, fields.dataset.rooms)) notes.push(words.large);
      told.textContent = notes.join(" ");
      form.requestSubmit();
    } catch (error) {
      say(error.message, true);
      const place = form.querySelector(":scope > .said-here");
      if (place) place.textContent = error.message;
    } finally {
      busy = false;
      // What was found stays to be read.
      line.hidden = notes.length === 0;
      bar.hidden = notes.length > 0;
    }
  });
  file.addEventListener("change", () => { hash.value = ""; });
  form.addEventListener("platen:sent", () => { hash.value = ""; });
}
