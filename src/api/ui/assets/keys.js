// The keyboard: g and a letter goes to a room, / searches, ? tells the keys, arrows move in lists of cards.

import { say, words } from "./platen.js";

const ROOMS = { f: "/", q: "/queue", c: "/cases", h: "/hands", m: "/materials", r: "/reports", p: "/people", a: "/audit", s: "/settings" };
// A scanner types faster than anybody, and does not end with two letters: what it says is no wish to go elsewhere.
const SCANNER_MS = 60;
let waits = 0;
let going;

export function start() {
  // Single letters can be switched off in the account: who speaks to their computer says many.
  const single = document.body.dataset.keys !== "off";
  document.addEventListener("keydown", (event) => {
    // Out of a field, so that the keys below work again.
    if (event.key === "Escape" && !event.defaultPrevented && event.target.matches("input, textarea, select")) {
      if (!event.target.closest("dialog")) event.target.blur();
      return;
    }
    clearTimeout(going);
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select, dialog")) return;
    if (event.key.startsWith("Arrow")) {
      move(event);
      return;
    }
    if (!single) return;
    if (Date.now() < waits && ROOMS[event.key]) {
      waits = 0;
      const link = document.querySelector(`nav a[href="${ROOMS[event.key]}"]`);
      if (link) going = setTimeout(() => link.click(), SCANNER_MS);
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
  });
}

// Among elements that can be gone through: data-go.
function move(event) {
  const all = [...document.querySelectorAll("[data-go]")].filter((one) => one.getClientRects().length > 0);
  const at = all.indexOf(document.activeElement.closest("[data-go]"));
  if (at < 0) return;
  const step = event.key === "ArrowDown" || event.key === "ArrowRight" ? 1 : -1;
  const next = all[at + step];
  if (next) {
    event.preventDefault();
    next.focus();
  }
}
