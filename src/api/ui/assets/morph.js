// Turns one element into another by changing only what differs, so that focus, open details and what somebody has
// typed stay. `data-keep` is a part that only the browser changes.

function keyOf(node) {
  return node.nodeType === Node.ELEMENT_NODE ? node.id || node.dataset.key || "" : "";
}

const isBox = (field) => ["checkbox", "radio"].includes(field.type);

// What a field is of. What somebody has ticked or typed is of that, and does not pass over to another one.
function fieldOf(node) {
  if (node.nodeType !== Node.ELEMENT_NODE || !node.matches("input, select, textarea")) return "";
  return `${node.type} ${node.name} ${isBox(node) ? node.getAttribute("value") : ""}`;
}

function isAlike(old, fresh) {
  return old.nodeType === fresh.nodeType && old.nodeName === fresh.nodeName && keyOf(old) === keyOf(fresh)
    && fieldOf(old) === fieldOf(fresh);
}

// `spared`: names of what somebody has changed.
function attributes(old, fresh, spared = []) {
  for (const { name } of [...old.attributes]) {
    if (fresh.hasAttribute(name) || spared.includes(name)) continue;
    if (name === "open" && (old.nodeName === "DETAILS" || old.nodeName === "DIALOG")) continue;
    // What a script has put there, such as a hint that a button is held.
    if (name.startsWith("data-own-")) continue;
    old.removeAttribute(name);
  }
  for (const { name, value } of [...fresh.attributes]) {
    if ((name === "open" && old.nodeName === "DETAILS") || spared.includes(name)) continue;
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
}

// Whether somebody has changed a field since it came. Where nothing is preset, the first of a list is chosen; and a box
// has a value that was never written, so that only its tick tells.
export function isChanged(field) {
  if (field.nodeName === "SELECT") {
    const options = [...field.options];
    const isPreset = options.some((one) => one.defaultSelected);
    return isPreset ? options.some((one) => one.selected !== one.defaultSelected) : field.selectedIndex > 0;
  }
  return isBox(field) ? field.checked !== field.defaultChecked : field.value !== field.defaultValue;
}

const isTouched = (field) => field === document.activeElement || isChanged(field);

export function morph(old, fresh) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
    return;
  }
  if (old.hasAttribute("data-keep") || old.isEqualNode(fresh)) return;
  const isField = old.matches("input, select, textarea");
  if (isField && isTouched(old)) {
    // What is said beside it, such as what a slot holds by now, is as fresh as the rest.
    attributes(old, fresh, ["value", "checked"]);
    return;
  }
  attributes(old, fresh);
  if (isField && old.nodeName === "INPUT") {
    if (isBox(old)) old.checked = fresh.checked;
    else old.value = fresh.value;
  }
  children(old, fresh);
}

function children(old, fresh) {
  const byKey = new Map();
  for (const child of old.children) if (keyOf(child)) byKey.set(keyOf(child), child);
  let at = old.firstChild;
  for (const wanted of [...fresh.childNodes]) {
    const key = keyOf(wanted);
    const known = key ? byKey.get(key) : null;
    if (known && known !== at && isAlike(known, wanted)) {
      // What is focused loses it when it is moved: move what stands before it instead.
      if (at && known.contains(document.activeElement)) {
        while (at && at !== known) {
          const next = at.nextSibling;
          old.append(at);
          at = next;
        }
      } else {
        old.insertBefore(known, at);
        at = known;
      }
    }
    if (at && isAlike(at, wanted)) {
      const next = at.nextSibling;
      morph(at, wanted);
      at = next;
    } else {
      old.insertBefore(wanted, at);
    }
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}
