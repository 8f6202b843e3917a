"""How well persons entered twice are found: precision and recall on invented persons, by threshold.

    python benchmarks/duplicates.py

The invented families share addresses and telephones; names repeat; a second entry has one to three
things amiss. The seeds are others than those the assumptions were set on. Prints a table and writes
benchmarks/results/duplicates.json.
"""

from __future__ import annotations

import json
import platform
import time
from pathlib import Path

from yipan.report.duplicates.invented import invent, score
from yipan.report.duplicates.linkage import PROPOSED_FROM, compare

RESULT = Path(__file__).parent / "results" / "duplicates.json"
SEEDS = (101, 102, 103, 104, 105)
PERSONS, TWICE = 1500, 0.05
THRESHOLDS = (0.05, PROPOSED_FROM, 0.5, 0.9)


def main() -> None:
    rows: dict[float, list[tuple[int, int, int]]] = {t: [] for t in THRESHOLDS}
    begun = time.process_time()
    entries = 0
    for seed in SEEDS:
        people = invent(persons=PERSONS, share_twice=TWICE, seed=seed)
        entries += len(people.entries)
        found = compare(people.entries, least_probability=min(THRESHOLDS))
        for threshold in THRESHOLDS:
            told = score({(p.one, p.other) for p in found if p.probability >= threshold}, people)
            rows[threshold].append((told.proposed, told.right, told.there))
    seconds = time.process_time() - begun
    table = []
    for threshold, told in rows.items():
        proposed, right, there = (sum(column) for column in zip(*told, strict=True))
        table.append(
            {
                "proposed_from": threshold,
                "pairs_there": there,
                "proposed": proposed,
                "precision": round(right / proposed, 3),
                "recall": round(right / there, 3),
            }
        )
    print(f"{'from':>6} {'there':>6} {'proposed':>9} {'precision':>10} {'recall':>7}")
    for row in table:
        print(
            f"{row['proposed_from']:>6} {row['pairs_there']:>6} {row['proposed']:>9}"
            f" {row['precision']:>10} {row['recall']:>7}"
        )
    print(f"{entries} entries in {len(SEEDS)} lists, {seconds:.1f} CPU-s")
    RESULT.write_text(
        json.dumps(
            {
                "lists": len(SEEDS),
                "entries": entries,
                "cpu_seconds": round(seconds, 1),
                "table": table,
                "python": platform.python_version(),
                "machine": platform.machine(),
            },
            indent=1,
        )
        + "\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
