"""One evening of the demonstration, run as a newcomer runs it and served as an operator serves it."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

VILLAGES = "2000"
PATIENCE_SECONDS = 40


@dataclass(frozen=True)
class Evening:
    """A served demonstration."""

    address: str


@dataclass
class Visitor:
    """One person of the demonstration at a browser of one width, in one language."""

    page: Any
    address: str
    heard: list[str] = field(
        default_factory=list
    )  # errors of the page, of its policy, of its network

    def go(self, path: str) -> None:
        """Open a page and wait until its pictures are drawn."""
        self.page.goto(self.address + path)
        self.settle()

    def settle(self) -> None:
        """Wait until the page is there and every picture on it is drawn, or says why it is not."""
        self.page.wait_for_load_state("load")
        self.page.wait_for_function(
            "() => [...document.querySelectorAll('yipan-map, yipan-curve, yipan-band')]"
            ".every((e) => e.querySelector('svg.map, svg.chart, .callout'))"
        )

    def sideways(self) -> int:
        """Return by how many pixels the page is wider than the screen."""
        wide: int = self.page.evaluate(
            "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        return wide


def environment(home: Path) -> dict[str, str]:
    """Return the surroundings of a command: a home of its own, SQLite, English on the terminal."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "yipan.kernel.settings",  # not the tests' own
        "YIPAN_HOME": str(home),
        "YIPAN_DATABASE_URL": "",
        "YIPAN_LANGUAGE": "en",
    }


@pytest.fixture(scope="session")
def evening_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run the demonstration without boundaries, once for all processes of this run of the tests."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    home, ran = shared / "evening", shared / "evening.ran"
    with (shared / "evening.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ran.exists():
            words = ["--no-serve", "--json", "--no-boundaries", "--villages", VILLAGES]
            demo = subprocess.run(
                [sys.executable, "-m", "yipan.cli", "demo", *words],
                env=environment(home),
                capture_output=True,
                text=True,
                check=False,
            )
            assert demo.returncode == 0, demo.stderr
            ran.touch()
    return home


@pytest.fixture(scope="module")
def evening(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Evening]:
    """Serve a copy of the demonstration on a free port: what one file signs, another has not signed.

    YIPAN_TEST_EVENING names one that is served already, for who writes these tests.
    """
    served = os.environ.get("YIPAN_TEST_EVENING")
    if served:
        yield Evening(served.rstrip("/"))
        return
    home = tmp_path_factory.mktemp("evening") / "home"
    shutil.copytree(request.getfixturevalue("evening_home"), home)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    said = home / "said.txt"  # not a pipe: nobody reads it while the console runs
    with said.open("wb") as into:
        server = subprocess.Popen(
            [sys.executable, "-m", "yipan.cli", "serve", "--port", str(port), "--workers", "1"],
            env=environment(home),
            stdout=subprocess.DEVNULL,
            stderr=into,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(address, server, said)
        yield Evening(address)
    finally:
        server.terminate()
        server.wait(timeout=20)
        shutil.rmtree(home)


def _wait_for(address: str, server: subprocess.Popen[bytes], said: Path) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        with suppress(OSError):  # refused, or accepted and not yet answered
            urllib.request.urlopen(f"{address}/sign-in/", timeout=10)
            return
        if server.poll() is not None:
            break
        time.sleep(0.2)
    pytest.fail(f"the console did not answer at {address}: {said.read_text()}")


@pytest.fixture
def visit(evening: Evening, browser: Any) -> Iterator[Callable[..., Visitor]]:
    """Open the console as one of the demo people: `visit("commander", language="en", width=390)`."""
    opened = []

    def enter(username: str, *, language: str = "en", width: int = 1280) -> Visitor:
        context = browser.new_context(
            viewport={"width": width, "height": 844 if width < 768 else 900},
            locale="zh-CN" if language == "zh" else "en-GB",
            device_scale_factor=1,
        )
        opened.append(context)
        visitor = Visitor(context.new_page(), evening.address)
        _listen(visitor)
        visitor.go("/sign-in/")
        speak(visitor, language)
        visitor.page.locator(f'button[name="username"][value="{username}"]').click()
        visitor.settle()
        speak(visitor, language)
        visitor.heard.clear()
        return visitor

    yield enter
    for context in opened:
        context.close()


def speak(visitor: Visitor, language: str) -> None:
    """Switch the language with the button every page has."""
    wanted = "zh-hans" if language == "zh" else "en"
    button = visitor.page.locator(f'button[name="language"][value="{wanted}"]')
    if button.count():
        button.click()
        visitor.settle()


def _listen(visitor: Visitor) -> None:
    page, heard = visitor.page, visitor.heard
    page.on(
        "console",
        lambda m: heard.append(f"console {m.type}: {m.text}") if m.type == "error" else None,
    )
    page.on("pageerror", lambda e: heard.append(f"script: {e}"))
    page.on(
        "requestfailed",
        lambda r: (
            heard.append(f"request failed: {r.url}")
            if "ERR_ABORTED" not in (r.failure or "")
            else None
        ),
    )
    page.on("response", lambda r: heard.append(f"{r.status}: {r.url}") if r.status >= 500 else None)
