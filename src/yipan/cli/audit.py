"""`audit`, `expire`, `renew-keys`: the trail proved, persons forgotten in time, their keys renewed."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from yipan.cli.common import (
    EXIT_FAULT,
    examples,
    json_option,
    print_json,
    say,
    start_django,
    system_now,
    verb,
)
from yipan.kernel.texts import terminal_text as _


@click.group(help=_("The audit trail: seal it, prove that nobody changed it."))
def audit() -> None:
    pass


@audit.command(
    "seal",
    help=_("Put every new record into the chain; sign the day's anchor. Run it every few minutes."),
    epilog=examples("yipan audit seal", "yipan audit seal --json"),
)
@json_option
@verb
def seal(*, as_json: bool) -> None:
    start_django()
    from yipan.access.chain import seal as seal_trail

    end = seal_trail(at=system_now())
    if as_json:
        print_json({"position": end.position, "hash": end.hash})
    else:
        say(
            _("%(count)d records are sealed; the chain ends in %(hash)s.")
            % {"count": end.position, "hash": end.hash}
        )


@audit.command(
    "verify",
    help=_(
        "Walk the whole chain; exit code 1 where a record was changed, removed, moved or put in."
    ),
    epilog=examples("yipan audit verify", "yipan audit verify --anchors . --json"),
)
@click.option(
    "--anchors",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help=_("A folder of anchors kept elsewhere. Default: YIPAN_HOME/audit."),
)
@json_option
@verb
def verify(*, anchors: Path | None, as_json: bool) -> None:
    start_django()
    from yipan.access.chain import verify as verify_trail

    proof = verify_trail(at=system_now(), folder=anchors)
    for broken in proof.breaks:
        say(f"✗ {broken.text}", as_json=as_json)
    if as_json:
        print_json(proof.as_dict())
    elif proof.whole:
        say(
            _("The trail is whole: %(records)d records, %(sealed)d sealed, %(anchors)d anchors.")
            % {"records": proof.records, "sealed": proof.sealed, "anchors": proof.anchors}
        )
    if not proof.whole:
        sys.exit(EXIT_FAULT)


@click.command(
    help=_("End everything about persons whose time is over. Run it daily."),
    epilog=examples("yipan expire", "yipan expire --json"),
)
@json_option
@verb
def expire(*, as_json: bool) -> None:
    start_django()
    from yipan.access.retention import expire as end_all

    ended = end_all(at=system_now())
    if as_json:
        print_json(ended)
    else:
        say(_("%d rows about persons were erased: their time was over.") % sum(ended.values()))


@click.command(
    "renew-keys",
    help=_("Seal persons' identifiers with a fresh key and forget the old one."),
    epilog=examples("yipan renew-keys", "yipan renew-keys --json"),
)
@json_option
@verb
def renew_keys(*, as_json: bool) -> None:
    start_django()
    from yipan.access.identity import renew_keys as reseal

    count = reseal(at=system_now())
    if as_json:
        print_json({"resealed": count})
    else:
        say(
            _("%d persons' identifiers are sealed with a fresh key; keep a copy of the key file.")
            % count
        )
