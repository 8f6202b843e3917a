"""What a department confirmed of each field, before anything is matched."""

from __future__ import annotations

from dataclasses import dataclass

from yipan.report.dictionary import in_language


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
