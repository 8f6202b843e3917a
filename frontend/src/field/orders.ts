/** The orders of this person: the signed bundle, kept for a day without a signal. */
import { keep, kept, verdict, type Bundle, type Kept } from "../inbox/bundle.js";
import { card, type Words } from "../inbox/cards.js";
import { items } from "../outbox/outbox.js";
import { make } from "./dom.js";
import type { Session } from "./session.js";
import { settings, t } from "./settings.js";

/** Whether an order stage is there at all. */
export function hasOrders(): boolean {
  return settings.parts["orders"] !== undefined;
}

/** Fetch a fresh bundle; where it cannot be had, what was kept stays. */
export async function fetchOrders(session: Session): Promise<void> {
  const address = settings.parts["orders"]?.["bundle"];
  if (!address || !session.day?.receives_orders) return;
  const answer = await fetch(address, { headers: { Accept: "application/json" }, credentials: "same-origin" }).catch(() => null);
  if (answer?.ok) {
    const bundle = (await answer.json()) as Kept;
    await session.keep(() => keep(session.vault, bundle));
  }
}

/** How many orders wait to be read, as known on this phone. */
export async function unread(session: Session): Promise<number> {
  const found = await trusted(session);
  const pressed = new Set((await items(session.vault)).map((item) => item.form));
  return found?.orders.filter((o) => o.state === "delivered" && !pressed.has(`act-${o.delivery}-acknowledge`)).length ?? 0;
}

async function trusted(session: Session): Promise<Bundle | null> {
  const found = await kept(session.vault);
  if (!found || (await verdict(session.vault, found)) === "broken") return null;
  return JSON.parse(found.text) as Bundle;
}

export async function drawOrders(session: Session, changed: () => void): Promise<HTMLElement> {
  const root = make("div", { class: "field-page", "data-orders": true });
  const found = await kept(session.vault);
  if (!found) {
    root.append(make("h1", {}, t("tab_orders")), make("p", { class: "callout" }, t("orders_not_kept")));
    return root;
  }
  const judged = await verdict(session.vault, found);
  if (judged === "broken") {
    root.append(make("h1", {}, t("tab_orders")), make("p", { class: "callout alert", role: "alert" }, t("orders_broken")));
    return root;
  }
  const bundle = JSON.parse(found.text) as Bundle;
  const heading = bundle.orders.length ? t("orders_count", { n: bundle.orders.length }) : t("orders_none");
  root.append(make("h1", {}, heading), make("p", { class: "sub sm" }, t("orders_kept_at", { time: bundle.made_at.replace("T", " ").slice(0, 16) })));
  if (judged === "unchecked") root.append(make("p", { class: "callout warn" }, t("orders_unchecked")));
  const pressed = new Set((await items(session.vault)).map((item) => item.action));
  for (const order of bundle.orders) {
    const made = card(order, words(), session.vault, pressed, () => (changed(), void session.flush()));
    const open = settings.parts["orders"]?.["delivery"]?.replace(settings.nil, order.delivery);
    if (open && session.standing === "online") made.append(make("p", { class: "sm" }, make("a", { href: open }, t("orders_open"))));
    root.append(made);
  }
  return root;
}

function words(): Words {
  return {
    read: t("orders_read"),
    kept: t("kept", { time: "" }),
    due: t("orders_due", { time: "{time}" }),
    done: t("orders_done"),
    exercise: t("orders_exercise"),
    act: settings.parts["orders"]?.["act"] ?? "",
    label: t("order_item", { title: "{title}" }),
  };
}
