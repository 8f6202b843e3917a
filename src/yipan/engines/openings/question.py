"""What is asked of the levels: counties, settings, weeks and every limit; and the weekly model itself.

With I infectious people, e effective contacts, π where people spend their time, M = πᵀ N:

    K(e)_ij = h δ_ij + N_i Σ_c π_ic e_c π_jc / M_c
    I[t + 1] = K(e_t) I[t] + ρ returns[t] + arrivals
    B[t + 1] = stay · B[t] + a Σ_{i in area} I[t + 1]_i
    e_c = always_c + Σ_s Σ_{l ≤ level[t, c, s]} step_contacts[c, s, l]

One step is a week, about a generation. Susceptibles are taken as everybody, which only overstates
infections. K is affine in the steps and never negative, so more steps never mean fewer infections.
The same weekly law as `economy.optimise`; here the unknowns are the steps between orderable levels.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from scipy.sparse import csr_array, diags_array, eye_array

from yipan.engines.checks import Floats, Integers, as_counts, as_floats
from yipan.engines.epidemic.specification import checked_mixing
from yipan.engines.errors import OutOfRange

STEPS = 3
"""Steps between closed and open: closed → minimum → staggered → open."""


@dataclass(frozen=True)
class Question:
    """One question, complete.

    | field | shape | unit, range |
    |---|---|---|
    | `weeks` | | ≥ 1 |
    | `people` | (place,) | persons > 0 |
    | `group` | (place,) | which places are ordered alike |
    | `area` | (place,) | hospital area |
    | `mixing` | (place, place) | shares of contact time π, rows sum to 1 |
    | `infectious` | (place,) | I at the start, persons > 0 |
    | `household` | | h: reproduction at home, whatever is ordered |
    | `always` | (place,) | contacts left with everything closed |
    | `step_contacts` | (place, setting, step) | contacts that a step adds |
    | `step_value` | (place, setting, step) | what a step adds in a week, money (welfare included) |
    | `always_value` | (place,) | what is added in a week with everything closed |
    | `step_workers` | (place, setting, step) | workers that a step needs at their place |
    | `step_masks` | (setting, step) per worker | masks a worker of the step uses in a week |
    | `mask_stock`, `mask_supply` | | at the start beyond what is always needed; a week |
    | `hands` | (place,) | workers there for the steps without returns |
    | `returning` | (place,) | workers who wait elsewhere |
    | `trains` | | most who return in a week, persons |
    | `infectious_per_return` | | ρ |
    | `admitted` | | a: beds first taken in a week for one infectious person |
    | `stay` | | share of beds still occupied a week later, in [0, 1) |
    | `in_care` | (area,) | beds occupied at the start |
    | `beds` | (area,) | staffed |
    | `arrivals` | (place,) | infectious from outside a week |
    | `least`, `most` | (place, setting) | least and most level, 0–3 |
    | `end_R` | | most R in the last week, province as one; None: no such limit |
    | `staged` | | what was opened is not closed again |

    Raises E801, E802, E806.
    """

    weeks: int
    people: Floats
    group: Integers
    area: Integers
    mixing: csr_array
    infectious: Floats
    household: float
    always: Floats
    step_contacts: Floats
    step_value: Floats
    always_value: Floats
    step_workers: Floats
    step_masks: Floats
    mask_stock: float
    mask_supply: float
    hands: Floats
    returning: Floats
    trains: float
    infectious_per_return: float
    admitted: float
    stay: float
    in_care: Floats
    beds: Floats
    arrivals: Floats
    least: Integers
    most: Integers
    end_R: float | None = None
    staged: bool = field(default=True)

    def __post_init__(self) -> None:
        """Bring arrays to their types and refuse what does not fit."""
        keep = object.__setattr__
        P = np.size(self.people)
        S = np.shape(self.step_contacts)[1]
        A = int(np.max(self.area)) + 1
        shapes: dict[str, tuple[int, ...]] = {
            "people": (P,), "infectious": (P,), "always": (P,), "always_value": (P,), "hands": (P,),
            "returning": (P,), "arrivals": (P,), "in_care": (A,), "beds": (A,),
            "step_contacts": (P, S, STEPS), "step_value": (P, S, STEPS), "step_workers": (P, S, STEPS),
            "step_masks": (S, STEPS),
        }  # fmt: skip
        for name, shape in shapes.items():
            keep(self, name, as_floats(getattr(self, name), name, shape=shape))
        for name in ("group", "area"):
            keep(self, name, as_counts(getattr(self, name), name, shape=(P,)))
        for name in ("least", "most"):
            keep(self, name, as_counts(getattr(self, name), name, shape=(P, S)))
        keep(self, "mixing", checked_mixing(self.mixing, places=P))
        if not (self.weeks >= 1 and (self.people > 0).all() and (self.infectious > 0).all()):
            raise OutOfRange(
                "A question needs a week, and people and some infection (however little) in each place.",
                where="question",
            )
        if (self.least > self.most).any() or (self.most > STEPS).any():
            raise OutOfRange(
                f"Levels run from least to most, at most {STEPS}.", where="least, most"
            )
        if not (0 <= self.stay < 1 and self.admitted >= 0 and self.household >= 0):
            raise OutOfRange("stay is a share below 1; nothing is negative.", where="stay")
        missing = set(range(self.groups)) - set(self.group.tolist())
        if missing:
            raise OutOfRange(f"Group {min(missing)} has no place.", where="group")

    # --- sizes

    @property
    def places(self) -> int:
        """Number of places."""
        return int(self.people.size)

    @property
    def groups(self) -> int:
        """Number of groups ordered alike."""
        return int(self.group.max()) + 1

    @property
    def settings(self) -> int:
        """Number of settings."""
        return int(self.step_contacts.shape[1])

    @property
    def areas(self) -> int:
        """Number of hospital areas."""
        return int(self.beds.size)

    def by_group(self, values: Floats) -> Floats:
        """Sum over the places of each group, shape (group, …)."""
        table = np.zeros((self.groups, *values.shape[1:]))
        np.add.at(table, self.group, values)
        return table

    @cached_property
    def group_least(self) -> Integers:
        """Least level by group: the highest that any of its places must have."""
        low = np.zeros((self.groups, self.settings), dtype=np.int64)
        np.maximum.at(low, self.group, self.least)
        return low

    @cached_property
    def group_most(self) -> Integers:
        """Most level by group, never below its least."""
        high = np.full((self.groups, self.settings), STEPS, dtype=np.int64)
        np.minimum.at(high, self.group, self.most)
        return np.maximum(high, self.group_least)

    # --- the epidemic

    @cached_property
    def present(self) -> Floats:
        """People present by place, M = πᵀ N."""
        there: Floats = np.maximum(np.asarray(self.mixing.T @ self.people), 1e-12)
        return there

    @cached_property
    def _outward(self) -> csr_array:
        return csr_array(diags_array(self.people) @ self.mixing)

    def contacts(self, x: Floats) -> Floats:
        """Return e (week, place) of steps taken, shape (week, group, setting, step), in [0, 1]."""
        return np.asarray(
            self.always + np.einsum("tpsl,psl->tp", x[:, self.group], self.step_contacts)
        )

    def slope(self, infectious: Floats) -> csr_array:
        """Return ∂(K(e) I)/∂e, sparse (place, place)."""
        there = np.asarray(self.mixing.T @ infectious) / self.present
        return csr_array(self._outward @ diags_array(there))

    def operator(self, e: Floats) -> csr_array:
        """Return K(e) of one week, sparse (place, place)."""
        spread = self._outward @ diags_array(e / self.present) @ self.mixing.T
        return csr_array(spread + self.household * eye_array(self.places))

    def step(self, e: Floats, infectious: Floats) -> Floats:
        """Return K(e) I without forming K."""
        there = np.asarray(self.mixing.T @ infectious) / self.present
        return np.asarray(self._outward @ (e * there)) + self.household * infectious

    def trajectory(self, e: Floats, returns: Floats | None = None) -> Floats:
        """Return I (week + 1, place)."""
        path = [self.infectious]
        for t in range(self.weeks):
            brought = self.arrivals if returns is None else self.arrivals + (
                self.infectious_per_return * returns[t]
            )  # fmt: skip
            path.append(self.step(e[t], path[-1]) + brought)
        return np.stack(path)

    def occupancy(self, infectious: Floats) -> Floats:
        """Return beds occupied (week + 1, area)."""
        beds = [self.in_care]
        for here in infectious[1:]:
            new = np.bincount(self.area, here, minlength=self.areas) * self.admitted
            beds.append(self.stay * beds[-1] + new)
        return np.stack(beds)

    def R(self, e: Floats) -> Floats:
        """Return R by week, the province taken as one place: h + Σ N e / Σ N."""
        return np.asarray(self.household + e @ (self.people / self.people.sum()))

    def but(self, **changes: Any) -> Question:
        """Return the same question with some fields changed, checked again."""
        return replace(self, **changes)

    def inflated(self, factor: float) -> Question:
        """Return the same question with all transmission times `factor`; a limit on R moves along.

        The limit speaks of the transmission believed, not of the one planned for.
        """
        return self.but(
            household=self.household * factor,
            always=self.always * factor,
            step_contacts=self.step_contacts * factor,
            infectious_per_return=self.infectious_per_return * factor,
            end_R=None if self.end_R is None else self.end_R * factor,
        )


def taken(levels: Integers) -> Floats:
    """Return levels (…, 0–3) as steps taken, shape (…, step), 0 or 1.

    >>> taken(np.array([0, 2])).tolist()
    [[0.0, 0.0, 0.0], [1.0, 1.0, 0.0]]
    """
    return (np.asarray(levels)[..., None] > np.arange(STEPS)).astype(np.float64)
