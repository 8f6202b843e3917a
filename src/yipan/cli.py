"""The same verbs from a terminal: demo, serve, load, assess, plan, order, backup, restore, doctor."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from yipan import __version__
from yipan.kernel.errors import NotFound, YipanError
from yipan.kernel.texts import terminal_text as _

# Django and the stages are imported inside the verbs: `yipan --help` answers at once, and the
# settings are read only by a verb that needs them.

if TYPE_CHECKING:
    from yipan.access.models import Incident

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "yipan.kernel.settings")

EXIT_FAULT = 1  # a YipanError, told in words with its code
EXIT_MISSING = 3  # doctor: something is missing on this machine
EXIT_INTERRUPTED = 130

P = ParamSpec("P")


def system_now() -> datetime:
    """Return the system clock; only this module and the web may ask it."""
    return datetime.now(UTC)


def start_django() -> None:
    """Set Django up and bring the database to the current schema."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.utils import translation

    from yipan.kernel.texts import terminal_language

    translation.activate("zh-hans" if terminal_language() == "zh_Hans" else "en")
    call_command("migrate", verbosity=0, interactive=False)


def say(text: str, *, as_json: bool = False) -> None:
    """Print a sentence for a person; to stderr where stdout is kept for JSON."""
    click.echo(text, err=as_json)


def print_json(value: dict[str, Any]) -> None:
    """Print one JSON object as the last line of stdout."""
    click.echo(json.dumps(value, ensure_ascii=False, default=str))


def verb(run: Callable[P, None]) -> Callable[P, None]:
    """Turn a YipanError into its words and exit code 1, an interruption into exit code 130."""

    @wraps(run)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            run(*args, **kwargs)
        except YipanError as fault:
            if kwargs.get("as_json"):
                print_json({"error": fault.as_dict()})
            click.echo(str(fault), err=True)
            sys.exit(EXIT_FAULT)
        except KeyboardInterrupt:
            click.echo(
                _("Interrupted. What was finished is kept; the same command goes on from there."),
                err=True,
            )
            sys.exit(EXIT_INTERRUPTED)

    return guarded


@contextmanager
def progress_bar() -> Iterator[Callable[[str, int, int], None]]:
    """Give a callback `(label, done, total)` that draws one bar for each label on stderr."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=32),
        TextColumn("{task.completed:.0f} / {task.total:.0f}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        tasks: dict[str, TaskID] = {}

        def show(label: str, done: int, total: int) -> None:
            if label not in tasks:
                tasks[label] = bar.add_task(label, total=total)
            bar.update(tasks[label], completed=done, total=total)

        yield show


def moment(text: str | None, incident: Incident) -> datetime:
    """Return the moment a person wrote, in the province's zone; the incident's own now if none."""
    from yipan.access.queries import board_now
    from yipan.places.queries import board_time

    if not text:
        return board_now(incident, system_now())
    try:
        stated = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(
            _("%s is not a moment; write it as 2020-02-24T18:00.") % text, param_hint="--at"
        ) from None
    return stated if stated.tzinfo else stated.replace(tzinfo=board_time(incident.package).zone)


def find_incident(slug: str | None) -> Incident:
    """Return the incident named, or the only (latest) one that is active."""
    from yipan.access.models import Incident

    found = Incident.objects.select_related("package").order_by("-activated_at")
    found = found.filter(slug=slug) if slug else found.filter(stood_down_at__isnull=True)
    incident = found.first()
    if incident is None:
        raise NotFound(
            _("There is no incident %s.") % slug if slug else _("No incident is active."),
            remedy=_("Start one on the page Incidents, or run `yipan demo`."),
        )
    return incident


json_option = click.option(
    "--json", "as_json", is_flag=True, help=_("Print one JSON object as the last line.")
)
at_option = click.option(
    "--at",
    "at_text",
    metavar="MOMENT",
    help=_("As known at this moment (2020-02-24T18:00, in the province's zone). Default: now."),
)
incident_option = click.option(
    "--incident", "slug", metavar="NAME", help=_("Which incident. Default: the latest active one.")
)


def examples(*lines: str) -> str:
    """Lay examples out below a verb's help, unwrapped."""
    return "\b\n" + _("Examples:") + "\n" + "\n".join(f"  {line}" for line in lines)


@click.group(
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    help=_("Yipan: one board for an epidemic. Report, assess, plan, order."),
)
@click.version_option(__version__, prog_name="yipan")
@click.pass_context
def main(context: click.Context) -> None:
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@main.command(
    help=_("Run the loop on the demo province and open the console."),
    epilog=examples(
        "yipan demo", "yipan demo --no-serve --json", "yipan demo --villages 50000 --port 8080"
    ),
)
@click.option(
    "--villages",
    default=2000,
    show_default=True,
    type=click.IntRange(0, 50_000),
    help=_("Synthetic villages."),
)
@click.option(
    "--members",
    default=200,
    show_default=True,
    type=click.IntRange(200, 100_000),
    help=_("Stochastic runs of each option."),
)
@click.option(
    "--serve/--no-serve", "serving", default=True, help=_("Start the console afterwards.")
)
@click.option(
    "--boundaries/--no-boundaries",
    default=True,
    help=_("Draw county boundaries if the extra is installed."),
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help=_("Only this machine: a demonstration refuses any other address."),
)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65_535))
@click.option("--open/--no-open", "opening", default=True, help=_("Open the browser."))
@json_option
@verb
def demo(
    *,
    villages: int,
    members: int,
    serving: bool,
    boundaries: bool,
    host: str,
    port: int,
    opening: bool,
    as_json: bool,
) -> None:
    from yipan.demo.rules import check_address

    check_address(host)
    start_django()
    from yipan.demo.actions import run_demo

    with progress_bar() as progress:
        outcome = run_demo(
            villages=villages,
            members=members,
            boundaries=boundaries,
            now=system_now(),
            progress=progress,
        )
    if as_json:
        print_json(outcome.as_dict())
    else:
        say(outcome.in_words())
    if serving:
        serve_console(host=host, port=port, opening=opening)


@main.command(
    help=_("Start the console."),
    epilog=examples("yipan serve", "yipan serve --host 0.0.0.0 --port 8443 --workers 2"),
)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65_535))
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 64))
@verb
def serve(*, host: str, port: int, workers: int) -> None:
    start_django()
    from yipan.access.queries import installation
    from yipan.demo.rules import check_address

    here = installation()
    if here is not None and here.demo:
        check_address(host)
    announce_first_start()
    serve_console(host=host, port=port, workers=workers, opening=False)


def announce_first_start() -> None:
    """Print the one-time code where nobody has an account yet."""
    from yipan.access.actions import start_installation
    from yipan.access.queries import needs_first_start

    if needs_first_start():
        code = start_installation(at=system_now())
        say(_("Nobody has an account yet. Open /first-start/ and give this code once: %s") % code)


def serve_console(*, host: str, port: int, opening: bool, workers: int = 2) -> None:
    """Serve the console with granian until interrupted."""
    import threading
    import webbrowser

    from django.db import connections
    from granian import Granian
    from granian.constants import Interfaces

    from yipan.kernel.ports import check_free

    check_free(host, port)
    connections.close_all()  # a connection must not cross the fork
    address = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}/"
    say(_("The console is at %s  (Ctrl-C stops it; nothing is lost)") % address)
    if opening:
        threading.Timer(1.5, webbrowser.open, [address]).start()
    Granian(
        "yipan.web.wsgi:application",
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        workers=workers,
        blocking_threads=2,
        respawn_failed_workers=True,
        log_access=False,
    ).serve()


@main.command(
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


@main.command(
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


@main.command(
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


@main.group(help=_("Orders: what is outstanding, late, in whose inbox."))
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


@main.command(
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


@main.command(
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

    outcome = read_backup(path=path, verify=verify)
    if as_json:
        print_json(outcome)
    else:
        say(_("Restored from %s.") % path)


@main.command(
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


if __name__ == "__main__":
    main()
