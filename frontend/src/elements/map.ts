/** `<yipan-map>`: counties by tier, one tab stop, arrows to the neighbour that lies that way. */
import { html, nothing, svg, type PropertyValues, type SVGTemplateResult, type TemplateResult } from "lit";
import { state } from "lit/decorators.js";
import type { Topology } from "topojson-specification";
import { cityEdges, covered, fit, outline, scaleBar, shapes, towards, type Box, type Corner, type Direction, type Fitted, type Place, type Shape } from "./geography.js";
import { patterns, tierPaint } from "./patterns.js";
import { fetchJson, Picture, type PictureData, type Room } from "./picture.js";
import { px } from "./scale.js";

export interface Unit extends Place {
  name: string;
  name_alt?: string;
  keys?: string[];
  tier: string;
  tier_label: string;
  lines?: string[];
  href?: string;
  why_href?: string;
}

export interface MapData extends PictureData {
  topology?: Topology | string | null;
  units: Unit[];
  adjacency?: [string, string][];
  cities?: { code: string; name: string; lon: number; lat: number }[];
  neighbours?: { name: string; lon: number; lat: number }[];
  inset?: { city: string; label: string } | null;
  legend?: { tier: string; label: string; count: number | string; people?: string }[];
  selected?: string | null;
}

const WIDTHS: Record<Room, number> = { narrow: 390, usual: 600, wide: 760 };
const CARD: [number, number] = [238, 84];
const ARROWS: Record<string, Direction> = { ArrowUp: "up", ArrowDown: "down", ArrowLeft: "left", ArrowRight: "right" };
/** Letters typed within this time continue the name being typed. */
const TYPING_MS = 1000;

interface Drawing {
  fitted: Fitted;
  paths: Map<string, string>;
  centres: Map<string, [number, number]>;
  edges: string;
  inset: { corner: Corner; box: Box; fitted: Fitted; codes: string[]; where: Box } | null;
  card: Corner;
}

export class YipanMap extends Picture<MapData> {
  @state() private selected: string | null = null;
  @state() private only = new Set<string>();
  @state() private spoken = "";
  private drawing: Drawing | null = null;
  private drawn: MapData | null = null;
  private topology: Topology | null = null;
  private typed = "";
  private typedAt = 0;

  protected override async prepare(data: MapData): Promise<MapData> {
    if (typeof data.topology !== "string") return data;
    try {
      return { ...data, topology: (await fetchJson(data.topology)) as Topology };
    } catch (error) {
      // Boundaries are replaceable and may be absent: the circles say the same.
      console.warn("yipan-map: no boundaries", error);
      return { ...data, topology: null };
    }
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (!this.data) return;
    if (changed.has("room" as keyof YipanMap) && this.data === this.drawn) this.drawing = this.compose(this.data);
    if (this.data === this.drawn) return;
    this.drawn = this.data;
    this.topology = typeof this.data.topology === "object" ? (this.data.topology ?? null) : null;
    this.drawing = this.compose(this.data);
    const address = new URL(window.location.href).searchParams;
    const wanted = address.get("unit") ?? this.data.selected ?? null;
    this.selected = this.unit(wanted)?.code ?? null;
    this.only = new Set((address.get("tier") ?? "").split(",").filter(Boolean));
    this.filterTwin();
  }

  // ---- drawing ------------------------------------------------------------------------------

  private compose(data: MapData): Drawing {
    const byCode = this.topology ? shapes(this.topology) : new Map<string, Shape>();
    const located = data.units.filter((u) => Number.isFinite(u.lon) && Number.isFinite(u.lat));
    const drawnShapes = data.units.flatMap((u) => byCode.get(u.code) ?? []);
    const width = WIDTHS[this.room];
    const fitted = drawnShapes.length ? fit(drawnShapes, width) : fit(located, width, 26);
    const paths = new Map<string, string>();
    const centres = new Map<string, [number, number]>();
    for (const unit of data.units) {
      const shape = byCode.get(unit.code);
      if (shape) paths.set(unit.code, fitted.path(shape) ?? "");
      const centre = fitted.projection([unit.lon, unit.lat]);
      if (centre && Number.isFinite(centre[0]) && Number.isFinite(centre[1])) centres.set(unit.code, centre);
    }
    const cityOf = new Map(data.units.map((u) => [u.code, u.city ?? u.code]));
    const edges = this.topology ? cityEdges(this.topology, cityOf, fitted.path, new Set(paths.keys())) : "";
    const land = this.topology ? outline(this.topology, fitted.projection) : [];
    const frame: Box = { x: 0, y: 0, w: fitted.width, h: fitted.height };
    const order = (size: [number, number], corners: Corner[]): Corner =>
      [...corners].sort((a, b) => covered(a, size, frame, land, [...centres.values()]) - covered(b, size, frame, land, [...centres.values()]))[0] ?? "bl";
    const inset = this.composeInset(data, byCode, fitted, (size) => order(size, ["tl", "tr", "bl", "br"]));
    const taken = inset?.corner;
    const card = order(CARD, (["bl", "br", "tl", "tr"] as Corner[]).filter((c) => c !== taken));
    return { fitted, paths, centres, edges, inset, card };
  }

  /** The provincial capital's districts, enlarged in the emptiest corner. */
  private composeInset(data: MapData, byCode: Map<string, Shape>, whole: Fitted, corner: (size: [number, number]) => Corner): Drawing["inset"] {
    if (!data.inset) return null;
    const wanted = data.inset.city;
    const members = data.units.filter((u) => u.city === wanted && byCode.has(u.code));
    // Districts are small; a city's outlying counties are large enough on the map itself.
    const sized = members.map((u) => ({ u, b: whole.path.bounds(byCode.get(u.code) as Shape) }))
      .map(({ u, b }) => ({ u, b, size: (b[1][0] - b[0][0]) * (b[1][1] - b[0][1]) }));
    const median = [...sized].sort((a, b) => a.size - b.size)[Math.floor(sized.length / 2)]?.size ?? 0;
    const chosen = sized.filter((s) => s.size <= median);
    if (chosen.length < 2) return null;
    const fitted = fit(chosen.map((s) => byCode.get(s.u.code) as Shape), 122, 3);
    const size: [number, number] = [fitted.width + 4, fitted.height + 22];
    const at = corner(size);
    const box: Box = {
      x: at.endsWith("l") ? 0 : whole.width - size[0],
      y: at.startsWith("t") ? 0 : whole.height - size[1],
      w: size[0],
      h: size[1],
    };
    const x0 = Math.min(...chosen.map((s) => s.b[0][0]));
    const y0 = Math.min(...chosen.map((s) => s.b[0][1]));
    const where: Box = { x: x0, y: y0, w: Math.max(...chosen.map((s) => s.b[1][0])) - x0, h: Math.max(...chosen.map((s) => s.b[1][1])) - y0 };
    const codes = chosen.map((s) => s.u.code);
    for (const s of chosen) this.insetPaths.set(s.u.code, fitted.path(byCode.get(s.u.code) as Shape) ?? "");
    return { corner: at, box, fitted, codes, where };
  }
  private readonly insetPaths = new Map<string, string>();

  protected override draw(data: MapData): TemplateResult {
    const drawing = this.drawing as Drawing;
    const { width, height } = drawing.fitted;
    const title = data.title ?? "";
    return html`
      <div class="stage" tabindex="0" role="application" data-typeahead aria-label=${this.label("map") || title}
        aria-describedby="${this.uid}-sum" @keydown=${this.onKey} @focus=${this.onFocus}>
        <svg class="map" viewBox="0 0 ${width} ${height}" role="img" aria-label=${title}>
          ${patterns(this.uid)}
          <g>${data.units.map((u) => this.mark(u, drawing))}</g>
          ${drawing.edges ? svg`<path class="city" d=${drawing.edges}></path>` : nothing}
          ${(data.neighbours ?? []).map((n) => this.text(n, drawing.fitted, "neigh small"))}
          ${this.ring(drawing)}
          ${this.cityNames(data, drawing)}
          ${drawing.inset ? this.drawInset(data, drawing) : nothing}
          ${this.scale(data, drawing)}
        </svg>
        ${this.card(drawing)}
      </div>
      <p class="sr" id="${this.uid}-sum">${data.summary ?? ""} ${this.label("keys")}</p>
      <p class="sr" role="status" aria-live="polite">${this.spoken}</p>
      ${drawing.paths.size ? nothing : html`<p class="foot">${this.label("circles")}</p>`}
      ${this.legend(data)}`;
  }

  private mark(unit: Unit, drawing: Drawing): SVGTemplateResult | typeof nothing {
    const d = drawing.paths.get(unit.code);
    const centre = drawing.centres.get(unit.code);
    const paint = tierPaint(unit.tier, this.uid);
    const dim = this.only.size > 0 && !this.only.has(unit.tier) ? " dim" : "";
    const words = svg`<title>${[unit.name, unit.tier_label, ...(unit.lines ?? [])].join(" · ")}</title>`;
    const name = `co ${paint.name}${dim}`;
    if (d) return svg`<path class=${name} data-code=${unit.code} fill=${paint.fill ?? nothing} d=${d} @click=${() => this.press(unit)}>${words}</path>`;
    // A unit without boundary is a circle where there are boundaries too, else it would vanish.
    if (!centre) return nothing;
    return svg`<circle class=${name} data-code=${unit.code} fill=${paint.fill ?? nothing} cx=${px(centre[0])} cy=${px(centre[1])} r=${px(this.radius(unit))} @click=${() => this.press(unit)}>${words}</circle>`;
  }

  /** Area in proportion to people; the largest is 20 px. */
  private radius(unit: Unit): number {
    const most = Math.max(...(this.data?.units ?? []).map((u) => u.population ?? 0), 1);
    return Math.max(3, 20 * Math.sqrt((unit.population ?? 0) / most));
  }

  private ring(drawing: Drawing): SVGTemplateResult | typeof nothing {
    const unit = this.unit(this.selected);
    if (!unit) return nothing;
    const d = drawing.paths.get(unit.code);
    if (d) return svg`<path class="sel-gap" d=${d}></path><path class="sel" d=${d}></path>`;
    const c = drawing.centres.get(unit.code);
    if (!c) return nothing;
    const r = this.radius(unit) + 3;
    return svg`<circle class="sel-gap" cx=${px(c[0])} cy=${px(c[1])} r=${px(r)}></circle><circle class="sel" cx=${px(c[0])} cy=${px(c[1])} r=${px(r)}></circle>`;
  }

  private text(place: { name: string; lon: number; lat: number }, fitted: Fitted, name: string): SVGTemplateResult {
    const [x, y] = fitted.projection([place.lon, place.lat]) ?? [0, 0];
    return svg`<text class="mid ${name}" x=${px(x)} y=${px(y)}>${place.name}</text>`;
  }

  /** Each name at its city, moved a line up or down where another stands already. */
  private cityNames(data: MapData, drawing: Drawing): SVGTemplateResult[] {
    const placed: Box[] = [];
    return (data.cities ?? []).flatMap((city) => {
      const at = drawing.fitted.projection([city.lon, city.lat]);
      if (!at) return [];
      const w = [...city.name].reduce((sum, ch) => sum + (ch.charCodeAt(0) > 0x2e80 ? 13 : 7), 0);
      const free = [0, -13, 13].map((dy) => ({ x: at[0] - w / 2, y: at[1] + dy - 10, w, h: 13 })).find((b) => !placed.some((o) => overlap(o, b)));
      if (!free) return [];
      placed.push(free);
      return [svg`<text class="lab mid" x=${px(free.x + w / 2)} y=${px(free.y + 14)}>${city.name}</text>`];
    });
  }

  private drawInset(data: MapData, drawing: Drawing): SVGTemplateResult {
    const { box, where, codes } = drawing.inset as NonNullable<Drawing["inset"]>;
    const units = codes.flatMap((c) => this.unit(c) ?? []);
    return svg`<rect class="inset-where" x=${px(where.x)} y=${px(where.y)} width=${px(where.w)} height=${px(where.h)}></rect>
      <g transform="translate(${px(box.x)},${px(box.y)})">
        <rect class="inset-frame" width=${px(box.w)} height=${px(box.h)}></rect>
        <text class="cap small" x="4" y="13">${data.inset?.label ?? ""}</text>
        <g transform="translate(2,19)">${units.map((u) => {
          const paint = tierPaint(u.tier, this.uid);
          const selected = u.code === this.selected ? " sel-in" : "";
          return svg`<path class="co ${paint.name}${selected}" fill=${paint.fill ?? nothing} d=${this.insetPaths.get(u.code) ?? ""} @click=${() => this.press(u)}><title>${u.name} · ${u.tier_label}</title></path>`;
        })}</g>
      </g>`;
  }

  private scale(data: MapData, drawing: Drawing): SVGTemplateResult | typeof nothing {
    const first = data.units[Math.floor(data.units.length / 2)];
    if (!first) return nothing;
    const bar = scaleBar(drawing.fitted.projection, [first.lon, first.lat], 60);
    const corner = drawing.card === "br" ? "l" : "r";
    const x = corner === "r" ? drawing.fitted.width - bar.px - 6 : 6;
    const y = drawing.fitted.height - 8;
    return svg`<path class="scale" d="M${px(x)} ${y - 4}v4h${px(bar.px)}v-4"></path>
      <text class="cap tiny mid" x=${px(x + bar.px / 2)} y=${y - 7}>${this.label("scale", { km: bar.km })}</text>`;
  }

  private card(drawing: Drawing): TemplateResult | typeof nothing {
    const unit = this.unit(this.selected);
    if (!unit) return nothing;
    const paint = tierPaint(unit.tier, this.uid);
    return html`<div class="mapcard at-${drawing.card}">
      <h3>${unit.name} <span class="tier">${this.swatch(paint)}${unit.tier_label}</span></h3>
      ${(unit.lines ?? []).map((line) => html`<p>${line}</p>`)}
      <p>${unit.href ? html`<a href=${unit.href}>${this.label("open")}</a>` : nothing}
        ${unit.why_href ? html` · <a href=${unit.why_href}>${this.label("why")}</a>` : nothing}</p>
    </div>`;
  }

  private swatch(paint: { name: string; fill: string | null }): TemplateResult {
    return html`<svg class="sw" width="18" height="14" aria-hidden="true"><rect class="edge ${paint.name}" fill=${paint.fill ?? nothing} x=".5" y=".5" width="17" height="13" rx="2"></rect></svg>`;
  }

  private legend(data: MapData): TemplateResult | typeof nothing {
    if (!data.legend?.length) return nothing;
    return html`<ul class="legend" aria-label=${this.label("legend")}>${data.legend.map((entry) => {
      const body = html`${this.swatch(tierPaint(entry.tier, this.uid))}${entry.label}<b>${entry.count}</b><span class="mut">${entry.people ?? ""}</span>`;
      return html`<li>${this.plain ? body : html`<button type="button" aria-pressed=${this.only.has(entry.tier)} @click=${() => this.filter(entry.tier)}>${body}</button>`}</li>`;
    })}</ul>`;
  }

  // ---- selecting ----------------------------------------------------------------------------

  private unit(code: string | null): Unit | null {
    return this.data?.units.find((u) => u.code === code) ?? null;
  }

  /** First press selects and shows the card, a second opens. */
  private press(unit: Unit): void {
    if (unit.tier === "outside") return;
    if (this.selected === unit.code) this.open(unit);
    else this.select(unit);
  }

  private select(unit: Unit | null): void {
    this.selected = unit?.code ?? null;
    this.spoken = unit ? [unit.name, unit.tier_label, ...(unit.lines ?? [])].join(", ") : "";
    this.remember("unit", this.selected ?? "");
    this.dispatchEvent(new CustomEvent("yipan-select", { detail: this.selected, bubbles: true }));
  }

  private open(unit: Unit): void {
    const go = new CustomEvent("yipan-open", { detail: unit.code, bubbles: true, cancelable: true });
    if (this.dispatchEvent(go) && unit.href) window.location.assign(unit.href);
  }

  private filter(tier: string): void {
    const next = new Set(this.only);
    if (!next.delete(tier)) next.add(tier);
    this.only = next;
    this.remember("tier", [...next].join(","));
    this.filterTwin();
  }

  private filterTwin(): void {
    this.querySelectorAll<HTMLElement>("tr[data-tier]").forEach((row) => {
      row.hidden = this.only.size > 0 && !this.only.has(row.dataset["tier"] ?? "");
    });
  }

  private remember(key: string, value: string): void {
    const url = new URL(window.location.href);
    if (value) url.searchParams.set(key, value);
    else url.searchParams.delete(key);
    window.history.replaceState(window.history.state, "", url);
  }

  // ---- keyboard -----------------------------------------------------------------------------

  private readonly onFocus = (): void => {
    const unit = this.unit(this.selected);
    if (unit) this.spoken = `${unit.name}, ${unit.tier_label}`;
  };

  private readonly onKey = (event: KeyboardEvent): void => {
    // Links in the card keep their own keys.
    if (event.target !== event.currentTarget || event.ctrlKey || event.metaKey || event.altKey) return;
    const direction = ARROWS[event.key];
    if (direction) this.move(direction);
    else if (event.key === "Enter" && this.selected) this.open(this.unit(this.selected) as Unit);
    else if (event.key === "Escape") (event.currentTarget as HTMLElement).blur();
    else if (event.key.length === 1 && /[\p{L}\p{N}]/u.test(event.key)) this.type(event.key, event.timeStamp);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  private move(direction: Direction): void {
    const units = this.data?.units ?? [];
    const from = this.unit(this.selected);
    if (!from) return this.select(this.middle(units));
    const next = towards(from, direction, units, this.adjacent(from.code));
    if (next) this.select(next as Unit);
  }

  private adjacent(code: string): Set<string> {
    const out = new Set<string>();
    for (const [a, b] of this.data?.adjacency ?? []) {
      if (a === code) out.add(b);
      if (b === code) out.add(a);
    }
    return out;
  }

  /** Where the arrows start: the unit nearest to the middle of all. */
  private middle(units: Unit[]): Unit | null {
    const mean = (f: (u: Unit) => number): number => units.reduce((s, u) => s + f(u), 0) / units.length;
    const [lon, lat] = [mean((u) => u.lon), mean((u) => u.lat)];
    return [...units].sort((a, b) => Math.hypot(a.lon - lon, a.lat - lat) - Math.hypot(b.lon - lon, b.lat - lat))[0] ?? null;
  }

  private type(letter: string, at: number): void {
    this.typed = (at - this.typedAt < TYPING_MS ? this.typed : "") + plain(letter);
    this.typedAt = at;
    const units = this.data?.units ?? [];
    const names = (u: Unit): string[] => [u.name, u.name_alt ?? "", ...(u.keys ?? [])].map(plain);
    const found = units.find((u) => names(u).some((n) => n.startsWith(this.typed))) ?? units.find((u) => names(u).some((n) => n.includes(this.typed)));
    if (found) this.select(found);
    else this.spoken = this.label("none", { typed: this.typed });
  }
}

function overlap(a: Box, b: Box): boolean {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}

/** Lower case, without accents and spaces, so that "xinyang" finds "Xìnyáng". */
function plain(text: string): string {
  return text.normalize("NFD").replace(/[\p{M}\s'’-]/gu, "").toLowerCase();
}

customElements.define("yipan-map", YipanMap);
