/** Today's page: the merged form on a phone. */
import { newKey } from "../outbox/key.js";
import { history, items, takeBack, type Item, type Refusal } from "../outbox/outbox.js";
import { button, make } from "./dom.js";
import { change, conditionsOf, empty, faultsOf, skipped, standing, toNumber, type Ask, type Fault, type Filled } from "./rules.js";
import type { Page, Session } from "./session.js";
import { clockHere, clockOf, dayInWords, said, settings, t } from "./settings.js";

interface Draft extends Filled {
  at: number;
}

const SECONDS_A_FIELD = 20;
const SAVE_AFTER_MS = 300;

/** One page being filled in; what is typed is in the vault before the finger has left the key. */
export class PageForm {
  readonly root = make("div", { class: "field-page" });
  private filled: Filled = { answers: {}, same: [], reason: "" };
  private refusal: Refusal | null = null;
  private replaces: string | null = null;
  private told = new Map<string, HTMLElement>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private pressed = false;
  private readonly asks: Ask[];
  private readonly id: string;

  constructor(
    private readonly session: Session,
    private readonly page: Page,
    private readonly turnedFrom: string,
  ) {
    this.asks = page.sections.flatMap((section) => section.asks);
    this.id = pageId(session.day?.unit.code ?? "", page);
  }

  /** What the screen shows is still this page. */
  same(page: Page): boolean {
    return pageId(this.session.day?.unit.code ?? "", page) === this.id;
  }

  async draw(): Promise<HTMLElement> {
    const inBox = (await items(this.session.vault)).filter((item) => item.kind === "report" && item.form === this.id);
    const refused = inBox.find((item) => item.refused);
    const waits = inBox.find((item) => !item.refused);
    const draft = await this.session.vault.get<Draft>("draft", this.id);
    this.refusal = refused?.refused ?? null;
    this.replaces = refused?.key ?? null;
    this.filled = draft ?? (refused || waits ? filledOf((refused ?? waits) as Item) : { answers: {}, same: [], reason: "" });
    this.told.clear();
    const heading = t(this.page.period === "weekly" ? "week_of" : "page_of", { day: dayInWords(this.page.day) });
    this.root.replaceChildren(make("h1", {}, heading));
    if (this.asks.length === 0) {
      this.root.append(make("p", { class: "callout" }, t("no_questions")));
      return this.root;
    }
    const minutes = Math.max(1, Math.round((this.asks.length * SECONDS_A_FIELD) / 60));
    this.root.append(
      make("p", { class: "sub sm" }, t("count", { n: this.asks.length, minutes })),
      make("progress", { max: 1, value: 0, "data-progress": true, "aria-label": t("progress", { done: "", left: "" }) }),
      make("p", { class: "sub sm", "data-progress-text": true }),
    );
    await this.notices(waits ?? null);
    const form = make("form", { novalidate: true });
    const set = make("fieldset", waits ? { disabled: true } : {});
    for (const section of this.page.sections) {
      const count = make("span", { class: "sub", "data-count": section.id });
      set.append(make("section", { class: "group" }, make("h2", {}, said(section.label), count), ...section.asks.map((ask) => this.ask(ask))));
    }
    set.append(this.reasonBox());
    const press = make("button", { class: "btn", type: "submit" }, t(navigator.onLine ? "send" : "keep_and_send"));
    set.append(make("div", { class: "send" }, press, make("p", { class: "state", "data-state": draft ? "typing" : "", role: "status" }, draft ? t("draft_kept", { time: clockHere(draft.at) }) : "")));
    form.append(set);
    form.addEventListener("submit", (event) => (event.preventDefault(), void this.send()));
    this.root.append(form);
    this.judge(this.refusal !== null);
    return this.root;
  }

  private async notices(waits: Item | null): Promise<void> {
    if (this.turnedFrom) this.root.append(make("p", { class: "callout warn" }, t("turned", { day: dayInWords(this.turnedFrom) })));
    if (waits) {
      const back = async (): Promise<void> => {
        const item = await takeBack(this.session.vault, waits.key);
        if (item) await this.keepDraft(filledOf(item));
        await this.draw();
      };
      this.root.append(make("div", { class: "callout offline", "data-state": "kept" }, make("p", { class: "b" }, t("kept", { time: clockHere(Date.parse(waits.at)) })), make("p", {}, t("waits")), make("div", { class: "acts" }, button(t("take_back"), back, "btn sec"))));
      return;
    }
    const last = (await history(this.session.vault)).find((one) => one.form === this.id);
    if (last) {
      const words = t(last.stands ? "stands" : "received", { time: clockOf(last.at), id: last.id });
      this.root.append(make("p", { class: "callout ok", "data-state": "received", role: "status" }, words));
      const labels = this.asks.filter((ask) => last.left_out.includes(ask.id)).map((ask) => said(ask.label));
      if (labels.length) this.root.append(make("p", { class: "callout warn" }, t("left_out", { labels: labels.join("; ") })));
    } else if (this.page.received) this.root.append(make("p", { class: "callout ok" }, t("received_before", { time: clockOf(this.page.received) })));
    if (this.refusal) this.root.append(make("div", { class: "callout alert", role: "alert", tabindex: "-1", "data-state": "refused" }, make("p", { class: "b" }, this.refusal.message), make("p", {}, this.refusal.remedy, " ", make("span", { class: "mut xs" }, this.refusal.code))));
  }

  // ---- one question -----------------------------------------------------------------------------

  private ask(ask: Ask): HTMLElement {
    const label = said(ask.label);
    const unit = said(ask.unit);
    const box = make("div", { class: ask.kind === "words" ? "ask wide" : "ask", "data-ask": ask.id }, make("label", { for: ask.id }, label));
    const before = make("div", { class: "yesterday" });
    if (ask.before) {
      const value = ask.kind === "flag" ? t(ask.before.value === "1" ? "yes" : "no") : `${ask.before.value}${unit ? ` ${unit}` : ""}`;
      const same = make("input", { type: "checkbox", name: "same", value: ask.id, checked: this.filled.same.includes(ask.id) });
      same.addEventListener("change", () => this.repeat(ask, same.checked));
      before.append(`${t("yesterday", { day: dayInWords(ask.before.day), value })} · `, make("label", { class: "same" }, same, t("same")));
    } else before.append([unit, t("no_earlier")].filter(Boolean).join(" · "));
    box.append(before, this.field(ask, label));
    box.append(make("p", { class: "msg", "data-fault": ask.id, "aria-live": "polite" }));
    const users = ask.users.length > 1 ? t("asked_for", { n: ask.users.length, codes: ask.users.join(" ") }) : "";
    const what = [said(ask.what), users].filter(Boolean).join(" ");
    if (ask.only_if) box.append(make("p", { class: "what sm mut", "data-only-if": true }, t("only_if", { condition: said(ask.only_if) })));
    if (what) box.append(make("p", { class: "what sm mut", id: `d-${ask.id}` }, what));
    this.told.set(ask.id, box);
    return box;
  }

  private field(ask: Ask, label: string): HTMLElement {
    const value = this.filled.answers[ask.id] ?? ask.known?.value ?? "";
    const shared = { id: ask.id, name: ask.id, "aria-describedby": `d-${ask.id}` };
    if (ask.kind === "words") {
      const words = make("textarea", { class: "inp words", rows: 2, maxlength: 2000, ...shared }, value);
      words.addEventListener("input", () => this.typed(ask, words.value));
      return words;
    }
    if (ask.kind === "flag") {
      const choice = make("select", { class: "inp", ...shared }, ...[["", "—"], ["1", t("yes")], ["0", t("no")]].map(([v, words]) => make("option", { value: v ?? "", selected: v === value }, words ?? "")));
      choice.addEventListener("change", () => this.typed(ask, choice.value));
      return make("div", { class: "step choice" }, choice);
    }
    const input = make("input", { ...shared, inputmode: ask.decimals ? "decimal" : "numeric", autocomplete: "off", maxlength: 18, value });
    input.addEventListener("input", () => this.typed(ask, input.value));
    const step = (by: number) => () => {
      const from = toNumber(input.value, ask.decimals) ?? (input.value.trim() ? null : 0);
      if (from === null) return;
      input.value = String(Math.min(ask.max, Math.max(ask.min, Number((from + by).toFixed(ask.decimals)))));
      this.typed(ask, input.value);
    };
    return make("div", { class: "step" }, button("−", step(-1), "", { "aria-label": t("one_less", { label }) }), input, button("+", step(1), "", { "aria-label": t("one_more", { label }) }));
  }

  private reasonBox(): HTMLElement {
    const words = make("textarea", { class: "inp", id: "reason", rows: 2, maxlength: 500 }, this.filled.reason);
    words.addEventListener("input", () => ((this.filled.reason = words.value), this.changed()));
    return make("div", { class: "group", "data-reason": true }, make("div", { class: "ask wide" }, make("label", { for: "reason" }, t("reason")), words));
  }

  // ---- what is typed ----------------------------------------------------------------------------

  private typed(ask: Ask, value: string): void {
    this.filled.answers[ask.id] = value;
    if (this.filled.same.includes(ask.id) && value !== ask.before?.value) {
      this.filled.same = this.filled.same.filter((id) => id !== ask.id);
      const mark = this.told.get(ask.id)?.querySelector<HTMLInputElement>("input[name=same]");
      if (mark) mark.checked = false;
    }
    if (this.refusal?.fields[ask.id]) delete this.refusal.fields[ask.id];
    this.changed();
  }

  private repeat(ask: Ask, on: boolean): void {
    this.filled.same = this.filled.same.filter((id) => id !== ask.id);
    if (on) this.filled.same.push(ask.id);
    const value = on ? (ask.before?.value ?? "") : "";
    this.filled.answers[ask.id] = value;
    const field = this.root.querySelector<HTMLInputElement>(`#${CSS.escape(ask.id)}`);
    if (field) field.value = value;
    this.changed();
  }

  private changed(): void {
    this.judge(false);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.keepNow(), SAVE_AFTER_MS);
  }

  /** Write the draft at once: the page is being hidden, or the phone taken away. */
  async keepNow(): Promise<void> {
    if (this.timer === undefined) return;
    clearTimeout(this.timer);
    this.timer = undefined;
    const at = await this.keepDraft(this.filled);
    if (at) this.say("typing", t("draft_kept", { time: clockHere(at) }));
  }

  private async keepDraft(filled: Filled): Promise<number> {
    const draft: Draft = { ...filled, at: Date.now() };
    return (await this.session.keep(() => this.session.vault.put("draft", this.id, draft))) ? draft.at : 0;
  }

  /** What is known already and was not typed over counts as said. */
  private sent(): Filled {
    const answers: Record<string, string> = {};
    const left = skipped(conditionsOf(this.asks), standing(this.asks, this.filled));
    for (const ask of this.asks) {
      const typed = this.filled.answers[ask.id];
      if (!left.has(ask.id) && typed !== undefined && typed.trim() !== "") answers[ask.id] = typed;
    }
    return { answers, same: this.filled.same.filter((id) => !left.has(id)), reason: this.filled.reason };
  }

  // ---- judging ----------------------------------------------------------------------------------

  private judge(all: boolean): boolean {
    const left = skipped(conditionsOf(this.asks), standing(this.asks, this.filled));
    const faults = faultsOf(this.asks, this.filled);
    let answered = 0;
    for (const ask of this.asks) {
      const box = this.told.get(ask.id);
      if (!box) continue;
      const away = left.has(ask.id);
      box.classList.toggle("skipped", away);
      const only = box.querySelector<HTMLElement>("[data-only-if]");
      if (only && ask.only_if) only.textContent = t(away ? "skipped_now" : "only_if", { condition: said(ask.only_if) });
      const typed = this.filled.answers[ask.id];
      const has = (typed ?? ask.known?.value ?? "").trim() !== "" || this.filled.same.includes(ask.id);
      if (has && !away) answered += 1;
      this.mark(ask, box, away ? null : (faults.get(ask.id) ?? null), all, typed ?? "");
    }
    const asked = this.asks.length - left.size;
    const bar = this.root.querySelector<HTMLProgressElement>("[data-progress]");
    if (bar) ((bar.max = Math.max(1, asked)), (bar.value = answered));
    const words = this.root.querySelector("[data-progress-text]");
    if (words) words.textContent = t("progress", { done: answered, left: asked - answered });
    this.countSections(left);
    const known = this.asks.some((ask) => ask.known) || [...faults.values()].some((f) => f.code === "total_falls") || this.filled.reason !== "";
    this.root.querySelector("[data-reason]")?.toggleAttribute("hidden", !known);
    return faults.size === 0;
  }

  private countSections(left: Set<string>): void {
    for (const section of this.page.sections) {
      const asked = section.asks.filter((ask) => !left.has(ask.id));
      const done = asked.filter((ask) => (this.filled.answers[ask.id] ?? ask.known?.value ?? "").trim() !== "" || this.filled.same.includes(ask.id)).length;
      const place = this.root.querySelector<HTMLElement>(`[data-count="${CSS.escape(section.id)}"]`);
      if (!place) continue;
      place.textContent = `${done === asked.length && done ? "✓ " : ""}${done} / ${asked.length}`;
      place.classList.toggle("ok", done === asked.length && done > 0);
    }
  }

  /** Say beside the field what is wrong; a large change is only a question. */
  private mark(ask: Ask, box: HTMLElement, fault: Fault | null, all: boolean, typed: string): void {
    const line = box.querySelector<HTMLElement>("[data-fault]");
    const field = box.querySelector<HTMLElement>(`#${CSS.escape(ask.id)}`);
    if (!line || !field) return;
    const servers = this.refusal?.fields[ask.id];
    const late = fault?.code === "reason_missing" || fault?.code === "total_falls";
    const show = fault && (all || !late || this.filled.reason === "") ? faultInWords(ask, fault) : "";
    const words = servers ? [servers.message, servers.remedy].filter(Boolean).join(" ") : show;
    const value = toNumber(typed, ask.decimals);
    const before = ask.before ? toNumber(ask.before.value, ask.decimals) : null;
    const percent = !words && typeof value === "number" && typeof before === "number" ? change(ask, value, before) : null;
    line.textContent = words || (percent === null ? "" : t(percent > 0 ? "more" : "less", { percent: Math.abs(percent) }));
    line.classList.toggle("refused", words !== "");
    field.toggleAttribute("data-as-yesterday", typed !== "" && typed === ask.before?.value);
    if (words) field.setAttribute("aria-invalid", "true");
    else field.removeAttribute("aria-invalid");
  }

  private say(name: string, words: string): void {
    const line = this.root.querySelector<HTMLElement>(".send .state");
    if (line) ((line.dataset["state"] = name), (line.textContent = words));
  }

  // ---- sending ----------------------------------------------------------------------------------

  private async send(): Promise<void> {
    if (this.pressed) return;
    if (empty(this.asks, this.filled)) return this.say("refused", t("nothing"));
    if (!this.judge(true)) {
      const n = this.root.querySelectorAll("[aria-invalid=true]").length;
      this.say("refused", t("faults", { n }));
      this.root.querySelector<HTMLElement>("[aria-invalid=true]")?.focus();
      return;
    }
    this.pressed = true;
    clearTimeout(this.timer);
    this.timer = undefined;
    const day = this.session.day;
    if (!day) return;
    const key = newKey();
    const at = new Date().toISOString();
    const item: Item = {
      key,
      kind: "report",
      form: this.id,
      action: settings.addresses.pages,
      label: t("report_item", { unit: said(day.unit.name), day: dayInWords(this.page.day) }),
      json: { person: day.person.id, unit: day.unit.code, day: this.page.day, period: this.page.period, ...this.sent(), client_key: key, device_at: at },
      at,
      tries: 0,
    };
    this.say("sending", t("sending"));
    if (await this.session.add(item)) {
      if (this.replaces) await takeBack(this.session.vault, this.replaces);
      await this.session.vault.drop("draft", this.id);
      await this.draw();
    } else this.say("refused", t("full"));
    this.pressed = false;
  }
}

export function pageId(unit: string, page: Pick<Page, "period" | "day">): string {
  return `${page.period}.${unit}.${page.day}`;
}

function filledOf(item: Item): Filled {
  const sent = item.json as unknown as Filled;
  return { answers: { ...sent.answers }, same: [...sent.same], reason: sent.reason };
}

function faultInWords(ask: Ask, fault: Fault): string {
  return t(fault.code, {
    label: said(ask.label),
    value: fault.value,
    places: ask.decimals,
    low: ask.min,
    high: ask.max,
    other: ask.before?.value ?? "",
    day: ask.before ? dayInWords(ask.before.day) : "",
    known: ask.known?.value ?? "",
  });
}

