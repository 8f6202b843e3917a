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


@order.command(
    "work",
    help=_("Let orders leave, remind, call the offices above, and send what waits, until stopped."),
    epilog=examples("yipan order work", "yipan order work --once --json"),
)
@click.option("--once", is_flag=True, help=_("One round, then stop."))
@click.option(
    "--every",
    default=2.0,
    show_default=True,
    type=click.FloatRange(0.1, 60.0),
    help=_("Seconds between two rounds."),
)
@json_option
@verb
def order_work(*, once: bool, every: float, as_json: bool) -> None:
    start_django()
    import os
    import random
    import socket
    import time
    from dataclasses import asdict

    from yipan.order.channels.registry import channels
    from yipan.order.work import one_round

    worker = f"{socket.gethostname()[:24]}:{os.getpid()}"
    rng = random.Random()
    while True:
        done = one_round(worker=worker, channels=channels(), clock=system_now, rng=rng)
        if as_json and (once or done.any):
            print_json(asdict(done))
        elif once:
            say(
                _("%(released)d released, %(called)d calls, %(sent)d messages sent.") % asdict(done)
            )
        if once:
            return
        if not done.busy:
            time.sleep(every)
