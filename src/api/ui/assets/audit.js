// Has the whole journal read and checked, and says what was found.

import { ask } from "./send.js";
import { fill, grouped } from "./platen.js";

// A long journal takes its time.
const PATIENCE_MS = 600000;

export function attach(box) {
  const button = box.querySelector("button");
  const said = box.querySelector("[role=status]");
  button.hidden = false;
  button.addEventListener("click", async () => {
    button.disabled = true;
    said.removeAttribute("data-state");
    said.textContent = box.dataset.checking;
    try {
      const found = await ask("GET /v1/audit", undefined, PATIENCE_MS);
      said.textContent = fill(found.intact ? box.dataset.intact : box.dataset.broken, {
        ...found, entries: grouped(found.entries ?? 0),
      });
      said.dataset.state = found.intact ? "good" : "bad";
    } catch (error) {
      said.textContent = error.message;
      said.dataset.state = "bad";
    } finally {
      button.disabled = false;
    }
  });
}
