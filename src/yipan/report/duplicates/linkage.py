"""Which of these persons may be one: a probabilistic comparison (Fellegi–Sunter) by splink on DuckDB.

Everything happens in the memory of this process: DuckDB opens no file and may spill none to disk. What
leaves is ids and weights. Source of the method: Fellegi and Sunter (1969), JASA 64:1183.

The agreement probabilities below are this project's own assumptions, not trained: line lists are too
short for expectation–maximisation to be stable, and a county's pairs must not change because another
county's persons came in. How well they do is measured on synthetic persons (docs/explanation).
"""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from yipan.access.keyring import normal
from yipan.report.contacts.errors import LinkageMissing

EXPECTED_SHARE: Final = 0.05
"""Share of persons assumed to be entered a second time: it sets the odds before any comparison."""
MOST_BEFORE: Final = 1e-3
"""The odds before any comparison are no higher than this, however short the list."""
PROPOSED_FROM: Final = 0.2
"""Pairs from this probability on are proposed: people decide, so missing one costs more than looking at one."""

IN_MEMORY: Final[dict[str, str | bool | int | float | list[str]]] = {
    "temp_directory": "",
    "threads": 1,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}
"""Nothing spilled to disk, nothing fetched from elsewhere."""

# How often each level is met among entries of one person (m) and of two persons (u), best level first.
NUMBER: Final = ([0.77, 0.20, 0.03], [1e-7, 1e-5, 0.99999])  # equal; one slip; else
NAME: Final = ([0.82, 0.08, 0.10], [3e-3, 1e-3, 0.996])  # equal; one letter apart in five; else
LONG_NAME: Final = 5
"""One letter apart counts from this length on: two brothers of two or three characters are one apart too."""
PHONE: Final = ([0.65, 0.10, 0.25], [1e-3, 1e-3, 0.998])  # families share one
ADDRESS: Final = ([0.45, 0.30, 0.25], [5e-3, 4e-2, 0.955])


@dataclass(frozen=True)
class Entry:
    """One entry as it is compared; an empty field is unknown and says nothing."""

    id: int
    number: str
    name: str
    phone: str
    address: str


@dataclass(frozen=True)
class Likeness:
    """Two entries, log2 of the odds that they are one person, and the same as a probability."""

    one: int
    other: int
    weight: float
    probability: float


def entry(id: int, *, number: str, name: str, phone: str, address: str) -> Entry:
    """Return an entry in the form in which entries are compared: one width, one case, no spaces.

    >>> entry(1, number="no document 138 王", name="王 伟", phone="+86 138-0000-1111", address="")
    Entry(id=1, number='', name='王伟', phone='13800001111', address='')
    """
    digits = "".join(c for c in unicodedata.normalize("NFKC", phone) if c.isdigit())
    return Entry(
        id=id,
        number="" if number.startswith("no document ") else normal(number),
        name=normal(name),
        phone=digits[-11:],
        address=normal(address),
    )


def compare(
    entries: Sequence[Entry], *, least_probability: float = PROPOSED_FROM
) -> list[Likeness]:
    """Return the pairs that may be one person, the likeliest first; ids in order within a pair.

    Only pairs that share a number's beginning or end, a name, or a telephone are compared, so an
    entry that agrees in none of them with its double is missed.
    """
    if len(entries) < 2:
        return []
    rows = [_row(e) for e in entries]
    found = [
        Likeness(min(a, b), max(a, b), weight, probability)
        for a, b, weight, probability in _predicted(rows, least_probability)
    ]
    return sorted(found, key=lambda p: (-p.probability, p.one, p.other))


def _row(e: Entry) -> dict[str, Any]:
    def known(text: str) -> str | None:
        return text or None

    return {
        "unique_id": e.id,
        "number": known(e.number),
        "number_head": known(e.number[:12]) if len(e.number) >= 15 else known(e.number[:4]),
        "number_tail": known(e.number[-8:]),
        "name": known(e.name),
        "phone": known(e.phone),
        "phone_tail": known(e.phone[-6:]) if len(e.phone) >= 6 else None,
        "address": known(e.address),
    }


def _name_levels() -> list[Any]:
    import splink.comparison_level_library as cll

    near = (
        "damerau_levenshtein(name_l, name_r) <= 1 "
        f"AND least(length(name_l), length(name_r)) >= {LONG_NAME}"
    )
    return [
        cll.NullLevel("name"),
        cll.ExactMatchLevel("name"),
        cll.CustomLevel(near, label_for_charts="one letter apart"),
        cll.ElseLevel(),
    ]


def _predicted(rows: list[dict[str, Any]], least: float) -> Iterator[tuple[int, int, float, float]]:
    # Heavy, an extra of its own (`linkage`), and only this needs it.
    try:
        import duckdb
        import splink.comparison_library as cl
        from splink import DuckDBAPI, Linker, SettingsCreator, block_on
    except ImportError as missing:
        raise LinkageMissing(package=missing.name or "splink") from missing

    def levels(comparison: Any, odds: tuple[list[float], list[float]]) -> Any:
        m, u = odds
        return comparison.configure(m_probabilities=m, u_probabilities=u)

    settings = SettingsCreator(
        link_type="dedupe_only",
        probability_two_random_records_match=min(MOST_BEFORE, 2 * EXPECTED_SHARE / (len(rows) - 1)),
        comparisons=[
            levels(cl.DamerauLevenshteinAtThresholds("number", [1]), NUMBER),
            levels(cl.CustomComparison(_name_levels(), output_column_name="name"), NAME),
            levels(cl.DamerauLevenshteinAtThresholds("phone", [1]), PHONE),
            levels(cl.JaroWinklerAtThresholds("address", [0.88]), ADDRESS),
        ],
        blocking_rules_to_generate_predictions=[
            block_on("number_head", "name"),
            block_on("number_tail"),
            block_on("number_head", "phone"),
            block_on("phone"),
            block_on("name", "address"),
            block_on("name", "phone_tail"),
            block_on("name", "substr(number, 1, 6)"),
        ],
        retain_matching_columns=False,
        retain_intermediate_calculation_columns=False,
    )
    logging.getLogger("splink").setLevel(logging.ERROR)
    with duckdb.connect(":memory:", config=IN_MEMORY) as connection:
        columns = list(rows[0])
        kinds = ", ".join(f"{c} {'BIGINT' if c == 'unique_id' else 'VARCHAR'}" for c in columns)
        connection.execute(f"CREATE TABLE entries ({kinds})")
        marks = ", ".join("?" for _c in columns)
        connection.executemany(
            f"INSERT INTO entries VALUES ({marks})",
            [list(row.values()) for row in rows],
        )
        table = DuckDBAPI(connection).register("entries")
        linker = Linker(table, settings, log_level=logging.ERROR)
        made = linker.inference.predict(threshold_match_probability=least)
        for row in made.as_record_list():
            yield (
                int(row["unique_id_l"]),
                int(row["unique_id_r"]),
                float(row["match_weight"]),
                float(row["match_probability"]),
            )
