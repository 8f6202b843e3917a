/** From TopoJSON (or bare points) to paths: projection, edges, empty corners. */
import { geoMercator, geoPath, type GeoPath, type GeoProjection } from "d3-geo";
import type { Feature, FeatureCollection, MultiPolygon, Polygon, Position } from "geojson";
import { feature, merge, mesh } from "topojson-client";
import type { GeometryCollection, GeometryObject, MultiPolygon as TopoMulti, Polygon as TopoPolygon, Topology } from "topojson-specification";

export interface Place {
  code: string;
  lon: number;
  lat: number;
  population?: number;
  city?: string;
}

export type Shape = Feature<Polygon | MultiPolygon>;
export type Box = { x: number; y: number; w: number; h: number };

/** The counties' shapes by code, or an empty map where the topology has none. */
export function shapes(topology: Topology, object = "counties"): Map<string, Shape> {
  const collection = topology.objects[object];
  const out = new Map<string, Shape>();
  if (!collection) return out;
  const features = (feature(topology, collection as GeometryCollection) as FeatureCollection).features;
  for (const f of features) {
    const code = codeOf(f);
    if (code && f.geometry && (f.geometry.type === "Polygon" || f.geometry.type === "MultiPolygon")) {
      out.set(code, rewind(f as Shape));
    }
  }
  return out;
}

export function codeOf(thing: { id?: string | number | undefined; properties?: unknown }): string {
  const properties = thing.properties as { code?: unknown } | null | undefined;
  return String(properties?.code ?? thing.id ?? "");
}

/** d3 reads a ring as the land on its right; a ring wound the other way would cover the globe. */
function rewind(shape: Shape): Shape {
  const polygons = shape.geometry.type === "Polygon" ? [shape.geometry.coordinates] : shape.geometry.coordinates;
  for (const rings of polygons) {
    rings.forEach((ring, i) => {
      if (area(ring) > 0 === (i === 0)) ring.reverse();
    });
  }
  return shape;
}

function area(ring: Position[]): number {
  let sum = 0;
  for (let i = 0; i < ring.length - 1; i++) {
    const [a, b] = [ring[i] as [number, number], ring[i + 1] as [number, number]];
    sum += a[0] * b[1] - b[0] * a[1];
  }
  return sum;
}

export interface Fitted {
  width: number;
  height: number;
  projection: GeoProjection;
  path: GeoPath;
}

/** A Mercator projection that fits shapes (or points) to a width; the height follows. */
export function fit(shapesOrPoints: Shape[] | Place[], width: number, pad = 4): Fitted {
  const subject = isShapes(shapesOrPoints)
    ? { type: "FeatureCollection" as const, features: shapesOrPoints }
    : { type: "MultiPoint" as const, coordinates: shapesOrPoints.map((p) => [p.lon, p.lat]) };
  const projection = geoMercator().fitWidth(width - 2 * pad, subject);
  const [x, y] = projection.translate();
  const bounds = geoPath(projection).bounds(subject);
  projection.translate([x + pad - bounds[0][0], y + pad - bounds[0][1]]);
  const height = Math.ceil(bounds[1][1] - bounds[0][1] + 2 * pad);
  return { width, height, projection, path: geoPath(projection).digits(1) };
}

function isShapes(list: Shape[] | Place[]): list is Shape[] {
  return list.length > 0 && "geometry" in (list[0] as object);
}

/** Path of the edges between cities and round the province, of the counties that are drawn. */
export function cityEdges(topology: Topology, cityOf: Map<string, string>, path: GeoPath, drawn: Set<string>): string {
  const counties = topology.objects["counties"] as GeometryCollection | undefined;
  const cities = topology.objects["cities"];
  if (!counties) return cities ? (path(mesh(topology, cities as GeometryObject)) ?? "") : "";
  const key = (g: GeometryObject): string => cityOf.get(codeOf(g)) ?? codeOf(g).slice(0, 4);
  const shown = (g: GeometryObject): boolean => drawn.has(codeOf(g));
  return path(mesh(topology, counties, (a, b) => (shown(a) || shown(b)) && (a === b || key(a) !== key(b)))) ?? "";
}

/** Outer rings of the whole province, projected. */
export function outline(topology: Topology, projection: GeoProjection): [number, number][][] {
  const counties = topology.objects["counties"] as GeometryCollection | undefined;
  if (!counties) return [];
  const polygons = counties.geometries.filter(
    (g): g is TopoPolygon | TopoMulti => g.type === "Polygon" || g.type === "MultiPolygon",
  );
  return merge(topology, polygons).coordinates.map((p) =>
    (p[0] ?? []).map((c) => projection(c as [number, number]) ?? [0, 0]),
  );
}

export type Corner = "tl" | "tr" | "bl" | "br";

/** How much of a corner box is covered by land (or dots), 0 to 1. */
export function covered(corner: Corner, size: [number, number], frame: Box, land: [number, number][][], dots: [number, number][]): number {
  const x0 = corner.endsWith("l") ? frame.x : frame.x + frame.w - size[0];
  const y0 = corner.startsWith("t") ? frame.y : frame.y + frame.h - size[1];
  const n = 8;
  let hits = 0;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      const p: [number, number] = [x0 + ((i + 0.5) * size[0]) / n, y0 + ((j + 0.5) * size[1]) / n];
      if (land.some((ring) => inside(p, ring))) hits++;
    }
  }
  const near = dots.filter(([x, y]) => x >= x0 && x <= x0 + size[0] && y >= y0 && y <= y0 + size[1]).length;
  return hits / (n * n) + near;
}

export function inside([x, y]: [number, number], ring: [number, number][]): boolean {
  let odd = false;
  for (let i = 0, j = ring.length - 1; i < ring.length; j = i++) {
    const [xi, yi] = ring[i] as [number, number];
    const [xj, yj] = ring[j] as [number, number];
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) odd = !odd;
  }
  return odd;
}

/** Kilometres a round scale bar of about `target` pixels stands for, and its length in pixels. */
export function scaleBar(projection: GeoProjection, at: [number, number], target: number): { km: number; px: number } {
  const a = projection(at);
  const b = projection([at[0] + 1, at[1]]);
  if (!a || !b) return { km: 0, px: 0 };
  const pxPerKm = Math.abs(b[0] - a[0]) / (111.32 * Math.cos((at[1] * Math.PI) / 180));
  const wish = target / pxPerKm;
  const power = 10 ** Math.floor(Math.log10(wish));
  const km = ([5, 2, 1].find((m) => m * power <= wish) ?? 1) * power;
  return { km, px: km * pxPerKm };
}

export type Direction = "up" | "down" | "left" | "right";
const HEADING: Record<Direction, [number, number]> = { up: [0, 1], down: [0, -1], left: [-1, 0], right: [1, 0] };

/**
 * The county to go to from `from` in a direction: among the adjacent ones the best aligned within
 * 60°, else the nearest of all that lies that way, so that no county is out of reach.
 */
export function towards(from: Place, direction: Direction, all: Place[], adjacent: Set<string>): Place | null {
  const heading = HEADING[direction];
  const scored = all
    .filter((p) => p.code !== from.code)
    .map((p) => {
      const dx = (p.lon - from.lon) * Math.cos((from.lat * Math.PI) / 180);
      const dy = p.lat - from.lat;
      const far = Math.hypot(dx, dy);
      return { p, far, cos: far === 0 ? -1 : (dx * heading[0] + dy * heading[1]) / far };
    });
  const near = scored.filter((s) => adjacent.has(s.p.code) && s.cos >= 0.5).sort((a, b) => b.cos - a.cos)[0];
  if (near) return near.p;
  const cone = scored.filter((s) => s.cos >= 0.5).sort((a, b) => a.far / a.cos - b.far / b.cos)[0];
  return cone?.p ?? null;
}
