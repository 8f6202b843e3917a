"""Registers that a task force brings: enterprises and waiting workers, as CSV; or invented for a drill."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from django.utils.translation import gettext as _

from yipan.plan.errors import MalformedRegister

MOST_ROWS = 5_000
ENTERPRISE = ("id", "name", "county", "section", "workers", "workers_there", "deliveries", "masks_days", "parts_days", "cash_days", "output_100m")  # fmt: skip
WAITING = ("origin", "destination", "workers")


@dataclass(frozen=True)
class Enterprise:
    """One firm: its people, what reaches it, and for how long it can go on.

    `deliveries` share of ordinary deliveries that reach it and leave it; `masks_days`, `parts_days`,
    `cash_days` days it can work with what it has; `output_100m` output a year, 100 million; `supplier` the firm
    of the register that its parts come from, empty where they are bought of others.
    """

    id: str
    name: str
    county: str
    section: str
    workers: float
    workers_there: float
    deliveries: float
    masks_days: float
    parts_days: float
    cash_days: float
    output_100m: float
    supplier: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the firm as JSON keeps it."""
        return asdict(self)


def read_enterprises(
    text: str, *, counties: Sequence[str], sections: Sequence[str], file: str
) -> list[Enterprise]:
    """Return the firms of a register in CSV; raises MalformedRegister (P315) naming row, column and remedy."""
    found: list[Enterprise] = []
    seen: set[str] = set()
    lines: dict[str, int] = {}
    for number, row in _rows(text, ENTERPRISE, file, ("supplier",)):
        at = _at(file, number)
        key = row["id"]
        if not key or key in seen:
            raise _bad("id", key, at, _("Each firm needs an identifier of its own."))
        seen.add(key)
        if row["county"] not in counties:
            raise _bad("county", row["county"], at, _("Use the code of a county of this province."))
        if row["section"] not in sections:
            raise _bad("section", row["section"], at, _("Known sections: %s.") % ", ".join(sections))  # fmt: skip
        numbers = {name: _number(row[name], name, at) for name in ENTERPRISE[4:]}
        if numbers["deliveries"] > 1:
            raise _bad("deliveries", row["deliveries"], at, _("Write a share from 0 to 1."))
        if numbers["workers_there"] > numbers["workers"]:
            raise _bad("workers_there", row["workers_there"], at, _("Not more are there than work there."))  # fmt: skip
        found.append(
            Enterprise(key, row["name"] or key, row["county"], row["section"], **numbers, supplier=row["supplier"])
        )  # fmt: skip
        lines[key] = number
    for firm in found:
        if firm.supplier and firm.supplier not in seen:
            raise _bad("supplier", firm.supplier, _at(file, lines[firm.id]), _("Name a firm of this register, or leave it empty."))  # fmt: skip
    return found


def read_waiting(text: str, *, counties: Sequence[str], file: str) -> list[tuple[str, str, float]]:
    """Return (origin, destination, workers) of a register in CSV; raises MalformedRegister (P315)."""
    found = []
    for number, row in _rows(text, WAITING, file):
        at = _at(file, number)
        for name in ("origin", "destination"):
            if row[name] not in counties:
                raise _bad(name, row[name], at, _("Use the code of a county of this province."))
        found.append((row["origin"], row["destination"], _number(row["workers"], "workers", at)))
    return found


def _rows(
    text: str, columns: Sequence[str], file: str, optional: Sequence[str] = ()
) -> Iterator[tuple[int, dict[str, str]]]:
    reader = csv.DictReader(text.lstrip("\ufeff").splitlines())
    missing = [name for name in columns if name not in (reader.fieldnames or [])]
    if missing:
        raise MalformedRegister(
            _("The header lacks %s.") % ", ".join(missing),
            where=_at(file, 1),
            remedy=_("Columns needed: %s.") % ", ".join(columns),
        )
    count = 0
    for number, row in enumerate(reader, start=2):
        clean = {name: (row.get(name) or "").strip() for name in (*columns, *optional)}
        if not any(clean.values()):
            continue
        count += 1
        if count > MOST_ROWS:
            raise MalformedRegister(
                _("The register has more than %d rows.") % MOST_ROWS,
                where=_at(file, number),
                remedy=_("Send the largest firms first, or in parts."),
            )
        yield number, clean
    if not count:
        raise MalformedRegister(_("The register has no rows."), where=file, remedy=_("One row each below the header."))  # fmt: skip


def _number(raw: str, name: str, at: str) -> float:
    try:
        value = float(raw)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1e9:
        raise _bad(name, raw, at, _("Write a number of at least 0, without thousands separators."))
    return value


def _at(file: str, row: int) -> str:
    return _("%(file)s, row %(row)d") % {"file": file, "row": row}


def _bad(column: str, raw: str, at: str, remedy: str) -> MalformedRegister:
    return MalformedRegister(_("%(column)s is “%(raw)s”.") % {"column": column, "raw": raw[:60]}, where=at, remedy=remedy)  # fmt: skip


def invented(
    *, counties: Sequence[str], names: Mapping[str, str], sections: Sequence[str], employed: np.ndarray,
    weekly_value: np.ndarray, value_share: np.ndarray, seed: int, count: int = 120,
) -> list[Enterprise]:  # fmt: skip
    """Return synthetic firms for a drill: sizes by what the counties employ, troubles drawn at random.

    No real firm is meant; pages mark the register as synthetic.
    """
    rng = np.random.default_rng([seed, 61])
    free = np.array([s not in ("A", "P", "Q", "S", "T") for s in sections])
    weights = (employed * free).ravel()
    if weights.sum() <= 0:
        return []
    chosen = rng.choice(weights.size, size=count, p=weights / weights.sum())
    found = []
    for i, cell in enumerate(chosen, start=1):
        c, s = divmod(int(cell), len(sections))
        size = float(np.round(np.exp(rng.normal(6.2, 0.9))))
        people = max(float(employed[c, s]), size)
        output = 365.25 / 7 * weekly_value[c, s] / max(float(value_share[s]), 0.05) * size / people
        found.append(
            Enterprise(
                id=f"S{i:03d}",
                name=f"{names[counties[c]]} {sections[s]}-{i:03d}",
                county=counties[c],
                section=sections[s],
                workers=size,
                workers_there=float(np.round(size * rng.beta(3, 2))),
                deliveries=round(float(rng.beta(5, 2)), 2),
                masks_days=float(rng.integers(2, 40)),
                parts_days=float(rng.integers(3, 45)),
                cash_days=float(rng.integers(7, 120)),
                output_100m=round(float(output), 4),
                supplier=f"S{int(rng.integers(1, i)):03d}" if i > 1 and rng.random() < 0.5 else "",
            )
        )
    return found
