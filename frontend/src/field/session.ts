/** Who works on this phone, what is kept for the day, and the outbox going out by itself. */
import { addItem, announce, flush, goOn, items, pauseOf, waiting, type Item, type Outcome, type Pause } from "../outbox/outbox.js";
import { cookie, sendItem } from "../outbox/sending.js";
import type { ServerKey } from "../outbox/sealing.js";
import { lastPerson, MemoryVault, NoVault, openVault, people, rememberPerson, StorageFull, wipe, type Vault } from "../outbox/vault.js";
import type { Ask, Pair } from "./rules.js";
import { settings } from "./settings.js";

export interface Page {
  period: "daily" | "weekly";
  day: string;
  ends_at: number; // of the board's clock, milliseconds
  received: string | null;
  sections: { id: string; label: Pair; asks: Ask[] }[];
}

export interface Day {
  person: { id: string; name: string };
  receives_orders: boolean;
  incident: { slug: string; name: Pair; exercise: boolean };
  unit: { code: string; name: Pair; above: Pair };
  pages: Page[];
  key: ServerKey;
}

/** The day as it is kept: with its mark, and how far the board's clock is from the phone's. */
interface KeptDay {
  day: Day;
  tag: string;
  offset: number;
  contact: number;
}

export type Standing = "starting" | "online" | "offline" | "signed-out" | "no-unit";

const DAY_MS = 86_400_000;
const ALLOWED_SKEW_MS = 2 * 60_000;
const DAY = "today";

export class Session {
  vault: Vault = new MemoryVault("");
  keeps = true; // whether this phone can keep anything
  full = false;
  day: Day | null = null;
  standing: Standing = "starting";
  offset = 0;
  contact = 0;
  skewMinutes = 0;
  persistent: boolean | null = null;
  pause: Pause | null = null;
  others: { name: string; waiting: number }[] = [];
  private tag = "";
  private stale = false;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly changed: () => void) {}

  /** Open what is kept, then ask the server; the page is there before it answers. */
  async start(): Promise<void> {
    const person = lastPerson();
    if (person) {
      await this.open(person);
      const kept = await this.vault.get<KeptDay>("day", DAY);
      if (kept) ({ day: this.day, tag: this.tag, offset: this.offset, contact: this.contact } = kept);
      this.changed();
    }
    await this.refresh();
  }

  /** Ask the server for the day; afterwards send what waits. */
  async refresh(): Promise<void> {
    let answer: Response;
    try {
      const headers: Record<string, string> = { Accept: "application/json" };
      if (this.tag && this.day) headers["If-None-Match"] = this.tag;
      // The browser's own cache would answer 304 with the copy of somebody who signed out.
      answer = await fetch(settings.addresses.day, { headers, credentials: "same-origin", cache: "no-store" });
    } catch {
      return this.stand("offline");
    }
    if (answer.status === 401) return this.stand("signed-out");
    if (answer.status === 403) return this.stand("no-unit");
    if (!answer.ok && answer.status !== 304) return this.stand("offline");
    this.readClocks(answer);
    if (answer.status === 200) await this.take((await answer.json()) as Day, answer.headers.get("ETag") ?? "");
    else await this.keepDay();
    this.standing = "online";
    this.contact = Date.now();
    await this.askToStay();
    const pause = await pauseOf(this.vault);
    if (pause?.why !== "busy" || pause.until <= Date.now()) await goOn(this.vault);
    await this.flush();
    this.changed();
  }

  private async stand(standing: Standing): Promise<void> {
    this.standing = standing;
    await this.count();
    this.schedule(standing === "offline" ? Date.now() + 60_000 : null);
    this.changed();
  }

  private readClocks(answer: Response): void {
    const board = Number(answer.headers.get("X-Yipan-Moment"));
    if (board) this.offset = board - Date.now();
    const server = Date.parse(answer.headers.get("Date") ?? "");
    const skew = Number.isNaN(server) ? 0 : Date.now() - server;
    this.skewMinutes = Math.abs(skew) > ALLOWED_SKEW_MS ? Math.round(Math.abs(skew) / 60_000) : 0;
  }

  private async take(day: Day, tag: string): Promise<void> {
    if (day.person.id !== this.vault.person) await this.open(day.person.id);
    this.day = day;
    this.tag = tag;
    rememberPerson(day.person.id);
    await this.keepDay();
  }

  private async keepDay(): Promise<void> {
    if (!this.day) return;
    const kept: KeptDay = { day: this.day, tag: this.tag, offset: this.offset, contact: Date.now() };
    await this.keep(() => this.vault.put("day", DAY, kept));
  }

  private async open(person: string): Promise<void> {
    try {
      this.vault = await openVault(person);
      this.keeps = true;
    } catch (fault) {
      if (!(fault instanceof NoVault || fault instanceof StorageFull)) throw fault;
      this.vault = new MemoryVault(person);
      this.keeps = false;
      this.full = fault instanceof StorageFull;
    }
  }

  /** Keep something; false where the phone has no room, and the page says so. */
  async keep(work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      this.full = false;
      return true;
    } catch (fault) {
      if (!(fault instanceof StorageFull)) throw fault;
      this.full = true;
      this.changed();
      return false;
    }
  }

  private async askToStay(): Promise<void> {
    if (this.persistent !== null || !navigator.storage?.persist) return;
    this.persistent = (await navigator.storage.persisted()) || (await navigator.storage.persist());
  }

  // ---- the board's clock ------------------------------------------------------------------------

  /** The pages as they stand now: without a signal a day that is over gives way to the next. */
  pages(): Page[] {
    return (this.day?.pages ?? []).map((page) => turned(page, Date.now() + this.offset));
  }

  // ---- the outbox -------------------------------------------------------------------------------

  async add(item: Item): Promise<boolean> {
    if (item.kind === "report") await this.mark(item, "latest");
    const kept = await this.keep(() => addItem(this.vault, item));
    // Where the phone has no room it is still sent, from memory, while the page stays open.
    if (!kept) {
      const outcome = await this.send(item);
      if (outcome.state === "received") await this.told(item, outcome);
      return outcome.state === "received";
    }
    void this.flush();
    return true;
  }

  async flush(): Promise<void> {
    let next: number | null = null;
    this.stale = false;
    try {
      next = await flush(this.vault, (item) => this.send(item), (item, outcome) => this.told(item, outcome));
    } catch (fault) {
      if (!(fault instanceof StorageFull)) throw fault;
      this.full = true;
    }
    await this.count();
    this.schedule(this.stale ? Date.now() : next);
    this.changed();
  }

  /** The hand on the button: go on at once. */
  async tryNow(): Promise<void> {
    await goOn(this.vault);
    await this.refresh();
  }

  private send(item: Item): Promise<Outcome> {
    const renew = async (): Promise<boolean> => (await fetch(settings.addresses.day, { credentials: "same-origin", cache: "no-store" })).ok;
    return sendItem(item, { signIn: settings.addresses.sign_in, renew: () => renew().catch(() => false) });
  }

  private async told(item: Item, outcome: Outcome): Promise<void> {
    if (outcome.state === "received") {
      this.standing = "online";
      this.contact = Date.now();
      if (item.kind === "report") await this.mark(item, "known");
    } else if (outcome.state === "later") this.standing = outcome.why === "signed-out" ? "signed-out" : outcome.why === "unreachable" ? "offline" : this.standing;
    this.changed();
  }

  /**
   * What was pressed is the latest of this phone (the page of tomorrow shows it); what was received is
   * known from now on, and a change of it is a correction.
   */
  private async mark(item: Item, as: "latest" | "known"): Promise<void> {
    const sent = item.json as { unit: string; day: string; period: string; answers: Record<string, string>; same: string[] };
    const page = this.day?.pages.find((one) => one.period === sent.period && one.day === sent.day);
    if (!page || this.day?.unit.code !== sent.unit) {
      this.stale = true; // another day's report: what today's page shows beside its fields has changed
      this.tag = "";
      return;
    }
    for (const ask of page.sections.flatMap((section) => section.asks)) {
      const value = sent.answers[ask.id]?.trim() || (sent.same.includes(ask.id) ? ask.before?.value : undefined);
      if (value) ask[as] = { day: sent.day, value };
    }
    this.tag = ""; // the next answer of the server stands over this
    await this.keepDay();
  }

  private async count(): Promise<void> {
    this.pause = await pauseOf(this.vault);
    this.others = [];
    if (!this.keeps) return;
    for (const person of await people()) {
      if (person === this.vault.person) continue;
      const other = await openVault(person);
      const left = (await items(other)).length;
      const name = (await other.get<KeptDay>("day", DAY))?.day.person.name ?? person;
      other.close();
      if (left) this.others.push({ name, waiting: left });
    }
  }

  private schedule(at: number | null): void {
    clearTimeout(this.timer);
    if (at !== null) this.timer = setTimeout(() => void this.refresh(), Math.max(1000, at - Date.now()));
  }

  // ---- the end ----------------------------------------------------------------------------------

  waiting(): Promise<Item[]> {
    return waiting(this.vault);
  }

  /** Forget everything of this person on the phone, then tell the server; false where it could not be told. */
  async signOut(): Promise<boolean> {
    clearTimeout(this.timer);
    const token = cookie("csrftoken");
    await wipe(this.vault.person).catch((fault: unknown) => {
      if (this.keeps) throw fault;
    });
    this.vault.close();
    rememberPerson("");
    this.day = null;
    announce("wiped");
    try {
      const body = new URLSearchParams({ csrfmiddlewaretoken: token });
      return (await fetch(settings.addresses.sign_out, { method: "POST", body, credentials: "same-origin" })).ok;
    } catch {
      return false;
    }
  }
}

/** The page of the day that `now` (of the board's clock) falls into; its values before are those it held. */
export function turned(page: Page, now: number): Page {
  if (now < page.ends_at) return page;
  const step = page.period === "weekly" ? 7 : 1;
  const steps = Math.floor((now - page.ends_at) / (step * DAY_MS)) + 1;
  const day = new Date(Date.parse(`${page.day}T00:00:00Z`) + steps * step * DAY_MS).toISOString().slice(0, 10);
  const asks = (all: Ask[]): Ask[] => all.map((ask) => ({ ...ask, before: ask.latest ?? ask.known ?? ask.before, known: null }));
  return {
    ...page,
    day,
    ends_at: page.ends_at + steps * step * DAY_MS,
    received: null,
    sections: page.sections.map((section) => ({ ...section, asks: asks(section.asks) })),
  };
}
