/** htmx under a strict policy, and numbers that show for half a minute that they changed. */
import htmx from "htmx.org";

const UNDERLINED_MS = 30_000;

export function configureHtmx(): void {
  // No inserted style sheet; `hx-on` and `js:` need eval, which the policy refuses: pages use neither.
  htmx.config.includeIndicatorCSS = false;
  htmx.config.mode = "same-origin";
  htmx.config.history = "reload";
}

/** After each swap: enhance what came, and underline each `[data-n]` whose text is not what it was. */
export function watchChanges(doc: Document, enhance: (root: ParentNode) => void): void {
  let before = new Map<string, string>();
  const numbers = (): Map<string, string> =>
    new Map([...doc.querySelectorAll<HTMLElement>("[data-n]")].map((e) => [e.dataset["n"] ?? "", e.textContent ?? ""]));
  doc.addEventListener("htmx:before:swap", () => (before = numbers()));
  doc.addEventListener("htmx:after:swap", () => {
    enhance(doc);
    doc.querySelectorAll<HTMLElement>("[data-n]").forEach((element) => {
      const old = before.get(element.dataset["n"] ?? "");
      if (old === undefined || old === element.textContent) return;
      element.classList.add("changed");
      window.setTimeout(() => element.classList.remove("changed"), UNDERLINED_MS);
    });
  });
}
