/**
 * Forms that are never sent twice and never lost.
 *
 * Every `form[data-once]` carries a key made here (`client_key`); the server takes one key once.
 * A `form[data-keep="ID"]` is also kept on this phone: what is typed, and what was pressed while there
 * was no network. Its state text is one of the form's own `data-text-*` attributes, in the reader's
 * language; "received" is written only after the server answered.
 */

const DRAFT = "yipan.draft.";
export const WAITING = "yipan.waiting.";

/** Something pressed that the server has not answered yet. */
export interface Waiting {
  key: string;
  form: string;
  action: string;
  fields: [string, string][];
  actor: string;
  at: string;
}

type State = "typing" | "sending" | "kept" | "received" | "refused";

// ---- enhancing --------------------------------------------------------------------------------

export function enhanceForms(root: ParentNode): void {
  root.querySelectorAll<HTMLFormElement>("form[data-once], form[data-keep]").forEach((form) => {
    clientKey(form);
    if (form.dataset["keep"]) restore(form);
  });
}

export function watchForms(doc: Document): void {
  doc.addEventListener("input", (event) => {
    const form = (event.target as HTMLElement | null)?.closest<HTMLFormElement>("form[data-keep]");
    if (form) keepDraft(form);
  });
  doc.addEventListener("submit", (event) => {
    const form = event.target as HTMLFormElement;
    if (form.matches("form[data-keep]")) {
      event.preventDefault();
      void send(form, event.submitter);
    } else if (form.matches("form[data-once]")) {
      if (form.dataset["pressed"]) event.preventDefault();
      form.dataset["pressed"] = "yes";
    }
  });
  // Back from the cache shows the form as it was pressed; it may be pressed again, with a new key.
  window.addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    doc.querySelectorAll<HTMLFormElement>("form[data-once]").forEach((form) => delete form.dataset["pressed"]);
  });
  window.addEventListener("online", () => void flush());
  doc.addEventListener("click", (event) => {
    if ((event.target as HTMLElement | null)?.closest("[data-retry]")) void flush();
  });
}

/** The hidden key of a form, made on first use. */
export function clientKey(form: HTMLFormElement): string {
  let field = form.querySelector<HTMLInputElement>('input[name="client_key"]');
  if (!field) {
    field = document.createElement("input");
    field.type = "hidden";
    field.name = "client_key";
    form.append(field);
  }
  field.value ||= newKey();
  return field.value;
}

/** A version 4 UUID; `randomUUID` is missing where a page is served without TLS. */
export function newKey(): string {
  if (typeof crypto.randomUUID === "function") return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  const hex = [...bytes].map((b) => b.toString(16).padStart(2, "0")).join("");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

// ---- what is typed ------------------------------------------------------------------------------

function draftName(form: HTMLFormElement): string {
  return `${DRAFT}${actor()}.${form.dataset["keep"]}`;
}

function keepDraft(form: HTMLFormElement): void {
  store(draftName(form), JSON.stringify(textFields(form)));
}

function restore(form: HTMLFormElement): void {
  const kept = localStorage.getItem(draftName(form));
  if (!kept || form.dataset["restored"]) return;
  form.dataset["restored"] = "yes";
  for (const [name, value] of JSON.parse(kept) as [string, string][]) {
    if (name === "csrfmiddlewaretoken") continue;
    const field = form.elements.namedItem(name);
    if (field instanceof HTMLInputElement && (field.type === "checkbox" || field.type === "radio")) field.checked = field.value === value;
    else if (field instanceof HTMLInputElement || field instanceof HTMLTextAreaElement || field instanceof HTMLSelectElement) field.value = value;
  }
}

function textFields(form: HTMLFormElement, submitter?: HTMLElement | null): [string, string][] {
  const fields = [...new FormData(form, submitter)].filter((f): f is [string, string] => typeof f[1] === "string");
  return fields;
}

// ---- what is pressed ----------------------------------------------------------------------------

export async function send(form: HTMLFormElement, submitter: HTMLElement | null = null): Promise<void> {
  if (form.dataset["pressed"]) return;
  form.dataset["pressed"] = "yes";
  const item: Waiting = {
    key: clientKey(form),
    form: form.dataset["keep"] ?? "",
    action: form.action,
    fields: textFields(form, submitter),
    actor: actor(),
    at: new Date().toISOString(),
  };
  const kept = store(WAITING + item.key, JSON.stringify(item));
  say(form, "sending");
  await deliver(item, form, kept);
  delete form.dataset["pressed"];
}

/** Send what waits; one tab at a time, and only what this person pressed. */
export async function flush(): Promise<void> {
  const work = async (): Promise<void> => {
    for (const item of waiting()) {
      const form = [...document.querySelectorAll<HTMLFormElement>("form[data-keep]")].find((f) => f.dataset["keep"] === item.form) ?? null;
      if (!form?.dataset["pressed"]) await deliver(item, form, true);
    }
  };
  if (navigator.locks) await navigator.locks.request("yipan.flush", work);
  else await work();
  tellWaiting();
}

export function waiting(): Waiting[] {
  const names = Array.from({ length: localStorage.length }, (_, i) => localStorage.key(i) ?? "");
  return names
    .filter((n) => n.startsWith(WAITING))
    .map((n) => JSON.parse(localStorage.getItem(n) ?? "null") as Waiting)
    .filter((w) => w?.actor === actor())
    .sort((a, b) => a.at.localeCompare(b.at));
}

async function deliver(item: Waiting, form: HTMLFormElement | null, kept: boolean): Promise<void> {
  let answer: Response;
  try {
    answer = await fetch(item.action, { method: "POST", body: body(item), credentials: "same-origin", headers: { Accept: "application/json, text/html;q=0.9" } });
  } catch {
    // No network: it stays on this phone, or, where the phone refuses to store, in the form.
    if (form) say(form, kept ? "kept" : "refused");
    return tellWaiting();
  }
  if (answer.status >= 500 || answer.status === 429) {
    if (form) say(form, kept ? "kept" : "refused");
    return tellWaiting();
  }
  await answered(item, form, answer);
}

/** The token of now: the one kept may have been changed by signing in since. */
function body(item: Waiting): URLSearchParams {
  const token = document.querySelector<HTMLInputElement>('input[name="csrfmiddlewaretoken"]')?.value;
  const fields = item.fields.map(([name, value]): [string, string] => [name, name === "csrfmiddlewaretoken" && token ? token : value]);
  return new URLSearchParams(fields);
}

async function answered(item: Waiting, form: HTMLFormElement | null, answer: Response): Promise<void> {
  const json = (answer.headers.get("Content-Type") ?? "").includes("application/json");
  if (signInAsked(answer, item)) {
    if (form) say(form, "kept");
    return tellWaiting();
  }
  localStorage.removeItem(WAITING + item.key);
  if (answer.ok || answer.redirected) forgetDraft(item);
  if (!form) return tellWaiting();
  if (json) {
    const told = (await answer.json()) as { received_at?: string; message?: string; next?: string };
    if (answer.ok) {
      say(form, "received", { time: told.received_at ?? "", message: told.message ?? "" });
      renew(form);
      if (told.next) window.location.assign(told.next);
    } else say(form, "refused", { message: told.message ?? "" });
  } else if (answer.redirected) window.location.assign(answer.url);
  else replaceMain(await answer.text(), form, answer.ok);
  tellWaiting();
}

/** The session ended meanwhile: what was pressed waits until this person has signed in again. */
function signInAsked(answer: Response, item: Waiting): boolean {
  if (answer.status === 401) return true;
  const wall = document.body.dataset["signIn"];
  return Boolean(wall && answer.redirected && new URL(answer.url).pathname === wall && new URL(item.action).pathname !== wall);
}

/** A page came back (the form with its faults, or the next page): show its main part. */
function replaceMain(text: string, form: HTMLFormElement, ok: boolean): void {
  const page = new DOMParser().parseFromString(text, "text/html").querySelector("main");
  const main = document.querySelector("main");
  if (!page || !main) return say(form, ok ? "received" : "refused");
  main.replaceWith(document.adoptNode(page));
  enhanceForms(page);
  page.querySelector<HTMLElement>("[aria-invalid='true'], [role='alert'], h1")?.focus();
}

function renew(form: HTMLFormElement): void {
  const field = form.querySelector<HTMLInputElement>('input[name="client_key"]');
  if (field) field.value = newKey();
}

function forgetDraft(item: Waiting): void {
  localStorage.removeItem(`${DRAFT}${item.actor}.${item.form}`);
}

// ---- telling --------------------------------------------------------------------------------------

/** Write the form's own words for a state; a state without words clears the line. */
export function say(form: HTMLFormElement, state: State, values: Record<string, string> = {}): void {
  const line = form.querySelector<HTMLElement>("[data-state]") ?? stateLine(form);
  const key = `text${state[0]?.toUpperCase()}${state.slice(1)}`;
  line.dataset["state"] = state;
  line.textContent = (form.dataset[key] ?? "").replace(/\{(\w+)\}/g, (_, name: string) => values[name] ?? "");
}

function stateLine(form: HTMLFormElement): HTMLElement {
  const line = document.createElement("p");
  line.className = "state";
  line.setAttribute("role", "status");
  form.append(line);
  return line;
}

/** `[data-waiting]` is shown while something waits; its `{n}` is how many. */
function tellWaiting(): void {
  const n = waiting().length;
  document.querySelectorAll<HTMLElement>("[data-waiting]").forEach((box) => {
    box.hidden = n === 0;
    const words = box.querySelector<HTMLElement>("[data-waiting-text]");
    if (words) words.textContent = (words.dataset["waitingText"] ?? "").replace("{n}", String(n));
  });
}

/** Whose drafts these are: a phone is handed on, and one person's report is never sent as another's. */
function actor(): string {
  return document.body.dataset["actor"] ?? "";
}

function store(name: string, value: string): boolean {
  try {
    localStorage.setItem(name, value);
    return true;
  } catch {
    return false; // full or forbidden; the caller says so
  }
}
