"""What may be signed, and with which reason: refusals first."""

from __future__ import annotations

import pytest

from yipan.plan.errors import AlreadySigned, IncidentOver, ReasonMissing, Superseded, TooFewMembers
from yipan.plan.rules import (
    FEWEST_MEMBERS,
    LONGEST_REASON,
    Standing,
    can_sign,
    check_can_sign,
    check_members,
    check_reason,
)

OPEN = Standing(signed=False, superseded=False, stood_down=False)


@pytest.mark.parametrize(
    ("standing", "error"),
    [
        (Standing(signed=True, superseded=False, stood_down=False), AlreadySigned),
        (Standing(signed=False, superseded=True, stood_down=False), Superseded),
        (Standing(signed=False, superseded=False, stood_down=True), IncidentOver),
        (Standing(signed=True, superseded=True, stood_down=True), IncidentOver),
    ],
)
def test_what_cannot_be_signed_says_why(standing: Standing, error: type[Exception]) -> None:
    assert not can_sign(standing)
    with pytest.raises(error):
        check_can_sign(standing)


def test_an_open_scenario_can_be_signed() -> None:
    assert can_sign(OPEN)


@pytest.mark.parametrize("reason", ["", "  \n", "x" * (LONGEST_REASON + 1)])
def test_a_reason_is_needed_and_bounded(reason: str) -> None:
    with pytest.raises(ReasonMissing):
        check_reason(reason)


def test_a_reason_is_kept_without_blanks_around_it() -> None:
    assert check_reason("  beds stay free \n") == "beds stay free"


def test_an_ensemble_too_small_for_its_interval_is_refused() -> None:
    check_members(FEWEST_MEMBERS)
    with pytest.raises(TooFewMembers):
        check_members(FEWEST_MEMBERS - 1)
