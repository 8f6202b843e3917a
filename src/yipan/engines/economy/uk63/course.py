"""The epidemic under a course of openings, and how occupancy and R move with every opening.

State of each group: susceptible, exposed, asymptomatic, symptomatic, in hospital. With N(x) people
and D(x) contacts of the period, b its behaviour multiplier and β the transmission,

    λ = β b D ((a A + I) / N) + ε / N
    S' = −λ S,  E' = λ S − E/T_l,  A' = (1 − p) E/T_l − A/T_a,  I' = p E/T_l − (h + g) I,
    H' = h I − H/T_h

Fourth-order Runge–Kutta; tangents are the exact derivatives of the scheme's equations, carried beside the
state (forward sensitivity), so that occupancy on *every* day is known with its gradient: the highest
day need not be known beforehand.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from yipan.engines.checks import Floats
from yipan.engines.economy.uk63.contacts import contact_derivatives, contacts, people_at
from yipan.engines.economy.uk63.problem import Problem

STEP_DAYS = 0.5
GRADIENT_STEP_DAYS = 2.0
"""Step of runs with tangents: slopes differ from those of half a day by less than 1e-6 of the largest."""

S, E, A, I, H = range(5)  # noqa: E741 the textbook's symbols


@dataclass(frozen=True)
class Path:
    """What a course of openings leads to in the decision periods.

    `days` (day,), `occupancy` (day,) persons in hospital; `R_end` the spectral radius of the
    next-generation matrix at the end. The gradients are None where they were not asked for; with
    k = period × sectors + sector, `d_occupancy` has shape (day, k) and `d_R_end` (k,).
    """

    days: Floats
    occupancy: Floats
    R_end: float
    d_occupancy: Floats | None = None
    d_R_end: Floats | None = None

    @property
    def peak(self) -> float:
        """Highest occupancy."""
        return float(self.occupancy.max())


@dataclass(frozen=True)
class Epidemic:
    """The epidemic of one problem; the past up to the first decision is computed once."""

    problem: Problem

    @cached_property
    def beta(self) -> float:
        """Transmission per contact: R0 with everything open, nobody at home, everybody susceptible."""
        p = self.problem
        open_all = np.ones(p.sectors)
        free = contacts(p, open_all, np.zeros(p.sectors))
        return p.disease.R0 / spectral_radius(self._next_generation(free, p.people, p.people))[0]

    @cached_property
    def past(self) -> Floats:
        """The state at the first decision, after free spread and lockdown, shape (5, group)."""
        p = self.problem
        state = np.zeros((5, p.people.size))
        state[S] = p.people
        before = np.ones(p.sectors)
        home = np.zeros(p.sectors)
        for k, (opening, remote) in enumerate(((before, home), (p.lockdown, p.remote))):
            state = self._moved(state, before, opening)
            D = self.beta * p.behaviour[k] * contacts(p, opening, remote)
            people = people_at(p, opening)
            steps, h = self._steps(k)
            for _step in range(steps):
                state = self._step(state, D, people, h)
            before = opening
        return state

    def run(
        self, openings: Floats, *, gradients: bool = False, step_days: float | None = None
    ) -> Path:
        """Return the path under `openings` (period, sector), each in (0, 1].

        With `gradients`, also the derivatives to all openings, with steps of GRADIENT_STEP_DAYS unless
        said otherwise.
        """
        longest = step_days or (GRADIENT_STEP_DAYS if gradients else STEP_DAYS)
        p = self.problem
        n = p.sectors
        state, before = self.past, p.lockdown
        tangents = np.zeros((0, 5, p.people.size))
        days, occupied, d_occupied = [], [], []
        D = np.zeros(0)
        for period in range(p.periods):
            opening = openings[period]
            if gradients:
                tangents = self._moved_tangents(state, tangents, before, opening, first=period == 0)
            state = self._moved(state, before, opening)
            scale = self.beta * p.behaviour[2 + period]
            D = scale * contacts(p, opening, p.remote)
            people = people_at(p, opening)
            M = self._effective(D, people, scale, opening) if gradients else np.zeros(0)
            steps, h = self._steps(2 + period, longest)
            for step in range(steps):
                if gradients:
                    state, tangents = self._step_with_tangents(state, tangents, D, M, people, h)
                else:
                    state = self._step(state, D, people, h)
                days.append(p.times[2 + period] + h * (step + 1))
                occupied.append(state[H].sum())
                if gradients:
                    row = np.zeros(p.periods * n)
                    row[: tangents.shape[0]] = tangents[:, H].sum(axis=1)
                    d_occupied.append(row)
            before = opening
        people = people_at(p, before)
        R, right, left = spectral_radius(self._next_generation(D, state[S], people))
        return Path(
            days=np.array(days),
            occupancy=np.array(occupied),
            R_end=R,
            d_occupancy=np.array(d_occupied) if gradients else None,
            d_R_end=self._d_R(D, state[S], tangents[:, S], people, before, right, left)
            if gradients
            else None,
        )

    # --- equations

    def _next_generation(self, D: Floats, susceptible: Floats, people: Floats) -> Floats:
        """K[i, j] = D[i, j] S_i / N_j × infectious days of j; D holds β and behaviour already."""
        days = self.problem.disease.infectious_days
        return np.asarray(D * susceptible[:, None] * (days / people)[None, :])

    def _steps(self, k: int, longest: float = STEP_DAYS) -> tuple[int, float]:
        span = self.problem.times[k + 1] - self.problem.times[k]
        steps = int(np.ceil(span / longest))
        return steps, span / steps

    def _slope(self, z: Floats, D: Floats, people: Floats) -> Floats:
        d = self.problem.disease
        new = z[S] * (
            D @ ((d.asymptomatic_infectivity * z[A] + z[I]) / people) + d.seed_per_day / people
        )
        onset = z[E] / d.latent_days
        return np.stack(
            [
                -new,
                new - onset,
                (1.0 - d.p_symptomatic) * onset - z[A] / d.asymptomatic_days,
                d.p_symptomatic * onset - d.leaving * z[I],
                d.admission * z[I] - z[H] / d.hospital_days,
            ]
        )

    def _step(self, z: Floats, D: Floats, people: Floats, h: float) -> Floats:
        k1 = self._slope(z, D, people)
        k2 = self._slope(z + h / 2 * k1, D, people)
        k3 = self._slope(z + h / 2 * k2, D, people)
        k4 = self._slope(z + h * k3, D, people)
        return np.asarray(z + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4))

    def _slope_tangents(
        self, z: Floats, t: Floats, D: Floats, M: Floats, people: Floats
    ) -> tuple[Floats, Floats]:
        """Return the slope and its tangents; the last rows of `t` are this period's own openings."""
        d, n = self.problem.disease, self.problem.sectors
        infectious = (d.asymptomatic_infectivity * z[A] + z[I]) / people
        force = D @ infectious + d.seed_per_day / people
        new = z[S] * force
        onset = z[E] / d.latent_days
        slope = np.stack(
            [
                -new,
                new - onset,
                (1.0 - d.p_symptomatic) * onset - z[A] / d.asymptomatic_days,
                d.p_symptomatic * onset - d.leaving * z[I],
                d.admission * z[I] - z[H] / d.hospital_days,
            ]
        )
        d_force = ((d.asymptomatic_infectivity * t[:, A] + t[:, I]) / people) @ D.T
        d_force[-n:] += M @ np.append(infectious, d.seed_per_day)
        d_new = t[:, S] * force + z[S] * d_force
        d_onset = t[:, E] / d.latent_days
        tangent = np.empty_like(t)
        tangent[:, S] = -d_new
        tangent[:, E] = d_new - d_onset
        tangent[:, A] = (1.0 - d.p_symptomatic) * d_onset - t[:, A] / d.asymptomatic_days
        tangent[:, I] = d.p_symptomatic * d_onset - d.leaving * t[:, I]
        tangent[:, H] = d.admission * t[:, I] - t[:, H] / d.hospital_days
        return slope, tangent

    def _step_with_tangents(
        self, z: Floats, t: Floats, D: Floats, M: Floats, people: Floats, h: float
    ) -> tuple[Floats, Floats]:
        k1, t1 = self._slope_tangents(z, t, D, M, people)
        k2, t2 = self._slope_tangents(z + h / 2 * k1, t + h / 2 * t1, D, M, people)
        k3, t3 = self._slope_tangents(z + h / 2 * k2, t + h / 2 * t2, D, M, people)
        k4, t4 = self._slope_tangents(z + h * k3, t + h * t3, D, M, people)
        return (
            np.asarray(z + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)),
            np.asarray(t + h / 6 * (t1 + 2 * t2 + 2 * t3 + t4)),
        )

    def _effective(self, D: Floats, people: Floats, scale: float, opening: Floats) -> Floats:
        """Return ∂λ/∂x_k as a matrix on (infectious prevalence, ε), shape (sector, group, group + 1).

        λ moves with D and with N in its denominators: N_k grows by what the idle lose.
        """
        p = self.problem
        n, idle, working = p.sectors, p.idle, p.people[: p.sectors]
        M = np.zeros((n, people.size, people.size + 1))
        M[:, :, :-1] = scale * contact_derivatives(p, opening, p.remote)
        for k in range(n):
            M[k, :, k] -= D[:, k] * working[k] / people[k]
            M[k, :, idle] += D[:, idle] * working[k] / people[idle]
            M[k, k, -1] -= working[k] / people[k] ** 2
            M[k, idle, -1] += working[k] / people[idle] ** 2
        return M

    def _moved(self, z: Floats, before: Floats, opening: Floats) -> Floats:
        """Send workers of closing sectors home, every compartment in proportion, and call others back."""
        p = self.problem
        n, idle = p.sectors, p.idle
        idle_before = people_at(p, before)[idle]
        ratio = np.where(opening < before, opening / before, 1.0)
        back = np.where(opening > before, p.people[:n] * (opening - before), 0.0) / idle_before
        moved = z.copy()
        moved[:, :n] = z[:, :n] * ratio + z[:, [idle]] * back
        moved[:, idle] += (z[:, :n] * (1.0 - ratio)).sum(axis=1) - z[:, idle] * back.sum()
        return moved

    def _moved_tangents(
        self, z: Floats, t: Floats, before: Floats, opening: Floats, *, first: bool
    ) -> Floats:
        """Return the tangents after the move, with rows for the new period's openings appended."""
        p = self.problem
        n, idle = p.sectors, p.idle
        people = p.people[:n]
        idle_before = people_at(p, before)[idle]
        closing, opens = opening < before, opening > before
        ratio = np.where(closing, opening / before, 1.0)
        back = np.where(opens, people * (opening - before), 0.0) / idle_before
        own = t.copy()
        own[:, :, :n] = t[:, :, :n] * ratio + t[:, :, [idle]] * back
        own[:, :, idle] += (t[:, :, :n] * (1.0 - ratio)).sum(axis=2) - t[:, :, idle] * back.sum()
        new = np.zeros((n, *z.shape))
        # Where an opening stays as it was the two one-sided derivatives differ. Most such sectors are
        # fully open in both periods, and can only close later or open later: those sides are taken.
        falls = opening <= before
        d_ratio = np.where(falls, 1.0 / before, 0.0)
        d_back = np.where(falls, 0.0, people) / idle_before
        for k in range(n):
            flow = z[:, k] * d_ratio[k] + z[:, idle] * d_back[k]
            new[k, :, k] += flow
            new[k, :, idle] -= flow
        if not first:
            self._past_edge(own, z, before, opening, ratio, closing, opens, idle_before)
        return np.concatenate([own, new])

    def _past_edge(
        self,
        own: Floats,
        z: Floats,
        before: Floats,
        opening: Floats,
        ratio: Floats,
        closing: NDArray[np.bool_],
        opens: NDArray[np.bool_],
        idle_before: float,
    ) -> None:
        """Add how the move itself depends on the openings of the period that ends."""
        p = self.problem
        n, idle, people = p.sectors, p.idle, p.people[: p.sectors]
        last = own[-n:]
        back_people = np.where(opens, people * (opening - before), 0.0)
        for k in range(n):
            d_ratio = -ratio[k] / before[k] if closing[k] else 0.0
            d_back = 0.0 if closing[k] else -people[k] / idle_before
            flow = z[:, k] * d_ratio + z[:, idle] * d_back
            last[k, :, k] += flow
            last[k, :, idle] -= flow
            # the idle grow as k closes: d idle_before / d before_k = −N_k, so each share back changes
            change = back_people * people[k] / idle_before**2
            last[k, :, :n] += z[:, [idle]] * change
            last[k, :, idle] -= z[:, idle] * change.sum()

    def _d_R(
        self,
        D: Floats,
        susceptible: Floats,
        d_susceptible: Floats,
        people: Floats,
        opening: Floats,
        right: Floats,
        left: Floats,
    ) -> Floats:
        """Return ∂R/∂x by the left and right eigenvectors: dR = l·dK·r / l·r."""
        p = self.problem
        n, idle, working = p.sectors, p.idle, p.people[: p.sectors]
        weight = p.disease.infectious_days * right / people  # K r = S ∘ (D weight)
        reached = D @ weight
        found = (d_susceptible * reached) @ left
        scale = self.beta * p.behaviour[-1]
        direct = contact_derivatives(p, opening, p.remote) @ weight  # (sector, group)
        own = scale * (direct * susceptible) @ left
        for k in range(n):
            by_people = (
                -D[:, k] * weight[k] * working[k] / people[k]
                + D[:, idle] * weight[idle] * working[k] / people[idle]
            )
            own[k] += left @ (susceptible * by_people)
        found[-n:] += own
        return np.asarray(found / (left @ right))


def spectral_radius(matrix: Floats) -> tuple[float, Floats, Floats]:
    """Return the largest eigenvalue of a non-negative matrix with its right and left eigenvectors."""
    values, vectors = np.linalg.eig(matrix)
    top = int(np.argmax(values.real))
    values_left, vectors_left = np.linalg.eig(matrix.T)
    top_left = int(np.argmax(values_left.real))
    return (
        float(values[top].real),
        np.asarray(vectors[:, top].real),
        np.asarray(vectors_left[:, top_left].real),
    )
