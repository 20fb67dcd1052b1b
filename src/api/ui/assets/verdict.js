// The verdict on what is measured, by the rule of the domain (src/domain/quality/inspection.rs); tests hold both to the
// table in tests/browser/verdicts.json.

const WORST = ["pass", "flag", "incomplete", "fail"];
const LARGEST = 2e6;

// Thousandths of what somebody typed, with a comma or a point: null is nothing, undefined is no number.
export function thousandths(text) {
  const typed = text.trim().replace(",", ".").replace("\u2212", "-");
  if (typed === "") return null;
  if (!/^[+-]?(\d+\.?\d*|\.\d+)$/.test(typed)) return undefined;
  const value = Number(typed);
  if (Math.abs(value) > LARGEST) return undefined;
  // Halves away from nothing, as platen rounds.
  const thousands = value * 1000;
  return Math.sign(thousands) * Math.round(Math.abs(thousands)) || 0;
}

// One item's verdict.
export function judge(item, value) {
  if (item.weight === "note") return "pass";
  if (value === null || value === undefined) return "incomplete";
  if (item.low <= value && value <= item.high) return "pass";
  return item.weight === "fail" ? "fail" : "flag";
}

// The whole is as good as its worst item.
export function worst(verdicts) {
  return verdicts.reduce((one, other) => (WORST.indexOf(other) > WORST.indexOf(one) ? other : one), verdicts[0] ?? "incomplete");
}
