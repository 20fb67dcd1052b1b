// Finds lots among those on the page by what is typed. Nothing of it leaves the page.

import { fill } from "./platen.js";

export function attach(form) {
  const field = form.querySelector("input");
  const said = form.querySelector("[role=status]");
  const look = () => {
    const wanted = field.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    let found = 0;
    for (const section of document.querySelectorAll("#lots .material")) {
      const name = section.querySelector("h2").firstChild?.textContent ?? "";
      let here = 0;
      for (const row of section.querySelectorAll("[data-row]")) {
        const text = `${name} ${row.textContent}`.toLowerCase();
        const is = wanted.every((word) => text.includes(word));
        row.toggleAttribute("data-own-away", !is);
        if (is) here += 1;
      }
      section.toggleAttribute("data-own-away", here === 0);
      found += here;
    }
    const words = found ? fill(form.dataset.some, { n: found }) : form.dataset.none;
    said.textContent = wanted.length ? words : "";
  };
  field.addEventListener("input", look);
  form.addEventListener("submit", (event) => event.preventDefault());
  document.addEventListener("platen:changed", look);
}
