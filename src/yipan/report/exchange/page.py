"""The one page as other systems ask for it: which elements, of which level, day and version."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, datetime

from yipan.access.models import Incident
from yipan.places.models import Unit
from yipan.report.dictionary import Element
from yipan.report.forms.current import asked_on


@dataclass(frozen=True)
class PageForm:
    """The daily page of one level and day, as a form that another program can fill in."""

    incident: Incident
    level: str
    day: date
    elements: tuple[Element, ...]

    @property
    def id(self) -> str:
        """The form's id: the same from day to day."""
        return f"yipan-daily-{self.level}"

    @property
    def version(self) -> str:
        """The form's version: it changes only when what is asked changes."""
        names = ",".join(f"{e.id}{e.relevant}{e.decimals or ''}" for e in self.elements)
        return hashlib.sha256(names.encode()).hexdigest()[:12]

    @property
    def title_zh(self) -> str:
        """The title in Chinese."""
        return f"今日一表 · {self.incident.name_zh}"

    @property
    def title_en(self) -> str:
        """The title in English."""
        return f"Daily page · {self.incident.name_en}"


def page_form(incident: Incident, *, unit: Unit, day: date, now: datetime) -> PageForm:
    """Return the page that a unit is asked on a day."""
    asked = asked_on(incident, level=unit.level, day=day, now=now)
    return PageForm(incident, unit.level, day, tuple(asked))
