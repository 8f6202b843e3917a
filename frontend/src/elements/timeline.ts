/** What the curve and the band share: the days on x, the incomplete days, their ticks. */
import { nothing, svg, type SVGTemplateResult } from "lit";
import type { PictureData, Room } from "./picture.js";
import { px } from "./scale.js";

export interface TimelineData extends PictureData {
  /** ISO days, one for each value of every series. */
  dates: string[];
  /** Which days carry a label under the axis, already in the reader's language. */
  ticks?: { date: string; label: string }[];
  /** First day still incomplete. */
  incomplete_from?: string | null;
}

export interface Frame {
  width: number;
  height: number;
  left: number;
  right: number;
  top: number;
  bottom: number;
  /** Middle of day i, and the width of a day. */
  x: (i: number) => number;
  day: number;
}

const WIDTHS: Record<Room, number> = { narrow: 340, usual: 520, wide: 800 };

export function frame(days: number, height: number, top: number, room: Room = "usual"): Frame {
  const [width, left, right, below] = [WIDTHS[room], 34, 10, 23];
  const day = (width - left - right) / Math.max(1, days);
  return { width, height, left, right: width - right, top, bottom: height - below, day, x: (i) => left + (i + 0.5) * day };
}

export function incompleteIndex(data: TimelineData): number {
  if (!data.incomplete_from) return data.dates.length;
  const found = data.dates.findIndex((d) => d >= (data.incomplete_from as string));
  return found < 0 ? data.dates.length : found;
}

export function shade(data: TimelineData, f: Frame): SVGTemplateResult | typeof nothing {
  const from = incompleteIndex(data);
  if (from >= data.dates.length) return nothing;
  const x = f.left + from * f.day;
  return svg`<rect class="incomplete" x=${px(x)} y=${f.top - 6} width=${px(f.right - x)} height=${f.bottom - f.top + 6}></rect>`;
}

export function dayTicks(data: TimelineData, f: Frame): SVGTemplateResult[] {
  return (data.ticks ?? []).flatMap(({ date, label }) => {
    const i = data.dates.indexOf(date);
    if (i < 0) return [];
    // A label at an end would stand outside the picture: lean it inwards.
    const x = f.x(i);
    const lean = x > f.right - 20 ? "end" : "mid";
    return [svg`<line class="ax" x1=${px(x)} x2=${px(x)} y1=${f.bottom} y2=${f.bottom + 4}></line>
      <text class="tick ${lean}" x=${px(lean === "end" ? f.right : x)} y=${f.height - 4}>${label}</text>`];
  });
}
