/** What all pictures share: where the data comes from, the table twin, and the toggle kept in the address. */
import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from "lit";
import { property, state } from "lit/decorators.js";

export type Labels = Record<string, string>;

/** The part of every picture's data that is the same for all. */
export interface PictureData {
  title?: string;
  summary?: string;
  labels?: Labels;
}

type View = "picture" | "table";

/** Narrower than this a picture is drawn for a phone. */
const NARROW_PX = 380;
/** Wider than this it is drawn for a whole page, or a wall. */
const WIDE_PX = 680;

export type Room = "narrow" | "usual" | "wide";

let counter = 0;

export abstract class Picture<D extends PictureData> extends LitElement {
  /** Address of the JSON; without it the first `<script type="application/json">` child is read. */
  @property() src = "";
  /** Name in `?view=`; several pictures on a page are told apart by it. */
  @property() name = "";
  /** No toggle, no filters: for the wall and for print. */
  @property({ type: Boolean }) plain = false;
  @property({ attribute: false }) data: D | null = null;
  @state() protected view: View = "picture";
  @state() protected failed = false;
  /** How much room there is: drawn with fewer or more units across, so that letters keep their size. */
  @state() protected room: Room = "usual";

  /** Prefix of every id inside: two pictures on one page must not share a pattern. */
  protected readonly uid = `y${++counter}`;
  private toggle: HTMLButtonElement | null = null;
  private readonly onPop = (): void => this.readView();
  private sizes: ResizeObserver | null = null;

  // Light DOM: the page's one style sheet, forced colours and the print rules apply as they are.
  protected override createRenderRoot(): HTMLElement {
    const root = document.createElement("div");
    root.className = "picture";
    this.prepend(root);
    return root;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.name ||= this.id || this.localName.replace("yipan-", "");
    this.plain ||= document.documentElement.dataset["theme"] === "wall";
    window.addEventListener("popstate", this.onPop);
    this.watchSize();
    this.readView();
    if (!this.data) void this.load();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    window.removeEventListener("popstate", this.onPop);
    this.sizes?.disconnect();
    this.sizes = null;
    this.toggle?.remove();
    this.toggle = null;
  }

  private watchSize(): void {
    if (typeof ResizeObserver === "undefined") return;
    const measure = (width: number): void => {
      if (width > 0) this.room = width < NARROW_PX ? "narrow" : width > WIDE_PX ? "wide" : "usual";
    };
    measure(this.clientWidth);
    this.sizes = new ResizeObserver((entries) => measure(entries[0]?.contentRect.width ?? 0));
    this.sizes.observe(this);
  }

  /** Read the data again, for instance after the moment shown has changed. */
  async load(): Promise<void> {
    try {
      this.data = await this.prepare(await this.read());
      this.failed = false;
    } catch (error) {
      // The table stays: it is the same facts, written by the server.
      this.failed = true;
      console.error(`${this.localName}: no data`, error);
    }
  }

  private async read(): Promise<D> {
    if (this.src) return (await fetchJson(this.src)) as D;
    const inline = this.querySelector('script[type="application/json"]');
    if (!inline?.textContent) throw new Error("neither src nor a JSON child");
    return JSON.parse(inline.textContent) as D;
  }

  /** Complete what was read (fetch boundaries, say) before it is drawn. */
  protected async prepare(data: D): Promise<D> {
    return data;
  }

  protected label(key: string, values: Record<string, string | number> = {}): string {
    const text = this.data?.labels?.[key] ?? this.getAttribute(`label-${key}`) ?? "";
    return text.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ""));
  }

  /** Show the table or the picture, and keep the choice in the address so that Back undoes it. */
  show(view: View): void {
    if (view === this.view) return;
    this.view = view;
    const url = new URL(window.location.href);
    const tables = viewList(url).filter((n) => n !== this.name);
    if (view === "table") tables.push(this.name);
    if (tables.length) url.searchParams.set("view", tables.join(","));
    else url.searchParams.delete("view");
    window.history.pushState(window.history.state, "", url);
  }

  switchView(): void {
    this.show(this.view === "table" ? "picture" : "table");
  }

  private readView(): void {
    this.view = viewList(new URL(window.location.href)).includes(this.name) ? "table" : "picture";
  }

  private get twin(): HTMLElement | null {
    return this.querySelector<HTMLElement>(":scope > [data-twin], :scope > table");
  }

  protected override updated(_changed: PropertyValues): void {
    const twin = this.twin;
    const asTable = this.view === "table" || this.failed;
    if (twin) twin.hidden = !asTable && this.data !== null;
    this.drawToggle(twin !== null);
  }

  private drawToggle(wanted: boolean): void {
    if (!wanted || this.plain || !this.data) {
      this.toggle?.remove();
      this.toggle = null;
      return;
    }
    if (!this.toggle) {
      this.toggle = document.createElement("button");
      this.toggle.type = "button";
      this.toggle.dataset["picture"] = this.name;
      this.toggle.addEventListener("click", () => this.switchView());
      const tools = this.closest(".block")?.querySelector(":scope > header .tools");
      if (tools) tools.prepend(this.toggle);
      else this.before(this.toggle);
    }
    this.toggle.textContent = this.label(this.view === "table" ? "picture" : "table");
    this.toggle.setAttribute("aria-pressed", String(this.view === "table"));
  }

  protected override render(): TemplateResult | typeof nothing {
    if (this.failed) {
      const text = this.label("failed");
      return text ? html`<p class="callout alert" role="alert">${text}</p>` : nothing;
    }
    if (!this.data) return html`<div class="waiting" aria-hidden="true"><i></i><i></i><i></i><i></i></div>`;
    return this.view === "table" ? nothing : this.draw(this.data);
  }

  protected abstract draw(data: D): TemplateResult;
}

export async function fetchJson(address: string): Promise<unknown> {
  const answer = await fetch(address, { headers: { Accept: "application/json" }, credentials: "same-origin" });
  if (!answer.ok) throw new Error(`${answer.status} from ${address}`);
  return answer.json();
}

function viewList(url: URL): string[] {
  return (url.searchParams.get("view") ?? "").split(",").filter(Boolean);
}
