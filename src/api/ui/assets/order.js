// For a while after a press nothing changes its place: whoever reaches for the next card finds it where it was. What
// stands in the cards goes on changing; the new order is taken when the page was left alone.

const STILL_MS = 10000;
// The lists whose new order waits, each with the ids in that order.
const waiting = new Map();
let pressed = 0;
let timer;

const isStill = () => performance.now() - pressed < STILL_MS && pressed > 0;

function cards(list) {
  return [...list.children].filter((child) => child.id && child.hasAttribute("data-go"));
}

// The lists in what has come, and those of the page that they are. What people put in order themselves is not held.
function lists(fresh) {
  const parents = new Set([...fresh.querySelectorAll("[data-go][id]")].map((card) => card.parentElement));
  const found = [];
  for (const list of parents) {
    const first = cards(list).map((card) => document.getElementById(card.id)).find(Boolean);
    const old = first?.parentElement;
    if (old && !old.closest("#order")) found.push({ list, old });
  }
  return found;
}

// Puts what has come into the order that the page has, where that has to stay. What is new comes last.
export function keep(fresh) {
  for (const { list, old } of lists(fresh)) {
    const wanted = cards(list);
    const ids = wanted.map((card) => card.id);
    const before = cards(old).map((card) => card.id);
    const place = (card) => (before.includes(card.id) ? before.indexOf(card.id) : before.length);
    const kept = [...wanted].sort((a, b) => place(a) - place(b));
    waiting.delete(old);
    if (!isStill() || kept.every((card, at) => card === wanted[at])) continue;
    waiting.set(old, ids);
    const marks = wanted.map((card) => {
      const mark = document.createComment("");
      card.replaceWith(mark);
      return mark;
    });
    marks.forEach((mark, at) => mark.replaceWith(kept[at]));
  }
}

// Takes the order that has waited. What had the focus keeps it.
function take() {
  for (const [list, ids] of waiting) {
    const now = cards(list);
    const sorted = ids.map((id) => now.find((card) => card.id === id)).filter(Boolean);
    const rest = now.filter((card) => !sorted.includes(card));
    const focused = document.activeElement;
    for (const card of [...sorted, ...rest]) list.append(card);
    if (list.contains(focused)) focused.focus({ preventScroll: true });
  }
  waiting.clear();
}

// `whenFree` does something as soon as no finger and no mouse is on its way.
export function start(whenFree) {
  const again = () => {
    pressed = performance.now();
    clearTimeout(timer);
    timer = setTimeout(() => whenFree(() => { if (!isStill()) take(); }), STILL_MS + 50);
  };
  document.addEventListener("pointerdown", again, { capture: true, passive: true });
}
