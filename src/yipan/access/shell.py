"""What every page's shell needs to know: the board, the scope, the person, the incidents in sight."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from yipan.access.context import board_or_none
from yipan.access.queries import installation


def who_and_what(request: HttpRequest) -> dict[str, Any]:
    """Return the names that templates use: `board`, `scope`, `person`, `incidents`, `demonstration`.

    All are lazy: a fragment that asks for none of them costs no query. `board` is falsy where no
    incident is in sight.
    """
    if not hasattr(request, "scope"):  # an error before the middleware of this stage
        return {"board": None, "scope": None, "person": None, "incidents": []}
    return {
        "board": SimpleLazyObject(lambda: board_or_none(request)),
        "scope": request.scope,
        "person": request.user if request.user.is_authenticated else None,
        "incidents": SimpleLazyObject(lambda: list(request.scope.incidents())),
        "demonstration": SimpleLazyObject(_demonstration),
        "exercise_running": SimpleLazyObject(lambda: _exercise(request)),
    }


def _demonstration() -> bool:
    here = installation()
    return here is not None and here.demo


def _exercise(request: HttpRequest) -> bool:
    board = board_or_none(request)
    return board is not None and board.incident.exercise
