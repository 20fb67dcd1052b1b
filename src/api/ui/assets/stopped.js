// What has become of a stop, on a page that does not change by itself: looked up until the board has had its time.

const EVERY_MS = 1000;
const TIMES = 20;

export function start() {
  const section = document.querySelector(".stops-here");
  if (!section) return;
  let left = 0;

  async function look() {
    left -= 1;
    try {
      const answer = await fetch(location.href);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const place of section.querySelectorAll("[role=status]")) {
        const text = page.getElementById(place.id)?.textContent;
        // What is the same is not read out again.
        if (text !== undefined && text !== place.textContent) place.textContent = text;
      }
    } catch {
      // The next look may be answered.
    }
    if (left > 0) setTimeout(look, EVERY_MS);
  }

  document.addEventListener("platen:stopped", () => {
    const rests = left <= 0;
    left = TIMES;
    if (rests) look();
  });
}
