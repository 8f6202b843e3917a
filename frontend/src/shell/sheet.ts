/**
 * The side sheet: a link with `data-sheet` opens its page's `<main>` beside the one being read.
 *
 * The address becomes the page's own plus `#n=NUMBER`, so that Back closes the sheet and a copied
 * address opens it again. Without JavaScript, and where the page cannot be fetched, the link is a link.
 */

const HASH = /^#n=(.+)$/;

export function watchSheets(doc: Document): void {
  doc.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const target = event.target as Element | null;
    const opener = target?.closest<HTMLElement>("[data-opens]");
    if (opener) return openDialog(doc, opener.dataset["opens"] ?? "");
    const link = target?.closest<HTMLAnchorElement>("a[data-sheet]");
    if (link) {
      event.preventDefault();
      window.history.pushState(null, "", `#n=${nameOf(link)}`);
      void open(doc, link);
    } else if (target?.closest("dialog.sheet [data-close]")) {
      event.preventDefault();
      close(doc);
    }
  });
  window.addEventListener("popstate", () => follow(doc));
  follow(doc);
}

function openDialog(doc: Document, id: string): void {
  doc.querySelector<HTMLDialogElement>(`dialog#${id}`)?.showModal();
}

/** What the address says: a number is open, or none is. */
function follow(doc: Document): void {
  const name = HASH.exec(window.location.hash)?.[1];
  if (!name) return sheet(doc)?.close();
  const link = [...doc.querySelectorAll<HTMLAnchorElement>("a[data-sheet]")].find((a) => nameOf(a) === name);
  if (link) void open(doc, link);
}

function nameOf(link: HTMLAnchorElement): string {
  return new URL(link.href).pathname.split("/").filter(Boolean).at(-1) ?? "";
}

function sheet(doc: Document): HTMLDialogElement | null {
  return doc.querySelector<HTMLDialogElement>("dialog.sheet");
}

async function open(doc: Document, link: HTMLAnchorElement): Promise<void> {
  let page: Document;
  try {
    const answer = await fetch(link.href, { credentials: "same-origin" });
    if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
    page = new DOMParser().parseFromString(await answer.text(), "text/html");
  } catch {
    window.location.assign(link.href);
    return;
  }
  const main = page.querySelector("main");
  if (!main) return window.location.assign(link.href);
  const dialog = sheet(doc) ?? make(doc);
  const heading = main.querySelector("h1");
  if (heading) dialog.setAttribute("aria-label", heading.textContent?.trim() ?? "");
  dialog.replaceChildren(...[...main.childNodes].map((node) => doc.importNode(node, true)));
  // One h1 a page: the sheet's is a section of the page under it.
  const own = dialog.querySelector("h1");
  if (own) {
    const second = doc.createElement("h2");
    second.textContent = own.textContent;
    second.tabIndex = -1;
    own.replaceWith(second);
  }
  if (!dialog.open) dialog.showModal();
  dialog.querySelector<HTMLElement>("h2")?.focus();
}

function make(doc: Document): HTMLDialogElement {
  const dialog = doc.createElement("dialog");
  dialog.className = "sheet";
  dialog.addEventListener("close", () => {
    if (HASH.test(window.location.hash)) window.history.replaceState(null, "", window.location.pathname + window.location.search);
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) close(doc); // the ground beside it
  });
  doc.body.append(dialog);
  return dialog;
}

function close(doc: Document): void {
  sheet(doc)?.close();
}
