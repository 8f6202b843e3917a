"""An exercise cannot reach a live channel, whatever the installation is."""

from __future__ import annotations

import pytest

from yipan.access.models import Incident, Installation
from yipan.access.rules import live_channels_allowed


@pytest.mark.parametrize(
    ("exercise", "demo", "allowed"),
    [
        (True, True, False),
        (True, False, False),
        (False, True, False),
        (False, None, False),  # nobody has said what this installation is
        (False, False, True),
    ],
)
def test_only_a_real_incident_on_a_live_installation_reaches_the_world(
    exercise: bool, demo: bool | None, allowed: bool
) -> None:
    here = None if demo is None else Installation(demo=demo)
    assert live_channels_allowed(Incident(exercise=exercise), here) is allowed
