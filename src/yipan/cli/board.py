"""The board itself: `load`, `backup`, `restore`, `doctor`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from yipan.cli.common import (
    EXIT_FAULT,
    EXIT_MISSING,
    examples,
    json_option,
    print_json,
    progress_bar,
    say,
    start_django,
    system_now,
    verb,
)
from yipan.kernel.texts import terminal_text as _


@click.command(
    help=_("Load a province data package, all or nothing."),
    epilog=examples(
        "yipan load my-province/",
        "yipan load my-province/ --check",
        "yipan load my-province/ --json",
    ),
)
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--check", "only_check", is_flag=True, help=_("Validate only; load nothing."))
@click.option(
    "--villages",
    default=0,
    type=click.IntRange(0, 50_000),
    help=_("Add synthetic villages (drills only)."),
)
@json_option
@verb
def load(*, directory: Path, only_check: bool, villages: int, as_json: bool) -> None:
    start_django()
    from yipan.places.actions import load_package
    from yipan.places.errors import PackageRefused
    from yipan.places.validation import validate_package

    with progress_bar() as progress:
        if only_check:
            faults = validate_package(path=directory, at=system_now()).faults
        else:
            try:
                package = load_package(
                    path=directory, at=system_now(), villages=villages, progress=progress
                )
                faults = []
            except PackageRefused as refused:
                faults = refused.faults
    for fault in faults:
        say(str(fault), as_json=as_json)
    if as_json:
        print_json(
            {
                "faults": [fault.as_dict() for fault in faults],
                "loaded": not faults and not only_check,
            }
        )
    if faults:
        say(_("%d faults; nothing was loaded.") % len(faults), as_json=as_json)
        sys.exit(EXIT_FAULT)
    say(_("No fault.") if only_check else _("Loaded %s.") % package, as_json=as_json)


@click.command(
    help=_("Write everything into one file."),
    epilog=examples("yipan backup --to backups/tonight.tar.gz"),
)
@click.option("--to", "target", required=True, type=click.Path(path_type=Path, dir_okay=False))
@json_option
@verb
def backup(*, target: Path, as_json: bool) -> None:
    start_django()
    from yipan.access.backup import backup as write_backup

    path = write_backup(to=target, at=system_now())
    if as_json:
        print_json({"path": path, "bytes": path.stat().st_size})
    else:
        say(_("Backed up to %s.") % path)


@click.command(
    help=_("Bring a backup back into an empty database."),
    epilog=examples("yipan restore backups/tonight.tar.gz --verify"),
)
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--verify",
    is_flag=True,
    help=_("Check digests, row counts, the tree and the audit trail afterwards."),
)
@json_option
@verb
def restore(*, path: Path, verify: bool, as_json: bool) -> None:
    start_django()
    from yipan.access.backup import restore as read_backup

    outcome = read_backup(path=path, at=system_now(), verify=verify)
    if as_json:
        print_json(outcome)
    else:
        say(_("Restored from %s.") % path)


@click.command(
    help=_("Say what is missing on this machine and how to get it."),
    epilog=examples("yipan doctor", "yipan doctor --json"),
)
@json_option
@verb
def doctor(*, as_json: bool) -> None:
    from yipan.kernel.machine import examine

    findings = examine()
    if as_json:
        print_json({"findings": [finding.as_dict() for finding in findings]})
    for finding in findings:
        say(f"{'✓' if finding.present else '✗'} {finding.what}: {finding.detail}", as_json=as_json)
        if not finding.present:
            say(f"    {finding.remedy}", as_json=as_json)
    if any(finding.needed and not finding.present for finding in findings):
        sys.exit(EXIT_MISSING)
