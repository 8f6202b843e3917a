/** Without a signal: show what was kept, and keep what is pressed until the server can be asked. */
import { items } from "../outbox/outbox.js";
import { lastPerson, NoVault, openVault, type Vault } from "../outbox/vault.js";
import { kept, verdict, type Bundle } from "./bundle.js";
import { card, clock, element, fill, type Words } from "./cards.js";

export async function showKept(main: HTMLElement): Promise<void> {
  watchSignal(main.dataset["online"] ?? "/");
  const vault = await vaultHere();
  const found = vault && (await kept(vault));
  if (!vault || !found) return say(main, "textNone");
  const judged = await verdict(vault, found);
  if (judged === "broken") return say(main, "textBroken", "alert");
  if (judged === "unchecked") say(main, "textUnchecked", "warn");
  const bundle = JSON.parse(found.text) as Bundle;
  say(main, "textKeptAt", "", { time: clock(bundle.made_at) });
  const pressed = new Set((await items(vault)).map((item) => item.action));
  for (const order of bundle.orders) main.append(card(order, wordsOf(main), vault, pressed));
}

const FIRST_MS = 3_000;
const LONGEST_MS = 60_000;

/** Open the inbox as soon as the server answers: the first try after "online" may come too early. */
function watchSignal(inbox: string): void {
  let wait = FIRST_MS;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const look = async (): Promise<void> => {
    clearTimeout(timer);
    const answer = navigator.onLine ? await fetch(inbox, { method: "HEAD", cache: "no-store", redirect: "manual" }).catch(() => null) : null;
    if (answer) return window.location.assign(inbox);
    timer = setTimeout(() => void look(), wait);
    wait = Math.min(2 * wait, LONGEST_MS);
  };
  window.addEventListener("online", () => void look());
  timer = setTimeout(() => void look(), wait);
}

async function vaultHere(): Promise<Vault | null> {
  const person = lastPerson();
  if (!person) return null;
  try {
    return await openVault(person);
  } catch (fault) {
    if (fault instanceof NoVault) return null;
    throw fault;
  }
}

function wordsOf(main: HTMLElement): Words {
  const text = (name: string): string => main.dataset[name] ?? "";
  return {
    read: text("textRead"), kept: text("textKept"), due: text("textDue"), done: text("textDone"),
    exercise: text("textExercise"), act: text("act"), label: "{title}",
  };
}

function say(main: HTMLElement, key: string, tone = "", values: Record<string, string> = {}): void {
  main.append(element("p", tone ? `callout ${tone}` : "sub", fill(main.dataset[key], values)));
}
