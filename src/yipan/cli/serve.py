"""`demo` and `serve`: run the loop on the demo province, start the console."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import click

from yipan.cli.common import (
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


@click.command(
    help=_("Start the console."),
    epilog=examples("yipan serve", "yipan serve --host 0.0.0.0 --port 8443 --workers 2"),
)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65_535))
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 64))
@click.option(
    "--work/--no-work",
    "working",
    default=True,
    help=_("Let orders leave beside the console, as `yipan order work` does."),
)
@verb
def serve(*, host: str, port: int, workers: int, working: bool) -> None:
    start_django()
    from yipan.access.queries import installation
    from yipan.demo.rules import check_address

    here = installation()
    if here is not None and here.demo:
        check_address(host)
    announce_first_start()
    serve_console(host=host, port=port, workers=workers, opening=False, working=working)


def announce_first_start() -> None:
    """Print the one-time code where nobody has an account yet."""
    from yipan.access.actions import start_installation
    from yipan.access.queries import needs_first_start

    if needs_first_start():
        code = start_installation(at=system_now())
        say(_("Nobody has an account yet. Open /first-start/ and give this code once: %s") % code)


def serve_console(
    *, host: str, port: int, opening: bool, workers: int = 2, working: bool = True
) -> None:
    """Serve the console with granian until interrupted, and the orders' worker beside it."""
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
    with orders_leaving(working=working):
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


@contextmanager
def orders_leaving(*, working: bool) -> Iterator[None]:
    """Keep one worker of the outbox running beside; killed, it is begun again after some seconds.

    Nothing is lost while it is gone: what waits stands in the database. It ends with this process.
    """
    if not working:
        say(_("Orders leave only while `yipan order work` runs elsewhere."))
        yield
        return
    # The first one starts before the console forks: `Popen` waits on a pipe that a process forked
    # meanwhile would hold open for good, and nobody would begin the worker again.
    command = [sys.executable, "-m", "yipan.cli", "order", "work", "--beside", str(os.getpid())]
    worker = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    done = threading.Event()
    watch = threading.Thread(target=_keep_working, args=(command, worker, done), daemon=True)
    watch.start()
    try:
        yield
    finally:
        done.set()
        watch.join(timeout=10)


def _keep_working(
    command: list[str], worker: subprocess.Popen[bytes], done: threading.Event
) -> None:
    while True:
        while worker.poll() is None and not done.wait(1.0):
            pass
        if done.is_set():
            worker.terminate()
            worker.wait(timeout=5)
            return
        if not done.wait(3.0):
            worker = subprocess.Popen(command, stdin=subprocess.DEVNULL)
