import "fake-indexeddb/auto";
import { createDecipheriv, createECDH, hkdfSync } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { addItem, backOff, flush, goOn, history, items, pauseOf, takeBack, waiting, type Item, type Outcome } from "../src/outbox/outbox.js";
import { sealOutbox } from "../src/outbox/sealing.js";
import { sendItem } from "../src/outbox/sending.js";
import { MemoryVault, NoVault, openVault, people, StorageFull, wipe, type Vault } from "../src/outbox/vault.js";

const item = (key: string, at = "2020-02-24T04:00:00Z"): Item => ({ key, kind: "report", form: `daily.v.${key}`, action: "http://board/api/report/field/pages", json: { answers: { fever: "31415" } }, label: key, at, tries: 0 });
const received = (one: Item, id = "5"): Outcome => ({
  state: "received",
  received: { key: one.key, kind: one.kind, form: one.form, label: one.label, id, at: "2020-02-24T12:00:00+08:00", stands: false, left_out: [] },
  answer: new Response(),
});
const later = (why: "unreachable" | "busy" | "signed-out" | "other-person", after: number | null = null): Outcome => ({ state: "later", why, after });
const keys = async (): Promise<string[]> => (await items(vault)).map((one) => one.key);
let vault: Vault;

/** navigator.locks as a browser has it: one holder of a name at a time. */
function withLocks(): void {
  let last: Promise<unknown> = Promise.resolve();
  vi.stubGlobal("navigator", { locks: { request: (_: string, work: () => Promise<unknown>) => (last = last.then(work, work)) } });
}

beforeEach(async () => {
  await wipe();
  vault = await openVault("7");
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

describe("the vault", () => {
  it("gives back what was put, to its own person only", async () => {
    await vault.put("draft", "a", { fever: "2" });
    expect(await vault.get("draft", "a")).toEqual({ fever: "2" });
    expect(await (await openVault("8")).get("draft", "a")).toBeNull();
    expect(await (await openVault("8")).list("draft")).toEqual([]);
  });

  it("writes no word of it readable, and its key cannot be taken out", async () => {
    await vault.put("draft", "a", { words: "31415" });
    const base = await new Promise<IDBDatabase>((done) => (indexedDB.open("yipan").onsuccess = (e) => done((e.target as IDBOpenDBRequest).result)));
    const all = <T>(store: string): Promise<T[]> => new Promise((done) => (base.transaction(store).objectStore(store).getAll().onsuccess = (e) => done((e.target as IDBRequest<T[]>).result)));
    const [record] = await all<{ sealed: ArrayBuffer }>("records");
    expect(new TextDecoder().decode(record?.sealed)).not.toContain("31415");
    const [key] = await all<CryptoKey>("keys");
    expect(key?.extractable).toBe(false);
    await expect(crypto.subtle.exportKey("raw", key as CryptoKey)).rejects.toThrow();
  });

  it("does not open a record that was moved to another name", async () => {
    await vault.put("draft", "a", 1);
    const base = await new Promise<IDBDatabase>((done) => (indexedDB.open("yipan").onsuccess = (e) => done((e.target as IDBOpenDBRequest).result)));
    const store = base.transaction("records", "readwrite").objectStore("records");
    const found = await new Promise<object>((done) => (store.get(["7", "draft", "a"]).onsuccess = (e) => done((e.target as IDBRequest<object>).result)));
    store.put({ ...found, id: "b" });
    expect(await vault.get("draft", "b")).toBeNull();
    expect(await vault.get("draft", "a")).toBe(1);
  });

  it("is empty after a wipe, and the other person's is not", async () => {
    const other = await openVault("8");
    await vault.put("draft", "a", 1);
    await other.put("draft", "a", 2);
    await wipe("7");
    expect(await (await openVault("7")).get("draft", "a")).toBeNull();
    expect(await other.get("draft", "a")).toBe(2);
    expect((await people()).sort()).toEqual(["7", "8"]);
  });

  it("has one key even when two tabs open it for the first time at once", async () => {
    const [a, b] = await Promise.all([openVault("9"), openVault("9")]);
    await a.put("draft", "x", "from a");
    expect(await b.get("draft", "x")).toBe("from a");
  });

  it("says so where there is no secure address", async () => {
    vi.stubGlobal("crypto", {});
    await expect(openVault("7")).rejects.toBeInstanceOf(NoVault);
  });

  it("says when the phone is full, and keeps what it had", async () => {
    await vault.put("draft", "a", 1);
    vi.spyOn(IDBObjectStore.prototype, "put").mockImplementation(() => {
      throw Object.assign(new Error("no room"), { name: "QuotaExceededError" });
    });
    await expect(vault.put("draft", "a", 2)).rejects.toBeInstanceOf(StorageFull);
    vi.restoreAllMocks();
    expect(await vault.get("draft", "a")).toBe(1);
  });
});

describe.each([
  ["sealed", () => openVault("7")],
  ["in memory", async () => new MemoryVault("7")],
])("the outbox (%s)", (_name, open) => {
  beforeEach(async () => {
    vault = await open();
  });

  it("sends one after the other, the first pressed first", async () => {
    await addItem(vault, item("b", "2020-02-24T05:00:00Z"));
    await addItem(vault, item("a", "2020-02-24T06:00:00Z"));
    const order: string[] = [];
    let inside = 0;
    await flush(vault, async (one) => {
      expect(++inside).toBe(1);
      await Promise.resolve();
      order.push(one.key);
      inside -= 1;
      return received(one);
    });
    expect(order).toEqual(["b", "a"]);
    expect(await keys()).toEqual([]);
    expect((await history(vault)).map((one) => one.id)).toEqual(["5", "5"]);
  });

  it("keeps no figure of what was received", async () => {
    await addItem(vault, item("a"));
    await flush(vault, async (one) => received(one));
    expect(JSON.stringify(await history(vault))).not.toContain("31415");
  });

  it("stops at the first that cannot go, waits longer each time, and goes on where it stopped", async () => {
    await addItem(vault, item("a"));
    await addItem(vault, item("b", "2020-02-24T05:00:00Z"));
    const send = vi.fn(async () => later("unreachable"));
    let now = 1_000_000;
    const due: (number | null)[] = [];
    for (let i = 0; i < 4; i++) {
      const next = await flush(vault, send, undefined, () => now, () => 1);
      due.push((next ?? 0) - now);
      now = next ?? now;
    }
    expect(due).toEqual([4_000, 8_000, 16_000, 32_000]);
    expect(send).toHaveBeenCalledTimes(4);
    expect(await keys()).toEqual(["a", "b"]);
    expect((await items(vault))[0]?.tries).toBe(4);
    expect(await flush(vault, async (one) => received(one), undefined, () => now)).toBeNull();
    expect(await keys()).toEqual([]);
    expect(await pauseOf(vault)).toBeNull();
  });

  it("does not knock before the next try is due", async () => {
    await addItem(vault, item("a"));
    const send = vi.fn(async () => later("busy", 90_000));
    expect(await flush(vault, send, undefined, () => 0)).toBe(90_000);
    expect(await flush(vault, send, undefined, () => 89_999)).toBe(90_000);
    expect(send).toHaveBeenCalledOnce();
  });

  it("pauses when signed out and loses nothing", async () => {
    await addItem(vault, item("a"));
    await addItem(vault, item("b", "2020-02-24T05:00:00Z"));
    const send = vi.fn(async (one: Item) => (one.key === "a" ? received(one) : later("signed-out")));
    expect(await flush(vault, send)).toBeNull();
    expect(await keys()).toEqual(["b"]);
    expect((await pauseOf(vault))?.why).toBe("signed-out");
    await goOn(vault);
    await flush(vault, async (one) => received(one));
    expect(await keys()).toEqual([]);
  });

  it("keeps what was refused, with the server's words, and sends the rest", async () => {
    await addItem(vault, item("a"));
    await addItem(vault, item("b", "2020-02-24T05:00:00Z"));
    const refusal = { status: 422, code: "R101", message: "1 field", remedy: "", fields: { fever: { message: "too many" } } };
    await flush(vault, async (one) => (one.key === "a" ? { state: "refused", refusal, answer: new Response() } : received(one)));
    expect(await keys()).toEqual(["a"]);
    expect((await items(vault))[0]?.refused).toEqual(refusal);
    expect(await waiting(vault)).toEqual([]);
    const again = vi.fn(async (one: Item) => received(one));
    await flush(vault, again);
    expect(again).not.toHaveBeenCalled();
    expect((await takeBack(vault, "a"))?.json).toEqual({ answers: { fever: "31415" } });
    expect(await keys()).toEqual([]);
  });

  it("sends a key once when two tabs flush at once", async () => {
    withLocks();
    await addItem(vault, item("a"));
    const send = vi.fn(async (one: Item) => received(one));
    await Promise.all([flush(vault, send), flush(vault, send), flush(vault, send)]);
    expect(send).toHaveBeenCalledOnce();
  });

  it("does not send what was taken back while it waited for the lock", async () => {
    withLocks();
    await addItem(vault, item("a"));
    const send = vi.fn(async (one: Item) => received(one));
    const back = takeBack(vault, "a");
    await flush(vault, send);
    expect((await back)?.key).toBe("a");
    expect(send).not.toHaveBeenCalled();
  });
});

describe("backing off", () => {
  it("doubles to five minutes, and no two phones knock together", () => {
    expect([1, 2, 3, 7, 20].map((n) => backOff(n, 1))).toEqual([4_000, 8_000, 16_000, 256_000, 300_000]);
    for (const random of [0, 0.5, 1]) {
      expect(backOff(4, random)).toBeGreaterThanOrEqual(16_000);
      expect(backOff(4, random)).toBeLessThanOrEqual(32_000);
    }
  });
});

describe("sending", () => {
  const answers = (status: number, body: object | string, headers: Record<string, string> = {}): void => {
    const json = typeof body === "object";
    vi.spyOn(globalThis, "fetch").mockImplementation(async () => new Response(json ? JSON.stringify(body) : body, { status, headers: { "Content-Type": json ? "application/json" : "text/html", ...headers } }));
  };
  const send = (renew?: () => Promise<boolean>): Promise<Outcome> => sendItem(item("a"), { signIn: "/sign-in/", ...(renew ? { renew } : {}) });

  it("says received only with the server's number", async () => {
    answers(200, { id: 12, received_at: "2020-02-24T12:00:00+08:00", stands: false, left_out: ["x"] });
    expect(await send()).toMatchObject({ state: "received", received: { id: "12", left_out: ["x"] } });
    answers(200, { message: "a page of some proxy" });
    expect(await send()).toMatchObject({ state: "later", why: "busy" });
    answers(200, "<h1>Welcome to the café</h1>");
    expect(await send()).toMatchObject({ state: "later", why: "busy" });
  });

  it.each([[500], [502], [503], [429]])("waits at %i, as long as the server asks", async (status) => {
    answers(status, "busy", { "Retry-After": "30" });
    expect(await send()).toEqual({ state: "later", why: "busy", after: 30_000 });
  });

  it("waits without a network, when signed out, and when somebody else is signed in", async () => {
    vi.spyOn(globalThis, "fetch").mockRejectedValue(new TypeError("cut"));
    expect(await send()).toMatchObject({ state: "later", why: "unreachable" });
    answers(401, { code: "S701" });
    expect(await send()).toMatchObject({ state: "later", why: "signed-out" });
    answers(409, { code: "R171" });
    expect(await send()).toMatchObject({ state: "later", why: "other-person" });
  });

  it("carries the words of a refusal field by field", async () => {
    answers(422, { code: "R101", message: "1 of the fields", remedy: "Correct", fields: { fever: { message: "too many" } } });
    expect(await send()).toMatchObject({ state: "refused", refusal: { status: 422, code: "R101", fields: { fever: { message: "too many" } } } });
    answers(409, { code: "R123", message: "used before" });
    expect(await send()).toMatchObject({ state: "refused", refusal: { status: 409 } });
  });

  it("asks for a fresh token once when the old one is refused", async () => {
    const fetching = vi.spyOn(globalThis, "fetch");
    fetching.mockResolvedValueOnce(new Response("{}", { status: 403 }));
    fetching.mockResolvedValueOnce(new Response(JSON.stringify({ id: 1, received_at: "" }), { status: 200, headers: { "Content-Type": "application/json" } }));
    const renew = vi.fn(async () => true);
    expect(await send(renew)).toMatchObject({ state: "received" });
    expect(renew).toHaveBeenCalledOnce();
  });
});

describe("the outbox as a file", () => {
  it("opens with the server's private key and no other", async () => {
    const server = createECDH("prime256v1");
    const point = server.generateKeys();
    const file = JSON.parse(await sealOutbox({ items: [{ fever: "31415" }] }, { id: "k", point: point.toString("base64") })) as Record<string, string>;
    expect(JSON.stringify(file)).not.toContain("31415");
    const open = (ecdh: ReturnType<typeof createECDH>): string => {
      const sealed = Buffer.from(file["sealed"] ?? "", "base64");
      const theirs = Buffer.from(file["point"] ?? "", "base64");
      const key = Buffer.from(hkdfSync("sha256", ecdh.computeSecret(theirs), theirs, "yipan field outbox 1", 32));
      const lock = createDecipheriv("aes-256-gcm", key, Buffer.from(file["iv"] ?? "", "base64"));
      lock.setAAD(Buffer.from("k"));
      lock.setAuthTag(sealed.subarray(-16));
      return Buffer.concat([lock.update(sealed.subarray(0, -16)), lock.final()]).toString();
    };
    expect(JSON.parse(open(server))).toEqual({ items: [{ fever: "31415" }] });
    const stranger = createECDH("prime256v1");
    stranger.generateKeys();
    expect(() => open(stranger)).toThrow();
  });

  it("is another file each time", async () => {
    const server = createECDH("prime256v1");
    const key = { id: "k", point: server.generateKeys().toString("base64") };
    expect(await sealOutbox({}, key)).not.toBe(await sealOutbox({}, key));
  });
});
