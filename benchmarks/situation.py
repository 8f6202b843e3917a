"""The situation's engines measured: accuracy on known truths, CPU seconds, peers side by side.

    python benchmarks/situation.py [--replicates 20] [--shared FOLDER] [--peer-python PYTHON]

Prints a table and writes benchmarks/results/situation.json. Reference data lie in FOLDER/reference
(default: the folder `shared` beside the project); what needs them is left out where they are absent.
Peers run where they are installed: EpiEstim (Debian: r-cran-epiestim) through Rscript, epyestim through
--peer-python, the Python of an environment that has it. `benchmarks/henan_replay.py` does the replay.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from yipan.engines.surveillance.delays import interval_censored_delay, mask_unknown
from yipan.engines.surveillance.forecast import HUB_PROBABILITIES, weighted_interval_score
from yipan.engines.surveillance.nowcast import count_quantiles, nowcast
from yipan.engines.surveillance.pooled import estimate_Rt_pooled
from yipan.engines.surveillance.reproduction import discretised_serial_interval, estimate_Rt_cori
from yipan.engines.surveillance.scan import circular_zones, scan
from yipan.engines.surveillance.severity import fatality_by_day
from yipan.engines.surveillance.stays import stays_from_counts
from yipan.engines.surveillance.synthetic import SyntheticProvince, synthetic_province

ROOT = Path(__file__).resolve().parents[1]
RESULT = ROOT / "benchmarks" / "results" / "situation.json"
SI_MEAN, SI_SD = 7.5, 3.4
Row = tuple[str, float | str, str]


def cpu(run: Callable[[], object], times: int = 5) -> float:
    """Return the least CPU seconds of `times` runs, after one that compiles."""
    run()
    best = np.inf
    for _ in range(times):
        before = time.process_time()
        run()
        best = min(best, time.process_time() - before)
    return float(best)


def child_cpu(command: list[str], **options: Any) -> tuple[float, str]:
    """Return the CPU seconds of a child process, its start included, and what it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, check=True, capture_output=True, text=True, **options)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def table_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def numbers(rows: list[dict[str, str]], column: str) -> np.ndarray:
    return np.array([np.nan if r[column] in ("NA", "") else float(r[column]) for r in rows])


def exact_rt(reference: Path | None, peer_python: str | None) -> list[Row]:
    """Cori's windows: speed, the published windows, EpiEstim and epyestim where they run."""
    rng = np.random.default_rng(1)
    cases = rng.poisson(rng.gamma(0.5, 4, 158), (100, 158)).astype(float)
    weights = discretised_serial_interval(mean_days=SI_MEAN, sd_days=SI_SD, days=100)
    ours = lambda: estimate_Rt_cori(cases, np.zeros_like(cases), weights)  # noqa: E731
    rows: list[Row] = [("Cori, 158 places x 100 days, CPU s", cpu(ours), "<= 0.1")]
    if reference is not None:
        worst, windows = 0.0, 0
        folder = reference / "rt"
        published = table_of(folder / "epiestim_reference.csv")
        for flu in ("Flu2009", "Flu1918"):
            series = numbers(table_of(folder / f"epiestim_input_{flu}.csv"), "I")[:, None]
            interval = numbers(table_of(folder / f"epiestim_si_{flu}.csv"), "w")
            found = estimate_Rt_cori(series, np.zeros_like(series), interval)
            theirs = numbers([r for r in published if r["case"] == f"{flu}_nonparam"], "mean")
            same = np.isnan(found.mean[:, 0]) == np.isnan(theirs)
            worst = max(worst, float(np.nanmax(np.abs(found.mean[:, 0] - theirs))))
            windows += theirs.size
            worst = worst if same.all() else np.inf
        rows.append(
            (f"Cori against {windows} published windows, worst difference", worst, "<= 1e-6")
        )
    rows += epiestim_peer(cases, ours().mean)
    rows += epyestim_peer(peer_python, cases)
    return rows


EPIESTIM = """
suppressPackageStartupMessages(library(EpiEstim))
args <- commandArgs(TRUE)
I <- as.matrix(read.csv(args[1])); si <- list(mean_si = 7.5, std_si = 3.4)
spent <- system.time(for (p in seq_len(ncol(I)))
  r <- suppressWarnings(suppressMessages(estimate_R(I[, p], method = "parametric_si", config = make_config(si)))))
cat(sum(spent[c("user.self", "sys.self")]), "\n")
last <- sapply(seq_len(ncol(I)), function(p) tail(suppressWarnings(suppressMessages(
  estimate_R(I[, p], method = "parametric_si", config = make_config(si))))$R[["Mean(R)"]], 1))
cat(last, "\n")
data(mers_2014_15)
names(mers_2014_15$incidence)[1] <- "dates"
m <- suppressWarnings(suppressMessages(estimate_R(mers_2014_15$incidence, method = "parametric_si",
  config = make_config(list(mean_si = 6.8, std_si = 4.1)))))
write.csv(mers_2014_15$incidence, args[2], row.names = FALSE)
write.csv(m$R, args[3], row.names = FALSE)
"""


def epiestim_peer(cases: np.ndarray, ours: np.ndarray) -> list[Row]:
    rscript = shutil.which("Rscript")
    if rscript is None:
        return [("EpiEstim", "not installed here", "")]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        script, given = folder / "peer.R", folder / "cases.csv"
        script.write_text(EPIESTIM, encoding="utf-8")
        np.savetxt(
            given, cases, delimiter=",", comments="", header=",".join(f"p{i}" for i in range(158))
        )
        try:
            done = subprocess.run(
                [rscript, str(script), str(given), str(folder / "mers.csv"), str(folder / "R.csv")],
                check=True, capture_output=True, text=True,
            )  # fmt: skip
        except subprocess.CalledProcessError as fault:
            return [("EpiEstim", f"did not run: {fault.stderr.strip()[-80:]}", "")]
        spent, last = (line.split() for line in done.stdout.strip().splitlines()[-2:])
        difference = np.abs(ours[-1] - np.array([float(x) for x in last])).max()
        mers = table_of(folder / "mers.csv")
        local, imported = numbers(mers, "local")[:, None], numbers(mers, "imported")[:, None]
        weights = discretised_serial_interval(mean_days=6.8, sd_days=4.1, days=len(mers))
        found = estimate_Rt_cori(local, imported, weights)
        theirs = table_of(folder / "R.csv")
        imports = max(
            float(np.nanmax(np.abs(values - numbers(theirs, column))))
            for values, column in (
                (found.mean[:, 0], "Mean(R)"),
                (found.quantiles[0, :, 0], "Quantile.0.025(R)"),
                (found.quantiles[-1, :, 0], "Quantile.0.975(R)"),
            )
        )
    return [
        ("  EpiEstim, the same 158 x 100, CPU s", float(spent[0]), ""),
        ("  EpiEstim, last window of 158 places, worst difference", float(difference), "<= 1e-6"),
        ("  EpiEstim, MERS with imported cases, worst difference", imports, "<= 1e-6"),
    ]


EPYESTIM = """
import sys, time, warnings
warnings.filterwarnings("ignore")
import numpy as np, pandas as pd
from epyestim.estimate_r import estimate_r
cases = np.loadtxt(sys.argv[1], delimiter=","); w = np.loadtxt(sys.argv[2])
days = pd.date_range("2020-01-01", periods=len(cases))
begun = time.process_time()
for p in range(cases.shape[1]):
    estimate_r(pd.Series(cases[:, p], index=days), w, 1.0, 5.0, window_size=7)
print(time.process_time() - begun)
"""


def epyestim_peer(peer_python: str | None, cases: np.ndarray) -> list[Row]:
    if peer_python is None:
        return [("  epyestim", "not installed here (--peer-python)", "")]
    weights = discretised_serial_interval(mean_days=SI_MEAN, sd_days=SI_SD, days=30)
    with tempfile.TemporaryDirectory() as name:
        np.savetxt(Path(name) / "c.csv", cases, delimiter=",")
        np.savetxt(Path(name) / "w.csv", weights / weights.sum())
        _spent, told = child_cpu([peer_python, "-c", EPYESTIM, f"{name}/c.csv", f"{name}/w.csv"])
    return [("  epyestim, the same 158 x 100, CPU s", float(told.split()[-1]), "")]


NOWS = {"day 20": 20, "day 32": 32, "day 40": 40, "day 55": 55}
SCENARIOS: dict[str, dict[str, Any]] = {
    "abrupt drop on day 28, 2.2 to 0.55": {},
    "more superspreading, k 0.15": {"dispersion": 0.15},
    "a fall from day 14 over 30 days": {"drop_day": 14, "fall_days": 30},
    "few cases, drop on day 28, 1.5 to 0.8": {"Rt_before": 1.5, "Rt_after": 0.8, "imports": 120.0},
}


def pooled_rt(replicates: int) -> list[Row]:
    """Pooled Rt on synthetic provinces; coverage apart for growth, turning points, places without a case."""
    limit = "0.90-0.98"
    rows: list[Row] = []
    spent: list[float] = []
    for number, (scenario, change) in enumerate(SCENARIOS.items()):
        kept: dict[str, list[np.ndarray]] = {}
        for seed in range(replicates):
            province = synthetic_province(seed=seed, **change)
            for when, now in NOWS.items():
                judge_pooled(province, now, when, kept, spent)
        mean = {name: float(np.concatenate(values).mean()) for name, values in kept.items()}
        rows += [
            (f"Pooled Rt, {scenario}, 95 % coverage", mean["covered"], limit),
            *((f"  {scenario}: {when}", mean[f"covered {when}"], "") for when in NOWS),
            (f"  {scenario}: places without a known case", mean["covered silent"], ""),
        ]
        if number == 0:
            rows += [
                ("  the day of the drop itself", mean["covered drop"], ""),
                ("  last 4 days, 4 days after the drop", mean["covered turning"], ""),
            ]
        rows += [
            (f"  {scenario}: mean absolute error", mean["error"], ""),
            (f"    {scenario}: 7-day window on the same reports", mean["window"], ">= 2 x ours"),
            (f"    {scenario}: 7-day window on the nowcast, by onset", mean["shifted"], "> ours"),
            (f"    {scenario}: where the window holds >= 11 cases: ours", mean["error enough"], ""),
            (
                f"      {scenario}, >= 11 cases: 7-day window on the same reports",
                mean["window enough"],
                ">= 2 x ours",
            ),
            (
                f"      {scenario}, >= 11 cases: 7-day window on the nowcast, by onset",
                mean["shifted enough"],
                "> ours",
            ),
        ]
    big = synthetic_province(seed=99, days=60, drop_day=60, imports=400.0)
    run = lambda: estimate_Rt_pooled(big.local, big.imported, big.generation_interval)  # noqa: E731
    rows.append(("  158 x 60 days, CPU s", cpu(run, times=2), "<= 3"))
    rows.append(
        ("  nowcast and pooled Rt as in the replicates, CPU s", float(np.median(spent)), "")
    )
    return rows


def judge_pooled(
    province: SyntheticProvince,
    now: int,
    when: str,
    kept: dict[str, list[np.ndarray]],
    spent: list[float],
) -> None:
    """Estimate Rt on one day of a province and keep what it got right, and by how much it was off."""

    def keep(name: str, values: np.ndarray) -> None:
        kept.setdefault(name, []).append(np.asarray(values, dtype=float).ravel())

    before = time.process_time()
    known = nowcast(mask_unknown(province.local_triangle, now=now))
    arrived = np.nansum(mask_unknown(province.imported_triangle, now=now), axis=2)
    imported = arrived / np.maximum(known.reported_share, 0.3)[:, None]
    pooled = estimate_Rt_pooled(
        known.reported, imported, province.generation_interval,
        completed=known.mean, reported_share=known.reported_share,
        reported_share_log_sd=known.reported_share_log_sd,
    )  # fmt: skip
    spent.append(time.process_time() - before)
    weights = discretised_serial_interval(mean_days=SI_MEAN, sd_days=SI_SD, days=now + 1)
    window = estimate_Rt_cori(
        province.local_by_report()[: now + 1], province.imported_by_report()[: now + 1], weights
    )
    shifted = estimate_Rt_cori(known.mean, imported, weights)
    days = slice(now - 13, now + 1)
    truth = province.Rt[days]
    covered = (pooled.quantiles[0, days] <= truth) & (truth <= pooled.quantiles[-1, days])
    enough = window.local_cases_in_window[-14:] >= 11
    errors = {
        "error": np.abs(pooled.median[days] - truth),
        "window": np.abs(window.quantiles[3, -14:] - truth),
        "shifted": np.abs(shifted.quantiles[3, -14:] - truth),
    }
    keep("covered", covered)
    keep(f"covered {when}", covered)
    keep("covered silent", covered[:, (known.reported + arrived).sum(axis=0) == 0])
    if when == "day 32":
        keep("covered turning", covered[-4:])
        keep("covered drop", covered[28 - (now - 13)])
    for name, values in errors.items():
        keep(name, values)
        keep(f"{name} enough", values[enough])


def reporting(reference: Path | None) -> list[Row]:
    """The nowcast on the published triangle, and its speed on a province."""
    province = synthetic_province(seed=1)
    known = mask_unknown(province.local_triangle)
    rows: list[Row] = [
        ("Nowcast, 158 places x 60 days, CPU s", cpu(lambda: nowcast(known), 3), "<= 1")
    ]
    if reference is None:
        return rows
    first, table = date(2021, 4, 6), np.full((240, 1, 41), np.nan)
    for row in table_of(reference / "nowcast" / "nowcast_input_germany_hosp_DE_allages.csv"):
        day = (date.fromisoformat(row["reference_date"]) - first).days
        table[day, 0, int(row["delay"])] = float(row["count"])
    total = np.nansum(table, axis=2)[:, 0]
    errors, scores, ladder, in_95, in_50 = [], [], [], [], []
    for now in range(60, 200, 4):
        answer = nowcast(mask_unknown(table, now=now), probabilities=HUB_PROBABILITIES)
        quantiles = answer.whole_quantiles[:, -15:]
        truth = total[now - 14 : now + 1]
        errors.append(np.abs(quantiles[11] - truth))
        scores.append(weighted_interval_score(quantiles, HUB_PROBABILITIES, truth))
        theirs = chain_ladder(mask_unknown(table, now=now)[:, 0], now)
        ladder.append(weighted_interval_score(theirs, HUB_PROBABILITIES, truth))
        in_95.append((quantiles[1] <= truth) & (truth <= quantiles[21]))
        in_50.append((quantiles[6] <= truth) & (truth <= quantiles[16]))
    now = (date(2021, 10, 1) - first).days
    that = nowcast(mask_unknown(table, now=now)).whole_quantiles[3, -15:]
    raw = np.nansum(mask_unknown(table, now=now), axis=2)[-15:, 0]
    truth = total[now - 14 : now + 1]
    return [
        *rows,
        (
            "  Germany 1 October 2021, 15 days, mean abs. error",
            float(np.abs(that - truth).mean()),
            "< 28.2",
        ),
        ("    as reported", float(np.abs(raw - truth).mean()), ""),
        ("    baselinenowcast, published", 28.2, ""),
        (f"  {len(errors)} dates, mean abs. error", float(np.mean(errors)), ""),
        ("  WIS", float(np.mean(scores)), ""),
        ("    chain ladder, reimplemented", float(np.mean(ladder)), "> ours"),
        ("  95 % coverage", float(np.mean(in_95)), "0.90-0.98"),
        ("  50 % coverage", float(np.mean(in_50)), "0.43-0.57"),
    ]


def chain_ladder(known: np.ndarray, now: int) -> np.ndarray:
    """Return quantiles (probability, last 15 days) of the plainest method: pooled factors, past errors."""

    def point(table: np.ndarray, last: int) -> tuple[np.ndarray, np.ndarray]:
        delays = table.shape[1]
        running = np.cumsum(np.nan_to_num(table), axis=1)
        missing = np.zeros(last + 1)
        for day in range(max(0, last - delays + 2), last + 1):
            total = running[day, last - day]
            for delay in range(last - day + 1, delays):
                old = np.arange(max(0, last - 60), last - delay + 1)
                total *= running[old, delay].sum() / max(running[old, delay - 1].sum(), 1)
            missing[day] = total - running[day, last - day]
        return running[:, -1], missing

    seen, missing = point(known, now)
    spread, weight = np.zeros(15), np.full(15, 1e-9)
    for past in range(max(15, now - 40), now - 9, 3):
        before, due = point(mask_unknown(known[:, None, :], now=past)[:, 0], past)
        for age in range(15):
            arrived = seen[past - age] - before[past - age]
            spread[age] += max((arrived - due[past - age]) ** 2 - due[past - age], 0)
            weight[age] += due[past - age] ** 2
    levels = np.asarray(HUB_PROBABILITIES)
    return seen[-15:] + count_quantiles(missing[-15:], (spread / weight)[::-1], levels)


def stays() -> list[Row]:
    """Outcomes from daily sums on a known truth: fatality 0.15, 18 days to death, 13.2 to cure."""
    held, spent = [], time.process_time()
    for seed in range(40):
        rng = np.random.default_rng(seed)
        came, dies = rng.uniform(0, 30, 600), rng.random(600) < 0.15
        left = came + np.where(dies, rng.gamma(4, 4.5, 600), rng.gamma(6, 2.2, 600))
        sums = [
            np.bincount(when.astype(int), minlength=45)[:45]
            for when in (came, left[dies], left[~dies])
        ]
        found = stays_from_counts(*sums, seed=1)
        pairs = ((found.fatality, 0.15), (found.days_to_death, 18.0), (found.days_to_cure, 13.2))
        held.append([low <= truth <= high for (_middle, low, high), truth in pairs])
    coverage = np.mean(held, axis=0)
    return [
        (
            "Outcomes from daily sums, 40 hospitals, 95 % held: fatality",
            float(coverage[0]),
            ">= 0.90",
        ),
        ("  days to death", float(coverage[1]), ">= 0.90"),
        ("  days to cure", float(coverage[2]), ">= 0.90"),
        ("  CPU s each", (time.process_time() - spent) / 40, ""),
    ]


def severity(reference: Path | None) -> list[Row]:
    """Fatality on the published series."""
    if reference is None:
        return []
    rows = [
        r for r in table_of(reference / "cfr" / "cfr_input_uk.csv") if r["date"] <= "2020-12-31"
    ]
    delay = interval_censored_delay(family="lognormal", parameters=(2.577, 0.440), days=80)
    by_day = fatality_by_day(numbers(rows, "cases"), numbers(rows, "deaths"), delay)
    finite = all(np.isfinite([day.low, day.high]).all() for day in by_day)
    last = by_day[-1]
    return [
        ("Severity, estimate", last.estimate, "0.0465 +- 5e-4"),
        ("  low", last.low, "0.0462 +- 5e-4"),
        ("  high", last.high, "0.0467 +- 5e-4"),
        (f"  finite interval on each of {len(by_day)} prefixes", "yes" if finite else "no", "yes"),
    ]


def clusters() -> list[Row]:
    """The scan under each null."""
    rng = np.random.default_rng(2)
    zones = circular_zones(rng.uniform(110, 117, 158), rng.uniform(31, 37, 158), max_places=30)
    mean = np.tile(rng.gamma(0.5, 1, 158), (14, 1)) + 1e-3
    counts = rng.poisson(mean)
    people = rng.uniform(2e5, 1e6, 158)
    common = {"max_duration_days": 14, "simulations": 999, "seed": 1}
    return [
        (
            f"Scan, 158 places x 14 days x 999, null {null}, CPU s",
            cpu(lambda n=null, e=extra: scan(counts, zones, null=n, **e, **common), 2),
            "<= 1",
        )
        for null, extra in (
            ("expectation", {"expected": mean}),
            ("population", {"population": people}),
            ("permutation", {}),
        )
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--replicates", type=int, default=20)
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--peer-python")
    asked = parser.parse_args()
    reference = asked.shared / "reference"
    given = reference if reference.is_dir() else None
    rows = [
        *exact_rt(given, asked.peer_python),
        *pooled_rt(asked.replicates),
        *reporting(given),
        *severity(given),
        *stays(),
        *clusters(),
    ]
    for name, value, limit in rows:
        shown = value if isinstance(value, str) else f"{value:.4g}"
        print(f"{name:<82}{shown:>12}   {limit}")
    RESULT.parent.mkdir(exist_ok=True)
    machine = {"python": platform.python_version(), "cpus": os.cpu_count()}
    figures = {name.strip(): {"value": value, "limit": limit} for name, value, limit in rows}
    RESULT.write_text(
        json.dumps({"machine": machine, "figures": figures}, indent=1) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main()
