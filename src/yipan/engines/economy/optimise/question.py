"""What is asked: places, sectors, weeks, and every limit; checked at the door.

The weekly model, with I infectious people, e effective contacts and π where people spend their time:

    K(e)_ij = h δ_ij + N_i Σ_c π_ic e_c π_jc / M_c,      M = πᵀ N
    I[t + 1] = K(e_t) I[t] + ρ returns[t] + arrivals
    B[t + 1] = stay B[t] + b Σ_k w_k Σ_{i in area} I[t + 1 − k]_i
    e_c = Σ_s work[c, s] x[g(c), s] + Σ_k kept[k] u[g(c), k]

One step is one generation, about a week. Susceptibles are taken as everybody (S = N), which only
overstates infections. K is affine in the openings and never negative.
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

NUMBERS = (
    "household", "trains", "infectious_per_return", "protective_stock", "protective_bought",
    "protective_use", "protective_made", "bed_share", "margin", "fixed_cost", "cash", "relief", "stay",
)  # fmt: skip


@dataclass(frozen=True)
class Question:
    """One planning question, complete.

    | field | shape | unit, range |
    |---|---|---|
    | `weeks` | | ≥ 1 |
    | `people` | (place,) | persons > 0 |
    | `group` | (place,) | which places are opened alike: a tier, or the place itself |
    | `area` | (place,) | hospital area |
    | `mixing` | (place, place) | shares of contact time π, rows sum to 1 |
    | `infectious` | (place,) | I at the start, persons > 0 |
    | `household` | | h: reproduction at home, whatever is open |
    | `work_contacts` | (place, sector) | what a fully open sector adds to e |
    | `setting_contacts` | (setting,) | what a fully open setting adds to e |
    | `setting_value` | (setting,) | value of a fully open setting, per person and week |
    | `least_setting` | (setting,) | in [0, 1] |
    | `capacity` | (place, sector) | output a week when open, money |
    | `workers` | (place, sector) | persons |
    | `remote` | (sector,) | share of work done at a distance |
    | `least` | (sector,) | least opening |
    | `value_share` | (sector,) | value added for one unit of output |
    | `needs` | (sector, sector) | input i for one unit of output j |
    | `final_use` | (sector,) | most that is used a week, money |
    | `stock`, `most_stock`, `least_stock` | (sector,) | at the start; at any time; at the end |
    | `imports`, `import_cost` | (sector,) | most a week; lost for one unit imported |
    | `residents_at_work` | (place,) | workers who are there without returns |
    | `returning` | (place,) | workers who wait elsewhere |
    | `trains` | | most who return a week |
    | `infectious_per_return` | | ρ, infectious people brought by one who returns |
    | `protective_stock`, `protective_bought`, `protective_use` | | stock; most bought a week; use a worker and week |
    | `protective_sector`, `protective_made` | | sector that makes them, pieces for one unit of its output |
    | `bed_share` | | b: beds newly needed for one infectious person |
    | `beds` | (area,) | staffed |
    | `bed_delay` | (week,) | w: shares of admissions by weeks after infection, sum 1; at once where not given |
    | `in_care` | (area,) | beds taken at the start; b times who is infectious where not given |
    | `stay` | | share of those in a bed who are still in it a week later, in [0, 1) |
    | `end_R` | | most mean reproduction in the last week; none where not given: without it a plan opens all at the end |
    | `arrivals` | (place,) | infectious people who come from outside each week; none where not given |
    | `margin`, `fixed_cost`, `cash`, `relief` | | for one unit of output; share of capacity a week; share of capacity at the start; most relief a week, money |

    `margin` 0 leaves cash out. Raises E801, E802, E806.
    """

    weeks: int
    people: Floats
    group: Integers
    area: Integers
    mixing: csr_array
    infectious: Floats
    household: float
    work_contacts: Floats
    setting_contacts: Floats
    setting_value: Floats
    least_setting: Floats
    capacity: Floats
    workers: Floats
    remote: Floats
    least: Floats
    value_share: Floats
    needs: Floats
    final_use: Floats
    stock: Floats
    most_stock: Floats
    least_stock: Floats
    imports: Floats
    import_cost: Floats
    residents_at_work: Floats
    returning: Floats
    trains: float
    infectious_per_return: float
    protective_stock: float
    protective_bought: float
    protective_use: float
    protective_sector: int
    protective_made: float
    bed_share: float
    beds: Floats
    margin: float = 0.0
    fixed_cost: float = 0.0
    cash: float = 0.0
    relief: float = 0.0
    arrivals: Floats = field(default=None)  # type: ignore[arg-type]  # set in __post_init__
    in_care: Floats = field(default=None)  # type: ignore[arg-type]  # set in __post_init__
    stay: float = 0.0
    end_R: float = np.inf
    bed_delay: Floats = field(default_factory=lambda: np.ones(1))

    def __post_init__(self) -> None:
        """Bring arrays to their types and refuse what does not fit."""
        keep = object.__setattr__
        P, S = np.shape(self.capacity)
        K, G = np.size(self.setting_contacts), int(np.max(self.group)) + 1
        shapes: dict[str, tuple[tuple[int, ...], float]] = {
            "people": ((P,), np.inf), "infectious": ((P,), np.inf), "work_contacts": ((P, S), np.inf),
            "setting_contacts": ((K,), np.inf), "setting_value": ((K,), np.inf), "least_setting": ((K,), 1.0),
            "capacity": ((P, S), np.inf), "workers": ((P, S), np.inf), "remote": ((S,), 1.0), "least": ((S,), 1.0),
            "value_share": ((S,), 1.0), "needs": ((S, S), 1.0), "final_use": ((S,), np.inf),
            "stock": ((S,), np.inf), "most_stock": ((S,), np.inf), "least_stock": ((S,), np.inf),
            "imports": ((S,), np.inf), "import_cost": ((S,), np.inf),
            "residents_at_work": ((P,), np.inf), "returning": ((P,), np.inf),
            "beds": ((int(np.max(self.area)) + 1,), np.inf),
        }  # fmt: skip
        for name, (shape, high) in shapes.items():
            keep(self, name, as_floats(getattr(self, name), name, shape=shape, high=high))
        arrivals = np.zeros(P) if self.arrivals is None else self.arrivals
        keep(self, "arrivals", as_floats(arrivals, "arrivals", shape=(P,)))
        for name in ("group", "area"):
            keep(self, name, as_counts(getattr(self, name), name, shape=(P,)))
        keep(self, "mixing", checked_mixing(self.mixing, places=P))
        A = self.beds.size
        there = (
            np.bincount(self.area, self.bed_share * self.infectious, minlength=A)
            if self.in_care is None
            else self.in_care
        )
        keep(self, "in_care", as_floats(there, "in_care", shape=(A,)))
        delay = as_floats(self.bed_delay, "bed_delay", shape=(None,), high=1.0)
        if abs(delay.sum() - 1.0) > 1e-9:
            raise OutOfRange(f"Shares by delay sum to {delay.sum():g}, not 1.", where="bed_delay")
        keep(self, "bed_delay", delay)
        self._check_numbers()
        missing = set(range(G)) - set(self.group.tolist())
        if missing:
            raise OutOfRange(f"Group {min(missing)} has no place.", where="group")

    def _check_numbers(self) -> None:
        if not (self.weeks >= 1 and (self.people > 0).all() and (self.infectious > 0).all()):
            raise OutOfRange(
                "A question needs a week, and people and some infection (however little) in each place.",
                where="question",
            )
        for name in NUMBERS:
            as_floats(getattr(self, name), name, shape=())
        if not self.end_R > 0:
            raise OutOfRange(f"R cannot be {self.end_R:g}.", where="end_R")
        if not self.stay < 1:
            raise OutOfRange(f"A share of {self.stay:g} stays in bed for ever.", where="stay")
        if not 0 <= self.protective_sector < self.sectors:
            raise OutOfRange(
                f"There is no sector {self.protective_sector}.", where="protective_sector"
            )

    # --- sizes

    @property
    def places(self) -> int:
        """Number of places."""
        return int(self.people.size)

    @property
    def groups(self) -> int:
        """Number of groups opened alike."""
        return int(self.group.max()) + 1

    @property
    def sectors(self) -> int:
        """Number of sectors."""
        return int(self.capacity.shape[1])

    @property
    def settings(self) -> int:
        """Number of settings."""
        return int(self.setting_contacts.size)

    @property
    def areas(self) -> int:
        """Number of hospital areas."""
        return int(self.beds.size)

    # --- the epidemic

    @cached_property
    def present(self) -> Floats:
        """People present by place, M = πᵀ N."""
        there: Floats = np.asarray(self.mixing.T @ self.people)
        return np.maximum(there, 1e-12)

    def contacts(self, x: Floats, u: Floats) -> Floats:
        """Return effective contacts e, shape (week, place), of openings (week, group, …)."""
        of_place = x[:, self.group]
        work: Floats = np.einsum("tps,ps->tp", of_place, self.work_contacts)
        return np.asarray(work + u[:, self.group] @ self.setting_contacts)

    def R(self, e: Floats) -> Floats:
        """Return the mean reproduction by week, h + Σ N e / Σ N, shape (week,)."""
        mean: Floats = self.household + e @ (self.people / self.people.sum())
        return mean

    def operator(self, e: Floats) -> csr_array:
        """Return K(e) of one week, sparse, shape (place, place)."""
        spread = diags_array(self.people) @ self.mixing @ diags_array(e / self.present)
        return csr_array(spread @ self.mixing.T + self.household * eye_array(self.places))

    def slope(self, infectious: Floats) -> csr_array:
        """Return ∂(K(e) I)/∂e, sparse, shape (place, place): one column for each place's contacts."""
        there = np.asarray(self.mixing.T @ infectious) / self.present
        return csr_array(diags_array(self.people) @ self.mixing @ diags_array(there))

    def trajectory(self, e: Floats, returns: Floats) -> Floats:
        """Return I by week and place, shape (week + 1, place)."""
        path = [self.infectious]
        for t in range(self.weeks):
            met = np.asarray(self.mixing.T @ path[-1]) * (e[t] / self.present)
            caused = self.household * path[-1] + self.people * np.asarray(self.mixing @ met)
            path.append(caused + self.infectious_per_return * returns[t] + self.arrivals)
        return np.stack(path)

    def occupancy(self, infectious: Floats) -> Floats:
        """Return beds needed by week and area, shape (week + 1, area)."""
        by_area = np.zeros((infectious.shape[0], self.areas))
        for t in range(infectious.shape[0]):
            by_area[t] = np.bincount(self.area, infectious[t], minlength=self.areas)
        taken = np.empty_like(by_area)
        taken[0] = self.in_care
        for t in range(1, infectious.shape[0]):
            taken[t] = self.stay * taken[t - 1]
            for k, share in enumerate(self.bed_delay[: t + 1]):
                taken[t] += self.bed_share * share * by_area[t - k]
        return taken

    @cached_property
    def bed_response(self) -> Floats:
        """Beds still taken after 0, 1, … weeks for one infectious person, shape (week + 1,)."""
        weights = np.zeros(self.weeks + 1)
        kept = self.bed_delay[: self.weeks + 1]
        weights[: kept.size] = kept
        response = np.empty(self.weeks + 1)
        there = 0.0
        for m in range(self.weeks + 1):
            there = self.stay * there + self.bed_share * weights[m]
            response[m] = there
        return response

    def but(self, **changes: Any) -> Question:
        """Return the same question with some fields changed, checked again."""
        return replace(self, **changes)
