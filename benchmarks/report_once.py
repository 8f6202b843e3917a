"""Report once: how fast many forms compile into one, how well labels propose, how fast a province rolls up.

    python benchmarks/report_once.py [--forms FILE --truth FILE] [--units 50000] [--database-url postgresql://…]

Compiles 40 invented departments with 2,000 fields (and the file given), scores proposals from labels
against the truth given, and sums 50,000 units × 20 values to counties: on SQLite, and on PostgreSQL where
an empty database of its is given, each in a process of its own. Prints a table and writes
benchmarks/results/report_once.json. Limits: 10 s for compiling, 5 s for the roll-up on PostgreSQL.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

RESULT = Path(__file__).parent / "results" / "report_once.json"
DAY = date(2020, 2, 24)
NOON = datetime(2020, 2, 24, 4, tzinfo=UTC)


def invented(departments: int, fields: int, elements: int, seed: int) -> tuple[Any, Any]:
    """Draw a dictionary with sums, parts and rates among its elements, and departments that overlap."""
    from yipan.report.dictionary.definitions import Definition
    from yipan.report.requests.fields import Field, Form, Spec

    rng = random.Random(seed)
    names = [f"e{i:04d}" for i in range(elements)]
    dictionary = {}
    for i, name in enumerate(names):
        kind = rng.choices(["person", "place", "external", "daily", "weekly"], [3, 3, 2, 5, 3])[0]
        formula = ""
        if rng.random() < 0.25:
            parts = rng.sample(names[max(0, i - 12) : i] or names[:3], min(2, max(1, i)))
            formula = "+".join(parts) if name not in parts else ""
        asked = kind in ("daily", "weekly")
        dictionary[name] = Definition(
            id=name, label_zh=f"项目{i}", label_en=f"item {i}", concept=name, measure="stock",
            time_basis="instant", source="" if asked else kind, ask_period=kind if asked else "",
            formula=formula,
        )  # fmt: skip
    forms = []
    each = fields // departments
    for d in range(departments):
        chosen = rng.choices(names, k=each)
        rows = tuple(
            Field(f"D{d:02d}.{j}", f"项目{n}", n, Spec(n, "all", "stock", "instant", "", "18:00"))
            for j, n in enumerate(chosen)
        )
        forms.append(
            Form(f"D{d:02d}", "部", "dept", "表", "form", "daily", "", "", "village", rows)
        )
    return forms, dictionary


def timed(run: Callable[[], Any], times: int = 5) -> tuple[list[float], Any]:
    """Return the seconds of each run and what the last one returned."""
    seconds, outcome = [], None
    for _ in range(times):
        started = time.perf_counter()
        outcome = run()
        seconds.append(round(time.perf_counter() - started, 4))
    return seconds, outcome


def compiling(
    file: Path | None,
) -> tuple[list[tuple[str, list[float], float | None]], dict[str, Any]]:
    """Time the compiler on the invented departments and on the file given."""
    from yipan.report.forms.compiler import compile_forms
    from yipan.report.requests.files import read_forms_file

    rows: list[tuple[str, list[float], float | None]] = []
    forms, dictionary = invented(40, 2000, 600, seed=1)
    seconds, compiled = timed(lambda: compile_forms(forms, dictionary))
    rows.append(("compile 40 departments, 2,000 fields, s", seconds, 10.0))
    told = {"invented": {**compiled.counts(), "programmes": compiled.solution.programmes}}
    tangle = {n: replace(e, formula=e.formula or "") for n, e in dictionary.items()}
    for i, name in enumerate(sorted(tangle)[:80]):  # a harder case: long sums that overlap
        others = sorted(tangle)[i + 1 : i + 6]
        tangle[name] = replace(
            tangle[name], formula="+".join(others), source="", ask_period="daily"
        )
    seconds, compiled = timed(lambda: compile_forms(forms, tangle), 3)
    rows.append(("the same with 80 overlapping sums, s", seconds, 10.0))
    told["tangled"] = {**compiled.counts(), "programmes": compiled.solution.programmes}
    if file is not None:
        read, given = timed(lambda: read_forms_file(file))
        rows.append(("read the file of forms, s", read, None))
        seconds, compiled = timed(
            lambda: compile_forms(given.forms, given.dictionary, given.conversions)
        )
        rows.append(("compile the file, s", seconds, 10.0))
        told["file"] = compiled.counts()
    return rows, told


def proposing(file: Path, truth: Path) -> dict[str, Any]:
    """Score what labels alone suggest against the answers kept apart."""
    import yaml

    from yipan.report.requests.files import read_forms_file
    from yipan.report.requests.proposals import score

    given = read_forms_file(file)
    answers = yaml.safe_load(truth.read_text("utf-8"))["fields"]
    same = {
        name: row["element"]
        for name, row in answers.items()
        if row["relation"] in ("exact", "label_variant", "cutoff", "unit")
    }
    fields = [x for form in given.forms for x in form.fields]
    return {
        f"{s.threshold:.2f}": {
            "precision": round(s.precision, 3),
            "recall": round(s.recall, 3),
            "f1": round(s.f1, 3),
            "among_three": round(s.top3, 3),
        }
        for s in score(
            fields, given.dictionary, same, thresholds=(0.2, 0.3, 0.4, 0.45, 0.5, 0.6, 0.7)
        )
    }


def rolling_up(units: int) -> tuple[list[float], int]:
    """Sum a day of `units` × 20 values to 158 counties in a database of its own."""
    from django.core.management import call_command

    call_command("migrate", verbosity=0, interactive=False)
    from yipan.access.models import Incident
    from yipan.places.models import Package, Unit
    from yipan.report.models import Source, Submission, Value
    from yipan.report.values.queries import insert_rows, roll_up

    package = Package.objects.create(
        name="rollup", version="1", title_zh="省", title_en="Province", time_zone="Asia/Shanghai",
        digest="0" * 64, loaded_at=NOON,
    )  # fmt: skip
    counties = 158
    share = units // counties
    rows, lft = [], 2
    for c in range(counties):
        rows.append(("county", f"c{c:04d}", lft, lft + 2 * share + 1, 1))
        lft += 1
        for v in range(share):
            rows.append(("village", f"c{c:04d}v{v:05d}", lft, lft + 1, 2))
            lft += 2
        lft += 1
    rows.append(("province", "p", 1, lft, 0))
    Unit.objects.bulk_create(
        (
            Unit(package=package, code=code, level=level, kind=level, name_zh=code, name_en=code,
                 lft=low, rgt=high, depth=depth, reports=level == "village")
            for level, code, low, high, depth in rows
        ),
        batch_size=2000,
    )  # fmt: skip
    incident = Incident.objects.create(
        package=package, slug="rollup", name_zh="x", name_en="x", disease="x", response_level=1,
        activated_at=NOON,
    )  # fmt: skip
    top = Unit.objects.get(package=package, level="province")
    head = Submission.objects.create(
        incident=incident, unit=top, source=Source.API, client_key="rollup", received_at=NOON
    )
    villages = list(
        Unit.objects.filter(package=package, level="village").values_list("pk", flat=True)
    )
    insert_rows(
        Value,
        ("incident", "unit", "element", "day", "version", "value", "unchanged", "recorded_at",
         "submission", "reason", "row"),
        (
            (incident.pk, pk, f"e{e:02d}", DAY, 1, float(e), False, NOON, head.pk, "", None)
            for pk in villages
            for e in range(20)
        ),
    )  # fmt: skip
    seconds, found = timed(lambda: roll_up(incident, level="county", day=DAY, known_at=NOON), 3)
    assert len(found) == counties
    assert all(r["e01"].reported == share for r in found.values())
    return seconds, len(villages) * 20


def roll_up_in(database_url: str, units: int) -> tuple[str, list[float], float | None]:
    """Return a row of the table: the roll-up in a database, measured in a process of its own."""
    run = subprocess.run(
        [sys.executable, __file__, "--roll-up", "--units", str(units), "--database-url", database_url],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )  # fmt: skip
    told = json.loads(run.stdout.splitlines()[-1])
    name, limit = ("PostgreSQL", 5.0) if database_url else ("SQLite", None)
    return f"roll up {told['values']:,} values, {name}, s", told["seconds"], limit


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--forms", type=Path)
    parser.add_argument("--truth", type=Path)
    parser.add_argument("--units", type=int, default=50_000)
    parser.add_argument("--database-url", default="", help="an empty PostgreSQL database")
    parser.add_argument("--roll-up", action="store_true", help="only this, told as JSON")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        os.environ["YIPAN_HOME"] = home
        os.environ["YIPAN_DATABASE_URL"] = asked.database_url
        os.environ["DJANGO_SETTINGS_MODULE"] = "yipan.kernel.settings"
        import django

        django.setup()
        if asked.roll_up:
            seconds, values = rolling_up(asked.units)
            print(json.dumps({"seconds": seconds, "values": values}))
            return
        rows, told = compiling(asked.forms)
        for url in filter(None, (asked.database_url, "sqlite")):
            rows.append(roll_up_in("" if url == "sqlite" else url, asked.units))
        labels = proposing(asked.forms, asked.truth) if asked.forms and asked.truth else {}
    print(f"{'figure':<46}{'min':>9}{'median':>9}{'max':>9}{'limit':>8}")
    for name, times, limit in rows:
        print(
            f"{name:<46}{min(times):>9.3f}{statistics.median(times):>9.3f}{max(times):>9.3f}{limit or '':>8}"
        )
    for threshold, one in labels.items():
        print(f"labels alone from {threshold}: {one}", file=sys.stderr)
    RESULT.parent.mkdir(exist_ok=True)
    before = json.loads(RESULT.read_text("utf-8")) if RESULT.exists() else {}
    figures = {
        **before.get("figures", {}),
        **{n: {"values": t, "median": statistics.median(t), "limit": m} for n, t, m in rows},
    }
    RESULT.write_text(
        json.dumps(
            {
                "machine": {
                    "python": platform.python_version(),
                    "cpus": os.cpu_count(),
                    "load_when_run": [round(x, 1) for x in os.getloadavg()],
                },
                "figures": figures,
                "compiled": told,
                "labels_alone": labels or before.get("labels_alone", {}),
            },
            indent=1,
            ensure_ascii=False,
        )
        + "\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
