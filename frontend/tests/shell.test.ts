import "fake-indexeddb/auto";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { items } from "../src/outbox/outbox.js";
import { openVault, wipe } from "../src/outbox/vault.js";
import { clientKey, closeVault, enhanceForms, flush, keepDraft, newKey, restore, send, waitingHere as waiting, watchForms } from "../src/shell/forms.js";
import { watchKeys } from "../src/shell/keys.js";
import { enhanceSteps } from "../src/shell/steps.js";
import { enhanceUndo } from "../src/shell/undo.js";

const FORM = `<form data-keep="report:a:2020-02-24" data-once action="/report/form/" method="post"
  data-text-sending="Sending" data-text-kept="Kept on this phone" data-text-received="Received by the server {time}" data-text-refused="Not accepted: {message}">
  <input type="hidden" name="csrfmiddlewaretoken" value="token-1"><input name="masks" value=""><p class="state" data-state></p></form>`;

function page(html: string, actor = "wang"): HTMLFormElement {
  document.body.innerHTML = html;
  document.body.dataset["actor"] = actor;
  enhanceForms(document);
  return document.querySelector("form") as HTMLFormElement;
}

const state = (): string => document.querySelector("[data-state]")?.textContent ?? "";
const answer = (status: number, body: object): Response => new Response(JSON.stringify(body), { status, headers: { "Content-Type": "application/json" } });
const sent = (call: unknown[] | undefined): URLSearchParams => (call?.[1] as RequestInit).body as URLSearchParams;

watchForms(document);
watchKeys(document);
beforeEach(async () => {
  localStorage.clear();
  await wipe();
  closeVault();
});
afterEach(() => vi.restoreAllMocks());

describe("client key", () => {
  it("is a version 4 UUID with or without randomUUID", () => {
    const pattern = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
    expect(newKey()).toMatch(pattern);
    vi.stubGlobal("crypto", { getRandomValues: (b: Uint8Array) => b.fill(255) });
    expect(newKey()).toBe("ffffffff-ffff-4fff-bfff-ffffffffffff");
    vi.unstubAllGlobals();
  });

  it("is made once for a form and kept", () => {
    const form = page(FORM);
    expect(clientKey(form)).toBe(clientKey(form));
    expect(form.querySelectorAll('[name="client_key"]')).toHaveLength(1);
  });

  it("lets a form without network handling be pressed once only", () => {
    const form = page('<form data-once action="/x"><button>Sign</button></form>');
    const press = (): boolean => form.dispatchEvent(new Event("submit", { cancelable: true, bubbles: true }));
    expect(press()).toBe(true);
    expect(press()).toBe(false);
  });
});

describe("a kept form", () => {
  it("never says received before the server answered", async () => {
    let release: (r: Response) => void = () => undefined;
    vi.spyOn(globalThis, "fetch").mockReturnValue(new Promise((done) => (release = done)));
    const form = page(FORM);
    const sending = send(form);
    expect(state()).toBe("Sending");
    await vi.waitFor(async () => expect(await waiting()).toHaveLength(1));
    await vi.waitFor(() => expect(fetch).toHaveBeenCalled());
    expect(state()).toBe("Sending");
    release(answer(200, { received_at: "15:31" }));
    await sending;
    expect(state()).toBe("Received by the server 15:31");
    expect(await waiting()).toHaveLength(0);
  });

  it("stays on the phone without network, and goes again with the same key", async () => {
    const fetching = vi.spyOn(globalThis, "fetch").mockRejectedValueOnce(new TypeError("no network"));
    const form = page(FORM);
    (form.elements.namedItem("masks") as HTMLInputElement).value = "340";
    await send(form);
    expect(state()).toBe("Kept on this phone");
    fetching.mockResolvedValueOnce(answer(200, { received_at: "15:31" }));
    await flush(true);
    const [first, second] = fetching.mock.calls.map(sent);
    expect(second?.get("client_key")).toBe(first?.get("client_key"));
    expect(second?.get("masks")).toBe("340");
    expect(state()).toBe("Received by the server 15:31");
    expect(await waiting()).toHaveLength(0);
  });

  it("keeps what the server was too busy for", async () => {
    vi.spyOn(globalThis, "fetch").mockResolvedValue(new Response("busy", { status: 503 }));
    await send(page(FORM));
    expect(state()).toBe("Kept on this phone");
    expect(await waiting()).toHaveLength(1);
  });

  it("keeps what needs signing in again", async () => {
    vi.spyOn(globalThis, "fetch").mockResolvedValue(answer(401, {}));
    await send(page(FORM));
    expect(await waiting()).toHaveLength(1);
  });

  it("says why something was refused and does not send it again", async () => {
    const fetching = vi.spyOn(globalThis, "fetch").mockResolvedValue(answer(422, { message: "R103 −3 is below 0" }));
    await send(page(FORM));
    expect(state()).toBe("Not accepted: R103 −3 is below 0");
    await flush();
    expect(fetching).toHaveBeenCalledOnce();
  });

  it("sends once when pressed twice", async () => {
    const fetching = vi.spyOn(globalThis, "fetch").mockResolvedValue(answer(200, {}));
    const form = page(FORM);
    await Promise.all([send(form), send(form)]);
    expect(fetching).toHaveBeenCalledOnce();
  });

  it("takes a new key after the server received one", async () => {
    vi.spyOn(globalThis, "fetch").mockResolvedValue(answer(200, {}));
    const form = page(FORM);
    const before = clientKey(form);
    await send(form);
    expect(clientKey(form)).not.toBe(before);
  });

  it("uses the token of now, not the one kept", async () => {
    const fetching = vi.spyOn(globalThis, "fetch").mockRejectedValueOnce(new TypeError("no network"));
    await send(page(FORM));
    page(FORM.replace("token-1", "token-2"));
    fetching.mockResolvedValueOnce(answer(200, {}));
    await flush(true);
    expect(sent(fetching.mock.calls[1]).get("csrfmiddlewaretoken")).toBe("token-2");
  });

  it("never sends one person's report as another's", async () => {
    const fetching = vi.spyOn(globalThis, "fetch").mockRejectedValue(new TypeError("no network"));
    await send(page(FORM, "wang"));
    page(FORM, "li");
    await flush();
    expect(fetching).toHaveBeenCalledOnce();
    expect(await waiting()).toHaveLength(0);
    document.body.dataset["actor"] = "wang";
    expect(await waiting()).toHaveLength(1);
  });

  it("brings back what was typed", async () => {
    const first = page(FORM);
    const field = first.elements.namedItem("masks") as HTMLInputElement;
    field.value = "340";
    await keepDraft(first);
    const again = page(FORM);
    await restore(again);
    expect((again.elements.namedItem("masks") as HTMLInputElement).value).toBe("340");
  });

  it("keeps nothing in the clear", async () => {
    vi.spyOn(globalThis, "fetch").mockRejectedValue(new TypeError("no network"));
    const form = page(FORM);
    (form.elements.namedItem("masks") as HTMLInputElement).value = "34017";
    await keepDraft(form);
    await send(form);
    expect(JSON.stringify({ ...localStorage })).not.toContain("34017");
    expect(await waiting()).toHaveLength(1);
  });

  it("goes out after what was pressed before it, and says that it waits", async () => {
    const fetching = vi.spyOn(globalThis, "fetch").mockRejectedValue(new TypeError("no network"));
    await send(page(FORM));
    const second = page(FORM.replaceAll("2020-02-24", "2020-02-25"));
    await send(second);
    expect(state()).toBe("Kept on this phone");
    fetching.mockReset().mockResolvedValue(answer(200, {}));
    await flush(true);
    expect(fetching).toHaveBeenCalledTimes(2);
    expect(await waiting()).toHaveLength(0);
  });

  it("waits in the outbox with the server's words when its page is not open", async () => {
    const fetching = vi.spyOn(globalThis, "fetch").mockRejectedValueOnce(new TypeError("no network"));
    await send(page(FORM));
    page("<p>another page</p>");
    fetching.mockResolvedValueOnce(answer(422, { message: "below 0" }));
    await flush(true);
    const [left] = await items(await openVault("wang"));
    expect(left?.refused?.message).toBe("below 0");
    expect(await waiting()).toHaveLength(0);
  });

  it("shows how many wait", async () => {
    vi.spyOn(globalThis, "fetch").mockRejectedValue(new TypeError("no network"));
    const form = page(`<div data-waiting hidden><b data-waiting-text="{n} kept on this phone"></b></div>${FORM}`);
    await send(form);
    const box = document.querySelector<HTMLElement>("[data-waiting]");
    expect(box?.hidden).toBe(false);
    expect(box?.textContent).toBe("1 kept on this phone");
  });
});

describe("keys", () => {
  const press = (key: string, target: EventTarget = document.body): void => {
    target.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
  };
  const followed = vi.fn();

  beforeEach(() => {
    followed.mockReset();
    document.body.innerHTML = `<input data-key="/" id="search"><a data-key="g b" href="#b">Board</a><a data-key="[" href="#y">Yesterday</a>
      <ul data-list><li data-item><a href="#1" id="i1">1</a></li><li data-item><a href="#2" id="i2">2</a></li></ul>`;
    document.querySelectorAll("a").forEach((a) => a.addEventListener("click", (e) => (e.preventDefault(), followed(a.textContent))));
  });

  it("go to a page by g and its letter", () => {
    press("b");
    expect(followed).not.toHaveBeenCalled();
    press("g");
    press("b");
    expect(followed).toHaveBeenCalledWith("Board");
  });

  it("focus the search by a slash", () => {
    press("/");
    expect(document.activeElement?.id).toBe("search");
  });

  it("go a day back", () => {
    press("[");
    expect(followed).toHaveBeenCalledWith("Yesterday");
  });

  it("walk a list", () => {
    press("j");
    expect(document.activeElement?.id).toBe("i1");
    press("j", document.activeElement as Element);
    expect(document.activeElement?.id).toBe("i2");
    press("k", document.activeElement as Element);
    expect(document.activeElement?.id).toBe("i1");
  });

  it("are off while typing, and when switched off", () => {
    press("[", document.querySelector("#search") as Element);
    localStorage.setItem("yipan.keys", "off");
    press("[");
    expect(followed).not.toHaveBeenCalled();
  });
});

describe("step field", () => {
  const ASK = `<form><progress data-progress></progress><p data-progress-text="{done} done, {left} to go"></p>
    <div class="ask"><div class="yesterday"><button type="button" data-same="100">same</button></div>
    <div class="step"><button type="button" data-step="-1">−</button><input type="number" min="0" data-yesterday="100"><button type="button" data-step="1">+</button></div>
    <p data-warn="{percent}% above" data-warn-below="{percent}% below"></p></div></form>`;
  const input = (): HTMLInputElement => document.querySelector(".step input") as HTMLInputElement;
  const click = (selector: string): void => (document.querySelector(selector) as HTMLElement).click();

  beforeEach(() => {
    document.body.innerHTML = ASK;
    enhanceSteps(document);
  });

  it("counts up, and never below the least allowed", () => {
    click('[data-step="-1"]');
    expect(input().value).toBe("0");
    click('[data-step="1"]');
    expect(input().value).toBe("1");
  });

  it("takes yesterday's value and marks it so", () => {
    click("[data-same]");
    expect(input().value).toBe("100");
    expect(input().hasAttribute("data-as-yesterday")).toBe(true);
  });

  it("warns of a large change and lets one go on", () => {
    input().value = "123";
    input().dispatchEvent(new Event("input", { bubbles: true }));
    expect(document.querySelector("[data-warn]")?.textContent).toBe("23% above");
    input().value = "110";
    input().dispatchEvent(new Event("input", { bubbles: true }));
    expect(document.querySelector("[data-warn]")?.textContent).toBe("");
  });

  it("tells zero from blank when it counts what is answered", () => {
    expect(document.querySelector("[data-progress-text]")?.textContent).toBe("0 done, 1 to go");
    click('[data-step="-1"]');
    expect(document.querySelector("[data-progress-text]")?.textContent).toBe("1 done, 0 to go");
  });

  it("counts a choice and words as answers too", () => {
    document.body.innerHTML = `<form><progress data-progress></progress><p data-progress-text="{done} done, {left} to go"></p>
      <div class="ask"><div class="step"><input value="3"></div></div>
      <div class="ask"><div class="step choice"><select><option value="">—</option><option value="1">yes</option></select></div></div>
      <div class="ask"><textarea class="words"></textarea></div></form>`;
    enhanceSteps(document);
    const told = (): string => document.querySelector("[data-progress-text]")?.textContent ?? "";
    expect(told()).toBe("1 done, 2 to go");
    const choice = document.querySelector("select") as HTMLSelectElement;
    choice.value = "1";
    choice.dispatchEvent(new Event("input", { bubbles: true }));
    expect(told()).toBe("2 done, 1 to go");
    const words = document.querySelector("textarea") as HTMLTextAreaElement;
    words.value = "a bridge is down";
    words.dispatchEvent(new Event("input", { bubbles: true }));
    expect(told()).toBe("3 done, 0 to go");
  });
});

describe("skip logic", () => {
  const TWO = `<form><progress data-progress></progress><p data-progress-text="{done} done, {left} to go"></p>
    <div class="ask" data-ask="fever"><div class="step"><input value=""></div></div>
    <div class="ask" data-ask="sent" data-relevant='[">", "fever", 0]'><div class="step"><input value=""></div></div></form>`;

  it("leaves out what the answers so far make needless", () => {
    document.body.innerHTML = TWO;
    enhanceSteps(document);
    const [fever, sent] = [...document.querySelectorAll<HTMLElement>(".ask")];
    const type = (value: string): void => {
      const input = fever?.querySelector("input") as HTMLInputElement;
      input.value = value;
      input.dispatchEvent(new Event("input", { bubbles: true }));
    };
    expect(sent?.classList.contains("skipped")).toBe(true);
    type("0");
    expect(sent?.classList.contains("skipped")).toBe(true);
    expect(document.querySelector("[data-progress-text]")?.textContent).toBe("1 done, 0 to go");
    type("２");
    expect(sent?.classList.contains("skipped")).toBe(false);
  });
});

describe("undo", () => {
  it("counts down and stops offering at zero", () => {
    vi.useFakeTimers();
    document.body.innerHTML = '<button data-undo-seconds="2" data-undo-text="Undo ({n} s)" data-undo-over="Released"></button>';
    enhanceUndo(document);
    const button = document.querySelector("button") as HTMLButtonElement;
    expect(button.textContent).toBe("Undo (2 s)");
    vi.advanceTimersByTime(1100);
    expect(button.textContent).toBe("Undo (1 s)");
    vi.advanceTimersByTime(1500);
    expect(button.textContent).toBe("Released");
    expect(button.disabled).toBe(true);
    vi.useRealTimers();
  });
});
