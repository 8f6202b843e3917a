"""The same verbs from a terminal, one file a theme; `yipan` on its own lists them."""

from __future__ import annotations

import click

from yipan import __version__
from yipan.cli import (
    analyst,
    audit,
    board,
    cases,
    forms,
    loop,
    orders,
    planning,
    serve,
    simulate,
    situation,
    two_hands,
)
from yipan.kernel.texts import terminal_text as _


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


for _verb in (
    serve.demo,
    serve.serve,
    board.load,
    loop.assess,
    planning.plan,
    orders.order,
    forms.forms,
    analyst.rt,
    analyst.nowcast,
    analyst.severity,
    analyst.outcomes,
    analyst.scan,
    analyst.forecast,
    situation.tiers,
    situation.chains,
    situation.linelist,
    cases.cases,
    situation.daily,
    situation.hub,
    simulate.simulate,
    two_hands.validate,
    audit.audit,
    audit.expire,
    audit.renew_keys,
    board.backup,
    board.restore,
    board.doctor,
):
    main.add_command(_verb)
