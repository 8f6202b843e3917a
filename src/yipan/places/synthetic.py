"""Invents townships, villages and facilities for a demonstration; none of them is a real place.

No public register of villages is used. Every name follows a numbered pattern (“Sample village 3,
township A”), every unit is marked synthetic, and the people of a county's villages sum exactly to
the county's published population. The same seed and the same units give the same tree, whatever the
order of rows or the names of counties.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import cos, hypot, radians, sqrt

import numpy as np
from numpy.typing import NDArray

MAX_VILLAGES = 50_000
VILLAGES_PER_TOWNSHIP = 20
PEOPLE_PER_VILLAGE = 1_000
PEOPLE_PER_NEIGHBOURHOOD = 4_000
STEMS = "甲乙丙丁戊己庚辛壬癸"
KM_PER_DEGREE = 111.2

FACILITIES: tuple[tuple[str, str, str, str, int], ...] = (
    ("hospital", "H", "示例第{n}医院", "Sample hospital {n}", 2),
    ("school", "S", "示例第{n}学校", "Sample school {n}", 2),
    ("enterprise", "E", "示例第{n}企业", "Sample enterprise {n}", 2),
    ("station", "X", "示例第{n}车站", "Sample station {n}", 1),
)
"""Kind, code letter, names and number in each county."""


@dataclass(frozen=True)
class County:
    """What the generator needs to know of a county."""

    code: str
    city: str
    population: int
    urban: int
    area_km2: float | None = None
    lon: float | None = None
    lat: float | None = None


@dataclass(frozen=True)
class Invented:
    """One invented unit; `figures` are invented with it."""

    code: str
    parent: str
    level: str
    kind: str
    name_zh: str
    name_en: str
    population: int | None
    lon: float | None
    lat: float | None
    figures: Mapping[str, int] = field(default_factory=dict)


def invent_units(
    *, counties: Sequence[County], villages: int, seed: int, beds: Mapping[str, int]
) -> list[Invented]:
    """Return townships, villages and facilities below the given counties, parents first.

    `villages` (0–50,000) is met exactly; they are shared out by rural people per village and urban
    people per neighbourhood. `beds` are the published beds by city code: each city's are split over
    its invented hospitals by county population and sum to the published number.
    Raises ValueError when `villages` is out of range or no county has people.
    """
    if not 0 <= villages <= MAX_VILLAGES:
        raise ValueError(f"villages must be 0–{MAX_VILLAGES}, not {villages}")
    if not villages:
        return []
    ordered = sorted((c for c in counties if c.population > 0), key=lambda c: c.code)
    if not ordered:
        raise ValueError("no county has a population")
    rural = np.array([(c.population - c.urban) / PEOPLE_PER_VILLAGE for c in ordered])
    urban = np.array([c.urban / PEOPLE_PER_NEIGHBOURHOOD for c in ordered])
    counts = apportion(villages, rural + urban)
    urban_counts = [
        _urban_count(int(n), r, u) for n, r, u in zip(counts, rural, urban, strict=True)
    ]
    beds_by_county = _county_beds(ordered, beds)
    units: list[Invented] = []
    for county, n, n_urban in zip(ordered, counts, urban_counts, strict=True):
        rng = np.random.default_rng([seed, _number(county.code)])
        units.extend(_villages(county, int(n) - n_urban, n_urban, rng))
        units.extend(_facilities(county, beds_by_county.get(county.code), rng))
    return units


def apportion(total: int, weights: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return whole shares of `total` in proportion to `weights`, by the largest remainder.

    Each positive weight gets one before the rest is shared, as far as `total` goes; ties go to the
    earlier. Raises ValueError when no weight is positive.

    >>> apportion(10, np.array([1.0, 1.0, 2.0])).tolist()
    [3, 3, 4]
    """
    if not (weights > 0).any():
        raise ValueError("no weight is positive")
    shares = np.zeros(len(weights), dtype=np.int64)
    heavy_first = np.argsort(-weights, kind="stable")
    firsts = [i for i in heavy_first if weights[i] > 0][:total]
    shares[firsts] = 1
    rest = total - len(firsts)
    exact = rest * weights / weights.sum()
    shares += np.floor(exact).astype(np.int64)
    left = total - int(shares.sum())
    shares[np.argsort(-(exact - np.floor(exact)), kind="stable")[:left]] += 1
    return shares


def _urban_count(n: int, rural: float, urban: float) -> int:
    """Return how many of `n` are neighbourhoods; one each if both kinds of people and room exist."""
    if n == 0 or urban <= 0:
        return 0
    if rural <= 0:
        return n
    return min(max(round(n * urban / (rural + urban)), 1), n - 1) if n > 1 else int(urban > rural)


def _number(code: str) -> int:
    return int.from_bytes(hashlib.sha256(code.encode()).digest()[:8], "big")


def _villages(
    county: County, rural: int, urban: int, rng: np.random.Generator
) -> Iterator[Invented]:
    people_urban = county.urban if urban and rural else (county.population if urban else 0)
    people_rural = county.population - people_urban
    index = 0
    for is_urban, count, people in ((True, urban, people_urban), (False, rural, people_rural)):
        if not count:
            continue
        # Sizes vary by a factor of about two around their mean, as settlements do.
        sizes = (
            apportion(people, rng.lognormal(0.0, 0.5, count)) if people else np.zeros(count, int)
        )
        townships = max(1, round(count / VILLAGES_PER_TOWNSHIP))
        for part in np.array_split(sizes, townships):
            yield from _township(county, index, is_urban, part, rng)
            index += 1


def _township(
    county: County, index: int, is_urban: bool, sizes: NDArray[np.int64], rng: np.random.Generator
) -> Iterator[Invented]:
    stem, letter = _stem(index), _letter(index)
    zh, en = ("街道", "subdistrict") if is_urban else ("乡", "township")
    code = f"{county.code}-T{index + 1:02d}"
    radius = sqrt((county.area_km2 or 0) / np.pi) * 0.6
    centre = _near(county.lon, county.lat, radius, rng)
    yield Invented(
        code,
        county.code,
        "township",
        en,
        f"示例{stem}{zh}",
        f"Sample {en} {letter}",
        int(sizes.sum()),
        *centre,
    )
    zh_low, en_low = ("社区", "neighbourhood") if is_urban else ("村", "village")
    for n, size in enumerate(sizes, 1):
        yield Invented(
            f"{code}-V{n:03d}",
            code,
            "village",
            en_low,
            f"示例{stem}{zh}第{n}{zh_low}",
            f"Sample {en_low} {n}, {en} {letter}",
            int(size),
            *_near(*centre, radius * 0.3, rng),
        )


def _facilities(county: County, beds: int | None, rng: np.random.Generator) -> Iterator[Invented]:
    radius = sqrt((county.area_km2 or 0) / np.pi) * 0.5
    for kind, letter, zh, en, count in FACILITIES:
        split = apportion(beds, np.arange(count, 0, -1.0)) if beds and kind == "hospital" else None
        for n in range(1, count + 1):
            figures = {} if split is None else {"beds": int(split[n - 1])}
            yield Invented(
                f"{county.code}-{letter}{n}",
                county.code,
                "facility",
                kind,
                zh.format(n=n),
                en.format(n=n),
                None,
                *_near(county.lon, county.lat, radius, rng),
                figures,
            )


def _county_beds(counties: Sequence[County], beds: Mapping[str, int]) -> dict[str, int]:
    found: dict[str, int] = {}
    for city in sorted({c.city for c in counties} & set(beds)):
        members = [c for c in counties if c.city == city]
        shares = apportion(beds[city], np.array([float(c.population) for c in members]))
        found.update((c.code, int(n)) for c, n in zip(members, shares, strict=True))
    return found


def _near(
    lon: float | None, lat: float | None, radius_km: float, rng: np.random.Generator
) -> tuple[float | None, float | None]:
    """Return a point within `radius_km` of a centre; the stream advances either way."""
    x, y = rng.uniform(-1, 1, 2)
    if lon is None or lat is None:
        return None, None
    scale = radius_km / max(hypot(x, y), 1.0)
    north = y * scale / KM_PER_DEGREE
    east = x * scale / (KM_PER_DEGREE * max(cos(radians(lat)), 0.01))
    return round(lon + east, 4), round(lat + north, 4)


def _stem(index: int) -> str:
    """Return 甲 乙 … 癸 甲甲 甲乙 …: the heavenly stems as numbers."""
    name, rest = "", index
    while True:
        name = STEMS[rest % 10] + name
        rest = rest // 10 - 1
        if rest < 0:
            return name


def _letter(index: int) -> str:
    """Return A B … Z AA AB …"""
    name, rest = "", index
    while True:
        name = chr(65 + rest % 26) + name
        rest = rest // 26 - 1
        if rest < 0:
            return name
