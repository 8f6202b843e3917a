/** The outbox and what was received; saving the outbox as a file. */
import { newKey } from "../outbox/key.js";
import { history, items, takeBack, type Item } from "../outbox/outbox.js";
import { sealOutbox } from "../outbox/sealing.js";
import { button, make } from "./dom.js";
import type { Session } from "./session.js";
import { clockHere, clockOf, said, t } from "./settings.js";

export async function drawBox(session: Session, openPage: (form: string) => void, changed: () => void): Promise<HTMLElement> {
  const root = make("div", { class: "field-page", "data-outbox": true });
  const inside = await items(session.vault);
  root.append(make("h1", {}, inside.length === 0 ? t("outbox_empty") : inside.length === 1 ? t("waiting_one") : t("waiting_many", { n: inside.length })));
  for (const other of session.others) root.append(make("p", { class: "callout warn" }, t("other_person", { name: other.name })));
  if (inside.length) {
    const list = make("ul", { class: "group outbox" });
    for (const item of inside) list.append(line(session, item, openPage, changed));
    root.append(list);
    if (session.keeps) root.append(save(session));
  }
  const had = await history(session.vault);
  const done = make("section", { class: "group" }, make("h2", {}, t("history_head")));
  if (!had.length) done.append(make("p", { class: "ask wide sub" }, t("history_empty")));
  for (const one of had) {
    const words = t(one.stands ? "stands" : "received", { time: clockOf(one.at), id: one.id || "—" });
    done.append(make("div", { class: "ask wide", "data-received": one.key }, make("p", { class: "b" }, one.label), make("p", { class: "state", "data-state": "received" }, words)));
  }
  root.append(done);
  return root;
}

function line(session: Session, item: Item, openPage: (form: string) => void, changed: () => void): HTMLElement {
  const made = make("li", { class: "ask wide", "data-item": item.key }, make("p", { class: "b" }, item.label));
  const at = clockHere(Date.parse(item.at));
  if (!item.refused) {
    const tries = item.tries ? ` · ${t("tries", { n: item.tries })}` : "";
    made.append(make("p", { class: "state", "data-state": "kept" }, t("kept", { time: at }) + tries));
    return made;
  }
  made.append(make("p", { class: "msg refused", role: "alert" }, t("refused", { message: [item.refused.message, item.refused.remedy].filter(Boolean).join(" ") })));
  for (const wrong of Object.values(item.refused.fields)) made.append(make("p", { class: "msg refused" }, [wrong.message, wrong.remedy].filter(Boolean).join(" ")));
  const acts = make("div", { class: "acts" });
  if (item.kind === "report") acts.append(button(t("back_to_form"), () => openPage(item.form), "btn sec"));
  acts.append(
    button(t("drop"), async (pressed) => {
      if (!pressed.dataset["sure"]) return void ((pressed.dataset["sure"] = "yes"), (pressed.textContent = t("drop_sure")));
      await takeBack(session.vault, item.key);
      changed();
    }, "btn quiet"),
  );
  made.append(acts);
  return made;
}

/** Lock the outbox to the server's key and hand it to the phone as a file; nothing leaves the outbox. */
function save(session: Session): HTMLElement {
  const told = make("p", { class: "sub sm", role: "status" }, t("export_about"));
  const press = button(t("export"), async () => {
    const name = await saveFile(session);
    if (name) told.textContent = t("exported", { name });
  }, "btn sec");
  return make("section", { class: "group pad" }, make("div", { class: "acts" }, press), told);
}

async function saveFile(session: Session): Promise<string> {
  const day = session.day;
  if (!day) return "";
  const at = new Date();
  const text = await sealOutbox(
    {
      id: newKey(),
      made_at: at.toISOString(),
      person: day.person.id,
      person_name: day.person.name,
      unit_name: said(day.unit.name),
      items: (await items(session.vault)).map(told),
    },
    day.key,
  );
  const name = `yipan-${day.unit.code}-${at.toISOString().slice(0, 16).replace(/[-:T]/g, "")}.outbox`;
  const address = URL.createObjectURL(new Blob([text], { type: "application/octet-stream" }));
  const link = make("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
  return name;
}

/** One item as the server's door for files reads it. */
function told(item: Item): Record<string, unknown> {
  if (item.kind === "report") return { kind: "report", label: item.label, ...item.json };
  const delivery = /([0-9a-f]{8}-[0-9a-f-]{27})/.exec(item.action)?.[1] ?? "";
  return { kind: "order", label: item.label, delivery, device_at: item.at, client_key: item.key };
}
