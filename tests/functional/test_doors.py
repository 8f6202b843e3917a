"""No page offers a door that its reader may not open: every link is followed, as each of the demo people."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PEOPLE = [
    "village",
    "county_officer",
    "health_officer",
    "department",
    "analyst",
    "commander",
    "auditor",
    "administrator",
]
LINK = re.compile(r'href="(/[^"#]*)')
KEY = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d[\w-]*")
LEFT_OUT = ("/static/", "/sign-out", "/api/")
OF_ONE_KIND = 3  # pages that differ in their unit or order only
MOST = 150


@pytest.mark.parametrize("person", PEOPLE)
def test_every_link_opens(visit: Callable[..., Any], person: str) -> None:
    """From the board on, as far as links lead, nothing answers with a refusal or a fault."""
    visitor = visit(person)
    fetch = visitor.page.context.request
    todo, seen, kinds = [("/", "the door")], set[str](), Counter[str]()
    closed = []
    while todo and len(seen) < MOST:
        address, offered_on = todo.pop(0)
        kind = KEY.sub("N", address)
        if address in seen or kinds[kind] >= OF_ONE_KIND:
            continue
        seen.add(address)
        kinds[kind] += 1
        answer = fetch.get(visitor.address + address, headers={"accept": "text/html"})
        if answer.status >= 400:
            closed.append(f"{answer.status} {address} (offered on {offered_on})")
        elif "html" in answer.headers.get("content-type", ""):
            links = (link.replace("&amp;", "&") for link in LINK.findall(answer.text()))
            todo += [(link, address) for link in links if not link.startswith(LEFT_OUT)]
        answer.dispose()
    assert not closed, "\n".join(closed)
    assert len(seen) >= 5  # it came past the door
