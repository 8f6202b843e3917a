"""The board for machines: its sentence, its figures, where each number comes from."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime
from typing import Any, cast

from django.http import HttpRequest
from ninja import Router
from pydantic import BaseModel, Field

from yipan.access.api import AUTH
from yipan.access.context import PersonRequest
from yipan.access.rules import Action
from yipan.places.models import Level
from yipan.web.board import numbers, sentences
from yipan.web.board.facts import Facts
from yipan.web.board.figures import figures

router = Router(tags=["board"], auth=AUTH)


class FigureOut(BaseModel):
    """One figure of the strip, as the page writes it."""

    key: str
    label: str
    value: str
    note: str


class TierOut(BaseModel):
    """Counties and their people in one tier."""

    tier: str
    counties: int
    people: int


class HeardOut(BaseModel):
    """How many units of a level have reported, of those that owe it for a day."""

    level: str
    day: date
    heard: int
    owing: int


class BoardOut(BaseModel):
    """The board at one moment."""

    incident: str
    at: datetime
    past: bool
    known_at: datetime | None = Field(description="moment of the assessment; null before the first")
    data_day: date | None
    headline: str
    lead: str
    figures: list[FigureOut]
    tiers: list[TierOut]
    heard: list[HeardOut]
    orders: dict[str, Any] | None = Field(description="null without the right to see orders")


class PartOut(BaseModel):
    """One part of a number's method."""

    label: str
    value: str
    source: str


class NumberOut(BaseModel):
    """Where one number comes from."""

    key: str
    label: str
    value: str
    place: str
    meaning: str
    formula: str
    sources: list[str]
    method: list[PartOut]
    earlier: list[tuple[str, str]] = Field(description="the number as known on earlier evenings")


def _facts(request: HttpRequest) -> Facts:
    asking = cast(PersonRequest, request)
    asking.scope.check(Action.ASSESS_READ)
    return Facts(board=asking.board, scope=asking.scope)


@router.get("", response=BoardOut, summary="The board at a moment")
def board(request: HttpRequest, at: str = "", incident: str = "") -> BoardOut:
    """Return the board's sentence, figures and counts; `at` goes back in time, `incident` chooses one."""
    facts = _facts(request)
    assessment = facts.assessment
    said = sentences.headline(facts)
    return BoardOut(
        incident=facts.board.incident.slug,
        at=facts.board.at,
        past=facts.board.past,
        known_at=assessment.known_at if assessment else None,
        data_day=assessment.data_day if assessment else None,
        headline="".join(clause.text + clause.after for clause in said),
        lead=sentences.lead(facts),
        figures=[
            FigureOut(key=f.key, label=f.label, value=f.value, note=f.note) for f in figures(facts)
        ],
        tiers=[
            TierOut(tier=tier, counties=units, people=people)
            for tier, (units, people) in facts.tiers.items()
        ],
        heard=[
            HeardOut(level=str(Level(h.level)), day=h.day, heard=h.heard, owing=h.owing)
            for h in facts.heard.values()
        ],
        orders=dict(facts.orders) if facts.orders is not None else None,
    )


@router.get("/numbers/{key}", response=NumberOut, summary="Where one number comes from")
def number(request: HttpRequest, key: str, at: str = "", incident: str = "") -> NumberOut:
    """Return value, place, meaning, formula, sources, method and earlier values of one number."""
    found = numbers.number(_facts(request), key)
    return NumberOut(
        key=key,
        label=str(found["label"]),
        value=found["value"],
        place=found["place"],
        meaning=str(found["meaning"]),
        formula=str(found["formula"]),
        sources=found["sources"],
        method=[PartOut(**asdict(part)) for part in found["method"]],
        earlier=found["earlier"],
    )
