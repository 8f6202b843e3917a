// @vitest-environment node
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const css = readFileSync(fileURLToPath(new URL("../css/tokens.css", import.meta.url)), "utf8");
const block = (from: string): Record<string, string> =>
  Object.fromEntries([...css.slice(css.indexOf(from)).split("}")[0]!.matchAll(/(--[\w-]+):\s*(#[0-9a-f]{3,6})/g)].map((m) => [m[1]!, m[2]!]));
const light = block(":root {");
const themes: Record<string, Record<string, string>> = { light, wall: { ...light, ...block('[data-theme="wall"]') } };

function luminance(hex: string): number {
  const full = hex.length === 4 ? [...hex.slice(1)].map((c) => c + c).join("") : hex.slice(1);
  const [r, g, b] = [0, 2, 4].map((i) => {
    const v = parseInt(full.slice(i, i + 2), 16) / 255;
    return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string): number {
  const [x, y] = [luminance(a), luminance(b)].sort((p, q) => q - p) as [number, number];
  return (x + 0.05) / (y + 0.05);
}

const TEXT = ["--ink", "--ink-2", "--ink-3", "--accent", "--alert", "--warn", "--ok", "--offline"];
const GROUND = ["--surface", "--bg", "--sunk"];

describe.each(Object.entries(themes))("contrast, %s", (_name, tokens) => {
  it.each(TEXT.flatMap((t) => GROUND.map((g) => [t, g])))("text %s on %s is at least 4.5", (text, ground) => {
    expect(contrast(tokens[text!]!, tokens[ground!]!)).toBeGreaterThanOrEqual(4.5);
  });

  it.each([["--line-2", "--surface"], ["--focus", "--surface"], ["--focus", "--bg"], ["--series", "--surface"]])("mark %s on %s is at least 3", (mark, ground) => {
    expect(contrast(tokens[mark!]!, tokens[ground!]!)).toBeGreaterThanOrEqual(3);
  });

  it.each(["low", "medium", "high", "undecided", "none"])("words on tier %s are readable", (tier) => {
    expect(contrast(tokens[`--on-tier-${tier}`]!, tokens[`--tier-${tier}`]!)).toBeGreaterThanOrEqual(4.5);
  });
});

describe("tiers", () => {
  it("fall in lightness with risk on light ground and rise on the wall", () => {
    const of = (t: Record<string, string>): number[] => ["low", "medium", "high"].map((n) => luminance(t[`--tier-${n}`]!));
    const [low, medium, high] = of(light) as [number, number, number];
    expect(low > medium && medium > high).toBe(true);
    const [l, m, h] = of(themes["wall"]!) as [number, number, number];
    expect(l < m && m < h).toBe(true);
  });
});
