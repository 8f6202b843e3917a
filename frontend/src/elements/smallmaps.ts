/** `<yipan-smallmaps>`: openings by option and week, one small map each, all on one scale. */
import { html, nothing, svg, type TemplateResult } from "lit";
import type { Topology } from "topojson-specification";
import { cityEdges, fit, shapes, type Fitted, type Place, type Shape } from "./geography.js";
import { fetchJson, Picture, type PictureData } from "./picture.js";
import { px } from "./scale.js";

export interface SmallMapsData extends PictureData {
  topology?: Topology | string | null;
  units: Place[];
  columns: { id: string; label: string }[];
  rows: { id: string; label: string; number?: number | string; tone?: number }[];
  /** `levels` has one digit 0–3 for each unit, in the order of `units`; anything else is not drawn. */
  cells: { row: string; column: string; levels: string; label: string }[];
  levels: { level: number; label: string }[];
}

const WIDTH = 120;

export class YipanSmallmaps extends Picture<SmallMapsData> {
  private fitted: Fitted | null = null;
  private paths: string[] = [];
  private edges = "";
  private drawn: SmallMapsData | null = null;

  protected override async prepare(data: SmallMapsData): Promise<SmallMapsData> {
    if (typeof data.topology !== "string") return data;
    try {
      return { ...data, topology: (await fetchJson(data.topology)) as Topology };
    } catch (error) {
      console.warn("yipan-smallmaps: no boundaries", error);
      return { ...data, topology: null };
    }
  }

  protected override willUpdate(): void {
    if (!this.data || this.data === this.drawn) return;
    this.drawn = this.data;
    const topology = typeof this.data.topology === "object" ? (this.data.topology ?? null) : null;
    const byCode = topology ? shapes(topology) : new Map<string, Shape>();
    const list = this.data.units.flatMap((u) => byCode.get(u.code) ?? []);
    const fitted = list.length ? fit(list, WIDTH, 1) : fit(this.data.units, WIDTH, 4);
    this.fitted = fitted;
    this.paths = this.data.units.map((u) => {
      const shape = byCode.get(u.code);
      return shape ? (fitted.path(shape) ?? "") : list.length ? "" : disc(fitted.projection([u.lon, u.lat]));
    });
    const cityOf = new Map(this.data.units.map((u) => [u.code, u.city ?? u.code]));
    this.edges = topology ? cityEdges(topology, cityOf, fitted.path, new Set(cityOf.keys())) : "";
  }

  protected override draw(data: SmallMapsData): TemplateResult {
    return html`<div class="smallmaps of-${data.columns.length}" role="group" aria-label=${data.title ?? ""}>
        <span class="h corner"></span>${data.columns.map((c) => html`<span class="h">${c.label}</span>`)}
        ${data.rows.map((row) => html`
          <span class="r">${row.number === undefined ? nothing : html`<span class="dot tone-${row.tone ?? 0}">${row.number}</span>`}${row.label}</span>
          ${data.columns.map((column) => this.cell(data, row, column))}`)}
      </div>
      <ul class="key">${data.levels.map((l) => html`<li><svg viewBox="0 0 18 10" aria-hidden="true"><rect class="open-${l.level} open-edge" x=".5" y=".5" width="17" height="9"></rect></svg>${l.label}</li>`)}</ul>`;
  }

  private cell(data: SmallMapsData, row: { id: string; label: string }, column: { id: string; label: string }): TemplateResult {
    const cell = data.cells.find((c) => c.row === row.id && c.column === column.id);
    const fitted = this.fitted as Fitted;
    if (!cell) return html`<figure></figure>`;
    const levels = [0, 1, 2, 3].map((level) => this.paths.filter((_, i) => cell.levels[i] === String(level)).join(""));
    return html`<figure>
      <svg class="mini" viewBox="0 0 ${fitted.width} ${fitted.height}" role="img" aria-label="${row.label}, ${column.label}: ${cell.label}">
        ${levels.map((d, level) => (d ? svg`<path class="open-${level} open-edge" d=${d}></path>` : nothing))}
        ${this.edges ? svg`<path class="mini-city" d=${this.edges}></path>` : nothing}
      </svg>
      <figcaption>${cell.label}</figcaption>
    </figure>`;
  }
}

function disc(at: [number, number] | null): string {
  if (!at) return "";
  const r = 2.2;
  return `M${px(at[0] - r)} ${px(at[1])}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0Z`;
}
customElements.define("yipan-smallmaps", YipanSmallmaps);
