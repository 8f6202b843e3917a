/** One order as the bundle tells it: a card, and the press that says a person has read it. */
import { newKey } from "../outbox/key.js";
import { addItem, type Item } from "../outbox/outbox.js";
import type { Vault } from "../outbox/vault.js";
import type { OrderKept } from "./bundle.js";

/** The words and the address of an act, from the page that shows the card. */
export interface Words {
  read: string;
  kept: string;
  due: string;
  done: string;
  exercise: string;
  act: string; // the address, with NIL for the delivery
  label: string; // of the item in the outbox, with {title}
}

export const NIL = "00000000-0000-0000-0000-000000000000";

/** `pressed`: the addresses of acts that wait in the outbox. */
export function card(order: OrderKept, words: Words, vault: Vault, pressed: ReadonlySet<string>, then: () => void = () => undefined): HTMLElement {
  const article = element("article", `order p${order.priority}`);
  const mark = element("div", "m");
  mark.append(element("span", `tag p${order.priority}`, `P${order.priority}`), element("span", "", order.issuer));
  if (order.exercise) mark.append(element("span", "demo", words.exercise));
  if (order.due_at) mark.append(element("span", "r", fill(words.due, { time: clock(order.due_at) })));
  article.append(mark, element("h2", "", order.title));
  for (const line of order.body.split("\n")) article.append(element("p", "", line));
  article.append(element("p", "sm", `${words.done}: ${order.closure}`));
  const state = element("p", "state");
  state.setAttribute("role", "status");
  if (pressed.has(address(words, order))) tell(words, state);
  else if (order.state === "delivered") article.append(press(order, words, vault, state, then));
  article.append(state);
  return article;
}

function press(order: OrderKept, words: Words, vault: Vault, state: HTMLElement, then: () => void): HTMLElement {
  const acts = element("div", "acts");
  const made = element("button", "btn", words.read) as HTMLButtonElement;
  made.type = "button";
  made.addEventListener("click", () => {
    made.disabled = true;
    void addItem(vault, itemOf(order, words)).then(
      () => {
        acts.remove(); // it says "kept" only when it is
        tell(words, state);
        then();
      },
      (fault: unknown) => {
        made.disabled = false;
        throw fault;
      },
    );
  });
  acts.append(made);
  return acts;
}

function itemOf(order: OrderKept, words: Words): Item {
  const key = newKey();
  const at = new Date().toISOString();
  return {
    key,
    kind: "order",
    form: `act-${order.delivery}-acknowledge`,
    action: address(words, order),
    fields: [["client_key", key], ["device_at", at]],
    label: fill(words.label, { title: order.title }),
    at,
    tries: 0,
  };
}

function address(words: Words, order: OrderKept): string {
  return new URL(words.act.replace(NIL, order.delivery), window.location.href).href;
}

function tell(words: Words, state: HTMLElement): void {
  state.dataset["state"] = "kept";
  state.textContent = words.kept;
}

export function fill(text: string | undefined, values: Record<string, string>): string {
  return (text ?? "").replace(/\{(\w+)\}/g, (_, name: string) => values[name] ?? "");
}

export function clock(moment: string): string {
  return moment.replace("T", " ").slice(0, 16);
}

export function element(name: string, className: string, text = ""): HTMLElement {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}
