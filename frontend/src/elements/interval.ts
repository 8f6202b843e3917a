/** `<yipan-interval>`: median tick, 50 % bar, 90 % line, on a scale its neighbours share. */
import { html, LitElement, nothing, type TemplateResult } from "lit";
import { property } from "lit/decorators.js";
import { linear, px } from "./scale.js";

const WIDTH = 240;
const HEIGHT = 18;

export class YipanInterval extends LitElement {
  @property({ type: Number }) lo = NaN;
  @property({ type: Number }) q25 = NaN;
  @property({ type: Number }) mid = NaN;
  @property({ type: Number }) q75 = NaN;
  @property({ type: Number }) hi = NaN;
  @property({ type: Number }) min = 0;
  @property({ type: Number }) max = 1;
  /** The dashed line to compare with. */
  @property({ type: Number }) reference = NaN;
  /** Tone of the option, 0 to 5; the same number and tone everywhere. */
  @property({ type: Number }) tone = 0;
  /** The numbers in words; without it the element's own text is the name. */
  @property() label = "";

  private words = "";

  protected override createRenderRoot(): HTMLElement {
    this.words = this.textContent?.trim() ?? "";
    this.replaceChildren();
    return this;
  }

  protected override render(): TemplateResult | typeof nothing {
    const { lo, q25, mid, q75, hi } = this;
    if ([lo, q25, mid, q75, hi].some((v) => !Number.isFinite(v)) || !(this.max > this.min)) {
      return html`<span class="mut">${this.words || this.label}</span>`;
    }
    const x = linear(this.min, this.max, 2, WIDTH - 2);
    const at = (v: number): string => px(Math.min(WIDTH, Math.max(0, x(v))));
    const y = HEIGHT / 2;
    const width = (a: number, b: number): string => px(Math.max(1.5, Number(at(b)) - Number(at(a))));
    return html`<svg class="iv tone-${this.tone}" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label=${this.label || this.words}>
      <line class="iv-base" x1="0" x2=${WIDTH} y1=${y} y2=${y}></line>
      <line class="iv-ref" x1=${at(this.reference || 0)} x2=${at(this.reference || 0)} y1="0" y2=${HEIGHT} visibility=${Number.isFinite(this.reference) ? "visible" : "hidden"}></line>
      <line class="iv-90" x1=${at(lo)} x2=${at(hi)} y1=${y} y2=${y}></line>
      <rect class="iv-50" x=${at(q25)} y=${y - 3.5} width=${width(q25, q75)} height="7"></rect>
      <rect class="iv-mid" x=${px(Number(at(mid)) - 1.5)} y=${y - 6} width="3" height="12"></rect>
    </svg>`;
  }
}
customElements.define("yipan-interval", YipanInterval);
