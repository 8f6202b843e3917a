"""Registers, bottlenecks and what a release unlocks: laws on small cases."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from yipan.engines.openings.chain import Chain, Firms, unlock
from yipan.plan.errors import MalformedRegister
from yipan.plan.resumption.bottlenecks import held_back, shares
from yipan.plan.resumption.registers import Enterprise, read_enterprises, read_waiting
from yipan.plan.resumption.returns import schedule
from yipan.plan.resumption.schools import stages
from yipan.plan.scenarios.asking import Limits
from yipan.plan.scenarios.building import Build
from yipan.plan.scenarios.files import read_scenario

EXAMPLE = Path(__file__).parents[3] / "docs" / "reference" / "plan-example"
FIRM = Enterprise("a", "A", "T1", "C", 100, 100, 1.0, 28, 28, 28, 1.0)
HEAD = "id,name,county,section,workers,workers_there,deliveries,masks_days,parts_days,cash_days,output_100m,supplier"  # fmt: skip


@pytest.fixture(scope="module")
def build() -> Build:
    return read_scenario(EXAMPLE / "scenario.yaml").build


def levels(build: Build, level: int = 3) -> np.ndarray:
    return np.full((build.weeks, 3, 6), level, dtype=np.int64)


# ---- what releasing brings


def chain() -> Chain:
    needs = np.array([[0.0, 0.3], [0.0, 0.1]])
    return Chain(needs=needs, value_share=np.array([1.0, 0.6]), output=np.array([80.0, 100.0]), stock_weeks=0.0)  # fmt: skip


def firms(**changes: object) -> Firms:
    given = {
        "section": np.array([0, 1, 1]), "output": np.array([5.0, 20.0, 10.0]), "own": np.array([0.2, 0.9, 0.8]),
        "parts": np.array([1.0, 0.1, 1.0]), "supplier": np.array([-1, 0, -1]),
    }  # fmt: skip
    return Firms(**(given | changes))  # type: ignore[arg-type]


def test_a_supplier_unlocks_its_customer() -> None:
    after = np.array([1.0, 0.9, 0.8])
    found = unlock(chain(), rest=np.tile([75.0, 60.0], (4, 1)), firms=firms(), own_after=after, parts_after=firms().parts)  # fmt: skip
    assert found.share.tolist() == pytest.approx([0.2, 0.28, 0.8])
    assert found.gain[0] > found.direct[0] > 0
    assert found.gain[1] == pytest.approx(0)


def test_the_gain_is_the_difference_of_two_optima() -> None:
    after = np.array([1.0, 0.9, 1.0])
    ask = {"rest": np.tile([75.0, 60.0], (4, 1)), "own_after": after, "parts_after": firms().parts}
    found = unlock(chain(), firms=firms(), **ask)
    released = firms(own=np.array([0.2, 0.9, 1.0]))
    assert found.gain[2] == pytest.approx(
        unlock(chain(), firms=released, **ask).value - found.value
    )


def test_multipliers_never_promise_less_than_the_true_gain() -> None:
    after = np.ones(3)
    ask = {"rest": np.tile([75.0, 60.0], (4, 1)), "firms": firms(), "own_after": after, "parts_after": firms().parts}  # fmt: skip
    priced, exact = unlock(chain(), exactly=0, **ask), unlock(chain(), exactly=3, **ask)
    assert (priced.gain >= exact.gain - 1e-9).all()


# ---- five bottlenecks


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"workers_there": 30.0}, "workers"),
        ({"deliveries": 0.3}, "logistics"),
        ({"masks_days": 7.0}, "masks"),
        ({"parts_days": 7.0}, "parts"),
        ({"cash_days": 7.0}, "cash"),
    ],
)
def test_each_bottleneck_is_named_and_its_cure_works(
    build: Build, change: dict[str, float], kind: str
) -> None:
    [held], _found = held_back(build, levels(build), [replace(FIRM, **change)])
    assert held.kind == kind
    assert held.gain > 0
    assert held.amount > 0
    assert held.next_share > held.share


def test_a_firm_without_a_bottleneck_is_not_listed(build: Build) -> None:
    rows, _found = held_back(build, levels(build), [FIRM])
    assert rows == []


def test_what_the_levels_forbid_no_release_unlocks(build: Build) -> None:
    few = [replace(FIRM, workers_there=30.0)]
    [opened], _f = held_back(build, levels(build), few)
    shut, _f = held_back(build, levels(build, 0), few)
    assert not shut or shut[0].gain < opened.gain


def test_shares_lie_within_0_and_1() -> None:
    assert all(0 <= v <= 1 for v in shares(replace(FIRM, masks_days=300, cash_days=0), 0.5).values())  # fmt: skip


# ---- registers


def test_a_register_is_read() -> None:
    text = f"{HEAD}\na,甲,T1,C,100,50,0.5,7,9,30,2.5,\nb,,T2,F,10,10,1,28,28,28,0.1,a\n"
    one, other = read_enterprises(text, counties=["T1", "T2"], sections=["C", "F"], file="r.csv")
    assert (one.name, one.workers_there, other.supplier, other.name) == ("甲", 50.0, "a", "b")


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ("a,A,T9,C,1,1,1,1,1,1,1,", "county"),
        ("a,A,T1,Z,1,1,1,1,1,1,1,", "section"),
        ("a,A,T1,C,many,1,1,1,1,1,1,", "workers"),
        ("a,A,T1,C,1,2,1,1,1,1,1,", "workers_there"),
        ("a,A,T1,C,1,1,50,1,1,1,1,", "deliveries"),
        ("a,A,T1,C,1,1,1,-1,1,1,1,", "masks_days"),
        (",A,T1,C,1,1,1,1,1,1,1,", "id"),
        ("a,A,T1,C,1,1,1,1,1,1,1,nobody", "supplier"),
    ],
)
def test_a_bad_row_is_told_by_row_and_column(row: str, column: str) -> None:
    with pytest.raises(MalformedRegister) as refused:
        read_enterprises(f"{HEAD}\n{row}\n", counties=["T1"], sections=["C"], file="r.csv")
    assert column in refused.value.message
    assert "r.csv" in str(refused.value.where)
    assert refused.value.remedy


def test_headers_and_empty_registers_are_told() -> None:
    with pytest.raises(MalformedRegister, match="P315"):
        read_enterprises("id,name\n", counties=[], sections=[], file="r.csv")
    with pytest.raises(MalformedRegister, match="P315"):
        read_waiting("origin,destination,workers\n", counties=[], file="w.csv")
    with pytest.raises(MalformedRegister, match="P315"):
        read_waiting("origin,destination,workers\nX,T1,4\n", counties=["T1"], file="w.csv")


# ---- returns


def test_nobody_leaves_before_the_tier_allows_and_trains_are_not_overfilled(build: Build) -> None:
    waiting = [("T1", "T2", 9000.0), ("T2", "T1", 4000.0), ("T3", "T2", 3000.0)]
    found = schedule(build, levels(build), waiting, Limits())
    assert found.journeys
    assert all(j.origin != "T3" for j in found.journeys)  # high tier
    assert all(j.week >= 2 for j in found.journeys if j.origin == "T2")  # medium tier
    by_week = np.diff([0.0, *found.back])
    assert (by_week <= build.assumptions.value("return_capacity_week") + 1e-3).all()
    assert all(b <= n + 1e-3 for b, n in zip(found.back, found.needed, strict=True))
    assert found.stuck == 3000
    assert found.infected > 0


def test_where_nothing_opens_nobody_travels(build: Build) -> None:
    found = schedule(build, levels(build, 0), [("T1", "T2", 9000.0)], Limits())
    assert found.journeys == ()


# ---- schools


def test_stages_add_pupils_and_never_take_contacts_away(build: Build) -> None:
    found = stages(build, levels(build, 1), Limits(beds_of={"N": 90.0, "S": 80.0}), members=20, seed=3)  # fmt: skip
    assert [(s.grades, s.tiers) for s in found] == [
        (g, t) for g in ("final", "secondary", "primary") for t in ("low", "medium")
    ]
    assert all(s.pupils > 0 for s in found)
    shares = [s.share_of_contacts for s in found]
    assert shares == sorted(shares)
    assert found[0].added["infections"]["q95"] >= found[0].added["infections"]["q05"]
