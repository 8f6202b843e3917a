"""The loop from a terminal: `assess`."""

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
