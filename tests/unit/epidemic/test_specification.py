"""What a specification refuses, each with its code and where it stood, before anything is run."""

from __future__ import annotations

import numpy as np
import pytest

from yipan.engines.epidemic.course import Branch, Course, Delay, Redirect, Stage
from yipan.engines.epidemic.examples import one_town, seir
from yipan.engines.epidemic.specification import (
    Response,
    Setting,
    checked_journeys,
    checked_mixing,
    weekly,
)
from yipan.engines.errors import (
    ControlOutOfRange,
    MalformedCourse,
    NotRowStochastic,
    OutOfRange,
    ShapeMismatch,
    TooManySeeds,
    TravelNotConserved,
    UnknownPlace,
    ZeroPopulation,
)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"transmission": np.array(-0.1)}, OutOfRange, "transmission is -0.1"),
        ({"controls": np.full((1, 1, 1), 1.2)}, ControlOutOfRange, "controls is 1.2"),
        ({"controls": np.ones((1, 2, 1))}, ShapeMismatch, "controls has shape"),
        ({"population": np.array([[0]])}, ZeroPopulation, "town has nobody"),
        ({"population": np.array([[5.5]])}, OutOfRange, "not a whole number"),
        ({"seeds": {"infectious": np.array([[10_000_000]])}}, TooManySeeds, "10,000,000 people"),
        ({"seeds": {"asleep": np.array([[1]])}}, MalformedCourse, "no stage “asleep”"),
        ({"immune": np.array([[9_999]])}, TooManySeeds, "10,009 people"),
        ({"imports": np.full((100, 1, 1), -1.0)}, OutOfRange, "imports is -1"),
        ({"imports": np.zeros((99, 1, 1))}, ShapeMismatch, "imports has shape"),
        ({"mixing": np.array([[0.9]])}, NotRowStochastic, "sum to 0.9"),
        ({"mixing": np.eye(2)}, ShapeMismatch, "mixing has shape"),
        ({"susceptibility": np.ones(2)}, ShapeMismatch, "susceptibility has shape"),
        ({"dispersion": 0.0}, OutOfRange, "dispersion is 0"),
        ({"days": 0}, OutOfRange, "0 days"),
        ({"settings": ()}, ShapeMismatch, "settings"),
        ({"settings": (Setting("home", np.ones((2, 2))),)}, ShapeMismatch, "contacts has shape"),
        ({"settings": (Setting("home", -np.ones((1, 1))),)}, OutOfRange, "contacts is -1"),
        ({"transmission": np.array(np.nan)}, OutOfRange, "transmission"),
        ({"journeys": np.array([[-1.0]])}, OutOfRange, "journeys is -1"),
        ({"journeys": np.eye(2)}, ShapeMismatch, "journeys has shape"),
        ({"response": Response(0, 7, 7, np.ones(1))}, OutOfRange, "response to 0 cases"),
        ({"response": Response(1, 7, 7, np.full(1, 1.5))}, ControlOutOfRange, "left is 1.5"),
        ({"response": Response(1, 7, 7, np.ones(2))}, ShapeMismatch, "left has shape"),
        ({"kinds": np.array([1]), "settings": (Setting("h", np.ones((1, 1, 1))),)}, ShapeMismatch, "kind 1"),
        ({"redirects": (Redirect("exposed", "recovered", np.array(1.5)),)}, OutOfRange, "is 1.5"),
        ({"redirects": (Redirect("exposed", "nowhere", np.array(0.5)),)}, MalformedCourse, "nowhere"),
    ],
)  # fmt: skip
def test_a_bad_specification_is_refused_in_words(
    change: dict[str, object], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        one_town().but(**change)


def test_ages_that_do_not_match_are_refused() -> None:
    halves = Course(
        (
            Stage("infectious", Delay(5), (Branch("recovered", (0.5, 1.0)), Branch("dead", (0.5, 0.0))), 1.0),
            Stage("recovered"),
            Stage("dead"),
        )
    )  # fmt: skip
    with pytest.raises(MalformedCourse, match="2 ages, the specification has 1"):
        one_town().but(course=halves, seeds={})


def test_an_unknown_place_is_refused() -> None:
    with pytest.raises(UnknownPlace, match="Atlantis"):
        one_town().place_index("Atlantis")


@pytest.mark.parametrize(
    ("stages", "words"),
    [
        ((), "named once each"),
        ((Stage("a"), Stage("a")), "named once each"),
        ((Stage("a", Delay(1)),), "both a delay and where it leads"),
        ((Stage("a", infectivity=1.0),), "never stop"),
        ((Stage("a", Delay(1), (Branch("b"),)),), "no stage “b”"),
        ((Stage("a", Delay(1), (Branch("b", 0.9),)), Stage("b")), "sum to 0.9"),
        ((Stage("a", Delay(1), (Branch("b"),)), Stage("b", Delay(1), (Branch("a"),))), "circle"),
        ((Stage("a", counts=frozenset({"beds"})),), "beds"),
    ],
)
def test_a_course_that_is_none_is_refused(stages: tuple[Stage, ...], words: str) -> None:
    with pytest.raises(MalformedCourse, match=words):
        Course(stages)


@pytest.mark.parametrize(
    "delay",
    [(-1.0, 1, "erlang"), (0.0, 1, "erlang"), (2.0, 0, "erlang"), (2.0, 1, "gamma"), (2.0, 1, "x")],
)
def test_a_delay_that_means_nothing_is_refused(delay: tuple[float, int, str]) -> None:
    with pytest.raises(OutOfRange, match="undefined"):
        Delay(*delay)


def test_the_transition_of_a_chain_is_a_probability_and_composes() -> None:
    chain = one_town(steps=3).chain
    half, whole = chain.transition(0.5), chain.transition(1.0)
    np.testing.assert_allclose(half.sum(axis=2), 1.0)
    np.testing.assert_allclose(half @ half, whole, atol=1e-14)


def test_a_redirect_moves_its_share_of_the_entries() -> None:
    chain = one_town().but(course=seir()).chain
    plain, turned = chain.generator(), chain.generator([("infectious", "recovered", 0.25)])
    assert turned[0, 0, 1] == pytest.approx(0.75 * plain[0, 0, 1])
    assert turned[0, 0, 2] == pytest.approx(0.25 * plain[0, 0, 1])
    np.testing.assert_allclose(turned.sum(axis=2), 0.0, atol=1e-15)


def test_mixing_left_out_keeps_everybody_at_home() -> None:
    assert (checked_mixing(None, places=3).toarray() == np.eye(3)).all()


def test_a_week_without_an_entry_keeps_the_last() -> None:
    with pytest.raises(ShapeMismatch, match="week 0"):
        weekly({1: np.ones((1, 1))}, weeks=2)
    assert weekly({0: np.ones((1, 1)), 1: np.zeros((1, 1))}, weeks=3).ravel().tolist() == [1, 0, 0]


def test_journeys_that_do_not_conserve_people_are_refused() -> None:
    with pytest.raises(
        TravelNotConserved, match="30 people leave east for good in a day, and 20 come"
    ):
        checked_journeys([[0, 30.0], [20.0, 0]], np.array([100, 100]), ("east", "west"))
    with pytest.raises(TravelNotConserved, match="where 10 live"):
        checked_journeys([[0, 30.0], [30.0, 0]], np.array([10, 100]))


def test_other_places_need_no_word_on_journeys_that_there_are_not() -> None:
    two = one_town().but(
        places=("a", "b"), population=np.array([[50], [60]]), mixing=None, controls=None,
        imports=None, immune=None, kinds=None, seeds={},
    )  # fmt: skip
    assert two.journeys.shape == (2, 2)
    assert two.but(days=5).journeys.nnz == 0
