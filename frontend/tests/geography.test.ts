import { describe, expect, it } from "vitest";
import { covered, fit, inside, scaleBar, towards } from "../src/elements/geography.js";
import { UNITS } from "./helpers.js";

describe("towards", () => {
  it("prefers the adjacent unit best aligned with the arrow", () => {
    const [a, b] = [UNITS[0]!, UNITS[1]!];
    expect(towards(b, "up", UNITS, new Set(["a", "c", "d"]))?.code).toBe("d");
    expect(towards(a, "right", UNITS, new Set(["b"]))?.code).toBe("b");
  });

  it("reaches every unit from every other, adjacent or not", () => {
    for (const start of UNITS) {
      const seen = new Set([start.code]);
      const queue = [start];
      while (queue.length) {
        const here = queue.pop()!;
        for (const way of ["up", "down", "left", "right"] as const) {
          const next = towards(here, way, UNITS, new Set()) as (typeof UNITS)[number] | null;
          if (next && !seen.has(next.code)) {
            seen.add(next.code);
            queue.push(next);
          }
        }
      }
      expect(seen.size).toBe(UNITS.length);
    }
  });
});

describe("fit", () => {
  it("fills the width and keeps all points inside", () => {
    const fitted = fit(UNITS, 600, 26);
    for (const u of UNITS) {
      const [x, y] = fitted.projection([u.lon, u.lat])!;
      expect(x).toBeGreaterThanOrEqual(25.9);
      expect(x).toBeLessThanOrEqual(574.1);
      expect(y).toBeGreaterThanOrEqual(25.9);
      expect(y).toBeLessThanOrEqual(fitted.height - 25.9);
    }
  });

  it("has north above south", () => {
    const fitted = fit(UNITS, 600);
    expect(fitted.projection([113, 35])![1]).toBeLessThan(fitted.projection([113, 34])![1]);
  });
});

describe("scale bar", () => {
  it("is a round number of kilometres, as long as the map makes it", () => {
    const fitted = fit(UNITS, 600);
    const bar = scaleBar(fitted.projection, [113, 34], 60);
    expect(String(bar.km)).toMatch(/^[125]0*$/);
    const [x0] = fitted.projection([113, 34])!;
    const [x1] = fitted.projection([113 + bar.km / (111.32 * Math.cos((34 * Math.PI) / 180)), 34])!;
    expect(bar.px).toBeCloseTo(x1 - x0, 1);
  });
});

describe("empty corners", () => {
  const land: [number, number][][] = [[[0, 0], [100, 0], [100, 50], [0, 50]]];
  const frame = { x: 0, y: 0, w: 100, h: 100 };

  it("finds the corner the land leaves free", () => {
    expect(covered("tl", [30, 30], frame, land, [])).toBe(1);
    expect(covered("bl", [30, 30], frame, land, [])).toBe(0);
  });

  it("counts dots as land", () => {
    expect(covered("bl", [30, 30], frame, land, [[10, 90]])).toBe(1);
  });

  it("knows inside from outside", () => {
    expect(inside([50, 25], land[0]!)).toBe(true);
    expect(inside([50, 75], land[0]!)).toBe(false);
  });
});
