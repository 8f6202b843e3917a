"""Plan from a terminal: the board's own scenario, or one that came as files."""

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
    progress_bar,
    say,
    start_django,
    system_now,
    verb,
)
from yipan.kernel.texts import terminal_text as _


@click.command(
    help=_(
        "Put options side by side and search the best openings county by county.\n\n"
        "With SCENARIO.yaml everything comes from that file and the tables beside it; no database is "
        "touched, and tables, JSON and a page to print are written to --out. Without it the latest assessment of "
        "the board is planned for; --search adds the searched options."
    ),
    epilog=examples(
        "yipan plan scenario.yaml --out answer/ --json",
        "yipan plan",
        "yipan plan --search --members 1000 --seed 7 --json",
    ),
)
@click.argument(
    "scenario", required=False, metavar="[SCENARIO.yaml]", type=click.Path(path_type=Path)
)
@click.option(
    "--out",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help=_("Folder for the answer to a scenario's file. Default: answer, beside the file."),
)
@at_option
@incident_option
@click.option("--members", type=click.IntRange(20, 100_000), help=_("Stochastic runs of each option. Default: 200, or what the file says."))  # fmt: skip
@click.option("--seed", type=click.IntRange(0), help=_("Default: 1, or what the file says."))
@click.option("--search/--no-search", "searching", default=False, help=_("Search the best openings as well (minutes)."))  # fmt: skip
@json_option
@verb
def plan(
    *,
    scenario: Path | None,
    out: Path | None,
    at_text: str | None,
    slug: str | None,
    members: int | None,
    seed: int | None,
    searching: bool,
    as_json: bool,
) -> None:
    if scenario is not None:
        _from_files(scenario, out, members=members, seed=seed, as_json=as_json)
        return
    start_django()
    from yipan.access.scope import system_scope
    from yipan.assess.actions import assess as make_assessment
    from yipan.plan.actions import make_scenario
    from yipan.plan.queries import headline, scenario_of, summary
    from yipan.plan.scenarios.asking import Limits
    from yipan.plan.searches import search_scenario

    incident = find_incident(slug)
    at = moment(at_text, incident)
    assessment = make_assessment(incident=incident, known_at=at, made_at=system_now())
    with progress_bar() as progress:
        made = make_scenario(
            assessment=assessment, at=at, members=members or 200, seed=1 if seed is None else seed, progress=progress
        )  # fmt: skip
        if searching:
            search_scenario(made, limits=Limits(), at=at, progress=progress)
    made = scenario_of(incident, made.pk, at=at, scope=system_scope())
    if as_json:
        print_json(summary(made))
    else:
        say(headline(made))


def _from_files(
    file: Path, out: Path | None, *, members: int | None, seed: int | None, as_json: bool
) -> None:
    import dataclasses

    import django
    from django.utils import translation

    from yipan.kernel.texts import terminal_language

    django.setup()
    translation.activate("zh-hans" if terminal_language() == "zh_Hans" else "en")
    from yipan.plan.scenarios.deciding import as_json as answer
    from yipan.plan.scenarios.deciding import decide, headline, write
    from yipan.plan.scenarios.files import read_scenario

    asked = read_scenario(file)
    asked = dataclasses.replace(
        asked,
        members=asked.members if members is None else members,
        seed=asked.seed if seed is None else seed,
    )
    with progress_bar() as progress:
        decision = decide(asked, progress=progress)
    folder = out or file.parent / "answer"
    written = write(decision, folder)
    if as_json:
        print_json({**answer(decision), "out": str(folder), "files": written})
    else:
        say(headline(decision))
        say(
            _("Written to %(folder)s: %(files)s.") % {"folder": folder, "files": ", ".join(written)}
        )
