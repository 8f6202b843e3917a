"""Containment and economy from a terminal: `validate uk63` sets our optimiser against a published optimum."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from yipan.cli.common import examples, json_option, print_json, progress_bar, say, verb
from yipan.kernel.texts import terminal_text as _

# The engines are imported inside the verbs: scipy and HiGHS take a second that `--help` need not.


@click.group(help=_("Set our engines against published results."))
def validate() -> None:
    pass


@validate.command(
    "uk63",
    help=_(
        "Open 63 sectors of the United Kingdom over six months under a hospital limit.\n\n"
        "DIR holds UK63.mat and problem.yaml. The search is a sequential linear programme: its optimum "
        "is local; the bound of the economy alone is global. With --openings nothing is optimised: the "
        "stored openings are simulated again."
    ),
    epilog=examples(
        "yipan validate uk63 --data uk63/ --hospital-limit 18000 --education-floor 0.8 --start cold --json",
        "yipan validate uk63 --data uk63/ --hospital-limit 12000",
        "yipan validate uk63 --data uk63/ --openings uk63/A1.mat --json",
    ),
)
@click.option(
    "--data",
    "directory",
    required=True,
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help=_("Folder of the problem."),
)
@click.option(
    "--hospital-limit",
    default=18_000.0,
    show_default=True,
    type=click.FloatRange(min=1),
    help=_("Most people in hospital on any day."),
)
@click.option(
    "--education-floor",
    type=click.FloatRange(0, 1),
    help=_("Education is open at least so far in every period. Default: no floor."),
)
@click.option(
    "--start",
    type=click.Choice(["cold"]),
    default="cold",
    show_default=True,
    help=_("Where the search begins: the least openings allowed."),
)
@click.option(
    "--openings",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.mat",
    help=_("Simulate stored openings instead of optimising."),
)
@json_option
@verb
def uk63(
    *,
    directory: Path,
    hospital_limit: float,
    education_floor: float | None,
    start: str,
    openings: Path | None,
    as_json: bool,
) -> None:
    from yipan.engines.economy.uk63.course import Epidemic
    from yipan.engines.economy.uk63.optimum import economics_only, optimise
    from yipan.engines.economy.uk63.problem import read_openings, read_problem

    problem = read_problem(directory)
    if openings is not None:
        stored = read_openings(openings, problem)
        path = Epidemic(problem).run(stored)
        told: dict[str, Any] = {
            "gdp_bn": round(problem.value_bn(stored), 4),
            "peak_hospital": round(path.peak, 2),
            "r_end": round(path.R_end, 6),
            "upper_bound_bn": round(economics_only(problem, education_floor=education_floor), 3),
        }
        _tell(told, as_json=as_json)
        return
    with progress_bar() as progress:
        label = _("Steps of the search, billion pounds")

        def show(_step: int, value_bn: float) -> None:
            progress(label, round(value_bn), round(bound))

        bound = economics_only(problem, education_floor=education_floor)
        best = optimise(
            problem,
            hospital_limit=hospital_limit,
            education_floor=education_floor,
            progress=show,
        )
    told = {
        "gdp_bn": round(best.value_bn, 4),
        "peak_hospital": round(best.peak, 2),
        "r_end": round(best.R_end, 6),
        "seconds": round(best.seconds, 2),
        "upper_bound_bn": round(best.bound_bn, 3),
        "gap_to_bound": round(best.gap, 5),
        "price_per_bed_m": round(best.price_per_bed_m, 4) if best.feasible else None,
        "price_per_0_01_r_bn": round(best.price_per_0_01_R_bn, 4) if best.feasible else None,
        "feasible": best.feasible,
        "beds_short": round(best.beds_short, 1),
        "r_over": round(best.R_over, 5),
        "steps": best.steps,
        "converged": best.converged,
    }
    _tell(told, as_json=as_json)


def _tell(told: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(told)
        return
    say(
        _("£%(gdp_bn).2f bn, at most %(peak_hospital).0f in hospital, R at the end %(r_end).4f.")
        % told
    )
    say(_("The economy alone would allow £%(upper_bound_bn).2f bn.") % told)
    if "gap_to_bound" in told:
        say(_("That is %(percent).1f %% below it.") % {"percent": 100 * told["gap_to_bound"]})
    if told.get("feasible") is False:
        say(
            _(
                "No openings meet these limits: these exceed them least. They need %(beds_short).0f more beds "
                "and a final R higher by %(r_over).3f; with limits raised by as much they hold."
            )
            % told
        )
    if told.get("price_per_bed_m") is not None:
        say(
            _(
                "One more bed is worth £%(price_per_bed_m).2f m, a final R higher by 0.01 "
                "£%(price_per_0_01_r_bn).2f bn: prices at the margin of a local optimum."
            )
            % told
        )
