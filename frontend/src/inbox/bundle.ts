/** What the server signed, and whether it is still what it signed. */
import type { Vault } from "../outbox/vault.js";

export interface Kept {
  text: string;
  signature: string;
  public_key: string;
}

export interface OrderKept {
  delivery: string;
  state: string;
  priority: number;
  title: string;
  body: string;
  closure: string;
  unit: string;
  issuer: string;
  acknowledge_by: string | null;
  due_at: string | null;
  exercise: boolean;
}

export interface Bundle {
  version: number;
  made_at: string;
  person: string;
  orders: OrderKept[];
}

/** whole: signed by the key first seen; broken: not; unchecked: this phone cannot tell. */
export type Verdict = "whole" | "broken" | "unchecked";

const BUNDLE = "orders";
const KEY = "orders.key";

export async function kept(vault: Vault): Promise<Kept | null> {
  return vault.get<Kept>("bundle", BUNDLE);
}

/** Keep a bundle; the key of the first one is remembered and no other is believed afterwards. */
export async function keep(vault: Vault, bundle: Kept): Promise<void> {
  if ((await vault.get<string>("bundle", KEY)) === null) await vault.put("bundle", KEY, bundle.public_key);
  await vault.put("bundle", BUNDLE, bundle);
}

export async function verdict(vault: Vault, bundle: Kept): Promise<Verdict> {
  if (bundle.public_key !== (await vault.get<string>("bundle", KEY))) return "broken";
  let key: CryptoKey;
  try {
    key = await crypto.subtle.importKey("raw", bytes(bundle.public_key), "Ed25519", false, ["verify"]);
  } catch {
    return "unchecked"; // an old browser, or a page without TLS
  }
  const right = await crypto.subtle.verify("Ed25519", key, bytes(bundle.signature), new TextEncoder().encode(bundle.text));
  return right ? "whole" : "broken";
}

function bytes(hex: string): Uint8Array<ArrayBuffer> {
  const pairs = hex.match(/../g) ?? [];
  return Uint8Array.from(pairs, (pair) => Number.parseInt(pair, 16));
}
