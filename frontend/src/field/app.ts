/** The app on the phone: a bar, a strip that says how things stand, one of four tabs, and the tabs below. */
import { items, onChange } from "../outbox/outbox.js";
import { drawBox } from "./box.js";
import { button, icon, ICONS, make } from "./dom.js";
import { drawMe } from "./me.js";
import { drawOrders, fetchOrders, hasOrders, unread } from "./orders.js";
import { PageForm, pageId } from "./page.js";
import { Session, type Page } from "./session.js";
import { clockHere, said, settings, speak, speaking, t } from "./settings.js";

type Tab = "orders" | "page" | "outbox" | "me";

export class App {
  private readonly session = new Session(() => void this.refresh());
  private tab: Tab = tabOf(window.location.hash);
  private period: Page["period"] = window.location.hash === "#weekly" ? "weekly" : "daily";
  private form: PageForm | null = null;
  private drawn = "";
  private readonly bar = make("header", { class: "bar" });
  private readonly strip = make("div", { class: "strip", role: "status" });
  private readonly main = make("main", { id: "main" });
  private readonly tabs = make("nav", { class: "tabs" });
  private queue: Promise<void> = Promise.resolve();

  constructor(private readonly root: HTMLElement) {
    root.append(this.bar, this.strip, this.main, this.tabs);
  }

  async start(): Promise<void> {
    speak(speaking());
    window.addEventListener("hashchange", () => this.go(tabOf(window.location.hash)));
    window.addEventListener("online", () => void this.session.tryNow().then(() => this.orders()));
    window.addEventListener("offline", () => ((this.session.standing = "offline"), void this.refresh()));
    document.addEventListener("visibilitychange", () => {
      void this.form?.keepNow();
      if (document.visibilityState === "visible") void this.session.refresh();
    });
    window.addEventListener("pagehide", () => void this.form?.keepNow());
    onChange((what) => (what === "wiped" ? window.location.reload() : void this.refresh()));
    await this.session.start();
    await this.orders();
    await this.refresh();
  }

  private async orders(): Promise<void> {
    if (!hasOrders() || this.session.standing !== "online") return;
    await fetchOrders(this.session);
    await this.refresh();
  }

  private go(tab: Tab): void {
    if (window.location.hash === "#weekly") this.period = "weekly";
    if (window.location.hash === "#page") this.period = "daily";
    void this.form?.keepNow();
    this.tab = tab;
    this.drawn = "";
    void this.refresh();
    if (tab === "orders") void this.orders();
    window.scrollTo(0, 0);
  }

  /** Draw again what has changed; one drawing at a time, and never under the hand of who types. */
  private refresh(): Promise<void> {
    this.queue = this.queue.then(() => this.draw());
    return this.queue;
  }

  private async draw(): Promise<void> {
    if (!this.root.contains(this.main)) return; // wiped
    this.drawBar();
    await this.drawStrip();
    await this.drawTabs();
    if (this.tab === "page") return this.drawPage();
    this.form = null;
    this.drawn = "";
    const made =
      this.tab === "orders"
        ? await drawOrders(this.session, () => void this.refresh())
        : this.tab === "outbox"
          ? await drawBox(this.session, (form) => this.openPage(form), () => void this.refresh())
          : await drawMe(this.session);
    this.main.replaceChildren(made);
  }

  private drawBar(): void {
    const day = this.session.day;
    const title = make("div", {}, make("b", {}, day ? said(day.unit.name) : t("title")));
    if (day) title.append(make("small", {}, [said(day.unit.above), day.person.name].filter(Boolean).join(" · ")));
    const other = button(speaking() === "zh" ? "English" : "中文", () => this.switchLanguage(), "link", { lang: speaking() === "zh" ? "en" : "zh-Hans" });
    this.bar.replaceChildren(title, other);
  }

  private switchLanguage(): void {
    void this.form?.keepNow();
    speak(speaking() === "zh" ? "en" : "zh");
    this.form = null;
    this.drawn = "";
    void this.refresh();
  }

  private async drawStrip(): Promise<void> {
    const { session } = this;
    const lines: Node[] = [];
    const left = (await items(session.vault)).filter((item) => !item.refused).length;
    const waits = left ? ` ${left === 1 ? t("waiting_one") : t("waiting_many", { n: left })}` : "";
    if (session.standing === "signed-out") {
      const way = `${settings.addresses.sign_in}?next=${encodeURIComponent(settings.addresses.app + window.location.hash)}`;
      lines.push(make("p", { class: "b", "data-standing": "signed-out" }, (session.day ? t("sign_in_again") : t("first_time")) + waits), make("a", { class: "btn", href: way }, t("sign_in")));
    } else if (session.standing === "offline") {
      const last = session.contact ? `${t("last_contact", { time: clockHere(session.contact) })} ` : "";
      const retry = button(t("try_now"), () => void session.tryNow(), "link");
      lines.push(make("p", { class: "b", "data-standing": "offline" }, icon(ICONS.offline), t("offline") + waits), make("p", {}, last, retry));
    } else if (left && session.pause && session.pause.until > Date.now()) {
      const why = t(session.pause.why === "busy" ? "busy" : "unreachable");
      lines.push(make("p", { class: "b", "data-standing": "busy" }, `${why}.${waits}`), make("p", {}, `${t("next_try", { time: clockHere(session.pause.until) })} `, button(t("try_now"), () => void session.tryNow(), "link")));
    } else if (left) lines.push(make("p", { class: "b", "data-standing": "waiting" }, waits.trim()));
    if (session.standing === "no-unit") lines.push(make("p", { class: "b" }, t("no_unit")));
    if (!session.keeps && session.day) lines.push(make("p", { class: "b", "data-standing": "no-vault" }, session.full ? t("full") : t("no_vault")));
    else if (session.full) lines.push(make("p", { class: "b", "data-standing": "full" }, t("full")));
    if (session.skewMinutes) lines.push(make("p", {}, t("clock_off", { minutes: session.skewMinutes })));
    if (session.day?.incident.exercise) lines.push(make("p", { class: "sm" }, t("exercise")));
    this.strip.replaceChildren(...lines);
    this.strip.hidden = lines.length === 0;
    this.strip.className = session.standing === "offline" || session.standing === "signed-out" || left ? "strip offline" : "strip";
  }

  private async drawTabs(): Promise<void> {
    const orders = await unread(this.session);
    const box = (await items(this.session.vault)).length;
    const tab = (name: Tab, words: string, n: number, path: string): HTMLElement =>
      make("a", { href: `#${name}`, "aria-current": this.tab === name ? "page" : undefined, "data-tab": name }, icon(path), make("span", {}, n ? `${words} ${n}` : words));
    this.tabs.replaceChildren(
      ...(hasOrders() && this.session.day?.receives_orders !== false ? [tab("orders", t("tab_orders"), orders, ICONS.orders)] : []),
      tab("page", t("tab_page"), 0, ICONS.page),
      tab("outbox", t("tab_outbox"), box, ICONS.outbox),
      tab("me", t("tab_me"), 0, ICONS.me),
    );
  }

  private async drawPage(): Promise<void> {
    const pages = this.session.pages();
    const page = pages.find((one) => one.period === this.period) ?? pages[0];
    if (!page || !this.session.day) {
      if (this.session.standing !== "starting") this.main.replaceChildren(make("div", { class: "field-page" }, make("h1", {}, t("title")), make("p", { class: "callout" }, t("first_time"))));
      return;
    }
    const mark = await this.markOf(page);
    if (mark === this.drawn) return;
    await this.form?.keepNow();
    const base = this.session.day.pages.find((one) => one.period === page.period);
    this.form = new PageForm(this.session, page, base && base.day !== page.day ? base.day : "");
    this.drawn = mark;
    const made = await this.form.draw();
    const others = pages.filter((one) => one.period !== page.period);
    const switcher = others.map((one) => make("a", { href: one.period === "weekly" ? "#weekly" : "#page" }, t(one.period)));
    if (switcher.length) made.querySelector("h1")?.after(make("p", { class: "sm" }, ...switcher));
    this.main.replaceChildren(made);
  }

  /** What the drawn page rests on, apart from what is typed into it. */
  private async markOf(page: Page): Promise<string> {
    const id = pageId(this.session.day?.unit.code ?? "", page);
    const inBox = (await items(this.session.vault)).filter((item) => item.form === id).map((item) => [item.key, item.refused?.code]);
    const had = await this.session.vault.get("received", id);
    return JSON.stringify([id, this.session.vault.person, speaking(), page, inBox, had]);
  }

  private openPage(form: string): void {
    const period = form.startsWith("weekly") ? "#weekly" : "#page";
    if (window.location.hash === period) this.go("page");
    else window.location.hash = period;
  }
}

function tabOf(hash: string): Tab {
  const name = hash.replace("#", "");
  return name === "orders" || name === "outbox" || name === "me" ? name : "page";
}
