// Measuring a phantom: its values go as a list, in the order of the template's items, with null for what was not
// measured.

export function attach(element) {
  const count = Number(element.dataset.items);
  element.addEventListener("platen:body", ({ detail }) => {
    const given = detail.values ?? {};
    detail.values = Array.from({ length: count }, (_, place) => given[place] ?? null);
  });
}
