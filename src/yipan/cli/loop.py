"""The loop from a terminal: `assess`, `plan`."""

from __future__ import annotations

import click

from yipan.cli.common import (
    at_option,
    examples,
    find_incident,
    incident_option,
    json_option,
    moment,
    print_json,
    progress_bar,
    say,
    start_django,
    system_now,
    verb,
)
from yipan.kernel.texts import terminal_text as _


@click.command(
    help=_("Assess a moment: counts, Rt, tiers, who is silent."),
    epilog=examples("yipan assess", "yipan assess --at 2020-02-20T18:00 --json"),
)
@at_option
@incident_option
@json_option
@verb
def assess(*, at_text: str | None, slug: str | None, as_json: bool) -> None:
    start_django()
    from yipan.assess.actions import assess as make_assessment
    from yipan.assess.queries import headline, summary

    incident = find_incident(slug)
    made = make_assessment(
        incident=incident, known_at=moment(at_text, incident), made_at=system_now()
    )
    if as_json:
        print_json(summary(made))
    else:
        say(headline(made))


@click.command(
    help=_("Put three options side by side: hold, staged by tier, open."),
    epilog=examples("yipan plan", "yipan plan --members 1000 --seed 7 --json"),
)
@at_option
@incident_option
@click.option("--members", default=200, show_default=True, type=click.IntRange(200, 100_000))
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0))
@json_option
@verb
def plan(*, at_text: str | None, slug: str | None, members: int, seed: int, as_json: bool) -> None:
    start_django()
    from yipan.assess.actions import assess as make_assessment
    from yipan.plan.actions import make_scenario
    from yipan.plan.queries import headline, summary

    incident = find_incident(slug)
    at = moment(at_text, incident)
    assessment = make_assessment(incident=incident, known_at=at, made_at=system_now())
    with progress_bar() as progress:
        scenario = make_scenario(
            assessment=assessment, at=at, members=members, seed=seed, progress=progress
        )
    if as_json:
        print_json(summary(scenario))
    else:
        say(headline(scenario))
