// The page is seen first, and comes alive right behind that: its modules would stand in the way of the first picture.

// The longest that hands wait where a browser does not tell of its first picture.
const LONGEST_MS = 500;

let begun = false;
function live() {
  if (begun) return;
  begun = true;
  import("./platen.js");
}

// Nothing is painted where nobody looks.
if (document.visibilityState === "hidden" || !PerformanceObserver.supportedEntryTypes?.includes("paint")) live();
else {
  // A picture is on its way for long after its frame has begun: only that it is shown counts.
  new PerformanceObserver(live).observe({ type: "paint", buffered: true });
  setTimeout(live, LONGEST_MS);
}
