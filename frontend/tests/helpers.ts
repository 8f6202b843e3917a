import type { LitElement } from "lit";

/** Three counties in a row and one to the north: a small world with a known geography. */
export const UNITS = [
  { code: "a", name: "甲县", name_alt: "Jia", keys: ["jiaxian"], lon: 112, lat: 34, population: 100_000, tier: "low", tier_label: "Low", lines: ["no case"], href: "/assess/a/", city: "c1" },
  { code: "b", name: "乙县", name_alt: "Yǐ", keys: [], lon: 113, lat: 34, population: 400_000, tier: "medium", tier_label: "Medium", lines: ["31 cases"], href: "/assess/b/", why_href: "/assess/b/#why", city: "c1" },
  { code: "c", name: "丙县", name_alt: "Bing", keys: [], lon: 114, lat: 34, population: 900_000, tier: "high", tier_label: "High", lines: [], href: "/assess/c/", city: "c2" },
  { code: "d", name: "丁县", name_alt: "Ding", keys: [], lon: 113, lat: 35, population: 50_000, tier: "no_data", tier_label: "No data", lines: [], href: "/assess/d/", city: "c2" },
];

/** Unit squares round the centroids, wound the way RFC 7946 asks (which d3 reads inside out). */
export function squares(): object {
  const arcs = UNITS.map(({ lon, lat }) => [[lon - 0.5, lat - 0.5], [lon + 0.5, lat - 0.5], [lon + 0.5, lat + 0.5], [lon - 0.5, lat + 0.5], [lon - 0.5, lat - 0.5]]);
  return {
    type: "Topology",
    arcs,
    objects: { counties: { type: "GeometryCollection", geometries: UNITS.map((u, i) => ({ type: "Polygon", id: u.code, properties: { code: u.code }, arcs: [[i]] })) } },
  };
}

export const MAP = {
  title: "One county is high",
  summary: "1 high, 1 medium, 1 low, 1 no data",
  units: UNITS,
  adjacency: [["a", "b"], ["b", "c"], ["b", "d"]],
  cities: [{ code: "c1", name: "One", lon: 112.5, lat: 34 }],
  legend: [
    { tier: "high", label: "High", count: 1, people: "0.9 m" },
    { tier: "low", label: "Low", count: 1, people: "0.1 m" },
  ],
  labels: { table: "Table", picture: "Picture", open: "Open", why: "Why", circles: "No boundaries here", scale: "{km} km", none: "nothing begins with {typed}", failed: "E1 the data could not be read", keys: "Arrow keys move" },
};

/** Put HTML on the page as a deferred script finds it, children first, and wait until all is drawn. */
export async function mount<T extends LitElement>(html: string): Promise<T> {
  const template = document.createElement("template");
  template.innerHTML = html;
  document.body.replaceChildren(document.importNode(template.content, true));
  const element = document.body.querySelector("[data-under-test]") as T;
  await settled(element);
  return element;
}

export async function settled(element: LitElement): Promise<void> {
  for (let i = 0; i < 4; i++) {
    await new Promise((done) => setTimeout(done, 0));
    await element.updateComplete;
  }
}

export function json(data: unknown): string {
  return `<script type="application/json">${JSON.stringify(data)}</script>`;
}
