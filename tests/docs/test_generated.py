"""The reference pages say what the code says, and the examples in the help can be typed."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
from docs.generate import walk

from yipan.cli import main

ROOT = Path(__file__).parents[2]


def test_the_generated_pages_are_current(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "docs/generate.py", "--check"],
        cwd=ROOT,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "yipan.kernel.settings",
            "YIPAN_HOME": str(tmp_path),
            "YIPAN_DATABASE_URL": "",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr


def help_examples() -> list[str]:
    """Every example line of every verb's help."""
    return [
        line.strip()
        for _path, command in walk(main, "yipan")
        for line in (command.epilog or "").splitlines()
        if line.strip().startswith("yipan ")
    ]


@pytest.mark.parametrize("line", help_examples())
def test_an_example_in_the_help_parses(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = shlex.split(line)[1:]
    monkeypatch.chdir(tmp_path)
    for word in words:
        if Path(word).suffix and not Path(word).is_absolute():  # a file that the example names
            Path(word).parent.mkdir(parents=True, exist_ok=True)
            Path(word).touch()
    command: click.Command = main
    context = click.Context(main, info_name="yipan")
    while isinstance(command, click.Group):
        name = words.pop(0)
        found = command.get_command(context, name)
        assert found is not None, f"{name} is not a verb"
        command = found
    command.make_context(command.name, words)  # raises UsageError where an option does not exist


def test_every_verb_has_help_and_an_example() -> None:
    for path, command in walk(main, "yipan"):
        assert command.help, path
        if not isinstance(command, click.Group):
            assert "yipan " in (command.epilog or ""), path
