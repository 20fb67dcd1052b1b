// Ticks of a form as lists: what is ticked of `roles.admin` and `roles.auditor` is sent as `roles: ["admin"]`. Rows of a
// table as well: `data-rows="items"` makes a list of `items.0.name`, `items.1.name` … and leaves out those without a name.

function isTicks(value) {
  const all = Object.values(value);
  return all.length > 0 && all.every((one) => typeof one === "boolean");
}

function list(body) {
  for (const [key, value] of Object.entries(body)) {
    if (value === null || typeof value !== "object" || Array.isArray(value)) continue;
    if (isTicks(value)) body[key] = Object.keys(value).filter((one) => value[one]);
    else list(value);
  }
}

// One of the ticks is needed: the browser says so at the first of them.
function need(element) {
  const boxes = [...element.querySelectorAll("input[type=checkbox]")];
  const look = () => boxes[0]?.setCustomValidity(boxes.some((box) => box.checked) ? "" : element.dataset.need);
  element.addEventListener("change", look);
  element.closest("form").addEventListener("reset", () => setTimeout(look, 0));
  look();
}

export function attach(element) {
  if (element.dataset.need) need(element);
  const rows = element.dataset.rows;
  element.closest("form").addEventListener("platen:body", (event) => {
    const body = event.detail;
    if (rows) body[rows] = Object.values(body[rows] ?? {}).filter((row) => row.name);
    else list(body);
  });
}
