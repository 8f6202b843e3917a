"""Warming the engine up compiles both back-ends and both hand-overs."""

from __future__ import annotations

from yipan.engines.epidemic import events, members
from yipan.engines.epidemic.ensemble import run_ensemble
from yipan.engines.epidemic.examples import one_town
from yipan.engines.epidemic.members import make_ready


def test_the_epidemic_that_warms_up_crosses_both_ways() -> None:
    town = one_town(people=20_000, days=150)
    plan = make_ready(town)
    infected = run_ensemble(town, members=1, seed=1, summaries=("infections",)).daily["infections"][
        0
    ]
    # About eight days from infection to recovery: the last eight days' infections are still active.
    active = [int(infected[max(0, day - 7) : day + 1].sum()) for day in range(town.days)]
    assert max(active) > plan.cells_above, "never handed over to the cells"
    assert active[-1] < plan.events_below, "never handed back to events"
    assert members.run_cells.signatures
    assert members.to_events.signatures
    assert events.run_events.signatures
