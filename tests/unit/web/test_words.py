"""Small rules of the board's words: punctuation, unknown and zero, ticks, names on the map."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from yipan.web.board.figures import known, rt_figure, signed
from yipan.web.board.pictures import short_name, ticks
from yipan.web.board.sentences import Clause, joined


@pytest.mark.parametrize(("language", "marks"), [("en", ["; ", "."]), ("zh-hans", ["；", "。"])])
def test_clauses_are_joined_as_the_language_does(language: str, marks: list[str]) -> None:
    with translation.override(language):
        said = joined([Clause("a", "#x"), Clause("b")])
    assert [clause.after for clause in said] == marks
    assert [clause.href for clause in said] == ["#x", ""]


def test_a_line_may_break_after_a_clause_and_not_before_its_punctuation() -> None:
    clause = Clause("a", after="; ")
    assert (clause.mark, clause.gap) == (";", True)
    assert not Clause("a", after="；").gap


@given(st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=6))
def test_every_sentence_ends_once(texts: list[str]) -> None:
    with translation.override("zh-hans"):
        said = joined([Clause(text) for text in texts])
    assert [clause.after for clause in said].count("。") == 1
    assert said[-1].after == "。"


def test_unknown_is_a_dash_and_zero_is_zero() -> None:
    assert known(None) == "–"
    assert known(0) == "0"
    assert known(12345) == "12,345"


@given(st.integers(-100_000, 100_000))
def test_a_change_carries_its_sign(n: int) -> None:
    said = signed(n)
    assert said[0] == ("+" if n > 0 else "−" if n < 0 else "0")
    assert "-" not in said


@pytest.mark.parametrize(
    ("q05", "q95", "side"), [(0.1, 0.4, "below 1"), (1.2, 1.9, "above 1"), (0.8, 1.3, "around 1")]
)
def test_rt_says_on_which_side_of_one_it_lies_only_where_the_interval_does(
    q05: float, q95: float, side: str
) -> None:
    with translation.override("en"):
        figure = rt_figure({"median": (q05 + q95) / 2, "q05": q05, "q95": q95})
    assert side in figure.note


def test_rt_of_too_few_cases_is_no_number() -> None:
    with translation.override("en"):
        figure = rt_figure({"note": "too_few_cases"})
    assert figure.value == "–"
    assert "too few cases" in figure.note


@given(st.integers(1, 80))
def test_the_last_day_is_always_labelled_and_a_week_lies_between(n: int) -> None:
    days = [(date(2020, 1, 21) + timedelta(days=i)).isoformat() for i in range(n)]
    labelled = [tick["date"] for tick in ticks(days)]
    assert labelled[-1] == days[-1]
    steps = {(date.fromisoformat(b) - date.fromisoformat(a)).days for a, b in pairwise(labelled)}
    assert steps <= {7}


@pytest.mark.parametrize(
    ("name", "short"),
    [("郑州市", "郑州"), ("济源市", "济源"), ("Zhengzhou", "Zhengzhou"), ("市", "市")],
)
def test_a_map_writes_a_city_without_the_word_for_city(name: str, short: str) -> None:
    assert short_name(name) == short
