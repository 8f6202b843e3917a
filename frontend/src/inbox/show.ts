/** Without a signal: show what was kept, and keep what is pressed until the server can be asked. */
import { newKey, WAITING, type Waiting } from "../shell/forms.js";
import { kept, verdict, type Bundle, type OrderKept } from "./bundle.js";

const NIL = "00000000-0000-0000-0000-000000000000";

export async function showKept(main: HTMLElement): Promise<void> {
  window.addEventListener("online", () => window.location.assign(main.dataset["online"] ?? "/"));
  const found = kept();
  if (!found) return say(main, "textNone");
  const judged = await verdict(found);
  if (judged === "broken") return say(main, "textBroken", "alert");
  if (judged === "unchecked") say(main, "textUnchecked", "warn");
  const bundle = JSON.parse(found.text) as Bundle;
  say(main, "textKeptAt", "", { time: clock(bundle.made_at) });
  for (const order of bundle.orders) main.append(card(main, bundle, order));
}

function card(main: HTMLElement, bundle: Bundle, order: OrderKept): HTMLElement {
  const article = element("article", `order p${order.priority}`);
  const mark = element("div", "m");
  mark.append(element("span", `tag p${order.priority}`, `P${order.priority}`), element("span", "", order.issuer));
  if (order.exercise) mark.append(element("span", "demo", main.dataset["textExercise"] ?? ""));
  if (order.due_at) mark.append(element("span", "r", fill(main.dataset["textDue"], { time: clock(order.due_at) })));
  article.append(mark, element("h2", "", order.title));
  for (const line of order.body.split("\n")) article.append(element("p", "", line));
  article.append(element("p", "sm", `${main.dataset["textDone"] ?? ""}: ${order.closure}`));
  const state = element("p", "state");
  state.setAttribute("role", "status");
  if (pressed(main, order)) tell(main, state);
  else if (order.state === "delivered") article.append(button(main, bundle, order, state));
  article.append(state);
  return article;
}

function button(main: HTMLElement, bundle: Bundle, order: OrderKept, state: HTMLElement): HTMLElement {
  const acts = element("div", "acts");
  const press = element("button", "btn", main.dataset["textRead"] ?? "") as HTMLButtonElement;
  press.type = "button";
  press.addEventListener("click", () => {
    const key = newKey();
    const at = new Date().toISOString();
    const item: Waiting = {
      key,
      form: `act-${order.delivery}-acknowledge`,
      action: address(main, order),
      // The token of the page that sends it stands in for this empty one.
      fields: [["client_key", key], ["device_at", at], ["csrfmiddlewaretoken", ""]],
      actor: bundle.person,
      at,
    };
    localStorage.setItem(WAITING + key, JSON.stringify(item));
    acts.remove();
    tell(main, state);
  });
  acts.append(press);
  return acts;
}

function address(main: HTMLElement, order: OrderKept): string {
  return new URL((main.dataset["act"] ?? "").replace(NIL, order.delivery), window.location.href).href;
}

/** Whether this order was pressed on this phone already and still waits. */
function pressed(main: HTMLElement, order: OrderKept): boolean {
  const names = Array.from({ length: localStorage.length }, (_, i) => localStorage.key(i) ?? "");
  const items = names.filter((n) => n.startsWith(WAITING)).map((n) => JSON.parse(localStorage.getItem(n) ?? "{}") as Partial<Waiting>);
  return items.some((item) => item.action === address(main, order));
}

function tell(main: HTMLElement, state: HTMLElement): void {
  state.dataset["state"] = "kept";
  state.textContent = main.dataset["textKept"] ?? "";
}

function say(main: HTMLElement, key: string, tone = "", values: Record<string, string> = {}): void {
  main.append(element("p", tone ? `callout ${tone}` : "sub", fill(main.dataset[key], values)));
}

function fill(text: string | undefined, values: Record<string, string>): string {
  return (text ?? "").replace(/\{(\w+)\}/g, (_, name: string) => values[name] ?? "");
}

function clock(moment: string): string {
  return moment.replace("T", " ").slice(0, 16);
}

function element(name: string, className: string, text = ""): HTMLElement {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}
