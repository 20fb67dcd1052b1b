// Looks for cases as somebody types. The words go in a body, never in an address.

import { ask } from "./send.js";
import { fill, say } from "./platen.js";

const PAUSE_MS = 250;
const TOKEN = /^[0-9a-z]{13}$/;

export function attach(form) {
  const field = form.querySelector("input");
  const found = document.getElementById("found");
  const states = JSON.parse(form.dataset.states);
  let waits, asked = 0;

  function line(one) {
    const item = document.createElement("li");
    const link = document.createElement("a");
    link.href = `/cases/${one.token}`;
    link.dataset.go = "";
    const token = document.createElement("code");
    token.textContent = one.token;
    const state = document.createElement("span");
    state.textContent = ` ${[states[one.state] ?? one.state, ...one.parts].join(" · ")}`;
    link.append(token, state);
    item.append(link);
    return item;
  }

  async function look() {
    const words = field.value.trim();
    const mine = ++asked;
    if (words === "") {
      found.replaceChildren();
      return;
    }
    try {
      const all = await ask("POST /v1/cases/search", { words });
      // What was asked last is what counts.
      if (mine !== asked) return;
      const told = document.createElement("p");
      told.textContent = all.length ? fill(form.dataset.some, { n: all.length }) : form.dataset.none;
      const list = document.createElement("ul");
      list.append(...all.map(line));
      found.replaceChildren(told, list);
    } catch (error) {
      if (mine === asked) say(error.message, true);
    }
  }

  field.addEventListener("input", () => {
    clearTimeout(waits);
    waits = setTimeout(look, PAUSE_MS);
  });
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    field.value = "";
    look();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    event.stopPropagation();
    clearTimeout(waits);
    const token = field.value.trim().toLowerCase();
    if (TOKEN.test(token)) location.assign(`/cases/${token}`);
    else look();
  });
}
