"""A county's tier follows from the published rule, and what is not known is said."""

from __future__ import annotations

from importlib.resources import files

import yaml

from spec.tables import table
from yipan.engines.surveillance.tiers import Fact, decide_tier, parse_rule_pack

PACK = parse_rule_pack(
    yaml.safe_load(
        files("yipan.assess.tiers")
        .joinpath("packs", "china_2020_02.yaml")
        .read_text(encoding="utf-8")
    )
)


def fact(cell: str) -> Fact:
    """`?` is not known, yes and no are flags, anything else is a number."""
    return (
        None
        if cell == "?"
        else {"yes": True, "no": False}.get(cell, cell.isdigit() and float(cell))
    )


def decisions(text: str) -> list[tuple[str, str, str]]:
    """(what the table promises, the tier, the rule that fired) of each row."""
    out = []
    for row in table(text):
        new, total = fact(row["new in 14 days"]), fact(row["in all"])
        facts = {
            "ever": None if total is None else bool(total),
            "new_14_days": new,
            "cumulative": total,
            "cluster_14_days": fact(row["cluster"]),
        }
        found = decide_tier(PACK, facts)
        out.append((row["tier"], found.tier, str(found.rule or "-") + "/" + row["rule"]))
    return out


def test_the_rule_of_february_2020() -> None:
    """China, February 2020: the first rule that holds decides.

    | new in 14 days | in all | cluster | tier      | rule |
    | 0              | 0      | no      | low       | 1    |
    | 0              | 274    | yes     | low       | 1    |
    | 1              | 1      | yes     | medium    | 2    |
    | 50             | 50     | yes     | medium    | 2    |
    | 1              | 51     | no      | medium    | 3    |
    | 1              | 51     | yes     | high      | 4    |
    """
    check(test_the_rule_of_february_2020.__doc__)


def test_an_unknown_fact_never_becomes_a_silent_default() -> None:
    """Where a rule needs a fact nobody has given, the tier is undecided; without any fact there is no data.

    | new in 14 days | in all | cluster | tier      | rule |
    | 1              | 51     | ?       | undecided | -    |
    | 1              | 50     | ?       | medium    | 2    |
    | 0              | 400    | ?       | low       | 1    |
    | ?              | 51     | yes     | undecided | -    |
    | ?              | ?      | ?       | no_data   | -    |
    """
    check(test_an_unknown_fact_never_becomes_a_silent_default.__doc__)


def check(text: str | None) -> None:
    """Compare every row of the table in a docstring with what the engine says."""
    assert text
    drawn = "\n".join(line for line in text.splitlines() if line.strip().startswith("|"))
    for promised, found, rules in decisions(drawn):
        fired, wanted = rules.split("/")
        assert (found, fired) == (promised, wanted), drawn
