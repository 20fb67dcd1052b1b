// The page is seen first, and comes alive right behind that: its modules would stand in the way of the first picture.

const live = () => import("./platen.js");

// Nothing is painted where nobody looks.
if (document.visibilityState === "hidden") live();
else requestAnimationFrame(() => setTimeout(live));
