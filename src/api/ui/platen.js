// Makes the page live: swaps the board when the journal or a printer moves, and says when it is old.

const board = document.getElementById("board");
const link = document.getElementById("link");
const news = document.getElementById("news");
const who = document.getElementById("who");

const SILENCE_MS = 12000; // two heartbeats and a little
const SWAP_EVERY_MS = 500;

let heard = Date.now();
let swapping = false;
let wanted = false;

// --- the name that buttons are pressed under, kept in this browser only

// Who is signed in has a name, and types none.
if (who) {
  who.value = localStorage.getItem("who") ?? "";
  who.closest("label").hidden = false;
  who.addEventListener("input", () => {
    localStorage.setItem("who", who.value);
    sign(document);
  });
}

// With a script, one name at the top serves all buttons.
function sign(root) {
  if (!who) return;
  for (const field of root.querySelectorAll("input[name=by]")) {
    field.value = who.value;
    if (field.type === "hidden") continue;
    field.required = false;
    field.closest("label").hidden = true;
  }
}

function localTimes(root) {
  const shape = { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  for (const time of root.querySelectorAll("time[datetime]")) {
    const date = new Date(time.dateTime);
    if (!Number.isNaN(date.getTime())) time.textContent = date.toLocaleString(undefined, shape);
  }
}

// --- the board

async function swap() {
  if (!board) return;
  wanted = true;
  if (swapping) return;
  swapping = true;
  while (wanted) {
    wanted = false;
    try {
      const response = await fetch("/fragment/board", { signal: AbortSignal.timeout(SILENCE_MS) });
      if (response.status === 401) leave();
      if (response.ok) place(await response.text());
    } catch {
      // The stream's own silence tells the user.
    }
    await new Promise((done) => setTimeout(done, SWAP_EVERY_MS));
  }
  swapping = false;
}

// The session has ended: what a shared screen shows is not for whoever comes next.
function leave() {
  location.assign("/sign-in");
}

function place(text) {
  const focus = document.activeElement;
  // Nothing is pulled from under somebody who types.
  if (board.contains(focus) && focus.matches("input:not([type=hidden])")) {
    wanted = true;
    return;
  }
  const open = new Map([...board.querySelectorAll("details[id]")].map((one) => [one.id, one.open]));
  const fresh = new DOMParser().parseFromString(text, "text/html");
  sign(fresh);
  localTimes(fresh);
  for (const details of fresh.querySelectorAll("details[id]")) {
    if (open.has(details.id)) details.open = open.get(details.id);
  }
  const focused = board.contains(focus) ? focus.id : "";
  board.replaceChildren(...fresh.body.childNodes);
  if (focused) document.getElementById(focused)?.focus();
}

// --- the stream

function listen() {
  const source = new EventSource("/v1/events?live=1");
  const alive = () => {
    heard = Date.now();
    tell();
  };
  source.addEventListener("open", () => { alive(); swap(); });
  source.addEventListener("alive", alive);
  source.addEventListener("printer", () => { alive(); swap(); });
  for (const kind of ["case_opened", "part_added", "job_queued", "job_resume_file", "job_started", "job_progress", "job_paused",
    "job_resumed", "job_continued", "job_printed", "job_cancelled", "job_interrupted", "bed_cleared", "bed_given_back", "cancel_asked", "trail_lost", "printer_stopped",
    "stop_verified", "stop_unverified", "printer_faulted", "latch_cleared", "heat_alarm",
    "printer_identified", "printer_quarantined", "printer_recognised", "job_released",
    "prompt_answered", "console_used"]) {
    source.addEventListener(kind, (message) => { alive(); report(kind, message.data); swap(); });
  }
  source.addEventListener("error", () => {
    tell();
    // A refusal (a restored journal) closes the stream for good: begin a new one.
    if (source.readyState === EventSource.CLOSED) {
      setTimeout(listen, 3000);
      // Or nobody is signed in any more: the board says so.
      swap();
    }
  });
}

function report(kind, data) {
  if (kind === "job_progress") return;
  try {
    const printer = JSON.parse(data).fact?.printer;
    const words = kind.replaceAll("_", " ");
    news.textContent = printer ? `${printer}: ${words}` : words;
  } catch {
    // An event that we cannot read is still on the board.
  }
}

function tell() {
  const age = Date.now() - heard;
  const stale = age > SILENCE_MS;
  document.body.classList.toggle("stale", stale);
  const text = stale ? `Not live: this is ${Math.round(age / 1000)} s old` : "Live";
  if (link.textContent !== text) link.textContent = text;
  // A number that changes each second is not read out again and again.
  link.setAttribute("aria-live", stale ? "off" : "polite");
}

// --- the buttons

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!board || form.method !== "post") return;
  event.preventDefault();
  if (who && form.classList.contains("named") && who.value.trim() === "") {
    say("First your name, in the field at the top: it goes into the journal.", true);
    who.focus();
    return;
  }
  const body = new URLSearchParams(new FormData(form));
  const isStop = form.getAttribute("action") === "/do/stop";
  try {
    const response = await fetch(form.action, { method: "POST", body, signal: AbortSignal.timeout(10000) });
    const answer = new DOMParser().parseFromString(await response.text(), "text/html");
    say(answer.getElementById("said")?.textContent ?? `platen answered ${response.status}`, !response.ok);
  } catch {
    say(isStop ? "The stop was NOT sent: platen does not answer. Switch off by hand." : "Not done: platen does not answer.", true);
  }
  swap();
});

function say(text, failed) {
  news.textContent = text;
  news.classList.toggle("failed", failed);
}

// --- a page that is not finished, or follows a print

const reloadSeconds = Number(document.body.dataset.reload);
let sent = false;

// The answer to a form takes the page's place: nothing may come before it.
document.addEventListener("submit", () => { sent = true; });
// Back from there, the page is as it was left.
addEventListener("pageshow", () => { sent = false; });

function reload() {
  const busy = sent || document.activeElement?.closest("form, label");
  if (busy) setTimeout(reload, reloadSeconds * 1000);
  else location.reload();
}

sign(document);
localTimes(document);
if (reloadSeconds > 0) setTimeout(reload, reloadSeconds * 1000);
if (board) {
  listen();
  setInterval(tell, 1000);
}
