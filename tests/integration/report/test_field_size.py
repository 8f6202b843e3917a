"""The first load of the field app: what comes over the wire, against the promise of 100 kB."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.test import Client

from cast import Cast
from yipan.access.models import User

pytestmark = pytest.mark.django_db
LIMIT = 100_000
HEADERS = 700  # of one answer, generously
FILE = re.compile(r'(?:href|src)="/static/([^"]+)"')


def over_the_wire(answer: Any) -> int:
    assert answer.status_code == 200
    packed = answer.headers.get("Content-Encoding") == "gzip"
    return HEADERS + len(answer.content if packed else gzip.compress(answer.content))


def built(name: str) -> int:
    """The size of a built file as whitenoise sends it: the .gz beside it, or the file itself."""
    path = finders.find(name)
    assert isinstance(path, str), f"{name} is not built: run ./dev build"
    packed = finders.find(f"{name}.gz")
    with open(packed if isinstance(packed, str) else path, "rb") as stream:
        return HEADERS + len(stream.read())


def test_the_first_load_is_below_100_kb(cast: Cast, as_person: Callable[[User], Client]) -> None:
    me = as_person(cast.village_reporter)
    zipped = {"headers": {"Accept-Encoding": "gzip"}}
    shell = me.get("/report/field/", **zipped)
    text = gzip.decompress(shell.content).decode()
    files = set(FILE.findall(text))
    assert any(f.endswith(".css") for f in files)
    assert any(f.endswith(".js") for f in files)
    answers = [
        shell,
        me.get("/report/field/manifest.webmanifest", **zipped),
        me.get("/report/field/worker.js", **zipped),
        me.get("/api/report/field", **zipped),
        me.get("/orders/bundle/", **zipped),
    ]
    total = sum(map(over_the_wire, answers)) + sum(map(built, files))
    assert total < LIMIT, total
    # The page works before the worker has its copies; with them it is still below the limit.
    icons = sum(built(f"report/field/icon-{n}.png") for n in (192, 512))
    assert total + icons < LIMIT


def test_the_shell_loads_nothing_of_the_desk(client: Client) -> None:
    files = FILE.findall(client.get("/report/field/").content.decode())
    assert not [f for f in files if re.search(r"/(shell|pictures|yipan)-", f)]
