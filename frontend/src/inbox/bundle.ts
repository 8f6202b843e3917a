/** What the server signed, and whether it is still what it signed. */

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

const BUNDLE = "yipan.bundle";
const KEY = "yipan.bundle.key";

export function kept(): Kept | null {
  try {
    return JSON.parse(localStorage.getItem(BUNDLE) ?? "null") as Kept | null;
  } catch {
    return null;
  }
}

/** Keep a bundle; the key of the first one is remembered and no other is believed afterwards. */
export function keep(bundle: Kept): void {
  if (localStorage.getItem(KEY) === null) localStorage.setItem(KEY, bundle.public_key);
  localStorage.setItem(BUNDLE, JSON.stringify(bundle));
}

export async function verdict(bundle: Kept): Promise<Verdict> {
  if (bundle.public_key !== localStorage.getItem(KEY)) return "broken";
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
