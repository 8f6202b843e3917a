/**
 * Keys. `/` search; `g` then `b r a p o` to go; the page names the targets: `<a data-key="g b">`,
 * `<a data-key="[">`. `t` table or picture, `j` `k` in `[data-list]`, Enter opens, `c` calls, `?` shows all.
 * Single letters are off while typing and can be switched off (`[data-keys-switch]` in the dialog).
 */
import type { Picture, PictureData } from "../elements/picture.js";

const STORED = "yipan.keys";
const PREFIX_MS = 1500;

let prefixAt = -Infinity;

export function watchKeys(doc: Document): void {
  doc.addEventListener("keydown", onKey);
  doc.querySelectorAll<HTMLInputElement>("[data-keys-switch]").forEach((box) => {
    box.checked = keysOn();
    box.addEventListener("change", () => localStorage.setItem(STORED, box.checked ? "on" : "off"));
  });
}

export function keysOn(): boolean {
  return localStorage.getItem(STORED) !== "off";
}

function onKey(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
  if (event.key === "?") return done(event, toggleHelp());
  if (!keysOn()) return;
  if (event.timeStamp - prefixAt < PREFIX_MS) {
    prefixAt = -Infinity;
    if (press(`g ${event.key}`)) return done(event, true);
  }
  if (event.key === "g") {
    prefixAt = event.timeStamp;
    return;
  }
  if (event.key === "t") return done(event, switchPicture());
  if (event.key === "j" || event.key === "k") return done(event, step(event.key === "j" ? 1 : -1));
  if (event.key === "c") return done(event, click(doc(event)?.querySelector<HTMLElement>("[data-call]") ?? null));
  done(event, press(event.key));
}

function done(event: Event, acted: boolean): void {
  if (acted) event.preventDefault();
}

function typing(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest('input, select, textarea, [contenteditable="true"], [data-typeahead]') !== null;
}

function doc(event: Event): Element | null {
  return event.target instanceof Element ? event.target.closest("[data-item]") : null;
}

/** Do what the page's element for this key does: focus a field, follow a link, press a button. */
function press(key: string): boolean {
  const element = [...document.querySelectorAll<HTMLElement>("[data-key]")].find((e) => e.dataset["key"] === key) ?? null;
  if (element instanceof HTMLInputElement) {
    element.focus();
    return true;
  }
  return click(element);
}

function click(element: HTMLElement | null): boolean {
  if (!element || element.getAttribute("aria-disabled") === "true") return false;
  element.click();
  return true;
}

function switchPicture(): boolean {
  const inBlock = document.activeElement?.closest(".block") ?? document;
  const picture = [...inBlock.querySelectorAll<HTMLElement>("*")].find(
    (e): e is Picture<PictureData> => "switchView" in e && e.querySelector(":scope > table, :scope > [data-twin]") !== null,
  );
  picture?.switchView();
  return picture !== undefined;
}

function step(by: number): boolean {
  const items = [...document.querySelectorAll<HTMLElement>("[data-list] [data-item]")].filter((e) => !e.hidden);
  if (!items.length) return false;
  const here = items.findIndex((item) => item.contains(document.activeElement));
  const next = items[Math.min(items.length - 1, Math.max(0, here + by))] as HTMLElement;
  const target = next.matches("a, button") ? next : (next.querySelector<HTMLElement>("a[href], button") ?? next);
  target.focus();
  return true;
}

function toggleHelp(): boolean {
  const dialog = document.querySelector<HTMLDialogElement>("dialog#keys");
  if (!dialog) return false;
  if (dialog.open) dialog.close();
  else dialog.showModal();
  return true;
}
