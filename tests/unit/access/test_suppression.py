"""No reader can say more of a hidden count than that it is 1 to 4, whatever they add and subtract."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yipan.access import suppression
from yipan.access.suppression import LEAST, Hidden, Shown, Sum, suppress

Table = dict[str, int]


def guesses(shown: Mapping[str, Shown], sums: Sequence[Sum[str]], most: int) -> Iterator[Table]:
    """Every table of whole numbers that fits what is shown: what a patient reader would try.

    Only what is no total is guessed; totals follow, the lowest first.
    """
    totals = {s.total for s in sums}
    hidden = [k for k, v in shown.items() if isinstance(v, Hidden) and k not in totals]
    ranges = [
        range(1, LEAST) if shown[k] is Hidden.FEWER else range(LEAST, most + 1) for k in hidden
    ]
    known = {k: v for k, v in shown.items() if isinstance(v, int) and k not in totals}
    upwards = sorted(sums, key=lambda s: any(p in totals for p in s.parts))
    for values in itertools.product(*ranges):
        table = {**known, **dict(zip(hidden, values, strict=True))}
        for s in upwards:
            table[s.total] = sum(table[p] for p in s.parts)
        if all(fits(table[s.total], shown[s.total]) for s in sums):
            yield table


def fits(value: int, shown: Shown) -> bool:
    """Whether a total may have this value, by what is shown of it."""
    if shown is Hidden.FEWER:
        return 0 < value < LEAST
    return value == shown if isinstance(shown, int) else value > 0


def possible(
    shown: Mapping[str, Shown], sums: Sequence[Sum[str]], most: int = 16
) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {k: set() for k, v in shown.items() if v is Hidden.FEWER}
    for table in guesses(shown, sums, most):
        for k in found:
            found[k].add(table[k])
    return found


def one_way(parts: Sequence[int]) -> tuple[Table, list[Sum[str]]]:
    table = {f"p{i}": n for i, n in enumerate(parts)}
    return {"all": sum(parts), **table}, [Sum("all", tuple(table))]


# ---- primary ----


@pytest.mark.parametrize("count", range(1, LEAST))
def test_small_counts_are_hidden(count: int) -> None:
    assert suppress({"a": count}) == {"a": Hidden.FEWER}


@pytest.mark.parametrize("count", [0, 5, 6, 1271])
def test_zero_and_large_counts_are_shown(count: int) -> None:
    assert suppress({"a": count}) == {"a": count}


def test_what_is_not_known_stays_unknown() -> None:
    assert suppress({"a": None, "b": 3}) == {"a": None, "b": Hidden.FEWER}


def test_what_the_authority_published_stays() -> None:
    assert suppress({"a": 3, "b": 2}, public={"a"}) == {"a": 3, "b": Hidden.FEWER}


def test_a_hidden_count_is_never_a_number_in_an_export() -> None:
    for why in Hidden:
        assert not why.in_export.isdigit()
        assert not any(digit in str(why.in_export) for digit in "1234")


# ---- complementary ----


def test_one_small_part_takes_its_smallest_neighbour_with_it() -> None:
    table, sums = one_way([3, 7, 20])
    assert suppress(table, sums) == {"all": 30, "p0": Hidden.FEWER, "p1": Hidden.WITHHELD, "p2": 20}


def test_two_small_parts_may_protect_each_other() -> None:
    table, sums = one_way([2, 3, 20])
    shown = suppress(table, sums)
    assert shown["p2"] == 20
    assert possible(shown, sums) == {"p0": {1, 2, 3, 4}, "p1": {1, 2, 3, 4}}


def test_two_ones_do_not() -> None:
    """1 + 1 = 2 has only one answer."""
    table, sums = one_way([1, 1, 20, 9])
    shown = suppress(table, sums)
    assert shown["p3"] is Hidden.WITHHELD
    assert all(v == {1, 2, 3, 4} for v in possible(shown, sums).values())


def test_a_neighbour_of_five_hides_nothing() -> None:
    """Whoever knows the rules knows that what is withheld is 5 or more: 1 + 5 = 6 has one answer."""
    table, sums = one_way([1, 5])
    shown = suppress(table, sums)
    assert shown == {"all": Hidden.WITHHELD, "p0": Hidden.FEWER, "p1": Hidden.WITHHELD}


def test_a_total_over_one_part_is_withheld_with_it() -> None:
    table, sums = one_way([3])
    assert suppress(table, sums) == {"all": Hidden.FEWER, "p0": Hidden.FEWER}


def test_what_public_counts_alone_give_away_stays_marked_and_ends() -> None:
    shown = suppress({"all": 8, "a": 3, "b": 5}, [Sum("all", ("a", "b"))], public={"all", "b"})
    assert shown == {"all": 8, "a": Hidden.FEWER, "b": 5}


def test_a_sum_with_an_unknown_part_gives_nothing_away() -> None:
    table = {"all": 30, "a": 3, "b": None, "c": 20}
    shown = suppress(table, [Sum("all", ("a", "b", "c"))])
    assert shown == {"all": 30, "a": Hidden.FEWER, "b": None, "c": 20}


def test_the_same_table_gives_the_same_answer_in_any_order() -> None:
    table, sums = one_way([2, 9, 9, 9, 1, 30])
    turned = dict(reversed(table.items()))
    assert suppress(table, sums) == suppress(turned, sums)


sizes = st.lists(st.integers(0, 12), min_size=1, max_size=4)


@given(sizes)
@settings(max_examples=80, deadline=None)
def test_no_table_gives_a_small_part_away(parts: list[int]) -> None:
    table, sums = one_way(parts)
    shown = suppress(table, sums)
    assert all(v == set(range(1, LEAST)) for v in possible(shown, sums).values()), shown
    for k, v in shown.items():
        assert isinstance(v, Hidden) or v == table[k]
        assert isinstance(v, Hidden) or not 0 < table[k] < LEAST


@given(st.lists(st.lists(st.integers(0, 8), min_size=1, max_size=2), min_size=2, max_size=2))
@settings(max_examples=25, deadline=None)
def test_no_tree_of_two_levels_gives_a_small_part_away(cities: list[list[int]]) -> None:
    table: Table = {"all": sum(map(sum, cities))}
    sums = [Sum("all", tuple(f"c{i}" for i in range(len(cities))))]
    for i, parts in enumerate(cities):
        table[f"c{i}"] = sum(parts)
        table |= {f"c{i}p{j}": n for j, n in enumerate(parts)}
        sums.append(Sum(f"c{i}", tuple(f"c{i}p{j}" for j in range(len(parts)))))
    shown = suppress(table, sums)
    assert all(v == set(range(1, LEAST)) for v in possible(shown, sums, most=13).values()), shown


def test_a_table_of_two_ways_gives_nothing_away() -> None:
    """Rows and columns both add up: each has its own way to work a count out."""
    cells = [[1, 6, 9], [6, 5, 8], [9, 8, 2]]
    table = {f"{r}{c}": cells[r][c] for r in range(3) for c in range(3)}
    sums = [Sum(f"r{r}", tuple(f"{r}{c}" for c in range(3))) for r in range(3)]
    sums += [Sum(f"c{c}", tuple(f"{r}{c}" for r in range(3))) for c in range(3)]
    table |= {s.total: sum(table[p] for p in s.parts) for s in sums}
    shown = suppress(table, sums)
    hidden = {k for k, v in shown.items() if isinstance(v, Hidden)}
    assert {"00", "22"} < hidden
    assert len(hidden) <= 9
    for cell in ("00", "22"):
        others = sorted(hidden - {cell} - {s.total for s in sums})
        for value in range(1, LEAST):
            assert solvable({**shown, cell: value}, sums, others), (cell, value)


def solvable(shown: Mapping[str, Shown], sums: Sequence[Sum[str]], unknown: list[str]) -> bool:
    """Whether whole numbers for the unknown parts fit every sum: tried one part at a time."""
    for s in sums:
        known = [shown[p] for p in s.parts]
        if all(isinstance(n, int) for n in known):
            if not fits(sum(n for n in known if isinstance(n, int)), shown[s.total]):
                return False
        elif (
            isinstance(top := shown[s.total], int)
            and sum(n for n in known if isinstance(n, int)) > top
        ):
            return False
    if not unknown:
        return True
    first, *rest = unknown
    tries = range(1, LEAST) if shown[first] is Hidden.FEWER else range(LEAST, 30)
    return any(solvable({**shown, first: n}, sums, rest) for n in tries)


# ---- large tables: structure decides, and withholds no less than ranges would ----


@pytest.fixture(params=["a few programmes", "by structure alone"])
def effort(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "by structure alone":
        monkeypatch.setattr(suppression, "UNKNOWNS", 0)


@pytest.mark.usefixtures("effort")
@pytest.mark.parametrize("cells", [[[1, 2], [1, 8]], [[3, 0], [0, 1]], [[2, 2], [6, 7]]])
def test_a_tree_of_sums_gives_nothing_away(cells: list[list[int]]) -> None:
    sums = [Sum("all", ("c0", "c1")), Sum("c0", ("c0p0", "c0p1")), Sum("c1", ("c1p0", "c1p1"))]
    table = {f"c{i}p{j}": n for i, row in enumerate(cells) for j, n in enumerate(row)}
    for s in reversed(sums):
        table[s.total] = sum(table[p] for p in s.parts)
    shown = suppress(table, sums)
    assert all(v == set(range(1, LEAST)) for v in possible(shown, sums, most=13).values()), shown


@pytest.mark.usefixtures("effort")
def test_a_total_that_adds_up_two_ways_gives_nothing_away() -> None:
    """By sex and by age: what one way hides the other must not show."""
    table = {"all": 12, "men": 3, "women": 9, "young": 5, "old": 7}
    shown = suppress(table, [Sum("all", ("men", "women")), Sum("all", ("young", "old"))])
    assert isinstance(shown["men"], Hidden)
    hidden = {k for k, v in shown.items() if isinstance(v, Hidden)}
    assert "women" in hidden or {"all"} < hidden
    for value in range(1, LEAST):  # every value of the small part still has a table that fits
        women = shown["women"] if not isinstance(shown["women"], Hidden) else None
        tops = range(1, 40) if isinstance(shown["all"], Hidden) else [table["all"]]
        assert any(
            (women is None or top == value + women)
            and (top > value)
            and (
                isinstance(shown["young"], Hidden)
                or isinstance(shown["old"], Hidden)
                or table["young"] + table["old"] == top
            )
            for top in tops
        ), (value, shown)


def test_by_structure_every_small_cell_of_two_ways_is_without_a_number_beside_it() -> None:
    """100 rows, 3 columns, both totals: too many unknowns for ranges; nothing is left to subtract from."""
    rng = np.random.default_rng(5)
    cells = rng.integers(0, 9, size=(100, 3))
    table = {f"{r}:{c}": int(cells[r, c]) for r in range(100) for c in range(3)}
    sums = [Sum(f"r{r}", tuple(f"{r}:{c}" for c in range(3))) for r in range(100)]
    sums += [Sum(f"c{c}", tuple(f"{r}:{c}" for r in range(100))) for c in range(3)]
    table |= {s.total: sum(table[p] for p in s.parts) for s in sums}
    shown = suppress(table, sums)
    for s in sums:
        unknown = [k for k in s.cells if isinstance(shown[k], Hidden)]
        assert len(unknown) != 1, s.total
    assert all(not isinstance(n, int) or n == 0 or n >= LEAST for n in shown.values())
