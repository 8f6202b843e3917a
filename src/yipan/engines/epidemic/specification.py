"""What one run is told: places, ages, contacts, mixing, controls, imports, seeds; checked at the door."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_array, eye_array, issparse

from yipan.engines.checks import Floats, Integers, as_counts, as_floats
from yipan.engines.epidemic.course import Chain, Course, Redirect
from yipan.engines.errors import (
    ControlOutOfRange,
    NotRowStochastic,
    OutOfRange,
    ShapeMismatch,
    TooManySeeds,
    TravelNotConserved,
    UnknownPlace,
    ZeroPopulation,
)

Sparse: TypeAlias = "csr_array[np.float64, tuple[int, int]]"

AGE_GROUPS_16 = (*(f"{a}-{a + 4}" for a in range(0, 75, 5)), "75+")
"""The sixteen groups of the usual contact matrices."""

UNSET: Any = None
"""A field not given: the specification sets it to what its row of the table says."""


@dataclass(frozen=True)
class Setting:
    """Where people meet: home, work, school, transport, community.

    `contacts` [a, b]: mean contacts per day of one person of age a with persons of age b (the survey's
    orientation: rows are participants), shape (age, age); or one such matrix for each kind of place,
    shape (kind, age, age). `local`: everybody meets in their own place; otherwise people meet where
    `Specification.mixing` takes them.
    """

    name: str
    contacts: Floats
    local: bool = False


@dataclass(frozen=True)
class Response:
    """What a place does by itself when a cluster is found: it keeps fewer contacts for a while.

    Where `cases` or more were detected in a place within `window_days`, whole days before day d, the
    contacts met there keep the share `left` (setting,) on the days [d + `after_days`, d + `after_days` +
    `lasts_days`), on top of the controls; the last trigger counts.
    """

    cases: int
    window_days: int
    lasts_days: int
    left: Floats
    after_days: int = 0


@dataclass(frozen=True)
class Specification:
    """One epidemic to run, complete: no default hides a number that matters.

    With S susceptible, N people, X infectious people weighted by infectivity and presence, θ the
    mixing (θ[i, j]: share of their contact time that people of i spend in j), u the controls and C the
    contacts, a susceptible of place i and age a is infected at the rate (per day)

        λ[i, a] = β(t) σ[a] Σ_s Σ_j θ_s[i, j] u[t, j, s] Σ_b C_s[a, b] X_s[j, b] / N_s[j, b]
        X_s[j, b] = Σ_i θ_s[i, j] Σ_stage infectivity · presence_s · ι[b] · I[stage, i, b]
        N_s[j, b] = Σ_i θ_s[i, j] N[i, b]

    and then follows the course. Controls, imports, β and redirects are constant within a day
    [d, d + 1); all else is continuous in time.

    | field | shape | unit, range |
    |---|---|---|
    | `places`, `ages` | (place,), (age,) | names, each once |
    | `population` | (place, age) | persons, whole, ≥ 0; every place and every age has somebody |
    | `settings` | (setting,) | contacts per person and day, ≥ 0 |
    | `course` | | stages, days, infectivity |
    | `days` | | length of the run, ≥ 1 |
    | `transmission` | (day,) or one number | β: infections per contact with a susceptible, ≥ 0 |
    | `mixing` | (place, place), sparse | shares of contact time, rows sum to 1; unset: all stay |
    | `journeys` | (place, place), sparse | persons per day who move for good; as many come as leave |
    | `controls` | (period, place, setting) | what is left of the contacts, in [0, 1]; unset: 1 |
    | `control_days` | | days in a period; the last period goes on to the end |
    | `susceptibility`, `age_infectivity` | (age,) | relative, ≥ 0 |
    | `dispersion` | | k of individual infectiousness, gamma of mean 1; ∞: all alike |
    | `redirects` | share (day, place) | probability in [0, 1] |
    | `imports` | (day, place, age) | expected infections from outside per day, ≥ 0 |
    | `seeds` | stage → (place, age) | persons in that stage at time 0 |
    | `immune` | (place, age) | persons who cannot be infected at time 0 |
    | `kinds` | (place,) | which of a setting's matrices holds where people meet |
    | `response` | | what a place does when a cluster is found in it; unset: nothing |

    Imports are residents infected elsewhere: each arrival is a random resident of that place and age,
    and nothing happens if that person is no longer susceptible, so people are conserved.

    Journeys take infected people, but for patients in hospital, to another place for the rest of their
    course, at the rate journeys[i, j] / N[i]; somebody who is not infected moves the other way. That the
    one who comes is as likely susceptible as those he joins is an approximation: good while places are
    at about the same point of the epidemic, or few are immune.

    Raises ShapeMismatch (E801), OutOfRange (E802), ZeroPopulation (E804), ControlOutOfRange (E805),
    NotRowStochastic (E806), MalformedCourse (E811), TooManySeeds (E812), TravelNotConserved (E813).
    """

    places: tuple[str, ...]
    ages: tuple[str, ...]
    population: Integers
    settings: tuple[Setting, ...]
    course: Course
    days: int
    transmission: Floats
    mixing: Sparse = UNSET
    controls: Floats = UNSET
    control_days: int = 1
    susceptibility: Floats = UNSET
    age_infectivity: Floats = UNSET
    dispersion: float = np.inf
    redirects: tuple[Redirect, ...] = ()
    imports: Floats = UNSET
    seeds: Mapping[str, Integers] = field(default_factory=dict)
    immune: Integers = UNSET
    kinds: Integers = UNSET
    journeys: Sparse = UNSET
    response: Response | None = None

    def __post_init__(self) -> None:
        """Bring every array to its type and shape, and refuse what is inconsistent."""
        self._check_frame()
        P, A, K = len(self.places), len(self.ages), len(self.settings)
        keep = object.__setattr__
        keep(self, "population", as_counts(self.population, "population", shape=(P, A)))
        self._check_people()
        self._check_contacts()
        beta = np.broadcast_to(np.asarray(self.transmission, dtype=np.float64), (self.days,))
        keep(self, "transmission", as_floats(beta, "transmission", shape=(self.days,)))
        keep(self, "mixing", checked_mixing(self.mixing, places=P))
        keep(self, "controls", self._checked_controls(P, K))
        for name in ("susceptibility", "age_infectivity"):
            given = getattr(self, name)
            keep(self, name, as_floats(np.ones(A) if given is None else given, name, shape=(A,)))
        if not self.dispersion > 0:
            raise OutOfRange(
                f"dispersion is {self.dispersion:g}, not positive.", where="dispersion"
            )
        self._check_redirects(P)
        imports = np.zeros((self.days, P, A)) if self.imports is None else self.imports
        keep(self, "imports", as_floats(imports, "imports", shape=(self.days, P, A)))
        self._check_start(P, A)
        kinds = np.zeros(P) if self.kinds is None else self.kinds
        keep(self, "kinds", as_counts(kinds, "kinds", shape=(P,)))
        self._check_kinds()
        keep(
            self,
            "journeys",
            checked_journeys(self.journeys, self.population.sum(axis=1), self.places),
        )
        self._check_response(K)

    def _check_frame(self) -> None:
        for name, values in (("places", self.places), ("ages", self.ages)):
            if not values or len(set(values)) != len(values):
                raise ShapeMismatch(f"{name} must be named once each.", where=name)
        names = [s.name for s in self.settings]
        if not names or len(set(names)) != len(names):
            raise ShapeMismatch(
                f"settings must be named once each, found {names}.", where="settings"
            )
        if self.days < 1 or self.control_days < 1:
            raise OutOfRange(
                f"A run of {self.days} days with controls for {self.control_days} days is undefined.",
                where="days",
            )
        self.course.check_ages(len(self.ages))

    def _check_people(self) -> None:
        empty = np.flatnonzero(self.population.sum(axis=1) == 0)
        if empty.size:
            raise ZeroPopulation(
                f"Place {self.places[empty[0]]} has nobody in it.", where="population"
            )
        empty = np.flatnonzero(self.population.sum(axis=0) == 0)
        if empty.size:
            raise ZeroPopulation(
                f"Age group {self.ages[empty[0]]} has nobody in it.", where="population"
            )

    def _check_contacts(self) -> None:
        A = len(self.ages)
        checked = []
        for setting in self.settings:
            contacts = np.asarray(setting.contacts, dtype=np.float64)
            shape = (A, A) if contacts.ndim == 2 else (None, A, A)
            where = f"settings[{setting.name}].contacts"
            checked.append(replace(setting, contacts=as_floats(contacts, where, shape=shape)))
        object.__setattr__(self, "settings", tuple(checked))

    def _checked_controls(self, P: int, K: int) -> Floats:
        periods = -(-self.days // self.control_days)
        given = np.ones((periods, P, K)) if self.controls is None else self.controls
        controls = as_floats(
            given, "controls", shape=(None, P, K), high=1.0, error=ControlOutOfRange
        )
        if controls.shape[0] == 0:
            raise ShapeMismatch("controls hold no period.", where="controls")
        return controls

    def _check_redirects(self, P: int) -> None:
        checked = []
        for turn in self.redirects:
            self.course.index(turn.at), self.course.index(turn.to)
            share = np.broadcast_to(np.asarray(turn.share, dtype=np.float64), (self.days, P))
            where = f"redirects[{turn.at} → {turn.to}]"
            share = as_floats(share, where, shape=(self.days, P), high=1.0)
            checked.append(replace(turn, share=share))
        if len({t.at for t in checked}) != len(checked) or (
            {t.at for t in checked} & {t.to for t in checked}
        ):
            raise OutOfRange(
                "A stage is redirected twice, or a redirect leads to a stage that is redirected.",
                where="redirects",
                remedy="Give each stage one redirect, and lead it to a stage that has none.",
            )
        object.__setattr__(self, "redirects", tuple(checked))

    def _check_start(self, P: int, A: int) -> None:
        immune = np.zeros((P, A)) if self.immune is None else self.immune
        object.__setattr__(self, "immune", as_counts(immune, "immune", shape=(P, A)))
        seeds = {
            name: as_counts(table, f"seeds[{name}]", shape=(P, A))
            for name, table in self.seeds.items()
        }
        for name in seeds:
            self.course.index(name)
        object.__setattr__(self, "seeds", seeds)
        taken = self.immune + sum(seeds.values(), np.zeros((P, A), dtype=np.int64))
        over = np.argwhere(taken > self.population)
        if over.size:
            i, a = over[0]
            raise TooManySeeds(
                f"{taken[i, a]:,} people of age {self.ages[a]} in {self.places[i]} are seeds or immune, "
                f"but {self.population[i, a]:,} live there.",
                where=f"seeds[{self.places[i]}, {self.ages[a]}]",
                remedy="Seeds are persons, not rates; spread them over places and ages.",
            )

    def _check_kinds(self) -> None:
        for setting in self.settings:
            held = 1 if setting.contacts.ndim == 2 else setting.contacts.shape[0]
            if setting.contacts.ndim == 3 and int(self.kinds.max()) >= held:
                raise ShapeMismatch(
                    f"A place is of kind {int(self.kinds.max())}, setting {setting.name} has {held} kinds.",
                    where="kinds",
                )

    def _check_response(self, K: int) -> None:
        if self.response is None:
            return
        said = self.response
        if said.cases < 1 or said.window_days < 1 or said.lasts_days < 1 or said.after_days < 0:
            raise OutOfRange(
                f"A response to {said.cases} cases in {said.window_days} days, after {said.after_days} days "
                f"and for {said.lasts_days} days, is undefined.",
                where="response",
                remedy="Cases, window and duration are at least 1, the delay at least 0.",
            )
        left = as_floats(said.left, "response.left", shape=(K,), high=1.0, error=ControlOutOfRange)
        object.__setattr__(self, "response", replace(said, left=left))

    # --- what engines read

    @property
    def setting_names(self) -> tuple[str, ...]:
        """Names of the settings, in order."""
        return tuple(s.name for s in self.settings)

    @cached_property
    def chain(self) -> Chain:
        """The course as a Markov chain of Erlang steps; raises OutOfRange (E802) for other delays."""
        return Chain.of(self.course, ages=len(self.ages), settings=self.setting_names)

    @cached_property
    def contacts(self) -> Floats:
        """Contacts by setting and kind of place, shape (setting, kind, age, age), per person and day."""
        kinds = max(s.contacts.shape[0] if s.contacts.ndim == 3 else 1 for s in self.settings)
        A = len(self.ages)
        return np.stack([np.broadcast_to(s.contacts, (kinds, A, A)) for s in self.settings])

    @cached_property
    def present(self) -> Floats:
        """People present by setting, place and age, shape (setting, place, age), persons."""
        local = self.population.astype(np.float64)
        moved = np.asarray(self.mixing.T @ local)
        return np.stack([local if s.local else moved for s in self.settings])

    def control(self, day: int) -> Floats:
        """Return the controls in force on a day, shape (place, setting)."""
        period: Floats = self.controls[min(day // self.control_days, self.controls.shape[0] - 1)]
        return period

    def redirected(self, day: int, place: int) -> tuple[tuple[str, str, float], ...]:
        """Return the redirects in force on a day in a place, as (at, to, share)."""
        return tuple((t.at, t.to, float(t.share[day, place])) for t in self.redirects)

    def place_index(self, name: str) -> int:
        """Return the position of a place; raises UnknownPlace (E803) if there is none of that name."""
        if name not in self.places:
            raise UnknownPlace(f"There is no place “{name}”.", where="places")
        return self.places.index(name)

    def but(self, **changes: Any) -> Specification:
        """Return the same specification with some fields changed, checked again.

        With another number of `days`, what is the same every day (β, imports, redirects) goes on; with other
        places, no journeys are still none.
        """
        if "places" in changes and "journeys" not in changes and self.journeys.nnz == 0:
            changes["journeys"] = None
        if changes.get("days", self.days) != self.days:
            steady = {"transmission": self.transmission, "imports": self.imports}
            for name, by_day in steady.items():
                if name not in changes and (by_day == by_day[0]).all():
                    changes[name] = np.broadcast_to(by_day[0], (changes["days"], *by_day.shape[1:]))
            if "redirects" not in changes:
                changes["redirects"] = tuple(
                    replace(r, share=r.share[0]) if (r.share == r.share[0]).all() else r
                    for r in self.redirects
                )
        return replace(self, **changes)


def checked_mixing(mixing: ArrayLike | Sparse | None, *, places: int) -> Sparse:
    """Return the mixing as a sparse matrix after checking that it is square and its rows sum to 1.

    None stands for people who stay in their place. Raises ShapeMismatch (E801), OutOfRange (E802),
    NotRowStochastic (E806).

    >>> checked_mixing([[0.9, 0.1], [0.0, 1.0]], places=2).nnz
    3
    """
    if mixing is None:
        mixing = csr_array(eye_array(places))
    given = mixing if issparse(mixing) else np.asarray(mixing, dtype=np.float64)
    matrix: Sparse = csr_array(given).astype(np.float64)
    if matrix.shape != (places, places):
        raise ShapeMismatch(
            f"mixing has shape {matrix.shape}, expected ({places}, {places}).", where="mixing"
        )
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    as_floats(matrix.data, "mixing", shape=(None,), high=1.0)
    sums: Floats = np.asarray(matrix.sum(axis=1)).ravel()
    worst = int(np.abs(sums - 1).argmax())
    if abs(sums[worst] - 1) > 1e-9:
        raise NotRowStochastic(
            f"The shares of time of place {worst} sum to {sums[worst]:.9g}, not 1.",
            where=f"mixing[{worst}]",
            remedy="Each row says where the people of one place spend their time, all of it.",
        )
    return matrix


def checked_journeys(
    journeys: ArrayLike | Sparse | None, people: Integers, places: Sequence[str] = ()
) -> Sparse:
    """Return journeys (place, place), persons per day, after checking that every place keeps its people.

    None stands for none. Raises ShapeMismatch (E801), OutOfRange (E802), TravelNotConserved (E813).

    >>> checked_journeys([[0, 5.0], [5.0, 0]], np.array([100, 50])).nnz
    2
    """
    P = len(people)
    if journeys is None:
        journeys = csr_array((P, P))
    given = journeys if issparse(journeys) else np.asarray(journeys, dtype=np.float64)
    matrix: Sparse = csr_array(given).astype(np.float64)
    if matrix.shape != (P, P):
        raise ShapeMismatch(
            f"journeys has shape {matrix.shape}, expected ({P}, {P}).", where="journeys"
        )
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    as_floats(matrix.data, "journeys", shape=(None,))
    named = places or tuple(f"place {i}" for i in range(P))
    leave: Floats = np.asarray(matrix.sum(axis=1)).ravel()
    come: Floats = np.asarray(matrix.sum(axis=0)).ravel()
    worst = int(np.abs(leave - come).argmax())
    if abs(leave[worst] - come[worst]) > 1e-6 * max(1.0, leave[worst], come[worst]):
        raise TravelNotConserved(
            f"{leave[worst]:g} people leave {named[worst]} for good in a day, and {come[worst]:g} come.",
            where=f"journeys[{named[worst]}]",
            remedy="A place keeps its number of people: as many must come as leave.",
        )
    over = np.flatnonzero(leave > people)
    if over.size:
        raise TravelNotConserved(
            f"{leave[over[0]]:g} people a day leave {named[over[0]]}, where {people[over[0]]} live.",
            where=f"journeys[{named[over[0]]}]",
        )
    return matrix


def weekly(controls: Mapping[int, Floats], *, weeks: int) -> Floats:
    """Return controls as an array from a table that names only the weeks where something changes.

    `controls` week → (place, setting); a week without an entry keeps the last; week 0 must be there.
    Shape (week, place, setting). Raises ShapeMismatch (E801).

    >>> weekly({0: np.ones((1, 1)), 2: np.full((1, 1), 0.5)}, weeks=4).ravel().tolist()
    [1.0, 1.0, 0.5, 0.5]
    """
    if 0 not in controls:
        raise ShapeMismatch("controls do not say how week 0 begins.", where="controls")
    rows: Sequence[int] = [max(w for w in controls if w <= week) for week in range(weeks)]
    return np.stack([np.asarray(controls[w], dtype=np.float64) for w in rows])
