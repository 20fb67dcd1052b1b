// What is signed, so that one can read it: made in the browser from exactly the text whose digest is signed, and with
// nothing left out. A key that has no label here stands there as it is.

import { grouped } from "./platen.js";

const HASH = /^[0-9a-f]{64}$/;
// Whose words are of a list, and have a translation; all others are somebody's own.
const LISTED = ["sign", "intended_use", "kind", "laterality", "unit", "cause", "severity", "verdict", "doubts"];

function element(kind, text, more = {}) {
  const made = document.createElement(kind);
  if (text !== undefined) made.textContent = text;
  return Object.assign(made, more);
}

// Lengths come in micrometres, scales in millionths, volumes in thousandths of a cubic millimetre.
function measure(key, value) {
  if (key === "extents") return `${value.map((side) => grouped(side / 1000)).join(" × ")} mm`;
  if (key === "scale") return `${grouped(value / 10000, 4)} %`;
  if (key === "signed_volume") return `${grouped(value / 1000)} mm³`;
  return undefined;
}

function hash(value) {
  return element("code", `${value.slice(0, 12)}…`, { title: value });
}

function model(value, says) {
  const figure = element("figure");
  const caption = element("figcaption", says.exact_file ?? "");
  caption.append(" ", hash(value));
  const picture = element("img", undefined, { src: `/v1/models/${value}/picture`, alt: says.mesh ?? "" });
  picture.addEventListener("error", () => picture.replaceWith(element("span", says.no_picture ?? "")));
  figure.append(picture, caption);
  return figure;
}

function plain(key, value, says) {
  if (value === null || value === "") return element("span", says.none ?? "–");
  if (typeof value === "boolean") return element("span", value ? says.yes ?? "yes" : says.no ?? "no");
  if (typeof value === "number") return element("span", measure(key, value) ?? grouped(value, 6));
  if (key === "mesh" && HASH.test(value)) return model(value, says);
  if (HASH.test(value)) return hash(value);
  const isListed = LISTED.includes(key);
  return element("span", isListed ? says[`=${value}`] ?? value.replaceAll("_", " ") : value);
}

function shown(key, value, says) {
  if (Array.isArray(value)) {
    if (value.length === 0) return element("strong", says.nothing ?? "–");
    if (key === "extents" && value.every((side) => typeof side === "number")) {
      return element("span", measure(key, value));
    }
    const list = element("ol");
    for (const one of value) {
      const item = element("li");
      item.append(shown(key, one, says));
      list.append(item);
    }
    return list;
  }
  if (value !== null && typeof value === "object") {
    // One piece of a part is what an order says that says no number.
    return facts(key === "ordered" ? { quantity: 1, ...value } : value, says);
  }
  return plain(key, value, says);
}

function facts(object, says) {
  const list = element("dl", undefined, { className: "facts" });
  for (const [key, value] of Object.entries(object)) {
    const words = element("dd");
    words.append(shown(key, value, says));
    list.append(element("dt", says[key] ?? key.replaceAll("_", " ")), words);
  }
  return list;
}

// The text, read; nothing where it cannot be.
export function summary(text, says) {
  try {
    const read = JSON.parse(text);
    if (read === null || typeof read !== "object") return null;
    const box = element("div", undefined, { className: "signing", tabIndex: 0 });
    box.append(shown("", read, says));
    return box;
  } catch {
    return null;
  }
}
