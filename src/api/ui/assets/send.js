// Sends forms: those of /do/ as they are, those with data-send as the JSON of a route of the API. What is answered is
// said on the page; a problem with what to do about it. `data-sign` shows what is signed first, and asks for a password.

import { fill, say, who, words } from "./platen.js";
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
      headers: isGet ? {} : { "Content-Type": "application/json" },
      body: isGet ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout?.(patience),
    });
  } catch {
    throw new Error(words.noAnswer);
  }
  if (answer.status === 401) {
    location.assign(`/sign-in?to=${encodeURIComponent(location.pathname + location.search)}`);
  }
  const told = await answer.json().catch(() => ({}));
  if (answer.ok) return told;
  const findings = (told.findings ?? []).map((one) => `${one.what}. ${one.help}.`).join(" ");
  const error = new Error(
    `${told.title ?? answer.status}. ${told.detail ?? ""}. ${words.todo}: ${told.help ?? ""}. ${findings}`.trim(),
  );
  error.problem = told;
  throw error;
}

let before = Promise.resolve();

// A question with its buttons, in the page's one dialog; `make` puts into it what it asks. One after the other: an
// answer is never one to two questions.
export function dialog(make) {
  const answered = before.then(() => open(make));
  before = answered.catch(() => {});
  return answered;
}

function open(make) {
  const box = document.getElementById("dialog");
  return new Promise((resolve) => {
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
    const row = document.createElement("p");
    row.className = "buttons";
    row.append(yes, no);
    form.append(row);
    // What is behind a dialog cannot be reached, and a stop always can.
    box.replaceChildren(form, another());
    const head = form.querySelector("p");
    head.id = "dialog-asks";
    box.setAttribute("aria-labelledby", head.id);
    box.returnValue = "no";
    box.addEventListener("close", () => {
      // No password stays behind in the page.
      box.replaceChildren();
      resolve(box.returnValue === "yes" ? form : null);
    }, { once: true });
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

// Shows exactly what is signed; answers with the digest of it and the password.
async function signed(to) {
  const shown = await ask(`GET ${to}`);
  const given = await dialog((box) => {
    box.dataset.yes = words.sign;
    const head = document.createElement("p");
    head.textContent = words.signed;
    const text = document.createElement("pre");
    text.className = "to-sign";
    text.tabIndex = 0;
    text.textContent = shown.text;
    box.append(head, text);
    if (document.body.dataset.user) {
      const label = document.createElement("label");
      label.className = "field";
      const name = document.createElement("span");
      name.textContent = words.password;
      const field = document.createElement("input");
      field.type = "password";
      field.name = "password";
      field.required = true;
      field.autocomplete = "current-password";
      label.append(name, field);
      box.append(label);
    }
  });
  if (!given) return null;
  const password = given.elements.password?.value;
  const one = { digest: shown.digest };
  if (password) one.password = password;
  return one;
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
      say(words.undone);
    } catch (error) {
      say(error.message, true);
    }
  };
}

async function send(form, button) {
  if (who && who.value.trim() === "") {
    say(words.nameFirst, true);
    who.focus();
    return;
  }
  // As it was when the button was pressed: what comes while somebody reads the question changes the form.
  const body = bodyOf(form, button);
  const { send: to, ask: question, sign, signAt, done, undo, then } = form.dataset;
  if (question && !(await sure(question))) return;
  if (sign) {
    const given = await signed(sign);
    if (!given) return;
    const { digest, ...rest } = given;
    put(body, signAt ?? "digest", digest);
    Object.assign(body, rest);
  }
  let told;
  try {
    told = await ask(to, body);
  } catch (error) {
    // Whoever is told that it was changed sends it again knowing that.
    if (error.problem?.type?.endsWith(":changed-meanwhile")) delete form.dataset.ownWas;
    throw error;
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

async function simple(form, button) {
  if (who && form.classList.contains("named") && who.value.trim() === "") {
    say(words.nameFirst, true);
    who.focus();
    return;
  }
  const body = new URLSearchParams(new FormData(form, button));
  const answer = await fetch(form.action, { method: "POST", body, signal: AbortSignal.timeout?.(PATIENCE_MS) });
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
      say(error.name === "TypeError" || error.name === "TimeoutError" ? words.noAnswer : error.message, true);
    } finally {
      delete form.dataset.ownBusy;
    }
  });
}
