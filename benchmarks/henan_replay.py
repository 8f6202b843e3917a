"""Henan 2020 forecast again, day by day, with only what was known by each day.

    python benchmarks/henan_replay.py [--horizons 7,14] [--line-list FILE]

Counts are those the Henan Health Commission published (in the package `henan-2020`), by data day: known
from the next morning. The dates of the source's closure and of the controls enter on the day they were
announced, parameters on the day they were published, and the delay from onset to confirmation from the
cases of a public line list (columns `onset_date`, `confirmed_date`) confirmed by that day, beside that
of SARS; the counts weigh both. What was used before it was published is listed with the days it was
ahead. Prints the scores beside persistence's and writes benchmarks/results/henan_replay.json and the
pictures of docs/explanation/henan-replay.md.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from yipan.engines.errors import TooFewObservations
from yipan.engines.surveillance.delays import fit_delay, interval_censored_delay
from yipan.engines.surveillance.forecast import (
    block_bootstrap_difference,
    forecast,
    persistence,
    score_rolling_origins,
    shapes_under_control,
)
from yipan.engines.surveillance.reproduction import discretised_serial_interval

ROOT = Path(__file__).resolve().parents[1]
RESULT = ROOT / "benchmarks" / "results" / "henan_replay.json"
PICTURES = ROOT / "docs" / "explanation"

FIRST_DAY = date(2020, 1, 20)
CLOSED = (date(2020, 1, 23) - FIRST_DAY).days  # Wuhan closes
CONTROL = (date(2020, 1, 25) - FIRST_DAY).days  # Henan's level I response
TURN = (date(2020, 2, 20) - FIRST_DAY).days
LAST = (date(2020, 3, 29) - FIRST_DAY).days
DELAY_HALF_LIFE_DAYS = 7.0  # the first cases waited weeks for a test; later ones did not
FEWEST_CASES = 20  # of the line list, before its delay is used

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Published:
    """Serial interval and incubation (mean, sd in days) and the day from which they could be used."""

    name: str
    day: int
    interval: tuple[float, float]
    incubation: tuple[float, float]


PARAMETERS = (
    Published("SARS 2003 (Lipsitch et al.; Donnelly et al.)", -10_000, (8.4, 3.8), (6.4, 4.1)),
    Published(
        "Li et al., NEJM, 29 January 2020",
        (date(2020, 1, 29) - FIRST_DAY).days,
        (7.5, 3.4),
        (5.2, 3.9),
    ),
)


@dataclass(frozen=True)
class Assumed:
    """A figure that no published series gives: when it was used first, and when it was published, if ever."""

    name: str
    used_from: date
    published: date | None
    note: str

    def as_dict(self) -> dict[str, object]:
        """Return it with the days it was ahead of its publication."""
        ahead = None if self.published is None else max(0, (self.published - self.used_from).days)
        return {
            "name": self.name,
            "used_from": self.used_from.isoformat(),
            "published": self.published and self.published.isoformat(),
            "days_ahead": ahead,
            "note": self.note,
        }


ASSUMED = (
    Assumed("R before control, 2.0", date(2020, 1, 23), date(2020, 1, 25), "first estimates, 23 to 25 January"),
    Assumed("growth at the source, 0.1 a day", date(2020, 1, 23), date(2020, 1, 29), "Li et al., NEJM"),
    Assumed("R under control, one of 0.2, 0.5, 0.9", date(2020, 1, 23), None, "a range, which the counts weigh"),
    Assumed("the form of the method", date(2020, 1, 21), None, "chosen after the series had been seen"),
)  # fmt: skip
SARS_DELAY = (5.0, 3.0)  # onset to report, Donnelly et al. (2003), rounded


def published_counts() -> tuple[Floats, Floats]:
    """Return new cases by data day of the 18 cities, and of the province."""
    path = files("yipan.places") / "packages" / "henan-2020" / "reported.csv"
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    days = sorted({row["day"] for row in rows})
    units = sorted({row["unit"] for row in rows})
    table = np.zeros((len(days), len(units)))
    for row in rows:
        table[days.index(row["day"]), units.index(row["unit"])] = float(row["confirmed"])
    new = np.maximum(np.diff(table, axis=0, prepend=0), 0)
    province = units.index("410000")
    return np.delete(new, province, axis=1), new[:, province]


def gamma_delay(mean: float, sd: float) -> Floats:
    """Return a gamma delay of this mean and sd by whole days."""
    shape = (mean / sd) ** 2
    pmf = interval_censored_delay(family="gamma", parameters=(shape, mean / shape), days=60)
    return pmf / pmf.sum()


def read_line_list(path: Path | None) -> list[tuple[int, int]]:
    """Return days of onset and confirmation of the cases that have both."""
    pairs: list[tuple[int, int]] = []
    if path is None:
        return pairs
    for row in csv.DictReader(path.read_text(encoding="utf-8").splitlines()):
        if row["onset_date"] and row["confirmed_date"]:
            begun = date.fromisoformat(row["onset_date"])
            confirmed = date.fromisoformat(row["confirmed_date"])
            pairs.append(((begun - FIRST_DAY).days, (confirmed - FIRST_DAY).days))
    return pairs


def knowledge(horizon: int, pairs: Sequence[tuple[int, int]]) -> Callable[[int], Floats | None]:
    """Return the function that draws, for a day, the shapes that could be drawn on it."""

    def shapes(day: int) -> Floats | None:
        if day < CLOSED:
            return None
        source = max((p for p in PARAMETERS if p.day <= day), key=lambda p: p.day)
        delays = [gamma_delay(*SARS_DELAY)]
        seen = [pair for pair in pairs if pair[1] <= day]
        if len(seen) >= FEWEST_CASES:
            onset, confirmed = zip(*seen, strict=True)
            with suppress(TooFewObservations):  # all with one delay: SARS's stays alone
                fit = fit_delay(
                    onset,
                    confirmed,
                    now=day,
                    max_delay_days=60,
                    half_life_days=DELAY_HALF_LIFE_DAYS,
                )
                delays.append(fit.probability)
        mean, sd = source.interval
        interval = discretised_serial_interval(mean_days=mean, sd_days=sd, days=30)
        curves = []
        for delay in delays:  # the counts weigh both
            reported = np.convolve(gamma_delay(*source.incubation), delay)
            curves.append(
                shapes_under_control(
                    days=day + 1 + horizon,
                    control_day=CONTROL if day >= CONTROL else day + 1 + horizon,
                    source_closed_day=CLOSED,
                    source_growth=0.1,
                    Rt_before=2.0,
                    Rt_after=(0.2, 0.5, 0.9),
                    generation_interval=interval,
                    infection_to_report=reported / reported.sum(),
                )
            )
        return np.concatenate(curves)

    return shapes


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--horizons", default="7,14")
    parser.add_argument("--line-list", type=Path)
    asked = parser.parse_args()
    pairs = read_line_list(asked.line_list)
    counts = published_counts()
    outcome: dict[str, object] = {
        "line_list_cases": len(pairs),
        "parameters": [p.name for p in PARAMETERS],
        "flagged": [one.as_dict() for one in ASSUMED],
    }
    for horizon in (int(text) for text in asked.horizons.split(",")):
        shapes = knowledge(horizon, pairs)
        scores = replay(*counts, shapes, horizon)
        outcome[f"{horizon} days"] = scores
        draw(counts[1], shapes, scores, horizon)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(outcome, indent=1) + "\n", encoding="utf-8")


def replay(
    cities: Floats, province: Floats, shapes: Callable[[int], Floats | None], horizon: int
) -> dict[str, dict[str, object]]:
    """Return the scores of every day's forecast beside persistence's, and print them."""
    print(
        f"{f'{horizon} days ahead':34}{'ours':>9}{'persist.':>9}{'difference [95 %]':>26}{'log ours':>10}"
        f"{'persist.':>9}"
    )
    outcome: dict[str, dict[str, object]] = {}
    for name, known in (("with dates and delays", shapes), ("counts alone", None)):
        for when, first, last in (("before 20 Feb", 1, TURN), ("from 20 Feb", TURN, LAST)):
            found = score_rolling_origins(
                cities, whole=province, origins=range(first, last), horizon_days=horizon,
                seed=1, shapes_at=known,
            )  # fmt: skip
            for level, ours, base, ours_log, base_log in (
                ("province", found.whole, found.whole_baseline, found.whole_log, found.whole_log_baseline),
                ("cities", found.place, found.place_baseline, found.place_log, found.place_log_baseline),
            ):  # fmt: skip
                # Two origins closer than the horizon are scored on the same days: blocks that long.
                mean, low, high = block_bootstrap_difference(ours, base, block_days=horizon, seed=1)
                inside = "whole" if level == "province" else "place"
                row: dict[str, object] = {
                    "origins": len(ours),
                    "wis": float(ours.mean()),
                    "wis_persistence": float(base.mean()),
                    "difference": [mean, low, high],
                    "log_wis": float(ours_log.mean()),
                    "log_wis_persistence": float(base_log.mean()),
                    "coverage_95": float(found.inside[0.95, inside].mean()),
                    "coverage_50": float(found.inside[0.5, inside].mean()),
                    "by_origin": [round(float(x), 3) for x in ours],
                    "by_origin_persistence": [round(float(x), 3) for x in base],
                }
                outcome[f"{name}, {when}, {level}"] = row
                print(
                    f"{f'{name}, {when}'[:30]:<30}{level[:4]:<4}{ours.mean():9.3f}{base.mean():9.3f}"
                    f"{mean:11.3f} [{low:.3f}, {high:.3f}]{ours_log.mean():10.3f}{base_log.mean():9.3f}"
                    f"   95 %: {row['coverage_95']:.2f}  50 %: {row['coverage_50']:.2f}"
                )
    return outcome


def draw(
    province: Floats,
    shapes: Callable[[int], Floats | None],
    outcome: dict[str, dict[str, object]],
    horizon: int,
) -> None:
    """Write the pictures: forecasts so far ahead against what came, and the score of each day."""
    levels = (0.025, 0.5, 0.975)
    origins = range(1, 45)
    ours, base = [], []
    for t in origins:
        known = province[: t + 1, None]
        ours.append(
            forecast(
                known, horizon_days=horizon, seed=1 + t, shapes=shapes(t), probabilities=levels
            ).quantiles[:, -1, 0]
        )
        base.append(
            persistence(known, horizon_days=horizon, seed=1 + t, probabilities=levels)[:, -1, 0]
        )
    days = [t + horizon for t in origins]
    picture(
        PICTURES / f"henan-replay-forecast-{horizon}.svg",
        f"New confirmed cases, and the forecast of {horizon} days before",
        days, top=250.0,
        bands=[("forecast, 95 %", np.array(ours)[:, [0, 2]], "#2b6cb0")],
        lines=[
            ("forecast, median", np.array(ours)[:, 1], "#2b6cb0", ""),
            ("persistence", np.array(base)[:, 1], "#8a8f98", "5 3"),
        ],
        dots=("published", province[days[0] : days[-1] + 1]),
    )  # fmt: skip
    scores = [
        np.concatenate([np.array(outcome[f"with dates and delays, {when}, province"][key])
                        for when in ("before 20 Feb", "from 20 Feb")])[: len(origins)]
        for key in ("by_origin", "by_origin_persistence")
    ]  # fmt: skip
    picture(
        PICTURES / f"henan-replay-score-{horizon}.svg",
        f"Weighted interval score of the {horizon} days after each day (smaller is better)",
        list(origins), top=50.0, bands=[],
        lines=[("forecast", scores[0], "#2b6cb0", ""), ("persistence", scores[1], "#8a8f98", "5 3")],
        dots=None,
    )  # fmt: skip


def picture(
    path: Path,
    title: str,
    days: list[int],
    *,
    top: float,
    bands: list[tuple[str, Floats, str]],
    lines: list[tuple[str, Floats, str, str]],
    dots: tuple[str, Floats] | None,
) -> None:
    """Write a small SVG: bands, lines and dots over days; what is above `top` is cut there."""
    wide, tall, left, right, above, below = 760, 330, 46, 14, 46, 34

    def x(day: float) -> float:
        return left + (wide - left - right) * (day - days[0]) / (days[-1] - days[0])

    def y(value: float) -> float:
        return tall - below - (tall - above - below) * min(value, top) / top

    def path_of(values: Floats) -> str:
        return "M" + "L".join(f"{x(d):.1f},{y(v):.1f}" for d, v in zip(days, values, strict=True))

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {tall}" role="img" '
        f'font-family="sans-serif" font-size="12"><title>{title}</title>'
        f'<rect width="{wide}" height="{tall}" fill="#ffffff"/>'
        f'<text x="{left}" y="18" font-size="14" fill="#1a202c">{title}</text>'
    ]
    for step in range(6):
        value = top * step / 5
        parts.append(
            f'<path d="M{left},{y(value):.1f}H{wide - right}" stroke="#e2e6ec"/>'
            f'<text x="{left - 6}" y="{y(value) + 4:.1f}" text-anchor="end" fill="#5b6470">{value:g}</text>'
        )
    for day in days:
        when = FIRST_DAY + timedelta(days=day)
        if (day - days[0]) % 7 == 0:
            parts.append(
                f'<text x="{x(day):.1f}" y="{tall - 12}" text-anchor="middle" fill="#5b6470">'
                f"{when.day}/{when.month}</text>"
            )
    for _name, edges, colour in bands:
        outline = [*zip(days, edges[:, 0], strict=True)]
        outline += [*zip(days[::-1], edges[::-1, 1], strict=True)]
        points = " ".join(f"{x(d):.1f},{y(v):.1f}" for d, v in outline)
        parts.append(f'<polygon points="{points}" fill="{colour}" fill-opacity="0.18"/>')
    for _name, values, colour, dash in lines:
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        parts.append(
            f'<path d="{path_of(values)}" fill="none" stroke="{colour}" stroke-width="2"{dashed}/>'
        )
    keys = [(n, c, "") for n, _e, c in bands] + [(n, c, d) for n, _v, c, d in lines]
    if dots:
        keys.append((dots[0], "#1a202c", "dot"))
        parts += [
            f'<circle cx="{x(d):.1f}" cy="{y(v):.1f}" r="2.6" fill="#1a202c"/>'
            for d, v in zip(days, dots[1], strict=True)
        ]
    at = left
    for name, colour, _dash in keys:
        parts.append(
            f'<rect x="{at}" y="28" width="12" height="8" fill="{colour}" '
            f'fill-opacity="{0.25 if "95" in name else 1}"/>'
            f'<text x="{at + 17}" y="37" fill="#1a202c">{name}</text>'
        )
        at += 30 + 7 * len(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*parts, "</svg>"]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
