"""The cheapest set to ask: laws, traps with cycles, and the truth by trying all."""

from __future__ import annotations

import random

import pytest

from yipan.report.forms import hypergraph
from yipan.report.forms.hypergraph import (
    Derivation,
    Problem,
    cheapest_by_ranks,
    cheapest_by_trying_all,
    closure,
    solve,
)


def problem(
    wanted: str, rules: list[tuple[str, str]], *, known: str = "", costs: dict[str, int]
) -> Problem:
    return Problem(
        wanted=frozenset(wanted),
        known=frozenset(known),
        askable=costs,
        derivations=tuple(Derivation(h, frozenset(b), f"{h}<-{b}") for h, b in rules),
    )


def test_what_nothing_gives_is_asked() -> None:
    assert solve(problem("ab", [], costs={"a": 1, "b": 1, "c": 1})).asked == ("a", "b")


def test_what_a_register_knows_is_not_asked() -> None:
    found = solve(problem("a", [("a", "k")], known="k", costs={"a": 1}))
    assert (found.asked, found.cost) == ((), 0)
    assert found.by["a"].name == "a<-k"


def test_two_derived_elements_cannot_justify_each_other() -> None:
    """a from b and b from a: without ranks nothing would be asked."""
    found = solve(problem("ab", [("a", "b"), ("b", "a")], costs={"a": 2, "b": 3}))
    assert found.asked == ("a",)
    assert found.by["b"].body == {"a"}


def test_a_longer_cycle_needs_one_foothold() -> None:
    rules = [("a", "b"), ("b", "c"), ("c", "d"), ("d", "a")]
    found = solve(problem("abcd", rules, costs={"a": 4, "b": 4, "c": 1, "d": 4}))
    assert found.asked == ("c",)


def test_a_derivation_needs_all_of_its_inputs() -> None:
    found = solve(problem("t", [("t", "ab")], costs={"a": 1, "b": 1, "t": 3}))
    assert found.asked == ("a", "b")
    assert solve(problem("t", [("t", "ab")], costs={"a": 2, "b": 2, "t": 3})).asked == ("t",)


def test_total_and_parts_give_each_other() -> None:
    """Total, part and part: any two give the third, so two are asked and the ids decide."""
    rules = [("t", "ab"), ("a", "tb"), ("b", "ta")]
    found = solve(problem("abt", rules, costs={"a": 1, "b": 1, "t": 1}))
    assert found.asked == ("a", "b")


def test_equal_costs_are_decided_by_the_ids() -> None:
    rules = [("x", "p"), ("x", "q"), ("y", "q"), ("y", "p")]
    assert solve(problem("xy", rules, costs={"p": 5, "q": 5})).asked == ("p",)
    assert solve(problem("xy", rules, costs={"q": 5, "p": 5})).asked == ("p",)


def test_what_cannot_be_known_is_said_and_the_rest_is_met() -> None:
    found = solve(problem("ab", [("a", "z")], costs={"b": 1}))
    assert (found.unmet, found.asked) == (("a",), ("b",))


def test_the_order_of_input_changes_nothing() -> None:
    rules = [("t", "ab"), ("a", "tb"), ("b", "ta"), ("u", "t"), ("u", "cd")]
    costs = dict.fromkeys("abcdt", 1)
    expected = solve(problem("abu", rules, costs=costs))
    for seed in range(10):
        shuffled = random.Random(seed).sample(rules, len(rules))
        assert solve(problem("abu", shuffled, costs=costs)) == expected


def random_problem(seed: int) -> Problem:
    """A small tangle: cycles, alternatives and conjunctions are all likely."""
    rng = random.Random(seed)
    nodes = [f"n{i:02d}" for i in range(rng.randint(3, 11))]
    rules = []
    for i in range(rng.randint(2, 16)):
        head = rng.choice(nodes)
        body = frozenset(rng.sample(nodes, rng.randint(1, min(3, len(nodes)))))
        rules.append(Derivation(head, body, f"r{i}"))
    askable = {n: rng.choice([1, 1, 2, 3, 5]) for n in nodes if rng.random() < 0.75}
    known = frozenset(n for n in nodes if rng.random() < 0.08)
    wanted = frozenset(rng.sample(nodes, rng.randint(1, len(nodes))))
    return Problem(wanted, known, askable, tuple(rules))


@pytest.mark.parametrize("block", range(8))
def test_it_equals_the_truth_found_by_trying_all(block: int) -> None:
    """400 tangles; cost and set both equal, ties included."""
    solved = 0
    for seed in range(block * 50, block * 50 + 50):
        tangle = random_problem(seed)
        found = solve(tangle)
        assert (found.cost, found.asked) == cheapest_by_trying_all(tangle), seed
        reached, _by = closure([*tangle.known, *found.asked], tangle.derivations)
        assert tangle.wanted - set(found.unmet) <= reached
        solved += found.programmes > 0
    assert solved, "no tangle needed the programme: the test tests nothing"


def test_two_methods_agree() -> None:
    """What every set must meet, and one programme with ranks: the same cost on 120 tangles."""
    for seed in range(1000, 1120):
        tangle = random_problem(seed)
        cost, chosen = cheapest_by_ranks(tangle)
        assert cost == solve(tangle).cost, seed
        reached, _by = closure([*tangle.known, *chosen], tangle.derivations)
        assert tangle.wanted - set(solve(tangle).unmet) <= reached


def test_many_overlapping_sums_are_settled() -> None:
    """Forty sums of five, each of the next: one tangle of 240 rules, every term from the others."""
    names = [f"s{i:02d}" for i in range(45)]
    rules = []
    for i in range(40):
        whole = {names[i], *names[i + 1 : i + 6]}
        rules += [Derivation(n, frozenset(whole - {n}), f"{i}:{n}") for n in sorted(whole)]
    found = solve(Problem(frozenset(names), frozenset(), dict.fromkeys(names, 1), tuple(rules)))
    # Five that follow one another give all before and after them.
    assert (found.cost, found.asked) == (5, ("s00", "s01", "s02", "s03", "s04"))


def overlapping(n: int) -> Problem:
    """Sums of five, each beginning one further on: every term follows from the others."""
    names = [f"s{i:03d}" for i in range(n + 5)]
    rules = []
    for i in range(n):
        whole = set(names[i : i + 6])
        rules += [Derivation(m, frozenset(whole - {m}), f"{i}:{m}") for m in sorted(whole)]
    return Problem(frozenset(names), frozenset(), dict.fromkeys(names, 1), tuple(rules))


def test_a_tangle_beyond_the_work_allowed_ends_with_an_answer_that_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hypergraph, "WORK", 0)
    monkeypatch.setattr(hypergraph, "LEAST", 3)
    tangle = overlapping(60)
    found = solve(tangle)
    assert found.programmes == 3
    assert not found.proved
    assert 0 < found.at_least < found.cost
    reached, _by = closure(found.asked, tangle.derivations)
    assert tangle.wanted <= reached  # still enough,
    for n in found.asked:  # and nothing of it can be left out
        assert not tangle.wanted <= closure(set(found.asked) - {n}, tangle.derivations)[0]
    assert solve(tangle) == found  # counted, not timed: the same answer each time


def test_what_is_claimed_of_a_bounded_answer_is_true(monkeypatch: pytest.MonkeyPatch) -> None:
    """On tangles small enough to try all: whatever was proved is so, however little work was allowed."""
    cut_short = 0
    for seed in range(300):
        tangle = random_problem(seed)
        cost, asked = cheapest_by_trying_all(tangle)
        for allowed in (0, 1, 2):
            monkeypatch.setattr(hypergraph, "WORK", 0)
            monkeypatch.setattr(hypergraph, "LEAST", allowed)
            found = solve(tangle)
            assert found.at_least <= cost <= found.cost, seed
            if found.proved:
                assert found.cost == cost, seed
            if found.proved and found.first:
                assert found.asked == asked, seed
            cut_short += not (found.proved and found.first)
    assert cut_short, "no answer was cut short: the test tests nothing"


def test_the_record_of_how_has_no_cycle() -> None:
    for seed in range(100):
        tangle = random_problem(seed)
        found = solve(tangle)
        stood = {*tangle.known, *found.asked}
        for head, rule in found.by.items():
            assert rule.body <= stood, seed
            stood.add(head)
