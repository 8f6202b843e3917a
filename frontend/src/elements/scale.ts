/** Plain scales for the charts; no more than four gridlines. */

export function linear(d0: number, d1: number, r0: number, r1: number): (v: number) => number {
  const k = d1 === d0 ? 0 : (r1 - r0) / (d1 - d0);
  return (v) => r0 + (v - d0) * k;
}

/** Round numbers from 0 to at least `top`, at most five of them (four gridlines above the axis). */
export function ticks(top: number): number[] {
  if (!(top > 0)) return [0, 1];
  const power = 10 ** Math.floor(Math.log10(top / 4));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => top / s <= 4 && (top < 4 || Number.isInteger(s))) ?? top;
  const out: number[] = [];
  for (let i = 0; i * step < top + step * 0.999; i++) out.push(round(i * step));
  return out;
}

export function round(v: number, digits = 6): number {
  return Number(v.toFixed(digits));
}

/** One decimal is enough for SVG and keeps the document small. */
export function px(v: number): string {
  return String(Math.round(v * 10) / 10);
}

export function number(v: number, digits = 0): string {
  const lang = typeof document === "undefined" ? "en" : document.documentElement.lang || "en";
  return new Intl.NumberFormat(lang, { maximumFractionDigits: digits }).format(v).replace("-", "−");
}

/** Runs of consecutive indices at which every series has a value. */
export function runs(length: number, present: (i: number) => boolean): [number, number][] {
  const out: [number, number][] = [];
  let from = -1;
  for (let i = 0; i <= length; i++) {
    const here = i < length && present(i);
    if (here && from < 0) from = i;
    if (!here && from >= 0) {
      out.push([from, i]);
      from = -1;
    }
  }
  return out;
}
