"""What every verb shares: the clock, progress, options, and how a fault is told."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

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
