import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import "../src/elements/map.js";
import type { YipanMap } from "../src/elements/map.js";
import { renew } from "../src/shell/refresh.js";
import { enhanceScroll } from "../src/shell/scroll.js";
import { watchSheets } from "../src/shell/sheet.js";
import { json, MAP, mount, settled } from "./helpers.js";

const html = (body: string, status = 200): Response => new Response(`<!DOCTYPE html><html><body>${body}</body></html>`, { status, headers: { "Content-Type": "text/html" } });
const tick = (): Promise<void> => new Promise((done) => setTimeout(done, 0));

watchSheets(document);
beforeEach(() => {
  window.history.replaceState(null, "", "/");
  document.body.innerHTML = "";
});
afterEach(() => vi.restoreAllMocks());

describe("the side sheet", () => {
  const LINK = '<a href="/numbers/rt/" data-sheet>0.2</a>';
  const PAGE = '<main><h1>Rt: 0.2</h1><p>by window</p><a href="/" data-close>Back</a></main>';

  it("opens the page of a number beside this one and puts it in the address", async () => {
    vi.spyOn(globalThis, "fetch").mockResolvedValue(html(PAGE));
    document.body.innerHTML = LINK;
    document.querySelector("a")?.click();
    await tick();
    const sheet = document.querySelector<HTMLDialogElement>("dialog.sheet");
    expect(sheet?.open).toBe(true);
    expect(sheet?.textContent).toContain("by window");
    expect(sheet?.querySelector("h1")).toBeNull();
    expect(window.location.hash).toBe("#n=rt");
  });

  it("closes, and the address says so", async () => {
    vi.spyOn(globalThis, "fetch").mockResolvedValue(html(PAGE));
    document.body.innerHTML = LINK;
    document.querySelector("a")?.click();
    await tick();
    document.querySelector<HTMLElement>("dialog [data-close]")?.click();
    expect(document.querySelector<HTMLDialogElement>("dialog.sheet")?.open).toBe(false);
    expect(window.location.hash).toBe("");
  });

  it("leaves a click with a modifier to the browser", () => {
    const fetched = vi.spyOn(globalThis, "fetch").mockResolvedValue(html(PAGE));
    document.body.innerHTML = LINK;
    document.querySelector("a")?.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true, ctrlKey: true }));
    expect(fetched).not.toHaveBeenCalled();
  });
});

describe("renewing in place", () => {
  const PART = (n: number): string => `<div data-part="figures"><b data-n="new">${n}</b></div><p data-lost hidden>lost</p>`;

  it("replaces what changed and underlines the number", async () => {
    document.body.innerHTML = PART(1);
    vi.spyOn(globalThis, "fetch").mockResolvedValue(html(PART(2)));
    await renew(document, () => undefined);
    const number = document.querySelector("[data-n]");
    expect(number?.textContent).toBe("2");
    expect(number?.classList.contains("changed")).toBe(true);
  });

  it("underlines nothing where nothing changed", async () => {
    document.body.innerHTML = PART(1);
    vi.spyOn(globalThis, "fetch").mockResolvedValue(html(PART(1)));
    await renew(document, () => undefined);
    expect(document.querySelector(".changed")).toBeNull();
  });

  it("keeps the last picture and says so while the server does not answer, then stops saying it", async () => {
    document.body.innerHTML = PART(1);
    const fetched = vi.spyOn(globalThis, "fetch").mockRejectedValue(new TypeError("offline"));
    await renew(document, () => undefined);
    expect(document.querySelector("[data-n]")?.textContent).toBe("1");
    expect(document.querySelector<HTMLElement>("[data-lost]")?.hidden).toBe(false);
    fetched.mockResolvedValue(html(PART(1)));
    await renew(document, () => undefined);
    expect(document.querySelector<HTMLElement>("[data-lost]")?.hidden).toBe(true);
  });

  it("waits while a dialog is open", async () => {
    document.body.innerHTML = `${PART(1)}<dialog open></dialog>`;
    const fetched = vi.spyOn(globalThis, "fetch").mockResolvedValue(html(PART(2)));
    await renew(document, () => undefined);
    expect(fetched).not.toHaveBeenCalled();
  });
});

describe("a county that is not the reader's", () => {
  it("is drawn plain and cannot be pressed", async () => {
    const units = MAP.units.map((u, i) => (i ? u : { ...u, tier: "outside", tier_label: "outside your area", lines: [], href: undefined }));
    const map = await mount<YipanMap>(`<yipan-map data-under-test>${json({ ...MAP, units, topology: null })}</yipan-map>`);
    const mark = map.querySelector<SVGElement>('[data-code="a"]');
    expect(mark?.getAttribute("class")).toBe("co t-outside");
    mark?.dispatchEvent(new MouseEvent("click", { bubbles: true }));
    await settled(map);
    expect(map.querySelector(".mapcard")).toBeNull();
  });
});

describe("a box that scrolls", () => {
  const box = (inner: string, tall: number): HTMLElement => {
    document.body.innerHTML = `<div class="scroll-y">${inner}</div>`;
    const found = document.querySelector<HTMLElement>(".scroll-y") as HTMLElement;
    Object.defineProperty(found, "scrollHeight", { value: tall, configurable: true });
    Object.defineProperty(found, "clientHeight", { value: 100, configurable: true });
    return found;
  };

  it("becomes a tab stop where nothing inside is one", () => {
    const found = box("<p>rows</p>", 400);
    enhanceScroll(document);
    expect(found.tabIndex).toBe(0);
    Object.defineProperty(found, "scrollHeight", { value: 100 });
    enhanceScroll(document);
    expect(found.hasAttribute("tabindex")).toBe(false);
  });

  it("stays as it is where a link inside can be reached, or where all of it is seen", () => {
    expect((box('<a href="/x">x</a>', 400), enhanceScroll(document), document.querySelector(".scroll-y")?.hasAttribute("tabindex"))).toBe(false);
    expect((box("<p>rows</p>", 90), enhanceScroll(document), document.querySelector(".scroll-y")?.hasAttribute("tabindex"))).toBe(false);
  });
});
