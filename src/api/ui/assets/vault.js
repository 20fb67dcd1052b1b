// Shows who a case is for in a dialog of its own; when that is closed, nothing of it is on the page any more.

import { another } from "./stop.js";

export function attach(fields) {
  const words = JSON.parse(fields.dataset.words);
  fields.closest("form").addEventListener("platen:sent", (event) => {
    const box = document.createElement("dialog");
    const title = document.createElement("h2");
    title.textContent = words.title;
    const list = document.createElement("dl");
    list.className = "facts";
    for (const [name, value] of Object.entries(event.detail)) {
      const term = document.createElement("dt");
      term.textContent = words[name] ?? name;
      const said = document.createElement("dd");
      said.textContent = String(value).replace("T", " ");
      list.append(term, said);
    }
    const close = document.createElement("button");
    close.type = "button";
    close.textContent = words.close;
    close.addEventListener("click", () => box.close());
    box.append(title, list, close, another());
    box.addEventListener("close", () => box.remove());
    // A tablet that is put down does not go on showing it.
    document.addEventListener("visibilitychange", () => { if (document.hidden) box.close(); }, { once: true });
    document.body.append(box);
    box.showModal();
  });
}
