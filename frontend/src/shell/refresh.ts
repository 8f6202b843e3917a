/**
 * A page with `body[data-refresh="60"]` renews itself in place so often: each `[data-part]` whose text
 * has changed is replaced, changed `[data-n]` numbers are underlined, pictures read their data again.
 * Nothing moves while somebody types or looks at a dialog, and a hidden page waits.
 */
import type { Picture, PictureData } from "../elements/picture.js";

const UNDERLINED_MS = 30_000;

export function watchRefresh(doc: Document, enhance: (root: ParentNode) => void): void {
  const seconds = Number(doc.body.dataset["refresh"] ?? 0);
  if (!(seconds > 0)) return;
  window.setInterval(() => void renew(doc, enhance), seconds * 1000);
}

/** Fetch the page again and put in place what has changed; the old stays where there is no answer. */
export async function renew(doc: Document, enhance: (root: ParentNode) => void): Promise<void> {
  if (doc.hidden || doc.querySelector("dialog[open]") || typing(doc)) return;
  let page: Document;
  try {
    const answer = await fetch(window.location.href, { credentials: "same-origin", headers: { Accept: "text/html" } });
    if (!answer.ok || answer.redirected) return mark(doc, false);
    page = new DOMParser().parseFromString(await answer.text(), "text/html");
  } catch {
    return mark(doc, false);
  }
  mark(doc, true);
  const before = numbers(doc);
  doc.querySelectorAll<HTMLElement>("[data-part]").forEach((part) => replace(doc, part, page));
  underline(doc, before);
  doc.querySelectorAll<HTMLElement>("yipan-map, yipan-curve, yipan-band").forEach((e) => picture(e, page));
  enhance(doc);
}

function replace(doc: Document, part: HTMLElement, page: Document): void {
  const fresh = [...page.querySelectorAll<HTMLElement>("[data-part]")].find((p) => p.dataset["part"] === part.dataset["part"]);
  if (!fresh) return part.remove();
  if (fresh.innerHTML !== part.innerHTML && !part.contains(doc.activeElement)) part.replaceChildren(...[...fresh.childNodes].map((n) => doc.importNode(n, true)));
}

/** A picture with inline data takes the new page's; one with an address asks again. */
function picture(element: HTMLElement, page: Document): void {
  const shown = element as unknown as Picture<PictureData>;
  const inline = element.querySelector('script[type="application/json"]');
  const fresh = page.querySelector(`${element.localName}[name="${element.getAttribute("name") ?? ""}"] script[type="application/json"]`);
  if (inline && fresh) {
    if (inline.textContent === fresh.textContent) return;
    inline.textContent = fresh.textContent;
  }
  void shown.load();
}

function numbers(doc: Document): Map<string, string> {
  return new Map([...doc.querySelectorAll<HTMLElement>("[data-n]")].map((e) => [e.dataset["n"] ?? "", e.textContent ?? ""]));
}

function underline(doc: Document, before: Map<string, string>): void {
  doc.querySelectorAll<HTMLElement>("[data-n]").forEach((element) => {
    const old = before.get(element.dataset["n"] ?? "");
    if (old === undefined || old === element.textContent) return;
    element.classList.add("changed");
    window.setTimeout(() => element.classList.remove("changed"), UNDERLINED_MS);
  });
}

/** `[data-lost]` says since when nothing has come; shown only while the server does not answer. */
function mark(doc: Document, answered: boolean): void {
  doc.querySelectorAll<HTMLElement>("[data-lost]").forEach((box) => (box.hidden = answered));
}

function typing(doc: Document): boolean {
  return doc.activeElement?.matches("input, select, textarea") ?? false;
}
