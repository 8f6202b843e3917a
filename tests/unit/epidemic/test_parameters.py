"""Parameter sets: every figure has a unit, a range that holds it, and a source that is listed."""

from __future__ import annotations

import numpy as np
import pytest

from yipan.engines.epidemic.laws import reproduction_number
from yipan.engines.epidemic.parameters import diseases, load_parameters, read_parameters
from yipan.engines.epidemic.specification import AGE_GROUPS_16, Setting, Specification
from yipan.engines.errors import MalformedParameters

SETTINGS = ("home", "work", "school", "transport", "community")

MINIMAL = """
disease: x
name: {en: X}
sources: {me: "A book"}
figures:
  long: {value: 5, unit: days, range: [4, 6], source: me}
course:
  infectious: {lasts: long, infectivity: 1, next: {recovered: rest}}
  recovered: {}
"""


@pytest.mark.parametrize("disease", diseases())
def test_every_figure_says_its_unit_range_and_source(disease: str) -> None:
    parameters = load_parameters(disease)
    for figure in parameters.figures.values():
        assert figure.unit
        assert figure.low < figure.high or figure.low == figure.high == 0
        assert len(parameters.sources[figure.source]) > 20
    used = {f.source for f in parameters.figures.values()}
    assert "R0" in parameters.figures
    assert used - {"assumption"}


@pytest.mark.parametrize("disease", diseases())
def test_every_set_makes_a_course_for_the_usual_ages(disease: str) -> None:
    course = load_parameters(disease).course(AGE_GROUPS_16, SETTINGS)
    course.check_ages(16)
    assert course.memoryless
    assert any("deaths" in s.counts for s in course.stages)


@pytest.mark.parametrize("disease", diseases())
@pytest.mark.parametrize("response", ["detection", "tracing"])
def test_a_response_lowers_transmission_and_never_raises_it(disease: str, response: str) -> None:
    parameters = load_parameters(disease)
    world = Specification(
        places=("one",),
        ages=AGE_GROUPS_16,
        population=np.full((1, 16), 1000),
        settings=tuple(Setting(s, np.ones((16, 16)), local=s == "home") for s in SETTINGS),
        course=parameters.course(AGE_GROUPS_16, SETTINGS),
        days=1,
        transmission=np.asarray(0.01),
    )
    R = [
        reproduction_number(world.but(redirects=(parameters.redirect(response, share),)))
        for share in (0.0, 0.3, 1.0)
    ]
    assert R[0] > R[1] > R[2]


def test_the_published_fatality_comes_out_of_the_course() -> None:
    parameters = load_parameters("sars_cov_2_wild")
    course = parameters.course(AGE_GROUPS_16, SETTINGS)
    reached = {name: np.zeros(16) for name in course.names}
    reached[course.entry] = np.ones(16)
    for stage in course.stages:  # written in an order that leads forward
        for branch in stage.branches:
            reached[branch.to] = reached[branch.to] + reached[stage.name] * course.shares(
                branch, 16
            )
    published = parameters["infection_fatality"].by_age(range(0, 80, 5))
    np.testing.assert_allclose(reached["dead"][4:], published[4:], rtol=0.02)


@pytest.mark.parametrize(
    ("was", "now", "words"),
    [
        ("source: me", "source: nobody", "not listed"),
        ("range: [4, 6]", "range: [6, 7]", "outside its range"),
        ("unit: days, ", "", "cannot be read"),
        ("lasts: long", "lasts: longer", "no figure “longer”"),
        ("recovered: rest", "recovered: 0.5", "takes the rest"),
        ("infectivity: 1", "infectivity: long ** 2", "not a figure"),
        ("infectivity: 1", "infectivity: __import__('os')", "not a figure"),
        ("sources:", "sauces:", "cannot be read"),
    ],
)
def test_a_malformed_set_is_refused(was: str, now: str, words: str) -> None:
    assert was in MINIMAL
    with pytest.raises(MalformedParameters, match=words):
        read_parameters(MINIMAL.replace(was, now), where="x").course(("0+",), SETTINGS)


def test_an_unknown_disease_lists_those_that_ship() -> None:
    with pytest.raises(MalformedParameters, match="sars_cov_2_wild"):
        load_parameters("the plague of Athens")


def test_one_figure_may_be_changed_without_touching_the_set() -> None:
    before = load_parameters("sars_cov_2_wild")
    after = before.with_values(R0=3.0)
    assert (before.value("R0"), after.value("R0")) == (2.5, 3.0)
