"""`order`: what is outstanding, late, in whose inbox."""

from __future__ import annotations

from pathlib import Path
from typing import Any

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

    from yipan.order.accountability.actions import forget_old
    from yipan.order.channels.registry import channels
    from yipan.order.work import CLOCKS_EVERY, FORGET_EVERY, one_round
    from yipan.report.work import ENDED_EVERY
    from yipan.report.work import one_round as round_of_reports

    worker = f"{socket.gethostname()[:24]}:{os.getpid()}"
    rng = random.Random()
    looked = ended = kept = float("-inf")
    while beside is None or os.getppid() == beside:
        clocks = once or time.monotonic() - looked >= CLOCKS_EVERY
        done = one_round(
            worker=worker, channels=channels(), clock=system_now, rng=rng, clocks=clocks
        )
        looked = time.monotonic() if clocks else looked
        if time.monotonic() - kept >= FORGET_EVERY:
            forget_old(at=system_now())
            kept = time.monotonic()
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


# ---- acts, in the name of a person ---------------------------------------------------------------------

as_option = click.option(
    "--as", "name", required=True, metavar="NAME", help=_("Whose act it is: the account's name.")
)


def acting(name: str, slug: str | None) -> tuple[Any, dict[str, Any]]:
    """Return the incident, and who acts at which moment within which scope."""
    from yipan.access.models import User
    from yipan.access.queries import board_now
    from yipan.access.scope import scope_of

    person = User.objects.filter(username=name, is_active=True).first()
    if person is None:
        raise click.BadParameter(_("There is no account %s.") % name, param_hint="--as")
    incident = find_incident(slug)
    now = system_now()
    scope = scope_of(person, at=now)
    return incident, {"by": person, "at": board_now(incident, now), "scope": scope}


def orders_named(incident: Any, given: dict[str, Any], ids: tuple[str, ...]) -> list[Any]:
    """Return the orders that the ids (or the beginnings of them) name, each exactly one."""
    from yipan.access.scope import nothing_there
    from yipan.order.queries import orders

    seen = orders(incident, given["scope"])
    found = []
    for text in ids:
        hits = [o for o in seen if str(o.pk).startswith(text.lower())]
        if len(hits) != 1:
            raise nothing_there(text)
        found += hits
    return found


def tell_orders(found: list[Any], *, as_json: bool) -> None:
    """Print orders and how they stand."""
    rows = [
        {"order": str(o.pk), "priority": f"P{o.priority}", "state": o.state, "title": o.title}
        for o in found
    ]
    if as_json:
        print_json({"orders": rows})
        return
    for row in rows:
        say("{order}  {priority}  {state:<10} {title}".format(**row))


@order.command(
    "draft",
    help=_("Draft one order by hand."),
    epilog=examples(
        "yipan order draft --as commander --matter other --title-zh 关闭活禽市场 --unit 410000 --level county"
    ),
)
@as_option
@click.option("--matter", default="other", show_default=True)
@click.option("--title-zh", default="", help=_("One of the two languages is needed."))
@click.option("--title-en", default="")
@click.option("--body-zh", default="")
@click.option("--body-en", default="")
@click.option("--unit", "codes", multiple=True, required=True, metavar="CODE")
@click.option("--level", default="", help=_("Every unit of this level below the units named."))
@click.option("--priority", type=click.IntRange(0, 3))
@click.option("--due", "due_text", metavar="MOMENT")
@incident_option
@json_option
@verb
def order_draft(
    *,
    name: str,
    matter: str,
    title_zh: str,
    title_en: str,
    body_zh: str,
    body_en: str,
    codes: tuple[str, ...],
    level: str,
    priority: int | None,
    due_text: str | None,
    slug: str | None,
    as_json: bool,
) -> None:
    start_django()
    from yipan.access.rules import Action
    from yipan.order import actions
    from yipan.order.matters import Text
    from yipan.places.queries import by_code

    incident, given = acting(name, slug)
    given["scope"].check(Action.ORDER_DRAFT)
    made = actions.draft_order(
        incident=incident,
        issuer=given["scope"].roots(Action.ORDER_DRAFT)[0],
        matter=matter,
        title=Text(title_zh, title_en),
        body=Text(body_zh or title_zh, body_en or title_en),
        targets=[(by_code(incident.package, code), level) for code in codes],
        priority=priority,
        due_at=moment(due_text, incident) if due_text else None,
        **given,
    )
    tell_orders([made], as_json=as_json)


@order.command(
    "issue",
    help=_("Issue drafts; P1 to P3 are held for a minute in which they can be undone."),
    epilog=examples("yipan order issue 3f2a… --as commander"),
)
@click.argument("ids", nargs=-1, required=True)
@as_option
@click.option("--reason", default="", help=_("Why, although a like order is out."))
@incident_option
@json_option
@verb
def order_issue(
    *, ids: tuple[str, ...], name: str, reason: str, slug: str | None, as_json: bool
) -> None:
    start_django()
    from yipan.order import actions

    incident, given = acting(name, slug)
    found = orders_named(incident, given, ids)
    tell_orders(
        actions.issue_orders(orders=found, duplicate_reason=reason, **given), as_json=as_json
    )


@order.command(
    "countersign",
    help=_("Give a P0 its second signature; another hand issues it."),
    epilog=examples("yipan order countersign 3f2a… --as deputy"),
)
@click.argument("ids", nargs=1)
@as_option
@incident_option
@json_option
@verb
def order_countersign(*, ids: str, name: str, slug: str | None, as_json: bool) -> None:
    start_django()
    from yipan.order import actions

    incident, given = acting(name, slug)
    [found] = orders_named(incident, given, (ids,))
    tell_orders([actions.countersign(order=found, **given)], as_json=as_json)


@order.command(
    "undo",
    help=_("Take issued orders back before they leave."),
    epilog=examples("yipan order undo 3f2a… --as commander"),
)
@click.argument("ids", nargs=-1, required=True)
@as_option
@incident_option
@json_option
@verb
def order_undo(*, ids: tuple[str, ...], name: str, slug: str | None, as_json: bool) -> None:
    start_django()
    from yipan.order import actions

    incident, given = acting(name, slug)
    found = orders_named(incident, given, ids)
    tell_orders(actions.undo_orders(orders=found, **given), as_json=as_json)


@order.command(
    "withdraw",
    help=_("Withdraw an order: everyone who received it is told."),
    epilog=examples("yipan order withdraw 3f2a… --as commander --reason …"),
)
@click.argument("ids", nargs=1)
@as_option
@click.option("--reason", default="")
@incident_option
@json_option
@verb
def order_withdraw(*, ids: str, name: str, reason: str, slug: str | None, as_json: bool) -> None:
    start_django()
    from yipan.order import actions

    incident, given = acting(name, slug)
    [found] = orders_named(incident, given, (ids,))
    tell_orders([actions.withdraw_order(order=found, reason=reason, **given)], as_json=as_json)


@order.command(
    "act",
    help=_("Do one act on one delivery: acknowledge, accept, return, start, claim_done, verify …"),
    epilog=examples(
        "yipan order act 8c1d… acknowledge --as county411525",
        "yipan order act 8c1d… return --as county411525 --reason lacks_means --note …",
    ),
)
@click.argument("delivery")
@click.argument("act_name", metavar="ACT")
@as_option
@click.option("--note", default="")
@click.option("--reason", default="", help=_("Of a return: one of the four reasons."))
@click.option("--unit", "code", metavar="CODE", help=_("Who helps, or to whom it is given."))
@click.option("--until", "until_text", metavar="MOMENT", help=_("Of an extension."))
@click.option("--key", default="", help=_("The client key: a replay changes nothing."))
@incident_option
@json_option
@verb
def order_act(
    *,
    delivery: str,
    act_name: str,
    name: str,
    note: str,
    reason: str,
    code: str | None,
    until_text: str | None,
    key: str,
    slug: str | None,
    as_json: bool,
) -> None:
    start_django()
    from uuid import UUID, uuid4

    from yipan.order import actions
    from yipan.order.deliveries.queries import one
    from yipan.order.deliveries.rules import Act, return_reason
    from yipan.places.queries import by_code

    try:
        act, pk = Act(act_name), UUID(delivery)
    except ValueError as fault:
        raise click.BadParameter(str(fault)) from None
    incident, given = acting(name, slug)
    unit = by_code(incident.package, code) if code else None
    key = key or str(uuid4())
    if act is Act.REASSIGN and unit is not None:
        done = actions.reassign(
            delivery=one(pk, given["scope"]), to=unit, client_key=key, note=note, **given
        )
    else:
        step = actions.Step(
            act,
            pk,
            given["at"],
            key,
            given["by"],
            note=note,
            reason=return_reason(reason) if act is Act.RETURN else "",
            belongs_to=unit,
            until=moment(until_text, incident) if until_text else None,
        )
        [done] = actions.perform([step], scope=given["scope"])
    if as_json:
        print_json({"delivery": str(done.pk), "unit": done.unit.code, "state": done.state})
    else:
        say(f"{done.unit.code}  {done.state}")


@order.command(
    "from-meeting",
    help=_("Make orders of a list of decisions as the rules propose them; look at them first."),
    epilog=examples(
        "yipan order from-meeting decisions.docx --as commander",
        "yipan order from-meeting decisions.docx --as commander --issue",
    ),
)
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False))
@as_option
@click.option("--key", "keys", multiple=True, help=_("Only these matters; all if none is named."))
@click.option("--issue", is_flag=True, help=_("Issue them as well."))
@incident_option
@json_option
@verb
def order_from_meeting(
    *,
    path: Path,
    name: str,
    keys: tuple[str, ...],
    issue: bool,
    slug: str | None,
    as_json: bool,
) -> None:
    start_django()
    from yipan.access.rules import Action
    from yipan.order import actions
    from yipan.order.meetings.queries import proposals

    incident, given = acting(name, slug)
    try:
        body = path.read_bytes()
    except OSError as fault:
        raise click.BadParameter(str(fault), param_hint="PATH") from None
    taken = actions.take_minutes(
        incident=incident, title="", said_at=given["at"], body=body, file_name=path.name, **given
    )
    confirmed = [
        actions.Confirmed(
            key=p.key,
            title=p.title[:200],
            matter=p.matter,
            codes=p.codes,
            level=p.level,
            priority=p.priority,
            due_at=p.due.moment if p.due and p.due.moment > given["at"] else None,
        )
        for p in proposals(taken)
        if not keys or p.key in keys
    ]
    made = actions.make_orders(
        taken=taken,
        confirmed=confirmed,
        issuer=given["scope"].roots(Action.ORDER_DRAFT)[0],
        issue=issue,
        **given,
    )
    tell_orders(made, as_json=as_json)


@order.command(
    "check",
    help=_("Prove that no message, step or delivery names something that is not there."),
    epilog=examples("yipan order check --json"),
)
@json_option
@verb
def order_check(*, as_json: bool) -> None:
    start_django()
    from yipan.order.accountability.actions import orphans

    found = orphans()
    if as_json:
        print_json(found)
    else:
        for what, n in found.items():
            say(f"{n:>8}  {what}")
    if any(found.values()):
        raise SystemExit(1)


@order.command(
    "forget",
    help=_(
        "Erase what only tells how fast messages and people were, 90 days after it was written."
    ),
    epilog=examples("yipan order forget --json"),
)
@json_option
@verb
def order_forget(*, as_json: bool) -> None:
    start_django()
    from yipan.order.accountability.actions import forget_old

    gone = forget_old(at=system_now())
    if as_json:
        print_json(gone)
    else:
        for what, n in gone.items():
            say(f"{n:>8}  {what}")
