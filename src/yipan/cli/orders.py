"""`order`: what is outstanding, late, in whose inbox."""

from __future__ import annotations

import click

from yipan.cli.common import (
    examples,
    find_incident,
    incident_option,
    json_option,
    print_json,
    say,
    start_django,
    system_now,
    verb,
)
from yipan.kernel.texts import terminal_text as _


@click.group(help=_("Orders: what is outstanding, late, in whose inbox."))
def order() -> None:
    pass


@order.command(
    "status",
    help=_("How many orders are open, late, and wait for a first acknowledgement."),
    epilog=examples("yipan order status --json"),
)
@incident_option
@json_option
@verb
def order_status(*, slug: str | None, as_json: bool) -> None:
    start_django()
    from yipan.access.queries import board_now
    from yipan.access.scope import system_scope
    from yipan.order.queries import headline, outstanding

    incident = find_incident(slug)
    counts = outstanding(incident, system_scope(), at=board_now(incident, system_now()))
    if as_json:
        print_json(counts)
    else:
        say(headline(counts))
