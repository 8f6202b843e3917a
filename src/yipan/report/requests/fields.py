"""What a department confirmed of each field, before anything is matched."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from yipan.report.dictionary import in_language

_CUTOFF: Final = re.compile(r"(\d{1,2})(?::(\d{2}))?\s*(\(?\s*T\s*-\s*1\s*\)?)?", re.IGNORECASE)


def plain_cutoff(text: str) -> str | None:
    """Return a time of day in the one way it is written, empty where none is said, None where it is none.

    >>> plain_cutoff("8：00"), plain_cutoff("24:00（T-1）"), plain_cutoff("noon"), plain_cutoff("24:30")
    ('08:00', '24:00 (T-1)', None, None)
    """
    said = unicodedata.normalize("NFKC", text).strip()
    if not said:
        return ""
    found = _CUTOFF.fullmatch(said)
    if found is None:
        return None
    hours, minutes = int(found[1]), int(found[2] or 0)
    if minutes > 59 or 60 * hours + minutes > 24 * 60:
        return None
    return f"{hours:02d}:{minutes:02d}" + (" (T-1)" if found[3] else "")


@dataclass(frozen=True, slots=True)
class Spec:
    """What the requester confirmed from the drop-downs; labels play no part in it."""

    concept: str
    population: str
    measure: str
    time_basis: str
    unit: str = ""
    cutoff: str = ""
    definition: str = ""  # where the department words it otherwise
    level: str = ""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of one department's form."""

    id: str
    label_zh: str
    label_en: str
    spec: Spec

    @property
    def label(self) -> str:
        """The label in the language in use."""
        return in_language(self.label_zh, self.label_en)


@dataclass(frozen=True)
class Form:
    """One department's form, as it was asked for."""

    code: str
    department_zh: str
    department_en: str
    title_zh: str
    title_en: str
    frequency: str
    cutoff: str
    deadline: str
    level: str
    fields: tuple[Field, ...]

    @property
    def title(self) -> str:
        """The title in the language in use."""
        return in_language(self.title_zh, self.title_en)

    @property
    def department(self) -> str:
        """The department in the language in use."""
        return in_language(self.department_zh, self.department_en)
