import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import "../src/elements/map.js";
import type { YipanMap } from "../src/elements/map.js";
import { json, MAP, mount, settled, squares } from "./helpers.js";

const TABLE = `<table><caption>One county is high</caption><tbody>
  <tr data-tier="low"><td>甲县</td></tr><tr data-tier="high"><td>丙县</td></tr></tbody></table>`;

const page = (data: object): string =>
  `<section class="block"><header><div></div><div class="tools"><a href="x.csv">CSV</a></div></header>
   <yipan-map name="map" data-under-test>${json(data)}${TABLE}</yipan-map></section>`;

const spoken = (map: YipanMap): string => map.querySelector('[role="status"]')?.textContent ?? "";
const stage = (map: YipanMap): HTMLElement => map.querySelector(".stage") as HTMLElement;
const selected = (): string | null => new URL(window.location.href).searchParams.get("unit");

async function press(map: YipanMap, ...keys: string[]): Promise<void> {
  for (const key of keys) stage(map).dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
  await settled(map);
}

beforeEach(() => window.history.replaceState(null, "", "/"));
afterEach(() => vi.restoreAllMocks());

describe("what is drawn", () => {
  it("gives each tier its own fill and pattern", async () => {
    const map = await mount<YipanMap>(page({ ...MAP, topology: squares() }));
    const marks = [...map.querySelectorAll<SVGElement>("path.co")];
    expect(marks.map((m) => m.dataset["code"])).toEqual(["a", "b", "c", "d"]);
    expect(marks.map((m) => m.getAttribute("class"))).toEqual(["co t-low", "co p-medium", "co t-high", "co p-none"]);
    const pattern = marks[1]?.getAttribute("fill")?.match(/#(.+)\)/)?.[1];
    expect(map.querySelector(`pattern[id="${pattern}"]`)).not.toBeNull();
  });

  it("keeps every square inside the picture however its ring is wound", async () => {
    const map = await mount<YipanMap>(page({ ...MAP, topology: squares() }));
    const [, , width, height] = (map.querySelector("svg.map")?.getAttribute("viewBox") ?? "").split(" ").map(Number);
    const numbers = [...map.querySelectorAll("path.co")].flatMap((p) => [...(p.getAttribute("d") ?? "").matchAll(/(-?[\d.]+),(-?[\d.]+)/g)].map((m) => [Number(m[1]), Number(m[2])]));
    expect(numbers.length).toBeGreaterThan(12);
    for (const [x, y] of numbers) {
      expect(x).toBeGreaterThanOrEqual(0);
      expect(x).toBeLessThanOrEqual(width as number);
      expect(y).toBeGreaterThanOrEqual(0);
      expect(y).toBeLessThanOrEqual(height as number);
    }
  });

  it("draws circles, area in proportion to people, where there are no boundaries", async () => {
    const map = await mount<YipanMap>(page({ ...MAP, topology: null }));
    const radius = (code: string): number => Number(map.querySelector(`circle[data-code="${code}"]`)?.getAttribute("r"));
    expect(map.querySelectorAll("path.co")).toHaveLength(0);
    expect(radius("c") / radius("b")).toBeCloseTo(Math.sqrt(9 / 4), 1);
    expect(map.textContent).toContain("No boundaries here");
  });

  it("falls back to circles when the boundaries cannot be fetched", async () => {
    vi.spyOn(console, "warn").mockImplementation(() => undefined);
    vi.spyOn(globalThis, "fetch").mockRejectedValue(new TypeError("offline"));
    const map = await mount<YipanMap>(page({ ...MAP, topology: "/boundaries.json" }));
    expect(map.querySelectorAll("circle.co")).toHaveLength(4);
  });

  it("draws a unit without geometry as a circle among the shapes", async () => {
    const topology = squares() as { objects: { counties: { geometries: unknown[] } } };
    topology.objects.counties.geometries.pop();
    const map = await mount<YipanMap>(page({ ...MAP, topology }));
    expect(map.querySelectorAll("path.co")).toHaveLength(3);
    expect(map.querySelector("circle.co")?.getAttribute("data-code")).toBe("d");
  });

  it("names the picture with the finding and describes it with the summary", async () => {
    const map = await mount<YipanMap>(page(MAP));
    expect(map.querySelector('svg[role="img"]')?.getAttribute("aria-label")).toBe("One county is high");
    const described = stage(map).getAttribute("aria-describedby") ?? "";
    expect(map.querySelector(`#${described}`)?.textContent).toContain("1 high, 1 medium, 1 low, 1 no data");
  });

  it("has no style attribute, which the policy would refuse", async () => {
    const map = await mount<YipanMap>(page({ ...MAP, topology: squares() }));
    expect(map.querySelectorAll("[style]")).toHaveLength(0);
  });
});

describe("keyboard", () => {
  it("is one tab stop", async () => {
    const map = await mount<YipanMap>(page({ ...MAP, topology: squares() }));
    expect(stage(map).tabIndex).toBe(0);
    expect(stage(map).querySelectorAll("svg [tabindex]")).toHaveLength(0);
  });

  it("walks to the adjacent county in the direction of the arrow", async () => {
    const map = await mount<YipanMap>(page({ ...MAP, selected: "a" }));
    await press(map, "ArrowRight");
    expect(selected()).toBe("b");
    await press(map, "ArrowUp");
    expect(selected()).toBe("d");
    await press(map, "ArrowDown");
    expect(selected()).toBe("b");
    await press(map, "ArrowRight");
    expect(selected()).toBe("c");
    expect(spoken(map)).toBe("丙县, High");
  });

  it("stays where nothing lies that way", async () => {
    const map = await mount<YipanMap>(page({ ...MAP, selected: "c" }));
    await press(map, "ArrowRight");
    expect(map.querySelector(".mapcard h3")?.textContent).toContain("丙县");
  });

  it("starts in the middle", async () => {
    const map = await mount<YipanMap>(page(MAP));
    await press(map, "ArrowLeft");
    expect(selected()).toBe("b");
  });

  it("finds a county by the letters of its other name, accents or not", async () => {
    const map = await mount<YipanMap>(page(MAP));
    await press(map, "y", "i");
    expect(selected()).toBe("b");
  });

  it("finds a county by its name", async () => {
    const map = await mount<YipanMap>(page(MAP));
    await press(map, "丁");
    expect(selected()).toBe("d");
  });

  it("says so when nothing has that name, and keeps the selection", async () => {
    const map = await mount<YipanMap>(page({ ...MAP, selected: "a" }));
    await press(map, "x", "x");
    expect(spoken(map)).toBe("nothing begins with xx");
    expect(map.querySelector(".mapcard h3")?.textContent).toContain("甲县");
  });

  it("opens the selected county with Enter", async () => {
    const map = await mount<YipanMap>(page({ ...MAP, selected: "b" }));
    const opened = vi.fn((event: Event) => event.preventDefault());
    map.addEventListener("yipan-open", opened);
    await press(map, "Enter");
    expect((opened.mock.calls[0]?.[0] as CustomEvent).detail).toBe("b");
  });

  it("is left with Esc", async () => {
    const map = await mount<YipanMap>(page(MAP));
    stage(map).focus();
    expect(document.activeElement).toBe(stage(map));
    await press(map, "Escape");
    expect(document.activeElement).not.toBe(stage(map));
  });
});

describe("pointer, filter, table", () => {
  it("selects at the first press and opens at the second", async () => {
    const map = await mount<YipanMap>(page({ ...MAP, topology: squares() }));
    const opened = vi.fn((event: Event) => event.preventDefault());
    map.addEventListener("yipan-open", opened);
    const mark = map.querySelector('[data-code="b"]') as SVGElement;
    mark.dispatchEvent(new MouseEvent("click", { bubbles: true }));
    await settled(map);
    expect(map.querySelector(".mapcard")?.textContent).toContain("31 cases");
    expect(opened).not.toHaveBeenCalled();
    mark.dispatchEvent(new MouseEvent("click", { bubbles: true }));
    expect(opened).toHaveBeenCalledOnce();
  });

  it("filters by the legend, in the picture, the table and the address", async () => {
    const map = await mount<YipanMap>(page(MAP));
    const high = map.querySelector<HTMLButtonElement>(".legend button") as HTMLButtonElement;
    high.click();
    await settled(map);
    expect(high.getAttribute("aria-pressed")).toBe("true");
    expect([...map.querySelectorAll<SVGElement>(".co.dim")].map((m) => m.dataset["code"])).toEqual(["a", "b", "d"]);
    expect([...map.querySelectorAll<HTMLElement>("tr")].map((r) => r.hidden)).toEqual([true, false]);
    expect(new URL(window.location.href).searchParams.get("tier")).toBe("high");
  });

  it("takes selection and filter from the address", async () => {
    window.history.replaceState(null, "", "/?unit=d&tier=low");
    const map = await mount<YipanMap>(page(MAP));
    expect(map.querySelector(".mapcard h3")?.textContent).toContain("丁县");
    expect(map.querySelectorAll(".co.dim")).toHaveLength(3);
  });

  it("hides the table behind the picture, and shows it by a toggle kept in the address", async () => {
    const map = await mount<YipanMap>(page(MAP));
    const table = map.querySelector("table") as HTMLElement;
    expect(table.hidden).toBe(true);
    const toggle = document.querySelector<HTMLButtonElement>(".tools button") as HTMLButtonElement;
    expect(toggle.textContent).toBe("Table");
    toggle.click();
    await settled(map);
    expect(table.hidden).toBe(false);
    expect(map.querySelector("svg.map")).toBeNull();
    expect(new URL(window.location.href).searchParams.get("view")).toBe("map");
    expect(toggle.textContent).toBe("Picture");
  });

  it("leaves the table when the data cannot be read", async () => {
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    vi.spyOn(globalThis, "fetch").mockResolvedValue(new Response("", { status: 503 }));
    const map = await mount<YipanMap>(`<yipan-map src="/map.json" label-failed="E1 the data could not be read" data-under-test>${TABLE}</yipan-map>`);
    expect((map.querySelector("table") as HTMLElement).hidden).toBe(false);
    expect(map.querySelector('[role="alert"]')?.textContent).toBe("E1 the data could not be read");
  });

  it("has no controls on the wall", async () => {
    document.documentElement.dataset["theme"] = "wall";
    const map = await mount<YipanMap>(page(MAP));
    delete document.documentElement.dataset["theme"];
    expect(document.querySelectorAll("button")).toHaveLength(0);
    expect(map.querySelector(".legend")?.textContent).toContain("High");
  });
});
