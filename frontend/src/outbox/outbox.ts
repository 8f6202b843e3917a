/**
 * What was pressed and the server has not confirmed: sent one after the other, in the order it was pressed.
 *
 * An item leaves the phone only when the server has answered with what it took. No signal or a busy
 * server: wait longer each time, with jitter. Signed out: wait until the same person has signed in. Refused:
 * the item stays with the server's words, until a person has corrected or dropped it.
 */
import type { Vault } from "./vault.js";

export interface Item {
  key: string; // the client key: the server takes one key once
  kind: "report" | "order" | "form";
  /** Where it goes and what: JSON for the API, fields for a page's own form. */
  action: string;
  json?: Record<string, unknown>;
  fields?: [string, string][];
  form: string; // which page or form it came from
  label: string;
  at: string; // when it was pressed, by the phone's clock
  tries: number;
  refused?: Refusal;
}

/** What the server said of an item that it could not take. */
export interface Refusal {
  status: number;
  code: string;
  message: string;
  remedy: string;
  fields: Record<string, { code?: string; message: string; remedy?: string }>;
}

/** What the server said of an item that it has. */
export interface Received {
  key: string;
  kind: Item["kind"];
  form: string;
  label: string;
  id: string;
  at: string; // the server's own time, in the province
  stands: boolean;
  left_out: string[];
}

export interface Pause {
  why: "unreachable" | "busy" | "signed-out" | "other-person";
  until: number; // milliseconds of the phone's clock; signed out: until signed in
  failures: number;
}

export type Outcome =
  | { state: "received"; received: Received; answer: Response }
  | { state: "refused"; refusal: Refusal; answer: Response }
  | { state: "later"; why: Pause["why"]; after: number | null };

/** Sends one item and says what became of it. */
export type Sender = (item: Item) => Promise<Outcome>;

export const LOCK = "yipan.outbox";
const FIRST_MS = 4_000;
const LONGEST_MS = 5 * 60_000;
const HISTORY = 60;
const PAUSE = "pause";

export async function addItem(vault: Vault, item: Item): Promise<void> {
  await vault.put("item", item.key, item);
  announce();
}

/** Everything in the outbox, the first pressed first. */
export async function items(vault: Vault): Promise<Item[]> {
  const found = (await vault.list<Item>("item")).map(([, item]) => item);
  return found.sort((a, b) => a.at.localeCompare(b.at) || a.key.localeCompare(b.key));
}

/** What still goes out by itself. */
export async function waiting(vault: Vault): Promise<Item[]> {
  return (await items(vault)).filter((item) => !item.refused);
}

/** The latest first. */
export async function history(vault: Vault): Promise<Received[]> {
  return (await vault.list<Received>("received")).map(([, one]) => one).sort((a, b) => b.at.localeCompare(a.at));
}

/** Take an item out of the outbox, unless it is being sent this moment; null: it is gone already. */
export async function takeBack(vault: Vault, key: string): Promise<Item | null> {
  return locked(async () => {
    const item = await vault.get<Item>("item", key);
    if (item) await vault.drop("item", key);
    announce();
    return item;
  });
}

export async function pauseOf(vault: Vault): Promise<Pause | null> {
  return vault.get<Pause>("state", PAUSE);
}

/** Signed in, a signal, a button: go on at once. */
export async function goOn(vault: Vault): Promise<void> {
  await vault.drop("state", PAUSE);
}

/** How long to wait after so many failures in a row: doubled each time, up to five minutes, with jitter. */
export function backOff(failures: number, random: number): number {
  const longest = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.max(0, failures - 1));
  return Math.round(longest * (0.5 + random / 2));
}

/**
 * Send what waits, one tab at a time; stop at the first that cannot go now. Returns when the next try is
 * due (milliseconds of the phone's clock), null where nothing waits or somebody must sign in.
 */
export async function flush(
  vault: Vault,
  send: Sender,
  told: (item: Item, outcome: Outcome) => void | Promise<void> = () => undefined,
  now: () => number = Date.now,
  random: () => number = Math.random,
): Promise<number | null> {
  return locked(async () => {
    const before = await pauseOf(vault);
    if (before && before.until > now()) return before.until;
    for (const item of await waiting(vault)) {
      // Another tab may have sent it, or a hand taken it back, while this one waited for the lock.
      if ((await vault.get<Item>("item", item.key)) === null) continue;
      const outcome = await send(item);
      if (outcome.state === "later") {
        const failures = (before?.failures ?? 0) + 1;
        const wait = outcome.after ?? backOff(failures, random());
        const signedOut = outcome.why === "signed-out" || outcome.why === "other-person";
        await vault.put("item", item.key, { ...item, tries: item.tries + 1 });
        await vault.put("state", PAUSE, { why: outcome.why, until: signedOut ? 0 : now() + wait, failures } satisfies Pause);
        await told(item, outcome);
        announce();
        return signedOut ? null : now() + wait;
      }
      if (outcome.state === "received") {
        await vault.put("received", item.key, outcome.received);
        await vault.drop("item", item.key);
      } else await vault.put("item", item.key, { ...item, tries: item.tries + 1, refused: outcome.refusal });
      await goOn(vault);
      await told(item, outcome);
      announce();
    }
    await goOn(vault);
    await forgetOld(vault);
    return null;
  });
}

async function forgetOld(vault: Vault): Promise<void> {
  for (const one of (await history(vault)).slice(HISTORY)) await vault.drop("received", one.key);
}

/** One tab at a time; a browser without locks relies on the server's taking a key once. */
async function locked<T>(work: () => Promise<T>): Promise<T> {
  const locks = (navigator as Partial<Navigator>).locks;
  return locks ? (locks.request(LOCK, work) as Promise<T>) : work();
}

// ---- other tabs ---------------------------------------------------------------------------------

const channel = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel(LOCK);
const listeners = new Set<(what: Change) => void>();
export type Change = "changed" | "wiped";

/** Call back whenever the outbox changed, in this tab or another. */
export function onChange(listener: (what: Change) => void): void {
  listeners.add(listener);
}

export function announce(what: Change = "changed"): void {
  channel?.postMessage(what);
  if (what === "changed") listeners.forEach((listener) => listener(what)); // this tab knows that it wiped
}

if (channel) channel.onmessage = (event) => listeners.forEach((listener) => listener(event.data as Change));
