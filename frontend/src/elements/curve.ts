/** `<yipan-curve>`: cases by onset (bars), not yet reported (hatch, interval), by report day (line). */
import { html, nothing, svg, type SVGTemplateResult, type TemplateResult } from "lit";
import { patterns } from "./patterns.js";
import { Picture } from "./picture.js";
import { linear, number, px, runs, ticks } from "./scale.js";
import { dayTicks, frame, shade, type Frame, type TimelineData } from "./timeline.js";

export interface CurveData extends TimelineData {
  /** Reported so far, by onset day. */
  onset?: (number | null)[];
  /** Expected in all by onset day: 5 %, 50 % and 95 %, reported ones included. */
  expected?: ({ lo: number; mid: number; hi: number } | null)[];
  /** By report day, from the bulletins. */
  reported?: (number | null)[];
  events?: { date: string; label: string }[];
  /** Direct labels at points of the line. */
  notes?: { date: string; label: string }[];
  /** Enlarge this many last days in a corner; 0 for none. */
  inset_days?: number;
}

const HEIGHT = 250;

export class YipanCurve extends Picture<CurveData> {
  protected override draw(data: CurveData): TemplateResult {
    const f = frame(data.dates.length, HEIGHT, 24, this.room);
    const top = ticks(this.highest(data, 0, data.dates.length)).at(-1) ?? 1;
    const y = linear(0, top, f.bottom, f.top);
    return html`${this.key(data)}
      <svg class="chart" viewBox="0 0 ${f.width} ${f.height}" role="img" aria-label=${data.title ?? ""} aria-describedby="${this.uid}-sum">
        ${patterns(this.uid)}${shade(data, f)}
        ${ticks(top).map((v) => svg`<line class=${v === 0 ? "ax" : "grid"} x1=${f.left} x2=${f.right} y1=${px(y(v))} y2=${px(y(v))}></line><text class="tick end" x=${f.left - 6} y=${px(y(v) + 4)}>${number(v, 1)}</text>`)}
        ${this.bars(data, 0, f.day, (i) => f.left + i * f.day, y)}
        ${this.line(data, f, y)}
        ${dayTicks(data, f)}
        ${this.events(data, f)}
        ${this.notes(data, f, y)}
        ${this.inset(data, f, top)}
      </svg>
      <p class="sr" id="${this.uid}-sum">${data.summary ?? ""}</p>`;
  }

  private highest(data: CurveData, from: number, to: number): number {
    const values = [data.onset, data.reported].flatMap((s) => (s ?? []).slice(from, to).map((v) => v ?? 0));
    const upper = (data.expected ?? []).slice(from, to).map((e) => e?.hi ?? 0);
    return Math.max(1, ...values, ...upper);
  }

  private bars(data: CurveData, from: number, day: number, left: (i: number) => number, y: (v: number) => number): SVGTemplateResult[] {
    const out: SVGTemplateResult[] = [];
    for (let i = from; i < data.dates.length; i++) {
      const x = left(i) + day * 0.12;
      const w = px(day * 0.76);
      const had = data.onset?.[i] ?? null;
      const expected = data.expected?.[i] ?? null;
      const words = [data.dates[i], had === null ? "" : this.label("tip_onset", { n: number(had, 1) })].filter(Boolean).join(" · ");
      if (had !== null && had > 0) {
        out.push(svg`<rect class="reported-onset" x=${px(x)} y=${px(y(had))} width=${w} height=${px(y(0) - y(had))}><title>${words}</title></rect>`);
      }
      if (!expected) continue;
      const base = had ?? 0;
      if (expected.mid > base) {
        out.push(svg`<rect class="pending" fill="url(#${this.uid}-now)" x=${px(x)} y=${px(y(expected.mid))} width=${w} height=${px(y(base) - y(expected.mid))}></rect>`);
      }
      if (expected.hi > base) {
        const middle = px(x + day * 0.38);
        out.push(svg`<line class="whisker" x1=${middle} x2=${middle} y1=${px(y(expected.hi))} y2=${px(y(Math.max(base, expected.lo)))}></line>`);
      }
    }
    return out;
  }

  private line(data: CurveData, f: Frame, y: (v: number) => number): SVGTemplateResult[] {
    const values = data.reported ?? [];
    return runs(values.length, (i) => values[i] !== null && values[i] !== undefined).map(([a, b]) => {
      const points = values.slice(a, b).map((v, k) => `${px(f.x(a + k))} ${px(y(v as number))}`);
      return svg`<path class="by-report" d="M${points.join("L")}"></path>`;
    });
  }

  private events(data: CurveData, f: Frame): SVGTemplateResult[] {
    return (data.events ?? []).flatMap((event) => {
      const i = data.dates.indexOf(event.date);
      if (i < 0) return [];
      const x = f.x(i);
      const right = x > f.width * 0.7;
      return [svg`<line class="event" x1=${px(x)} x2=${px(x)} y1=${f.top - 8} y2=${f.bottom}></line>
        <text class="ann ${right ? "end" : ""}" x=${px(right ? x - 4 : x + 4)} y=${f.top - 10}>${event.label}</text>`];
    });
  }

  private notes(data: CurveData, f: Frame, y: (v: number) => number): SVGTemplateResult[] {
    return (data.notes ?? []).flatMap((note) => {
      const i = data.dates.indexOf(note.date);
      const v = data.reported?.[i];
      if (i < 0 || v === null || v === undefined) return [];
      const left = f.x(i) < f.width * 0.3;
      return [svg`<text class="ann b halo ${left ? "" : "end"}" x=${px(f.x(i) + (left ? 6 : -6))} y=${px(y(v) + 1)}>${note.label}</text>`];
    });
  }

  /** The last days on their own scale: what matters now is too small on the whole curve's. */
  private inset(data: CurveData, f: Frame, top: number): SVGTemplateResult | typeof nothing {
    const n = data.inset_days ?? 0;
    const from = data.dates.length - n;
    if (n < 2 || from <= 0) return nothing;
    const own = ticks(this.highest(data, from, data.dates.length)).at(-1) ?? 1;
    if (own > top * 0.4) return nothing; // it would enlarge nothing
    const [w, h] = [Math.max(104, f.width * 0.28), (f.bottom - f.top) * 0.5];
    const [x0, y0] = [f.right - w, f.top + 10];
    const y = linear(0, own, y0 + h, y0 + 20);
    const [left, day] = [x0 + 20, (w - 26) / n];
    const marks = [0, own / 2, own];
    return svg`<g class="enlarged"><rect class="inset-box" x=${px(x0 - 4)} y=${px(y0 - 6)} width=${px(w + 4)} height=${px(h + 26)}></rect>
      <text class="ann b" x=${px(x0 + 2)} y=${px(y0 + 8)}>${this.label("inset")}</text>
      ${marks.map((v) => svg`<line class=${v === 0 ? "ax" : "grid"} x1=${px(left)} x2=${px(left + n * day)} y1=${px(y(v))} y2=${px(y(v))}></line><text class="tick tiny end" x=${px(left - 4)} y=${px(y(v) + 4)}>${number(v, 1)}</text>`)}
      ${this.bars(data, from, day, (i) => left + (i - from) * day, y)}</g>`;
  }

  private key(data: CurveData): TemplateResult {
    const entry = (mark: SVGTemplateResult, key: string): TemplateResult =>
      html`<li><svg viewBox="0 0 18 10" aria-hidden="true">${mark}</svg>${this.label(key)}</li>`;
    return html`<ul class="key">
      ${data.reported ? entry(svg`<line class="by-report" x1="0" x2="18" y1="5" y2="5"></line>`, "reported") : nothing}
      ${data.onset ? entry(svg`<rect class="reported-onset" width="18" height="10"></rect>`, "onset") : nothing}
      ${data.expected ? entry(svg`<rect class="pending" fill="url(#${this.uid}-now)" width="18" height="10"></rect>`, "expected") : nothing}
      ${data.incomplete_from ? entry(svg`<rect class="incomplete" width="18" height="10"></rect>`, "incomplete") : nothing}
    </ul>`;
  }
}
customElements.define("yipan-curve", YipanCurve);
