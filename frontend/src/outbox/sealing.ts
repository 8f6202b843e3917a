/** The outbox as a file that only the server can open: ECDH P-256, HKDF-SHA256, AES-256-GCM. */

export interface ServerKey {
  id: string;
  point: string; // uncompressed, base64
}

const INFO = "yipan field outbox 1";

export async function sealOutbox(inside: unknown, key: ServerKey): Promise<string> {
  const curve = { name: "ECDH", namedCurve: "P-256" };
  const server = await crypto.subtle.importKey("raw", from64(key.point), curve, false, []);
  const mine = (await crypto.subtle.generateKey(curve, false, ["deriveBits"])) as CryptoKeyPair;
  const point = new Uint8Array(await crypto.subtle.exportKey("raw", mine.publicKey));
  const secret = await crypto.subtle.deriveBits({ name: "ECDH", public: server }, mine.privateKey, 256);
  const material = await crypto.subtle.importKey("raw", secret, "HKDF", false, ["deriveKey"]);
  const how = { name: "HKDF", hash: "SHA-256", salt: point, info: text(INFO) };
  const lock = await crypto.subtle.deriveKey(how, material, { name: "AES-GCM", length: 256 }, false, ["encrypt"]);
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData: text(key.id) }, lock, text(JSON.stringify(inside)));
  return JSON.stringify({ yipan_outbox: 1, key: key.id, point: to64(point), iv: to64(iv), sealed: to64(new Uint8Array(sealed)) });
}

function text(words: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(words);
}

function from64(words: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(words), (c) => c.charCodeAt(0));
}

function to64(bytes: Uint8Array): string {
  let made = "";
  for (let i = 0; i < bytes.length; i += 0x8000) made += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  return btoa(made);
}
