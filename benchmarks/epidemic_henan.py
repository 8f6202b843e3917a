"""Henan 2020 on the epidemic engine: fitted to what was reported by 10 February, then run to 10 March.

    python benchmarks/epidemic_henan.py --data FOLDER      # the reference data; about three minutes
    python benchmarks/epidemic_henan.py --coverage         # how often known parameters are found; two minutes

18 cities × 16 ages from 1 January. Infections come with travellers from Hubei (a published index by day and city, times
a prevalence that grew by 0.1 a day until Wuhan closed); schools are on holiday; transmission everywhere, at home too, falls
along a logistic curve. Five parameters are fitted by ABC-SMC to daily confirmed cases by city: infections imported, R0, what
is left of transmission, the day when half of the fall is over, and the share of symptomatic cases found. Accepted runs go
on to 10 March; no count after 10 February enters the fit, but the model itself was changed after its first forecast was seen
to fail, so those weeks are not unseen. Writes results/epidemic-henan.json, results/epidemic-coverage.json and docs/explanation/epidemic-henan.svg.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Mapping
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from yipan.engines.epidemic.calibration import Posterior, fit, reported
from yipan.engines.epidemic.course import MEASURES, Branch, Course, Delay, Redirect, Stage
from yipan.engines.epidemic.ensemble import run_ensemble, simulator
from yipan.engines.epidemic.examples import one_town
from yipan.engines.epidemic.laws import scaled_to_R0
from yipan.engines.epidemic.parameters import load_parameters
from yipan.engines.epidemic.specification import AGE_GROUPS_16, Setting, Specification
from yipan.engines.surveillance.delays import interval_censored_delay
from yipan.engines.surveillance.forecast import weighted_interval_score

ROOT = Path(__file__).resolve().parents[1]
RESULTS, PICTURE = (
    ROOT / "benchmarks" / "results",
    ROOT / "docs" / "explanation" / "epidemic-henan.svg",
)
DETECTED = MEASURES.index("detected")

START, FITTED, END = date(2020, 1, 1), date(2020, 2, 10), date(2020, 3, 10)
HOLIDAY, CLOSED = date(2020, 1, 18), date(2020, 1, 23)
SOURCE_GROWTH = 0.1  # per day; Li et al. (2020), N Engl J Med 382:1199
ELSEWHERE = (
    0.28  # prevalence in the rest of Hubei against Wuhan: cases a head reported by 31 January
)
SINCE_INFECTION = 3  # days before arrival that travellers were infected: mean while it grows by 0.1 a day; assumed
FALL_WIDTH = 1.5  # days, scale of the logistic fall: four fifths of it within a week; assumed
TIME_ELSEWHERE = 0.01  # share of contact time spent in another city; assumed
REPORT_DELAY = (
    4.3,
    2.8,
)  # days from isolation to confirmation, mean and sd: the line list's 7.0 from onset, less 2.7
PRIOR = {
    "imported": (np.log(100.0), np.log(5_000.0)),  # log of infections that arrived
    "R0": (1.2, 4.5),
    "left": (0.02, 0.9),
    "found": (0.2, 1.0),
    "change": (18.0, 34.0),  # day of the run: 19 January to 4 February
}
DRAWS = 400
QUANTILES = (0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975)
Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


def day(when: date) -> int:
    """Return the number of a day of the run."""
    return (when - START).days


def report_delay() -> Floats:
    """Return the probability of each delay from isolation to confirmation, by day."""
    mean, sd = REPORT_DELAY
    shape = (mean / sd) ** 2
    pmf = np.asarray(
        interval_censored_delay(family="gamma", parameters=(shape, mean / shape), days=25)
    )
    return pmf / pmf.sum()


class Henan:
    """The province as the engine sees it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cities = tuple(sorted({r["prefecture_code"] for r in self.rows("counties_age.csv")}))
        self.names = {r["code"]: r["name_en"] for r in self.rows("cities.csv")}

    def rows(self, name: str) -> list[dict[str, str]]:
        with (self.folder / name).open(encoding="utf-8-sig", newline="") as lines:
            return list(csv.DictReader(lines))

    @cached_property
    def people(self) -> Counts:
        """Residents (city, age) of the census of 2020."""
        columns = [["age_0", "age_1to4"], *([f"age_{a}to{a + 4}"] for a in range(5, 75, 5))]
        columns.append(["age_75to79", "age_80to84", "age_85plus"])
        table = np.zeros((len(self.cities), 16))
        for r in self.rows("counties_age.csv"):
            i = self.cities.index(r["prefecture_code"])
            table[i] += [sum(float(r[c] or 0) for c in group) for group in columns]
        return table.round().astype(np.int64)

    @cached_property
    def contacts(self) -> dict[str, Floats]:
        """Contacts a day by setting, of the whole area."""
        found = {k: np.zeros((16, 16)) for k in ("home", "work", "school", "other")}
        ages = list(AGE_GROUPS_16)
        names = {a: k for k, a in enumerate(ages)} | {"75+": 15}
        for r in self.rows("contact_matrices.csv"):
            if r["area"] == "overall" and r["setting"] in found:
                a, b = names[r["age_participant"]], names[r["age_contact"]]
                found[r["setting"]][a, b] = float(r["contacts_per_day"])
        return found

    @cached_property
    def mixing(self) -> csr_array:
        """Where people of each city meet: at home, but for a little, spread as people travelled before the 23rd."""
        flow = np.zeros((len(self.cities),) * 2)
        for r in self.rows("mobility_internal_daily.csv"):
            known = r["origin_code"] in self.cities and r["dest_code"] in self.cities
            if known and r["date"] < CLOSED.isoformat() and r["origin_code"] != r["dest_code"]:
                flow[self.cities.index(r["origin_code"]), self.cities.index(r["dest_code"])] += (
                    float(r["flow"] or 0)
                )
        share = TIME_ELSEWHERE * flow / np.maximum(flow.sum(axis=1, keepdims=True), 1e-9)
        np.fill_diagonal(share, 1 - share.sum(axis=1))
        return csr_array(share)

    @cached_property
    def arrivals(self) -> Floats:
        """Shape (day, city) of infected arrivals, summing to one over days to 10 February."""
        table = np.zeros((day(END) + 1, len(self.cities)))
        for r in self.rows("inflow_from_hubei_daily.csv"):
            arrived = (date.fromisoformat(r["date"]) - START).days
            d = max(0, arrived - SINCE_INFECTION)
            if 0 <= arrived < day(CLOSED) + 5 and r["dest_code"] in self.cities:
                prevalence = np.exp(SOURCE_GROWTH * (min(arrived, day(CLOSED)) - day(CLOSED)))
                wuhan, hubei = (float(r[f"flow_from_{n}"] or 0) for n in ("wuhan", "hubei"))
                weight = wuhan + ELSEWHERE * max(0.0, hubei - wuhan)
                table[d, self.cities.index(r["dest_code"])] += weight * prevalence
        # Who came five days after the closure or later was watched from the first day.
        return table / table.sum()

    @cached_property
    def cases(self) -> Counts:
        """Confirmed cases (day, city) by the day they were reported for."""
        table = np.zeros((day(END) + 1, len(self.cities)), dtype=np.int64)
        for r in self.rows("cases_city_daily.csv"):
            d = (date.fromisoformat(r["date"]) - START).days
            if 0 <= d < len(table) and r["city_code"] in self.cities:
                table[d, self.cities.index(r["city_code"])] = max(
                    0, int(float(r["new_confirmed"] or 0))
                )
        return table

    @cached_property
    def base(self) -> Specification:
        """The world without its five parameters, at R0 1."""
        parameters = load_parameters("sars_cov_2_wild")
        names = tuple(self.contacts)
        P = len(self.cities)
        adults = self.people * ((np.arange(16) >= 4) & (np.arange(16) < 13))
        spec = Specification(
            places=self.cities,
            ages=AGE_GROUPS_16,
            population=self.people,
            settings=tuple(Setting(n, c, local=n in {"home", "school"}) for n, c in self.contacts.items()),
            course=parameters.course(AGE_GROUPS_16, names),
            days=day(END) + 1,
            transmission=np.asarray(1.0),
            mixing=self.mixing,
            susceptibility=parameters.susceptibility(AGE_GROUPS_16),
            dispersion=parameters.value("dispersion"),
            redirects=(parameters.redirect("detection", np.zeros((day(END) + 1, P))),),
            imports=self.arrivals[:, :, None] * (adults / adults.sum(axis=1, keepdims=True))[:, None].transpose(1, 0, 2),
        )  # fmt: skip
        return scaled_to_R0(spec, 1.0)

    def build(self, parameters: Mapping[str, float], *, last: date) -> Specification:
        """Return the specification of one parameter set, up to and with `last`."""
        base, days = self.base, day(last) + 1
        controls = np.ones((days, len(self.cities), len(base.settings)))
        controls[day(HOLIDAY) :, :, list(self.contacts).index("school")] = 0.0
        found = np.full((days, len(self.cities)), parameters["found"])
        fallen = 1 / (1 + np.exp((parameters["change"] - np.arange(days)) / FALL_WIDTH))
        rate = parameters["R0"] * (1 - (1 - parameters["left"]) * fallen)
        return base.but(
            days=days,
            transmission=base.transmission[0] * rate,
            imports=base.imports[:days] * np.exp(parameters["imported"]),
            controls=controls,
            redirects=tuple(Redirect(turn.at, turn.to, found) for turn in base.redirects),
        )


def predict(henan: Henan, posterior: Posterior, *, seed: int, fit_seed: int) -> Counts:
    """Return reports (draw, day, city) to 10 March of runs that reproduced the reports to 10 February."""
    rng, delay, found = np.random.default_rng(seed), report_delay(), []
    for parameters, member in posterior.draw_runs(seed=seed, n=DRAWS):
        counts = simulator(henan.build(parameters, last=END), seed=fit_seed)(member)
        found.append(reported(counts[DETECTED], delay, rng=rng))
    return np.stack(found)


def scored(drawn: Floats, truth: Floats) -> dict[str, float]:
    """Return WIS and coverage of draws (draw, …) against the truth (…), over everything."""
    q = np.quantile(drawn, QUANTILES, axis=0)
    at = {p: q[k] for k, p in enumerate(QUANTILES)}
    return {
        "wis": round(float(np.mean(weighted_interval_score(q, QUANTILES, truth))), 3),
        "coverage_50": round(float(np.mean((at[0.25] <= truth) & (truth <= at[0.75]))), 3),
        "coverage_90": round(float(np.mean((at[0.05] <= truth) & (truth <= at[0.95]))), 3),
        "median_error": round(float(np.mean(at[0.5] - truth)), 3),
    }


def replay(folder: Path, *, particles: int, generations: int, seed: int = 1) -> None:
    """Fit, predict, score, write."""
    henan, last = Henan(folder), day(FITTED)
    seen = henan.cases[: last + 1]

    def told(done: int, whole: int) -> None:
        print(f"\rfitting {done} of {whole}", end="", file=sys.stderr)

    posterior = fit(
        lambda p: henan.build(p, last=FITTED), seen, prior=PRIOR, delay=report_delay(),
        particles=particles, generations=generations, seed=seed, progress=told,
    )  # fmt: skip
    print(file=sys.stderr)
    drawn = predict(henan, posterior, seed=seed + 1, fit_seed=seed)
    future, truth = drawn[:, last + 1 :], henan.cases[last + 1 :]
    fitted = drawn[:, : last + 1]
    week = seen[-7:].mean(axis=0)
    flat = np.random.default_rng(3).poisson(week, future.shape)
    halves = np.random.default_rng(4).poisson(
        week * 0.5 ** ((np.arange(len(truth)) + 4)[:, None] / 7), future.shape
    )
    figures = {
        "fitted_to": FITTED.isoformat(), "predicted_to": END.isoformat(), "particles": len(posterior.weights),
        "generations": len(posterior.tolerances), "runs": posterior.runs,
        "tolerances": [round(t, 3) for t in posterior.tolerances[1:]],
        "posterior": {
            n: [round(float(v), 3) for v in posterior.quantiles(n, [0.05, 0.5, 0.95])] for n in posterior.names
        },
        "imported": [round(float(np.exp(v))) for v in posterior.quantiles("imported", [0.05, 0.5, 0.95])],
        "fit_province_daily": scored(fitted.sum(axis=2), seen.sum(axis=1)),
        "province_daily": scored(future.sum(axis=2), truth.sum(axis=1)),
        "province_total": {
            "reported": int(truth.sum()),
            "predicted": np.quantile(future.sum(axis=(1, 2)), (0.05, 0.25, 0.5, 0.75, 0.95)).round().tolist(),
        },
        "city_daily": scored(future, truth),
        "city_total": scored(future.sum(axis=1), truth.sum(axis=0)),
        "persistence_province_daily": scored(flat.sum(axis=2), truth.sum(axis=1)),
        "persistence_city_daily": scored(flat, truth),
        "halving_each_week_province_daily": scored(halves.sum(axis=2), truth.sum(axis=1)),
        "missed_cities": missed(henan, future, truth),
        "ensemble": thousand(henan, posterior),
    }  # fmt: skip
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "epidemic-henan.json").write_text(
        json.dumps(figures, indent=2) + "\n", encoding="utf-8"
    )
    PICTURE.write_text(picture(drawn.sum(axis=2), henan.cases.sum(axis=1)), encoding="utf-8")
    print(json.dumps(figures, indent=2))


def missed(henan: Henan, future: Counts, truth: Counts) -> list[dict[str, object]]:
    """Return the cities whose total fell outside the 90 % interval."""
    totals, happened = future.sum(axis=1), truth.sum(axis=0)
    low, high = np.quantile(totals, (0.05, 0.95), axis=0)
    return [
        {"city": henan.names.get(c, c), "reported": int(happened[k]), "predicted_90": [float(low[k]), float(high[k])]}
        for k, c in enumerate(henan.cities)
        if not low[k] <= happened[k] <= high[k]
    ]  # fmt: skip


def thousand(henan: Henan, posterior: Posterior) -> dict[str, float]:
    """Return wall seconds of 1,000 members × 60 days at the posterior's medians, on all processors."""
    from time import perf_counter

    middle = {n: float(posterior.quantiles(n, [0.5])[0]) for n in posterior.names}
    spec = henan.build(middle, last=START + timedelta(days=59))
    run_ensemble(spec, members=2, seed=1)
    started = perf_counter()
    result = run_ensemble(spec, members=1_000, seed=1)
    return {
        "members": 1_000, "days": 60, "wall_seconds": round(perf_counter() - started, 2),
        "median_infections": float(np.median(result.total("infections"))),
    }  # fmt: skip


def picture(drawn: Floats, truth: Counts) -> str:
    """Return the province's reports and their prediction as an SVG."""
    q = np.quantile(drawn, (0.05, 0.25, 0.5, 0.75, 0.95), axis=0)
    first = day(date(2020, 1, 18))
    days, top, width, height = (
        q.shape[1],
        max(float(q[:, first:].max()), float(truth.max())) * 1.05,
        720,
        320,
    )

    def x(d: float) -> float:
        return 56 + (width - 72) * (d - first) / (days - 1 - first)

    def y(v: float) -> float:
        return height - 36 - (height - 56) * v / top

    def band(low: Floats, high: Floats, opacity: float) -> str:
        there = [f"{x(d):.1f},{y(high[d]):.1f}" for d in range(first, days)]
        back = [f"{x(d):.1f},{y(low[d]):.1f}" for d in range(days - 1, first - 1, -1)]
        return (
            f'<polygon points="{" ".join(there + back)}" fill="#1b6ca8" fill-opacity="{opacity}"/>'
        )

    grid = "".join(
        f'<line x1="56" x2="{width - 16}" y1="{y(v):.0f}" y2="{y(v):.0f}" stroke="#d5dde5"/>'
        f'<text x="50" y="{y(v) + 4:.0f}" text-anchor="end">{v}</text>'
        for v in range(0, int(top) + 1, 25 if top < 200 else 50)
    )
    dates = "".join(
        f'<text x="{x(d):.0f}" y="{height - 16}" text-anchor="middle">{(START + timedelta(days=d)).strftime("%d %b")}</text>'
        for d in range(day(date(2020, 1, 20)), days, 7)
    )
    line = " ".join(f"{x(d):.1f},{y(q[2][d]):.1f}" for d in range(first, days))
    dots = "".join(
        f'<circle cx="{x(d):.1f}" cy="{y(truth[d]):.1f}" r="2.6" fill="{"#1c2733" if d <= day(FITTED) else "#c0392b"}"/>'
        for d in range(first, days)
    )
    cut = x(day(FITTED) + 0.5)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-size="12" fill="#1c2733" '
        'font-family="system-ui,sans-serif" role="img"><title>Henan 2020: confirmed cases a day, fitted and predicted</title>'
        f'<rect width="100%" height="100%" fill="#fff"/>{grid}{dates}'
        f"{band(q[0], q[4], 0.15)}{band(q[1], q[3], 0.3)}"
        f'<polyline points="{line}" fill="none" stroke="#1b6ca8" stroke-width="2"/>{dots}'
        f'<line x1="{cut:.0f}" x2="{cut:.0f}" y1="14" y2="{height - 36}" stroke="#52616f" stroke-dasharray="4 3"/>'
        f'<text x="{cut + 6:.0f}" y="24">not used in the fit</text></svg>\n'
    )


# --- known parameters found again


def town(parameters: Mapping[str, float]) -> Specification:
    """A town where a share of the infectious is found as they fall ill."""
    found = parameters["found"]
    course = Course(
        (
            Stage("exposed", Delay(3.0, 2), (Branch("seen", found), Branch("unseen", 1 - found))),
            Stage("seen", Delay(4.0), (Branch("recovered"),), 1.0, {}, frozenset({"detected"})),
            Stage("unseen", Delay(4.0), (Branch("recovered"),), 1.0),
            Stage("recovered"),
        )
    )
    return one_town(people=3_000, seeds=0, days=49).but(
        course=course,
        transmission=np.asarray(parameters["R0"] / 4.0),
        seeds={"exposed": np.array([[20]])},
    )


def coverage(*, replicates: int, particles: int, generations: int) -> None:
    """Draw truths from the prior, fit what they would have reported, and count how often intervals hold them."""
    prior, delay = {"R0": (0.5, 4.0), "found": (0.05, 1.0)}, np.array([0.1, 0.3, 0.3, 0.2, 0.1])
    rng = np.random.default_rng(5)
    inside = {n: {50: 0, 90: 0} for n in prior}
    for k in range(replicates):
        truth = {n: float(rng.uniform(*r)) for n, r in prior.items()}
        detected = simulator(town(truth), seed=900 + k)(0)[DETECTED]
        data = reported(detected, delay, rng=rng)
        posterior = fit(town, data, prior=prior, delay=delay, particles=particles, generations=generations, seed=k)  # fmt: skip
        for n, value in truth.items():
            for level in (50, 90):
                tail = (1 - level / 100) / 2
                low, high = posterior.quantiles(n, [tail, 1 - tail])
                inside[n][level] += int(low <= value <= high)
        print(f"\r{k + 1} of {replicates}", end="", file=sys.stderr)
    print(file=sys.stderr)
    told = {
        "replicates": replicates, "particles": particles, "generations": generations,
        "prior": prior, "coverage": {n: {f"{lv} %": c / replicates for lv, c in levels.items()} for n, levels in inside.items()},
    }  # fmt: skip
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "epidemic-coverage.json").write_text(
        json.dumps(told, indent=2) + "\n", encoding="utf-8"
    )
    print(json.dumps(told, indent=2))


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--data", type=Path, help="folder with cities.csv, cases_city_daily.csv and so on"
    )
    parser.add_argument("--coverage", action="store_true", help="synthetic truth instead")
    parser.add_argument("--particles", type=int, default=150)
    parser.add_argument("--generations", type=int, default=9)
    asked = parser.parse_args()
    if asked.coverage:
        coverage(replicates=100, particles=100, generations=5)
    elif asked.data and (asked.data / "cases_city_daily.csv").exists():
        replay(asked.data, particles=asked.particles, generations=asked.generations)
    else:
        sys.exit(
            "Name the folder of the reference data with --data; without them there is nothing to fit."
        )


if __name__ == "__main__":
    main()
