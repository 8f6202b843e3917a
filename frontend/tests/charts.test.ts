import { beforeEach, describe, expect, it } from "vitest";
import "../src/pictures.js";
import type { YipanBand } from "../src/elements/band.js";
import type { YipanCurve } from "../src/elements/curve.js";
import type { YipanInterval } from "../src/elements/interval.js";
import type { YipanSmallmaps } from "../src/elements/smallmaps.js";
import { runs, ticks } from "../src/elements/scale.js";
import { json, mount, squares, UNITS } from "./helpers.js";

const DATES = Array.from({ length: 20 }, (_, i) => new Date(Date.UTC(2020, 1, 1 + i)).toISOString().slice(0, 10));
const LABELS = { table: "Table", picture: "Picture", reported: "By report day", onset: "By onset day", expected: "Not yet reported", incomplete: "Incomplete", inset: "Last days", too_few: "too few cases to say", above: "growing", below: "shrinking", band50: "50%", band90: "90%", cut: "cut at the top" };
const attribute = (e: Element | null | undefined, name: string): number => Number(e?.getAttribute(name));

beforeEach(() => window.history.replaceState(null, "", "/"));

describe("ticks", () => {
  it("start at 0, reach the top and are five at most", () => {
    for (const top of [1, 2, 3, 7, 9, 41, 109, 120, 1271, 99_999]) {
      const t = ticks(top);
      expect(t[0]).toBe(0);
      expect(t.at(-1)).toBeGreaterThanOrEqual(top);
      expect(t.length).toBeLessThanOrEqual(6);
    }
  });
});

describe("runs", () => {
  it("split at gaps", () => {
    const values = [null, 1, 2, null, null, 3];
    expect(runs(6, (i) => values[i] !== null)).toEqual([[1, 3], [5, 6]]);
  });
});

describe("yipan-curve", () => {
  const data = {
    title: "Cases peaked",
    summary: "109 on 3 February",
    dates: DATES,
    ticks: [{ date: "2020-02-01", label: "1 Feb" }],
    incomplete_from: "2020-02-11",
    onset: DATES.map((_, i) => (i < 10 ? 10 : 1)),
    expected: DATES.map((_, i) => (i < 10 ? null : { lo: 1, mid: 3, hi: 6 })),
    reported: [null, null, ...DATES.slice(2).map((_, i) => i)],
    events: [{ date: "2020-02-05", label: "Level I" }],
    notes: [{ date: "2020-02-20", label: "17" }],
    labels: LABELS,
  };
  const draw = (extra: object = {}): Promise<YipanCurve> => mount<YipanCurve>(`<yipan-curve data-under-test>${json({ ...data, ...extra })}<table></table></yipan-curve>`);

  it("draws a bar for each onset day, standing on 0, as high as its value", async () => {
    const curve = await draw();
    const bars = [...curve.querySelectorAll("svg.chart > rect.reported-onset")];
    expect(bars).toHaveLength(20);
    const foot = bars.map((b) => attribute(b, "y") + attribute(b, "height"));
    expect(Math.max(...foot) - Math.min(...foot)).toBeLessThan(0.21);
    expect(attribute(bars[0], "height") / attribute(bars[19], "height")).toBeCloseTo(10, 0);
  });

  it("hatches what is expected and not yet reported, on top of the bar", async () => {
    const curve = await draw();
    const hatch = curve.querySelectorAll("svg.chart > rect.pending");
    expect(hatch).toHaveLength(10);
    expect(hatch[0]?.getAttribute("fill")).toMatch(/^url\(#/);
    const bar = curve.querySelectorAll("svg.chart > rect.reported-onset")[10];
    expect(attribute(hatch[0], "y") + attribute(hatch[0], "height")).toBeCloseTo(attribute(bar, "y"), 0);
    expect(curve.querySelectorAll("svg.chart > line.whisker")).toHaveLength(10);
  });

  it("starts the line where reports start", async () => {
    const curve = await draw();
    const lines = curve.querySelectorAll("svg.chart > path.by-report");
    expect(lines).toHaveLength(1);
    expect(lines[0]?.getAttribute("d")?.split("L")).toHaveLength(18);
  });

  it("shades the incomplete days to the right end", async () => {
    const curve = await draw();
    const shade = curve.querySelector("svg.chart > rect.incomplete");
    expect(attribute(shade, "x") + attribute(shade, "width")).toBeCloseTo(510, 0);
    expect(attribute(shade, "width") / 476).toBeCloseTo(0.5, 2);
  });

  it("labels events, notes, ticks", async () => {
    const text = (await draw()).querySelector("svg.chart")?.textContent ?? "";
    for (const words of ["Level I", "17", "1 Feb"]) expect(text).toContain(words);
  });

  it("enlarges the last days only when they are small on the whole", async () => {
    expect((await draw({ inset_days: 5 })).querySelector(".enlarged")).toBeNull();
    const tall = DATES.map((_, i) => (i < 5 ? 100 : 0));
    const small = DATES.map((_, i) => (i < 10 ? 100 : 2));
    const inset = (await draw({ inset_days: 5, reported: tall, onset: small })).querySelector(".enlarged");
    expect(inset?.querySelectorAll("rect.reported-onset")).toHaveLength(5);
  });
});

describe("yipan-band", () => {
  const series = (v: number): (number | null)[] => DATES.map((_, i) => (i >= 5 && i < 12 ? null : v));
  const data = { title: "Rt", summary: "below 1", dates: DATES, incomplete_from: "2020-02-16", median: series(0.8), lo50: series(0.7), hi50: series(0.9), lo90: series(0.5), hi90: series(1.4), reference: 1, y_max: 3, note: "0.8 (90%: 0.5–1.4)", labels: LABELS };
  const draw = (extra: object = {}): Promise<YipanBand> => mount<YipanBand>(`<yipan-band data-under-test>${json({ ...data, ...extra })}</yipan-band>`);

  it("leaves a gap where there are too few cases, and says so", async () => {
    const band = await draw();
    expect(band.querySelectorAll("svg.chart .band-90")).toHaveLength(2);
    expect(band.querySelectorAll("svg.chart .gap")).toHaveLength(1);
    expect(band.querySelector("svg.chart")?.textContent).toContain("too few cases to say");
  });

  it("draws the incomplete days dashed", async () => {
    const band = await draw();
    expect(band.querySelectorAll("svg.chart path.median.open")).toHaveLength(1);
    expect(band.querySelectorAll("svg.chart path.median:not(.open)")).toHaveLength(2);
  });

  it("marks the reference line, above which an outbreak grows", async () => {
    const band = await draw();
    const one = band.querySelector("line.one");
    const zero = band.querySelector("line.ax");
    expect(attribute(one, "y1")).toBeLessThan(attribute(zero, "y1"));
    expect(band.querySelectorAll("line.one")).toHaveLength(1);
  });

  it("says when the top is cut, and only then", async () => {
    expect((await draw()).querySelector(".picture")?.textContent).not.toContain("cut at the top");
    expect((await draw({ hi90: series(9) })).querySelector(".picture")?.textContent).toContain("cut at the top");
  });

  it("draws a gap over all days when nothing can be said", async () => {
    const none = DATES.map(() => null);
    const band = await draw({ median: none, lo50: none, hi50: none, lo90: none, hi90: none });
    expect(band.querySelectorAll(".band-90")).toHaveLength(1); // the key's
    expect(attribute(band.querySelector("svg.chart .gap"), "x2")).toBeCloseTo(510, 0);
  });
});

describe("yipan-interval", () => {
  const draw = (attributes: string): Promise<YipanInterval> => mount<YipanInterval>(`<yipan-interval ${attributes} data-under-test>3,150 (90%: 3,040–3,230)</yipan-interval>`);
  const GOOD = 'lo="10" q25="20" mid="25" q75="40" hi="90" min="0" max="100"';

  it("puts 90 % line, 50 % bar and median tick on the shared scale", async () => {
    const iv = await draw(GOOD);
    const x = (v: number): number => 2 + (v / 100) * 236;
    expect(attribute(iv.querySelector(".iv-90"), "x1")).toBeCloseTo(x(10), 0);
    expect(attribute(iv.querySelector(".iv-90"), "x2")).toBeCloseTo(x(90), 0);
    expect(attribute(iv.querySelector(".iv-50"), "width")).toBeCloseTo(x(40) - x(20), 0);
    expect(attribute(iv.querySelector(".iv-mid"), "x") + 1.5).toBeCloseTo(x(25), 0);
  });

  it("says its numbers", async () => {
    expect((await draw(GOOD)).querySelector('[role="img"]')?.getAttribute("aria-label")).toBe("3,150 (90%: 3,040–3,230)");
  });

  it("shows words, never a picture, when a number is missing", async () => {
    const iv = await draw('lo="10" mid="25" hi="90" min="0" max="100"');
    expect(iv.querySelector("svg")).toBeNull();
    expect(iv.textContent?.trim()).toBe("3,150 (90%: 3,040–3,230)");
  });

  it("hides the comparison without a reference", async () => {
    expect((await draw(GOOD)).querySelector(".iv-ref")?.getAttribute("visibility")).toBe("hidden");
    expect((await draw(`${GOOD} reference="50"`)).querySelector(".iv-ref")?.getAttribute("visibility")).toBe("visible");
  });
});

describe("yipan-smallmaps", () => {
  const data = {
    title: "Low-risk counties open first",
    units: UNITS,
    topology: squares(),
    columns: [{ id: "w1", label: "Week 1" }, { id: "w2", label: "Week 2" }],
    rows: [{ id: "1", label: "Hold", number: 1, tone: 1 }],
    cells: [{ row: "1", column: "w1", levels: "0123", label: "closed 25%" }],
    levels: [{ level: 0, label: "Closed" }, { level: 3, label: "Open" }],
    labels: {},
  };

  it("draws each level once and says each cell in words", async () => {
    const maps = await mount<YipanSmallmaps>(`<yipan-smallmaps data-under-test>${json(data)}</yipan-smallmaps>`);
    const cell = maps.querySelector("svg.mini");
    expect([0, 1, 2, 3].map((l) => cell?.querySelectorAll(`path.open-${l}`).length)).toEqual([1, 1, 1, 1]);
    expect(cell?.getAttribute("aria-label")).toBe("Hold, Week 1: closed 25%");
    expect(maps.querySelectorAll("figure")).toHaveLength(2);
  });

  it("draws discs where there are no boundaries", async () => {
    const maps = await mount<YipanSmallmaps>(`<yipan-smallmaps data-under-test>${json({ ...data, topology: null })}</yipan-smallmaps>`);
    expect(maps.querySelector("path.open-0")?.getAttribute("d")).toContain("a2.2");
  });
});
