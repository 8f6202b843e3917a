/**
 * Forms that are never sent twice and never lost.
 *
 * Every `form[data-once]` carries a key made here (`client_key`); the server takes one key once.
 * A `form[data-keep="ID"]` is also kept on this phone, encrypted: what is typed, and what was pressed while
 * there was no network; both wait in the outbox that the field app shows. Its state text is one of the form's
 * own `data-text-*` attributes, in the reader's language; "received" is written only after the server answered.
 */
import { newKey } from "../outbox/key.js";
import { addItem, flush as flushOutbox, goOn, waiting, type Item, type Outcome } from "../outbox/outbox.js";
import { sendItem } from "../outbox/sending.js";
import { NoVault, openVault, rememberPerson, StorageFull, type Vault } from "../outbox/vault.js";

export { newKey };

type State = "typing" | "sending" | "kept" | "received" | "refused";

// ---- enhancing --------------------------------------------------------------------------------

export function enhanceForms(root: ParentNode): void {
  root.querySelectorAll<HTMLFormElement>("form[data-once], form[data-keep]").forEach((form) => {
    clientKey(form);
    if (form.dataset["keep"]) void restore(form);
  });
}

export function watchForms(doc: Document): void {
  rememberPerson(actor());
  doc.addEventListener("input", (event) => {
    const form = (event.target as HTMLElement | null)?.closest<HTMLFormElement>("form[data-keep]");
    if (form) void keepDraft(form);
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
  window.addEventListener("online", () => void flush(true));
  doc.addEventListener("click", (event) => {
    if ((event.target as HTMLElement | null)?.closest("[data-retry]")) void flush(true);
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

// ---- where it is kept ---------------------------------------------------------------------------

let opened: { person: string; vault: Promise<Vault | null> } | null = null;

/** The vault of whoever is signed in; null: nobody is, or this phone can keep nothing. */
function vaultHere(): Promise<Vault | null> {
  const person = actor();
  if (!person) return Promise.resolve(null);
  if (opened?.person !== person) {
    const vault = openVault(person).catch((fault: unknown) => {
      if (fault instanceof NoVault || fault instanceof StorageFull) return null;
      throw fault;
    });
    opened = { person, vault };
  }
  return opened.vault;
}

/** Forget the open vault: it was wiped. */
export function closeVault(): void {
  opened = null;
}

/** What this person pressed on this phone and the server has not answered. */
export async function waitingHere(): Promise<Item[]> {
  const vault = await vaultHere();
  return vault ? waiting(vault) : [];
}

// ---- what is typed ------------------------------------------------------------------------------

let writing: Promise<unknown> = Promise.resolve();

/** Drafts are written one after the other: the last typed is the last kept. */
export function keepDraft(form: HTMLFormElement): Promise<unknown> {
  const fields = textFields(form);
  writing = writing.then(() => put(async (vault) => vault.put("draft", draftName(form), fields)));
  return writing;
}

export async function restore(form: HTMLFormElement): Promise<void> {
  const vault = await vaultHere();
  const kept = vault && (await vault.get<[string, string][]>("draft", draftName(form)));
  if (!kept || form.dataset["restored"]) return;
  form.dataset["restored"] = "yes";
  for (const [name, value] of kept) {
    if (name === "csrfmiddlewaretoken" || name === "client_key") continue;
    const field = form.elements.namedItem(name);
    if (field instanceof HTMLInputElement && (field.type === "checkbox" || field.type === "radio")) field.checked = field.value === value;
    else if (field instanceof HTMLInputElement || field instanceof HTMLTextAreaElement || field instanceof HTMLSelectElement) field.value = value;
    if (field instanceof HTMLInputElement) field.dispatchEvent(new Event("kept"));
  }
}

function draftName(form: HTMLFormElement): string {
  return `form ${form.dataset["keep"]}`;
}

function textFields(form: HTMLFormElement, submitter?: HTMLElement | null): [string, string][] {
  return [...new FormData(form, submitter)].filter((f): f is [string, string] => typeof f[1] === "string");
}

/** Keep something; false where this phone cannot. */
async function put(work: (vault: Vault) => Promise<void>): Promise<boolean> {
  const vault = await vaultHere();
  if (!vault) return false;
  try {
    await work(vault);
    return true;
  } catch (fault) {
    if (fault instanceof StorageFull) return false; // the caller says so
    throw fault;
  }
}

// ---- what is pressed ----------------------------------------------------------------------------

export async function send(form: HTMLFormElement, submitter: HTMLElement | null = null): Promise<void> {
  if (form.dataset["pressed"]) return;
  form.dataset["pressed"] = "yes";
  const item: Item = {
    key: clientKey(form),
    kind: "form",
    form: form.dataset["keep"] ?? "",
    action: form.action,
    fields: textFields(form, submitter),
    label: form.dataset["label"] ?? document.title,
    at: new Date().toISOString(),
    tries: 0,
  };
  say(form, "sending");
  if (await put((vault) => addItem(vault, item))) {
    await flush(true);
    // What was pressed earlier goes first: where that could not go, this waits behind it.
    if ((await waitingHere()).some((one) => one.key === item.key)) say(form, "kept");
  } else {
    const outcome = await sendItem(item, place());
    if (outcome.state === "later") say(form, "refused");
    else await told(item, outcome, null);
  }
  delete form.dataset["pressed"];
}

/** Send what waits, in the order it was pressed; one tab at a time, and only what this person pressed. */
export async function flush(atOnce = false): Promise<void> {
  const vault = await vaultHere();
  if (vault) {
    if (atOnce) await goOn(vault);
    const next = await flushOutbox(vault, (item) => sendItem(item, place()), (item, outcome) => told(item, outcome, vault));
    if (next !== null) again(next);
  }
  await tellWaiting();
}

let timer: ReturnType<typeof setTimeout> | undefined;

function again(at: number): void {
  clearTimeout(timer);
  timer = setTimeout(() => void flush(), Math.max(1000, at - Date.now()));
}

function place(): { signIn: string } {
  return { signIn: document.body.dataset["signIn"] ?? "" };
}

async function told(item: Item, outcome: Outcome, vault: Vault | null): Promise<void> {
  const form = [...document.querySelectorAll<HTMLFormElement>("form[data-keep]")].find((f) => f.dataset["keep"] === item.form) ?? null;
  if (outcome.state === "later") {
    if (form) say(form, "kept");
    return;
  }
  if (outcome.state === "received") await vault?.drop("draft", `form ${item.form}`);
  if (!form) return; // a refusal waits in the outbox with the server's words
  if (outcome.state === "received" && item.kind !== "form") return window.location.reload(); // pressed elsewhere: this page is older than the answer
  if (outcome.state === "refused") await vault?.drop("item", item.key); // the form itself holds what was typed
  const { answer } = outcome;
  if ((answer.headers.get("Content-Type") ?? "").includes("application/json")) {
    const words = (await answer.json()) as { received_at?: string; message?: string; next?: string };
    if (outcome.state === "received") {
      say(form, "received", { time: words.received_at ?? "", message: words.message ?? "" });
      renew(form);
      if (words.next) window.location.assign(words.next);
    } else say(form, "refused", { message: words.message ?? "" });
  } else if (answer.redirected) window.location.assign(answer.url);
  else replaceMain(await answer.text(), form, answer.ok);
}

/** A page came back (the form with its faults, or the next page): show its main part. */
function replaceMain(text: string, form: HTMLFormElement, ok: boolean): void {
  const page = new DOMParser().parseFromString(text, "text/html").querySelector("main");
  const main = document.querySelector("main");
  if (!page || !main) return say(form, ok ? "received" : "refused");
  main.replaceWith(document.adoptNode(page));
  page.querySelectorAll<HTMLFormElement>("form[data-keep]").forEach((f) => (f.dataset["restored"] = "yes")); // the answer stands over the draft
  enhanceForms(page);
  document.dispatchEvent(new CustomEvent("yipan:replaced", { detail: page }));
  page.querySelector<HTMLElement>("[aria-invalid='true'], [role='alert'], h1")?.focus();
}

function renew(form: HTMLFormElement): void {
  const field = form.querySelector<HTMLInputElement>('input[name="client_key"]');
  if (field) field.value = newKey();
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
async function tellWaiting(): Promise<void> {
  const n = (await waitingHere()).length;
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
