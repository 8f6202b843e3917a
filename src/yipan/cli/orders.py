"""`order`: what is outstanding, late, in whose inbox."""

from __future__ import annotations

from pathlib import Path

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
@click.option(
    "--beside", type=click.IntRange(1), hidden=True, help="Stop when this process is gone."
)
@json_option
@verb
def order_work(*, once: bool, every: float, beside: int | None, as_json: bool) -> None:
    start_django()
    import os
    import random
    import socket
    import time
    from dataclasses import asdict

    from yipan.order.channels.registry import channels
    from yipan.order.work import CLOCKS_EVERY, one_round
    from yipan.report.work import ENDED_EVERY
    from yipan.report.work import one_round as round_of_reports

    worker = f"{socket.gethostname()[:24]}:{os.getpid()}"
    rng = random.Random()
    looked = ended = float("-inf")
    while beside is None or os.getppid() == beside:
        clocks = once or time.monotonic() - looked >= CLOCKS_EVERY
        done = one_round(
            worker=worker, channels=channels(), clock=system_now, rng=rng, clocks=clocks
        )
        looked = time.monotonic() if clocks else looked
        if clocks:
            ends = once or time.monotonic() - ended >= ENDED_EVERY
            round_of_reports(clock=system_now, ends=ends)
            ended = time.monotonic() if ends else ended
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


@order.command(
    "list",
    help=_("List deliveries, the most urgent first."),
    epilog=examples("yipan order list --show overdue", "yipan order list --unit 411525 --json"),
)
@click.option(
    "--show",
    type=click.Choice(["open", "overdue", "returned", "claimed", "all"]),
    default="open",
    show_default=True,
    help=_("Which ones."),
)
@click.option("--unit", "code", metavar="CODE", help=_("Only of this unit and all below it."))
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 100_000))
@incident_option
@json_option
@verb
def order_list(*, show: str, code: str | None, limit: int, slug: str | None, as_json: bool) -> None:
    start_django()
    from yipan.access.queries import board_now
    from yipan.access.scope import system_scope
    from yipan.order.deliveries.queries import clock_words, listed
    from yipan.places.queries import by_code

    incident = find_incident(slug)
    at = board_now(incident, system_now())
    unit = by_code(incident.package, code) if code else None
    rows = [
        {
            "delivery": str(d.pk),
            "order": str(d.order_id),
            "priority": f"P{d.order.priority}",
            "unit": d.unit.code,
            "state": d.state_at,
            "clock": clock_words(d, at=at)[0],
            "title": d.order.title,
        }
        for d in listed(incident, system_scope(), at=at, show=show, unit=unit)[:limit]
    ]
    if as_json:
        print_json({"deliveries": rows})
        return
    for row in rows:
        say("{priority}  {unit:<12} {state:<13} {clock:<22} {title}".format(**row))


@order.command(
    "read-meeting",
    help=_("Say what orders a list of decisions would become; nothing is drafted."),
    epilog=examples(
        "yipan order read-meeting decisions.docx", "yipan order read-meeting list.txt --json"
    ),
)
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False))
@at_option
@incident_option
@json_option
@verb
def order_read_meeting(*, path: Path, at_text: str | None, slug: str | None, as_json: bool) -> None:
    start_django()
    from yipan.order.meetings.queries import nameable
    from yipan.order.meetings.reading import read
    from yipan.order.meetings.rules import propose
    from yipan.places.queries import board_time

    incident = find_incident(slug)
    try:
        body = path.read_bytes()
    except OSError as fault:
        raise click.BadParameter(str(fault), param_hint="PATH") from None
    found = propose(
        read(body, name=path.name),
        said_at=moment(at_text, incident),
        zone=board_time(incident.package).zone,
        places=nameable(incident),
    )
    rows = [
        {
            "key": p.key,
            "matter": p.matter,
            "sure": p.matter_sure,
            "priority": f"P{p.priority}",
            "units": list(p.codes),
            "level": p.level,
            "due": p.due.moment.isoformat() if p.due else None,
            "title": p.title,
            "paragraph": p.paragraph,
        }
        for p in found
    ]
    if as_json:
        print_json({"proposals": rows})
        return
    for row in rows:
        say("{key:<6} {priority}  {matter:<14} {title}".format(**row))
