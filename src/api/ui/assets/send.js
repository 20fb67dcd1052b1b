// Sends forms: those of /do/ as they are, those with data-send as the JSON of a route of the API. What is answered is
// said on the page; a problem with what to do about it. `data-sign` shows what is signed first, and asks for a password.

import { asMade, fill, say, signedOut, who, words } from "./platen.js";
import { summary } from "./signing.js";
import { another } from "./stop.js";

const PATIENCE_MS = 15000;

// One field into the body: `about.side` is `side` in `about`.
function put(body, name, value) {
  const path = name.split(".");
  const last = path.pop();
  let at = body;
  for (const step of path) at = at[step] ??= {};
  at[last] = value;
}

function valueOf(field) {
  const text = field.value.trim();
  switch (field.dataset.as) {
    case "yes": return field.checked;
    case "number": return text === "" ? undefined : Number(text.replace(",", "."));
    case "list": return text === "" ? undefined : text.split(/[\s,;]+/).filter(Boolean);
    case "lines": return text === "" ? undefined : text.split("\n").map((line) => line.trim()).filter(Boolean);
    case "json": return text === "" ? undefined : JSON.parse(text);
    default:
      if ((field.type === "radio" || field.type === "checkbox") && !field.checked) return undefined;
      // A local time of the browser, as the moment that it is.
      if (field.type === "datetime-local" && text !== "" && field.dataset.as !== "text") {
        return new Date(text).toISOString();
      }
      return text === "" && !field.hasAttribute("data-empty") ? undefined : text;
  }
}

// The body of a form's request. Modules may add to it: they listen to `platen:body`.
export function bodyOf(form, button) {
  const body = form.dataset.fixed ? JSON.parse(form.dataset.fixed) : {};
  if (form.dataset.ownWas) body.was = JSON.parse(form.dataset.ownWas);
  for (const field of form.elements) {
    if (!field.name || field.disabled || field.nodeName === "BUTTON" || field.type === "file") continue;
    const value = valueOf(field);
    if (value !== undefined) put(body, field.name, value);
  }
  if (button?.name) put(body, button.name, button.value);
  if (who && who.value.trim()) body.by = who.value.trim();
  form.dispatchEvent(new CustomEvent("platen:body", { detail: body, bubbles: true }));
  return body;
}

// Asks the API; what is wrong comes as an error whose words are for people.
export async function ask(route, body, patience = PATIENCE_MS) {
  const [method, path] = route.includes(" ") ? route.split(" ") : ["POST", route];
  let answer;
  try {
    const isGet = method === "GET";
    answer = await fetch(path, {
      method,
      headers: isGet ? asMade : { ...asMade, "Content-Type": "application/json" },
      body: isGet ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout?.(patience),
    });
  } catch {
    throw new Error(words.noAnswer);
  }
  if (answer.status === 401) {
    signedOut();
    const error = new Error(words.signedOut);
    error.isSaid = true;
    throw error;
  }
  const told = await answer.json().catch(() => ({}));
  if (answer.ok) return told;
  const error = new Error(isUnreadable(told) ? words.unreadable : problemWords(told, answer.status));
  error.problem = told;
  throw error;
}

// What the API says to programs of a body that it cannot read is nothing for people.
const isUnreadable = (problem) => /:(unreadable-request|not-json)$/.test(problem.type ?? "");

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
const sentence = (text) => (text ? `${capital(String(text).trim()).replace(/\.$/, "")}.` : "");

// What a problem of the API says, for people.
export function problemWords({ title, detail, help, findings }, status) {
  const found = (findings ?? []).flatMap((one) => [sentence(one.what), sentence(one.help)]);
  const todo = help ? sentence(`${words.todo}: ${help}`) : "";
  return [sentence(title ?? `${status}`), sentence(detail), todo, ...found].filter(Boolean).join(" ");
}

// The field that a program's words are about, as far as they tell: its name, its value, or that it is too long.
function fieldOf(form, detail) {
  const fields = [...form.elements].filter((field) => field.name && field.type !== "hidden");
  const name = detail.match(/field `(\w+)`/)?.[1];
  const value = detail.match(/(?:integer|floating point|string) [`"]([^`"]*)[`"]/)?.[1] ?? detail.match(/"([^"]+)"/)?.[1];
  const most = Number(detail.match(/ 1 (?:to|bis) (\d+) /)?.[1]);
  return fields.find((field) => name && field.name.split(".").pop() === name)
    ?? fields.find((field) => value && field.value.trim() === value)
    ?? fields.find((field) => most > 0 && field.value.trim().length > most);
}

// What is wrong is said at the form, too, where somebody looks who has just pressed its button.
function atForm(form, text) {
  const place = form.querySelector(":scope > .said-here");
  if (place) place.textContent = text;
}

function refused(form, error) {
  let text = error.message;
  if (error.problem && isUnreadable(error.problem)) {
    const field = fieldOf(form, error.problem.detail ?? "");
    const label = field?.closest("label")?.querySelector("span")?.textContent;
    if (label) text = fill(words.unreadableField, { field: label });
    if (field) {
      field.setAttribute("aria-invalid", "true");
      field.addEventListener("input", () => field.removeAttribute("aria-invalid"), { once: true });
      field.focus();
    }
  }
  atForm(form, text);
  return text;
}

let before = Promise.resolve();

// A question with its buttons, in the page's one dialog; `make` puts into it what it asks. One after the other: an
// answer is never one to two questions. `attempt` does it while the dialog is open; what fails so that it can be tried
// again (`error.again`) is said in it.
export function dialog(make, attempt) {
  const answered = before.then(() => open(make, attempt));
  before = answered.catch(() => {});
  return answered;
}

function open(make, attempt) {
  const box = document.getElementById("dialog");
  return new Promise((resolve, reject) => {
    const form = document.createElement("form");
    form.method = "dialog";
    make(form);
    const yes = document.createElement("button");
    yes.value = "yes";
    yes.textContent = form.dataset.yes ?? words.yes;
    const no = document.createElement("button");
    no.value = "no";
    no.formNoValidate = true;
    no.textContent = words.cancel;
    const wrong = document.createElement("p");
    wrong.className = "said-here";
    wrong.setAttribute("role", "alert");
    const row = document.createElement("p");
    row.className = "buttons";
    row.append(yes, no);
    form.append(row, wrong);
    // What is behind a dialog cannot be reached, and a stop always can.
    box.replaceChildren(form, another());
    const head = form.querySelector("p");
    head.id = "dialog-asks";
    box.setAttribute("aria-labelledby", head.id);
    box.returnValue = "no";
    let busy = false;
    // No password stays behind in the page.
    const end = (settle, answer) => {
      box.removeEventListener("close", closed);
      if (box.open) box.close();
      box.replaceChildren();
      settle(answer);
    };
    // One that is of a dialog before comes when this one is open already.
    const closed = () => {
      if (!box.open && !busy) end(resolve, box.returnValue === "yes" ? form : null);
    };
    form.addEventListener("submit", async (event) => {
      // What is under way is answered first, whatever is pressed meanwhile.
      if (busy) event.preventDefault();
      if (busy || !attempt || event.submitter !== yes) return;
      event.preventDefault();
      busy = true;
      wrong.textContent = "";
      try {
        await attempt(form);
        end(resolve, form);
      } catch (error) {
        if (!error.again || !box.open) {
          end(reject, error);
          return;
        }
        wrong.textContent = error.message;
        const field = form.elements.password;
        if (field) {
          field.value = "";
          field.focus();
        }
      } finally {
        busy = false;
      }
    });
    box.addEventListener("cancel", (event) => { if (busy) event.preventDefault(); });
    box.addEventListener("close", closed);
    box.showModal();
  });
}

function sure(question) {
  return dialog((form) => {
    const text = document.createElement("p");
    text.textContent = question;
    form.append(text);
  });
}

// Shows what is signed, readable and exactly, and sends it with the digest of that and the password.
async function signed(form, body, post) {
  const shown = await ask(`GET ${form.dataset.sign}`);
  put(body, form.dataset.signAt ?? "digest", shown.digest);
  const make = (box) => {
    box.dataset.yes = words.sign;
    const head = document.createElement("p");
    head.textContent = words.signed;
    const exact = document.createElement("details");
    const name = document.createElement("summary");
    name.textContent = words.exactly;
    const text = document.createElement("pre");
    text.className = "to-sign";
    text.tabIndex = 0;
    text.textContent = shown.text;
    exact.append(name, text);
    const readable = summary(shown.text, JSON.parse(form.dataset.labels ?? "{}"));
    // What cannot be read stands there as it is.
    if (!readable) exact.open = true;
    box.append(head, ...(readable ? [readable] : []), exact);
    if (document.body.dataset.user) {
      const label = document.createElement("label");
      label.className = "field";
      const asks = document.createElement("span");
      asks.textContent = words.password;
      const field = document.createElement("input");
      field.type = "password";
      field.name = "password";
      field.required = true;
      field.autofocus = true;
      field.autocomplete = "current-password";
      label.append(asks, field);
      box.append(label);
    }
  };
  const attempt = async (box) => {
    const password = box.elements.password?.value;
    const given = password ? { ...body, password } : body;
    try {
      await post(given);
    } catch (error) {
      // The password alone was wrong: what is signed is still the same.
      error.again = /:wrong-password$/.test(error.problem?.type ?? "");
      throw error;
    }
  };
  return Boolean(await dialog(make, attempt));
}

// What is so by a form that was sent: one field of it, several, or all.
function sentOf(sent, fields) {
  const { by, was, ...rest } = sent;
  if (!fields) return rest;
  const names = fields.split(",");
  return names.length === 1 ? rest[fields] : Object.fromEntries(names.map((name) => [name, rest[name]]));
}

function undoOf(undo, told, sent) {
  if (!undo) return undefined;
  const { to, body, was } = JSON.parse(undo);
  // Nothing is taken back that somebody else has changed since.
  if (was !== undefined) body.was = sentOf(sent, was);
  return async () => {
    try {
      await ask(fill(to, told), who?.value.trim() ? { ...body, by: who.value.trim() } : body);
      say(words.undone, false);
    } catch (error) {
      say(error.message, true);
    }
  };
}

// A name is needed, and one that the journal takes.
function named() {
  if (!who) return true;
  if (who.value.trim() !== "" && who.checkValidity()) return true;
  say(who.value.trim() === "" ? words.nameFirst : who.title, true);
  who.focus();
  return false;
}

async function send(form, button) {
  if (!named()) return;
  atForm(form, "");
  // As it was when the button was pressed: what comes while somebody reads the question changes the form.
  const body = bodyOf(form, button);
  const { send: to, ask: question, sign, done, undo, then } = form.dataset;
  const questions = [question, ...asked(form)].filter(Boolean);
  for (const one of questions) if (!(await sure(one))) return;
  let told;
  const post = async (given) => {
    try {
      told = await ask(to, given);
    } catch (error) {
      // Whoever is told that it was changed sends it again knowing that.
      if (error.problem?.type?.endsWith(":changed-meanwhile")) delete form.dataset.ownWas;
      throw error;
    }
  };
  if (sign) {
    if (!(await signed(form, body, post))) return;
  } else {
    await post(body);
  }
  delete form.dataset.ownWas;
  say(done ? fill(done, told) : words.done, false, undoOf(undo, told, body));
  form.dispatchEvent(new CustomEvent("platen:sent", { detail: told, bubbles: true }));
  if (then) location.assign(fill(then, told));
  else if (form.isConnected) form.reset();
  if (!document.getElementById("page").dataset.live && !then && !form.hasAttribute("data-stay")) {
    location.reload();
  }
}

// A day with its year as people write it, of a life that may be a patient's.
const DATE = /\b(\d{1,2}[./-]\s?\d{1,2}[./-]\s?(19|20)?\d\d|(19|20)\d\d-\d\d-\d\d)\b/;

// Fields that ask about some of their values: a day that is over, or a date among words.
function asked(form) {
  const typed = [...form.elements].filter((field) => field.value && field.value !== field.defaultValue);
  const over = typed.filter((field) => field.dataset.askBefore && field.value < field.dataset.askBefore);
  const dates = typed.filter((field) => field.dataset.askDates && DATE.test(field.value));
  return [...over.map((field) => field.dataset.askWords), ...dates.slice(0, 1).map((field) => field.dataset.askDates)];
}

async function simple(form, button) {
  if (form.classList.contains("named") && !named()) return;
  // As it was when the button was pressed: what comes while somebody reads the question may be another's.
  const body = new URLSearchParams(new FormData(form, button));
  if (who && form.classList.contains("named")) body.set("by", who.value);
  if (form.dataset.ask && !(await sure(form.dataset.ask))) return;
  const signal = AbortSignal.timeout?.(PATIENCE_MS);
  const answer = await fetch(form.action, { method: "POST", headers: asMade, body, signal });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  say(page.getElementById("said")?.textContent ?? `${answer.status}`, !answer.ok);
}

// What a form is about, as it was when somebody began to fill it in: what comes meanwhile is not what they have seen.
function remember(form) {
  if (!form?.dataset.fixed || form.dataset.ownWas) return;
  const { was } = JSON.parse(form.dataset.fixed);
  if (was !== undefined) form.dataset.ownWas = JSON.stringify(was);
}

export function start() {
  document.addEventListener("input", (event) => remember(event.target.form));
  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (form.method === "dialog") return;
    if (form.matches(".token[data-ask]")) {
      event.preventDefault();
      if (await sure(form.dataset.ask)) form.submit();
      return;
    }
    const isApi = form.hasAttribute("data-send");
    // Forms of the account lead to another page; a stop has a way of its own.
    const isSimple = form.matches('form[action^="/do/"]') && !form.matches(".account, .token, .plain, .stops");
    if (!isApi && !isSimple) return;
    event.preventDefault();
    if (form.dataset.ownBusy) return;
    form.dataset.ownBusy = "yes";
    try {
      if (isApi) await send(form, event.submitter);
      else await simple(form, event.submitter);
    } catch (error) {
      if (error.problem) form.dispatchEvent(new CustomEvent("platen:refused", { detail: error.problem, bubbles: true }));
      const silent = error.name === "TypeError" || error.name === "TimeoutError";
      const text = silent ? words.noAnswer : refused(form, error);
      if (silent) atForm(form, text);
      if (!error.isSaid) say(text, true);
    } finally {
      delete form.dataset.ownBusy;
    }
  });
}
