"""Fixtures that every folder of tests may use."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# No test asserts how long something took: machines are noisy, figures are in benchmarks/.
settings.register_profile("yipan", deadline=None)
settings.load_profile("yipan")

ROOT = Path(__file__).resolve().parents[1]

# Playwright's loop runs in the thread of the test, which Django takes for an async context.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

pytest_plugins = ["cast"]


def absent(what: str, reason: str) -> None:
    """Skip with a plain reason; fail instead where the run says that this must be there."""
    if what in os.environ.get("YIPAN_TEST_REQUIRE", "").split(","):
        pytest.fail(f"{reason} (YIPAN_TEST_REQUIRE names {what})")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference data beside the project; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("YIPAN_SHARED", ROOT.parent / "shared"))
    if not (folder / "reference").is_dir():
        pytest.skip("the reference data are not beside the project (set YIPAN_SHARED)")
    return folder


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of the Chromium that browser tests drive."""
    path = os.environ.get("YIPAN_CHROMIUM") or shutil.which("chromium")
    if not path:
        absent("browser", "Chromium is not installed (as root: apt-get install chromium)")
    return str(path)


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Any]:
    """A headless Chromium; it reaches nothing but this machine."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=chromium,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield running
        running.close()
