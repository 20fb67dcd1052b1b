// The processes of a new job. Those that may not be used for what the chosen case is for, or are not for the printer that
// is chosen, say so, stand last and cannot be chosen. Where several printers are of its model, one has to be.

export function attach(field) {
  const words = JSON.parse(field.dataset.words);
  const uses = JSON.parse(field.dataset.parts);
  const select = field.querySelector("select");
  const form = select.form;
  const { piece, printer } = form.elements;
  const none = document.getElementById("no-process-fits");
  const listed = (text) => text.split(" ").filter(Boolean);

  function hinders({ dataset }) {
    const use = uses[piece.value];
    if (use && !listed(dataset.uses).includes(use)) return words.use;
    if (printer.value && !listed(dataset.printers).includes(printer.value)) return words.printer;
    return "";
  }

  function show() {
    const all = [...select.options];
    for (const option of all) {
      const why = hinders(option);
      option.disabled = why !== "";
      option.textContent = why ? `${option.dataset.says} – ${why}` : option.dataset.says;
    }
    const [may, not] = [all.filter((one) => !one.disabled), all.filter((one) => one.disabled)];
    const before = select.value;
    select.append(...may, ...not);
    select.value = may.some((one) => one.value === before) ? before : (may[0]?.value ?? "");
    none.hidden = may.length > 0 || all.length === 0;
    asks();
  }

  function asks() {
    const chosen = select.selectedOptions[0];
    printer.required = Boolean(chosen) && listed(chosen.dataset.printers).length > 1;
  }

  piece.addEventListener("change", show);
  printer.addEventListener("change", show);
  select.addEventListener("change", asks);
  form.addEventListener("reset", () => setTimeout(show, 0));
  show();
}
