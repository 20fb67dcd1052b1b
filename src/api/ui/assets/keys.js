// The keyboard: g and a letter goes to a room, / searches, ? tells the keys, arrows move in lists of cards.

import { say, words } from "./platen.js";

const ROOMS = { f: "/", q: "/queue", c: "/cases", h: "/hands", m: "/materials", r: "/reports", p: "/people", a: "/audit", s: "/settings" };
let waits = 0;

export function start() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select, dialog")) return;
    if (Date.now() < waits && ROOMS[event.key]) {
      waits = 0;
      const link = document.querySelector(`nav a[href="${ROOMS[event.key]}"]`);
      if (link) link.click();
      return;
    }
    if (event.key === "g") waits = Date.now() + 1500;
    else if (event.key === "/") {
      const search = document.querySelector("input[type=search]");
      if (search) {
        event.preventDefault();
        search.focus();
      }
    } else if (event.key === "?") say(words.keys);
    else if (event.key.startsWith("Arrow")) move(event);
  });
}

// Among elements that can be gone through: data-go.
function move(event) {
  const all = [...document.querySelectorAll("[data-go]")];
  const at = all.indexOf(document.activeElement.closest("[data-go]"));
  if (at < 0) return;
  const step = event.key === "ArrowDown" || event.key === "ArrowRight" ? 1 : -1;
  const next = all[at + step];
  if (next) {
    event.preventDefault();
    next.focus();
  }
}
