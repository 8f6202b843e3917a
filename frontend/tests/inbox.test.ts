import "fake-indexeddb/auto";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { keep, kept, verdict, type Kept } from "../src/inbox/bundle.js";
import { showKept } from "../src/inbox/show.js";
import { items } from "../src/outbox/outbox.js";
import { openVault, rememberPerson, wipe, type Vault } from "../src/outbox/vault.js";

const ORDER = {
  delivery: "11111111-2222-3333-4444-555555555555", state: "delivered", priority: 1, title: "Check <b>every</b> household",
  body: "Knock.\nName those not reached.", closure: "The count is in.", unit: "Daying", issuer: "County",
  acknowledge_by: "2020-02-24T12:00:00+08:00", due_at: "2020-02-24T20:00:00+08:00", exercise: true,
};
const hex = (bytes: ArrayBuffer): string => [...new Uint8Array(bytes)].map((b) => b.toString(16).padStart(2, "0")).join("");

async function signed(orders: object[], person = "7"): Promise<Kept> {
  const pair = (await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"])) as CryptoKeyPair;
  const text = JSON.stringify({ version: 1, made_at: "2020-02-24T11:00:00+08:00", person, orders });
  const signature = await crypto.subtle.sign("Ed25519", pair.privateKey, new TextEncoder().encode(text));
  return { text, signature: hex(signature), public_key: hex(await crypto.subtle.exportKey("raw", pair.publicKey)) };
}

function main(): HTMLElement {
  document.body.innerHTML = `<main data-offline-inbox data-online="/orders/inbox/" data-act="/orders/deliveries/00000000-0000-0000-0000-000000000000/acknowledge/"
    data-text-none="Nothing kept" data-text-broken="Not signed" data-text-kept-at="As known at {time}" data-text-read="I have read it" data-text-kept="Kept; not yet sent"
    data-text-done="Done when" data-text-due="by {time}" data-text-exercise="Exercise"></main>`;
  return document.querySelector("main") as HTMLElement;
}

let vault: Vault;

beforeEach(async () => {
  await wipe();
  rememberPerson("7");
  vault = await openVault("7");
});

describe("a bundle", () => {
  it("is whole as it was signed and broken when a word changes", async () => {
    const bundle = await signed([ORDER]);
    await keep(vault, bundle);
    expect(await verdict(vault, (await kept(vault)) as Kept)).toBe("whole");
    expect(await verdict(vault, { ...bundle, text: bundle.text.replace("Knock", "Wait") })).toBe("broken");
  });

  it("of another key is not believed, however well it is signed", async () => {
    await keep(vault, await signed([ORDER]));
    const other = await signed([ORDER]);
    await keep(vault, other);
    expect(await verdict(vault, other)).toBe("broken");
  });
});

describe("the inbox without a signal", () => {
  it("says so where nothing was kept", async () => {
    const place = main();
    await showKept(place);
    expect(place.textContent).toBe("Nothing kept");
  });

  it("shows nothing of what is not signed", async () => {
    const bundle = await signed([ORDER]);
    await keep(vault, bundle);
    await keep(vault, { ...bundle, text: bundle.text.replace("Knock", "Wait") });
    const place = main();
    await showKept(place);
    expect(place.textContent).toBe("Not signed");
  });

  it("shows the words as words, and keeps what is pressed once under one key", async () => {
    await keep(vault, await signed([ORDER]));
    const place = main();
    await showKept(place);
    expect(place.querySelector("h2")?.textContent).toBe(ORDER.title);
    expect(place.querySelector("b")).toBeNull();
    expect(place.textContent).toContain("Exercise");
    place.querySelector<HTMLButtonElement>("button")?.click();
    place.querySelector<HTMLButtonElement>("button")?.click(); // the second press does nothing
    expect(place.querySelector("[data-state='kept']")).toBeNull(); // not said before it is
    await vi.waitFor(() => expect(place.querySelector("[data-state='kept']")?.textContent).toBe("Kept; not yet sent"));
    expect(place.querySelector("button")).toBeNull();
    expect(await items(vault)).toHaveLength(1);
    const [item] = await items(vault);
    expect(item?.action).toMatch(/\/orders\/deliveries\/11111111-2222-3333-4444-555555555555\/acknowledge\/$/);
    expect(item?.fields?.map(([name]) => name)).toEqual(["client_key", "device_at"]);
    expect(await items(await openVault("8"))).toEqual([]);
  });

  it("does not offer again what waits already", async () => {
    await keep(vault, await signed([ORDER]));
    await showKept(main());
    document.querySelector<HTMLButtonElement>("button")?.click();
    await vi.waitFor(async () => expect(await items(vault)).toHaveLength(1));
    const again = main();
    await showKept(again);
    expect(again.querySelector("button")).toBeNull();
    expect(await items(vault)).toHaveLength(1);
  });
});
