/** `<yipan-band>`: Rt with its 50 % and 90 % bands; a gap where there are too few cases to say. */
import { html, nothing, svg, type SVGTemplateResult, type TemplateResult } from "lit";
import { Picture } from "./picture.js";
import { linear, number, px, runs } from "./scale.js";
import { dayTicks, frame, incompleteIndex, shade, type Frame, type TimelineData } from "./timeline.js";

type Series = (number | null)[];

export interface BandData extends TimelineData {
  median: Series;
  lo50?: Series;
  hi50?: Series;
  lo90?: Series;
  hi90?: Series;
  /** The line to be below; 1 for Rt. */
  reference?: number;
  /** Top of the picture; what lies above is cut, and the picture says so. */
  y_max?: number;
  /** The last value in words, drawn in the picture. */
  note?: string;
}

const HEIGHT = 150;
/** Narrower than this a gap cannot hold the words; the key says them. */
const WORDS_PX = 130;

export class YipanBand extends Picture<BandData> {
  protected override draw(data: BandData): TemplateResult {
    const f = frame(data.dates.length, HEIGHT, 10, this.room);
    const top = data.y_max ?? Math.max(1, Math.ceil(Math.max(...(data.hi90 ?? data.median).map((v) => v ?? 0))));
    const y = linear(0, top, f.bottom, f.top);
    const known = runs(data.dates.length, (i) => data.median[i] !== null && data.median[i] !== undefined);
    const gaps = runs(data.dates.length, (i) => data.median[i] === null || data.median[i] === undefined);
    const cut = known.some(([a, b]) => (data.hi90 ?? data.median).slice(a, b).some((v) => (v ?? 0) > top));
    return html`${this.key(data, gaps.length > 0, cut)}
      <svg class="chart" viewBox="0 0 ${f.width} ${f.height}" role="img" aria-label=${data.title ?? ""} aria-describedby="${this.uid}-sum">
        <clipPath id="${this.uid}-clip"><rect x=${f.left} y=${f.top} width=${f.right - f.left} height=${f.bottom - f.top}></rect></clipPath>
        ${shade(data, f)}
        ${this.gridlines(data, f, y, top)}
        <g clip-path="url(#${this.uid}-clip)">
          ${known.map((run) => [this.area(data.lo90, data.hi90, run, f, y, "band-90"), this.area(data.lo50, data.hi50, run, f, y, "band-50"), this.median(data, run, f, y)])}
        </g>
        ${gaps.map((gap) => this.gap(gap, f, y(data.reference ?? 1)))}
        ${dayTicks(data, f)}
        ${data.note ? svg`<text class="b ann halo end" x=${f.right - 2} y=${f.top + 14}>${data.note}</text>` : nothing}
      </svg>
      <p class="sr" id="${this.uid}-sum">${data.summary ?? ""}</p>`;
  }

  private gridlines(data: BandData, f: Frame, y: (v: number) => number, top: number): SVGTemplateResult[] {
    const reference = data.reference ?? 1;
    const step = top <= 4 ? 1 : Math.ceil(top / 4);
    const values = new Set([reference]);
    for (let v = 0; v <= top; v += step) values.add(v);
    const lines = [...values].map((v) => svg`<line class=${v === reference ? "one" : v === 0 ? "ax" : "grid"} x1=${f.left} x2=${f.right} y1=${px(y(v))} y2=${px(y(v))}></line>
      <text class="tick end ${v === reference ? "b" : ""}" x=${f.left - 6} y=${px(y(v) + 4)}>${number(v, 1)}</text>`);
    lines.push(svg`<text class="ann halo" x=${f.left + 6} y=${px(y(reference) - 5)}>${this.label("above")}</text><text class="ann halo" x=${f.left + 6} y=${px(y(reference) + 14)}>${this.label("below")}</text>`);
    return lines;
  }

  private area(lo: Series | undefined, hi: Series | undefined, [a, b]: [number, number], f: Frame, y: (v: number) => number, name: string): SVGTemplateResult | typeof nothing {
    if (!lo || !hi) return nothing;
    const index = Array.from({ length: b - a }, (_, k) => a + k).filter((i) => typeof lo[i] === "number" && typeof hi[i] === "number");
    const upper = index.map((i) => `${px(f.x(i))} ${px(y(hi[i] as number))}`);
    const lower = index.map((i) => `${px(f.x(i))} ${px(y(lo[i] as number))}`).reverse();
    return index.length ? svg`<path class=${name} d="M${[...upper, ...lower].join("L")}Z"></path>` : nothing;
  }

  /** Solid where complete, dashed in the days that may still change. */
  private median(data: BandData, [a, b]: [number, number], f: Frame, y: (v: number) => number): SVGTemplateResult[] {
    const split = Math.min(b, Math.max(a, incompleteIndex(data)));
    const path = (from: number, to: number): string =>
      data.median.slice(from, to).map((v, k) => `${px(f.x(from + k))} ${px(y(v as number))}`).join("L");
    const out: SVGTemplateResult[] = [];
    if (split > a) out.push(svg`<path class="median" d="M${path(a, split)}"></path>`);
    if (b > split) out.push(svg`<path class="median open" d="M${path(Math.max(a, split - 1), b)}"></path>`);
    return out;
  }

  private gap([a, b]: [number, number], f: Frame, y: number): SVGTemplateResult {
    const [x0, x1] = [f.left + a * f.day, f.left + b * f.day];
    const words = x1 - x0 > WORDS_PX ? svg`<text class="ann halo mid" x=${px((x0 + x1) / 2)} y=${px(y - 20)}>${this.label("too_few")}</text>` : nothing;
    return svg`<line class="gap" x1=${px(x0)} x2=${px(x1)} y1=${px(y)} y2=${px(y)}></line>${words}`;
  }

  private key(data: BandData, gaps: boolean, cut: boolean): TemplateResult {
    const entry = (mark: SVGTemplateResult, text: string): TemplateResult => html`<li><svg viewBox="0 0 18 10" aria-hidden="true">${mark}</svg>${text}</li>`;
    return html`<ul class="key">
      ${data.lo50 ? entry(svg`<rect class="band-50" width="18" height="10"></rect>`, this.label("band50")) : nothing}
      ${data.lo90 ? entry(svg`<rect class="band-90" width="18" height="10"></rect>`, this.label("band90")) : nothing}
      ${data.incomplete_from ? entry(svg`<line class="median open" x1="0" x2="18" y1="5" y2="5"></line>`, this.label("incomplete")) : nothing}
      ${gaps ? entry(svg`<line class="gap" x1="0" x2="18" y1="5" y2="5"></line>`, this.label("too_few")) : nothing}
      ${cut ? html`<li>${this.label("cut")}</li>` : nothing}
    </ul>`;
  }
}
customElements.define("yipan-band", YipanBand);
