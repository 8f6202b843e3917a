/**
 * What scrolls must be reachable by keyboard: a box that overflows and holds nothing to focus becomes a
 * tab stop, and stops being one when it fits again.
 */

const BOXES = ".scroll, .scroll-y, main table";
const STOPS = "a[href], button, input, select, textarea, summary, [tabindex]";

export function enhanceScroll(root: ParentNode): void {
  root.querySelectorAll<HTMLElement>(BOXES).forEach((box) => {
    const overflows = box.scrollHeight > box.clientHeight + 1 || box.scrollWidth > box.clientWidth + 1;
    if (overflows && !box.querySelector(STOPS) && !box.hasAttribute("tabindex")) {
      box.tabIndex = 0;
      box.dataset["scrolls"] = "yes";
    } else if (!overflows && box.dataset["scrolls"]) {
      box.removeAttribute("tabindex");
      delete box.dataset["scrolls"];
    }
  });
}

export function watchScroll(doc: Document): void {
  window.addEventListener("resize", () => enhanceScroll(doc));
}
