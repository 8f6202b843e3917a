/** Small hands for building a page without a framework; text is always text. */

type Child = Node | string | null | false | undefined;

export function make<K extends keyof HTMLElementTagNameMap>(
  name: K,
  attributes: Record<string, string | boolean | number | undefined> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    if (key === "class") made.className = String(value);
    else made.setAttribute(key, value === true ? "" : String(value));
  }
  made.append(...children.filter((c): c is Node | string => c !== null && c !== undefined && c !== false && c !== ""));
  return made;
}

export function button(words: string, press: (made: HTMLButtonElement) => void | Promise<void>, className = "btn", attributes: Record<string, string> = {}): HTMLButtonElement {
  const made = make("button", { type: "button", class: className, ...attributes }, words);
  made.addEventListener("click", () => void press(made));
  return made;
}

/** A line with a state of its own: `data-state` gives it its colour and mark. */
export function state(name: string, words: string): HTMLElement {
  return make("p", { class: "state", "data-state": name, role: "status" }, words);
}

const SVG = "http://www.w3.org/2000/svg";

export function icon(path: string): SVGElement {
  const made = document.createElementNS(SVG, "svg");
  made.setAttribute("viewBox", "0 0 24 24");
  made.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("d", path);
  made.append(line);
  return made;
}

export const ICONS = {
  orders: "M5 4h14v16H5zM8 9h8M8 13h8",
  page: "M4 7h16M4 12h16M4 17h9",
  outbox: "M4 13v6h16v-6M12 15V4M8 8l4-4 4 4",
  me: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM5 20c1-4 4-5 7-5s6 1 7 5",
  offline: "M4 4l16 16M2 9c2-1.7 4-2.8 6-3.4M22 9a15 15 0 0 0-8-3.9M6 13a9 9 0 0 1 4-2M18 13a9 9 0 0 0-2-1.4M9 16.5a4 4 0 0 1 6 0",
};
