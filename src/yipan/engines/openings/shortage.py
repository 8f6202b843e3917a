"""Why nothing keeps the limits, and what alone would cure it: an answer, not an error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from yipan.engines.checks import Floats
from yipan.engines.openings.question import Question, taken
from yipan.engines.openings.search import NEAR

NO_SMALLER = 1e-6


@dataclass(frozen=True)
class Diagnosis:
    """What the least levels allowed exceed, and each cure alone.

    `beds` area → beds lacking on the worst week; `weeks` area → first week (1 …) that lacks; `R_least` R of
    the last week and `R_limit` its limit (None: none); `hands` place → workers lacking; `masks` lacking at
    the worst week; `transmission` the factor on all transmission that would meet beds and R (1 where they are met;
    None: no factor above zero does, as with patients already there).
    """

    beds: dict[int, float]
    weeks: dict[int, int]
    R_least: float
    R_limit: float | None
    hands: dict[int, float]
    masks: float
    transmission: float | None

    @property
    def possible(self) -> bool:
        """Whether the least levels keep every limit, so that a plan exists."""
        return not self.beds and not self.hands and self.masks <= 0 and not self.over_R

    @property
    def over_R(self) -> bool:
        """Whether R is above its limit with everything at its least."""
        return self.R_limit is not None and self.R_least > self.R_limit * (1 + NEAR)


def diagnose(q: Question) -> Diagnosis:
    """Return what the least levels of a question exceed.

    K never falls with contacts, so what the least levels cannot keep, no plan can.
    """
    x = np.tile(taken(q.group_least), (q.weeks, 1, 1, 1))
    e = q.contacts(x)
    occupancy = q.occupancy(q.trajectory(e))
    over = np.maximum(occupancy[1:] - q.beds * (1 + NEAR), 0.0)
    lacking = {int(a): float((occupancy[1:, a] - q.beds[a]).max()) for a in np.flatnonzero(over.max(axis=0) > NO_SMALLER)}  # fmt: skip
    busy = np.einsum("psl,psl->p", x[0][q.group], q.step_workers)
    short = np.maximum(busy - q.hands - q.returning, 0.0)
    use = float(np.einsum("gsl,gsl->", x[0], q.by_group(q.step_workers) * q.step_masks))
    masks = (
        use * np.arange(1, q.weeks + 1) - q.mask_stock - q.mask_supply * np.arange(1, q.weeks + 1)
    )
    R = float(q.R(e)[-1])
    return Diagnosis(
        beds=lacking,
        weeks={a: int((over[:, a] > NO_SMALLER).argmax()) + 1 for a in lacking},
        R_least=R,
        R_limit=q.end_R,
        hands={int(p): float(short[p]) for p in np.flatnonzero(short > 0.5)},
        masks=max(0.0, float(masks.max())),
        transmission=_enough(q, e),
    )


@dataclass(frozen=True)
class Cure:
    """One way to make a plan possible: `kind`, how much, and what it costs (None: no money buys it).

    beds, masks (units), hands (workers), end_R (the limit to allow), beds_and_end_R (units, and `R`),
    transmission (share by which all of it must fall).
    """

    kind: str
    amount: float
    cost: float | None
    R: float | None = None


def cures(found: Diagnosis, *, bed: float, mask: float) -> tuple[Cure, ...]:
    """Return what would cure a diagnosis, the cheapest first, then what no money buys; `bed` and `mask` cost so much each.

    A limit on R that is raised costs nothing at once, so it stands first: whoever reads it must weigh that
    the epidemic grows on.

    >>> found = Diagnosis({0: 3.2}, {0: 2}, 0.9, 1.0, {}, 500.0, 0.8)
    >>> [(c.kind, c.amount, c.cost) for c in cures(found, bed=1000.0, mask=2.0)]
    [('masks', 500.0, 1000.0), ('beds', 4.0, 4000.0), ('transmission', 0.2, None)]
    """
    lacking = float(np.ceil(sum(found.beds.values())))
    listed: list[Cure] = []
    if found.beds and found.over_R:
        listed.append(Cure("beds_and_end_R", lacking, lacking * bed, found.R_least))
    elif found.beds:
        listed.append(Cure("beds", lacking, lacking * bed))
    elif found.over_R:
        listed.append(Cure("end_R", found.R_least, 0.0))
    if found.masks > 0:
        masks = float(np.ceil(found.masks))
        listed.append(Cure("masks", masks, masks * mask))
    if found.hands:
        listed.append(Cure("hands", float(round(sum(found.hands.values()))), None))
    if found.transmission is not None and found.transmission < 1.0:
        listed.append(Cure("transmission", round(1.0 - found.transmission, 4), None))
    return tuple(sorted(listed, key=lambda c: (c.cost is None, c.cost or 0.0)))


def _enough(q: Question, e: Floats) -> float | None:
    def borne(factor: float) -> bool:
        milder = q.but(household=q.household * factor)
        occupancy = milder.occupancy(milder.trajectory(e * factor))
        met = bool((occupancy[1:] <= q.beds * (1 + NEAR) + NO_SMALLER).all())
        return met and (q.end_R is None or float(milder.R(e * factor)[-1]) <= q.end_R * (1 + NEAR))

    if borne(1.0):
        return 1.0
    if not borne(0.0):
        return None
    low, high = 0.0, 1.0
    for _step in range(30):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if borne(middle) else (low, middle)
    return low
