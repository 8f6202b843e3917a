"""Trips and chances of the closer look in words: small ones are never told as none."""

from __future__ import annotations

import pytest
from django.utils import translation

from yipan.assess.outlook import words
from yipan.places.writing import travel_basis


@pytest.mark.parametrize(
    ("mean", "told"),
    [(0, "0"), (0.004, "under 0.01"), (0.07, "0.07"), (0.55, "0.55"), (1.34, "1.3"), (28.4, "28")],
)
def test_trips_have_two_places_at_most(mean: float, told: str) -> None:
    with translation.override("en"):
        assert words.trips(mean) == told


@pytest.mark.parametrize(
    ("with_control", "without", "told"),
    [
        (0.002, 0.004, "a chain takes hold is under 1% instead of under 1%"),
        (0.0, 0.3, "a chain takes hold is 0% instead of 30%"),
        (0.0, 0.0, "No chain is expected to take hold"),
    ],
)
def test_a_small_chance_is_not_none(with_control: float, without: float, told: str) -> None:
    effect = {
        "control": 0.5, "mean": 1.3, "mean_with": 0.65, "delay_days": None,
        "takes_hold": without, "takes_hold_with": with_control,
    }  # fmt: skip
    with translation.override("en"):
        assert told in words.control_words(effect)


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_survey_names_itself_and_a_model_is_named_in_the_language(language: str) -> None:
    with translation.override(language):
        assert words.travel_words("Labour survey 2019") == "Labour survey 2019"
        modelled = words.travel_words(travel_basis(0.121))
        assert "12.1%" in modelled
        assert ("commute" in modelled) == (language == "en")
