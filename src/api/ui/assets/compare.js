// A file of G-code beside the model of the part that it is said to be: both pictures, both sizes. Where the sizes differ,
// somebody says that they have looked; where more than were ordered are asked for, that is told.

import { fill } from "./platen.js";

const DIFFERS = 0.1;

const sorted = (size) => [...size].sort((one, other) => one - other);

// Side by side, the shortest first: a part may lie on the bed as it likes.
export function differs(one, other) {
  const [first, second] = [sorted(one), sorted(other)];
  return first.some((side, axis) => Math.abs(side - second[axis]) > DIFFERS * Math.max(side, second[axis]));
}

// Whether a model has room on some printer: `250 210 210;180 180 180`, as it lies or on its side. Not known is yes.
export function fits(size, rooms) {
  if (!size || !rooms) return true;
  const wanted = sorted(size);
  return rooms.split(";").some((room) => sorted(room.split(" ").map(Number)).every((most, axis) => wanted[axis] <= most));
}

function told(size, words) {
  if (!size) return words.noSize;
  const number = new Intl.NumberFormat(document.documentElement.lang, { maximumFractionDigits: 1 });
  return fill(words.size, { size: size.map((side) => number.format(side)).join(" × ") });
}

export function attach(place) {
  const words = JSON.parse(place.dataset.words);
  const models = JSON.parse(place.dataset.models || "{}");
  const size = place.dataset.size?.split(" ").map(Number);
  const form = document.getElementById("new-job");
  const part = form.elements.piece;
  const copies = form.elements.copies;
  const warning = document.getElementById("differs");
  const tick = warning.querySelector("input");
  const tooMany = document.getElementById("too-many");
  const [model, file] = place.querySelectorAll("figure");
  const picture = model.querySelector("div");

  file.querySelector("figcaption").textContent = told(size, words);
  file.querySelector("img")?.addEventListener("error", (event) => {
    event.target.replaceWith(words.noPicture);
  });

  function count() {
    const one = models[part.value];
    const asked = Number(copies.value) || 1;
    const more = one && one.there + asked > one.ordered;
    tooMany.hidden = !more;
    tooMany.textContent = more ? fill(words.tooMany, { ordered: one.ordered, there: one.there, copies: asked }) : "";
  }

  function show() {
    const one = models[part.value];
    const caption = model.querySelector("figcaption");
    picture.replaceChildren();
    // A tick is for what somebody has seen.
    tick.checked = false;
    warning.hidden = !(one?.size && size && differs(one.size, size));
    tick.required = !warning.hidden;
    count();
    if (!part.value) {
      caption.textContent = words.choose;
    } else if (!one?.model) {
      caption.textContent = words.none;
    } else {
      const image = document.createElement("img");
      image.src = `/v1/models/${one.model}/picture`;
      image.alt = words.picture;
      image.addEventListener("error", () => image.replaceWith(words.noPicture));
      picture.append(image);
      const name = fill(one.approved ? words.revision : words.proposed, { n: one.revision });
      caption.textContent = `${name}: ${told(one.size, words)}`;
    }
  }

  part.addEventListener("change", show);
  copies.addEventListener("input", count);
  form.addEventListener("reset", () => setTimeout(show, 0));
  show();
}
