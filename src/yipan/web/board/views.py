"""The board's pages."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render

from yipan.access.context import PersonRequest
from yipan.access.signing import signed_in


@signed_in
def board(request: PersonRequest) -> HttpResponse:
    """Show the board."""
    return render(request, "web/board.html", {"section": "board"})
