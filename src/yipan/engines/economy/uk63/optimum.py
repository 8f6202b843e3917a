"""Sequential linear programming: the best openings under a hospital limit and a final R, with prices.

Each step solves one linear programme in which occupancy on every day and R at the end are replaced by
their first-order expansions, inside a trust region. The optimum is local, and says so; the bound is the
same programme without the epidemic, which is global.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

import numpy as np
from scipy.sparse import csr_array

from yipan.engines.checks import Floats
from yipan.engines.economy.linear import LinearProgramme, Solution
from yipan.engines.economy.uk63.course import GRADIENT_STEP_DAYS, Epidemic, Path
from yipan.engines.economy.uk63.problem import Problem
from yipan.engines.errors import OutOfRange

MOST_STEPS = 60
FIRST_RADIUS = 0.3
LEAST_RADIUS = 1e-7
GAIN_BN = 1e-5
"""The search ends when a step gains less than this, in billion pounds."""

SLOW_STEPS, SLOW_BN = 4, 0.02
"""It also ends when so many steps together gained less than this: moving people has a kink where an
opening stays as it was, and along kinks the search only creeps."""

TIGHTER = 1e-6
"""Relative distance kept from both limits, so that the answer is inside them after rounding."""

NEAR = 1e-5
"""Limits count as met where they are exceeded by no more than this share."""

PENALTY_BN_PER_LIMIT = 2000.0
"""What the whole limit exceeded once over would cost the search; far above any price found."""


@dataclass(frozen=True)
class Optimum:
    """The best openings found, what they come to, and what the limits are worth.

    `openings` (period, sector); `value_bn` billion pounds over six months; `bound_bn` what the economy
    alone would allow; `price_per_bed_m` million pounds that one more bed adds, and `price_per_0_01_R_bn`
    billion pounds that a final R higher by 0.01 would add: both are multipliers of the last linear
    programme, prices at the margin, NaN where the limits cannot be met. Then the answer is the plan that
    exceeds them least, `beds_short` the beds and `R_over` the R that lack: with limits raised by as much it holds.
    """

    openings: Floats
    value_bn: float
    peak: float
    R_end: float
    bound_bn: float
    price_per_bed_m: float
    price_per_0_01_R_bn: float
    steps: int
    seconds: float
    converged: bool
    beds_short: float = 0.0
    R_over: float = 0.0

    @property
    def feasible(self) -> bool:
        """Whether both limits are met."""
        return self.beds_short == 0.0 and self.R_over == 0.0

    @property
    def gap(self) -> float:
        """Share by which the value stays below the bound of the economy alone."""
        return 1.0 - self.value_bn / self.bound_bn


def optimise(
    problem: Problem,
    *,
    hospital_limit: float,
    education_floor: float | None = None,
    R_limit: float = 1.0,
    start: Floats | None = None,
    progress: Callable[[int, float], None] | None = None,
) -> Optimum:
    """Return the best openings with occupancy at most `hospital_limit` on every day and R_end ≤ `R_limit`.

    `education_floor` keeps education at least so far open in every period. The search starts cold, with
    the fewest people at work that the economy's needs allow, unless `start` (period, sector) says otherwise. `progress(step, value_bn)`.
    Raises OutOfRange (E802) for limits that are not positive.
    """
    if not (hospital_limit > 0 and R_limit > 0 and 0 <= (education_floor or 0.0) <= 1):
        raise OutOfRange(
            f"A hospital limit of {hospital_limit:g}, R of {R_limit:g} and an education floor of "
            f"{education_floor} cannot be met.",
            where="limits",
        )
    started = perf_counter()
    search = _Search(problem, hospital_limit, R_limit, education_floor)
    return search.run(start, progress, started)


def economics_only(problem: Problem, *, education_floor: float | None = None) -> float:
    """Return the value in billion pounds that the economy alone allows: no epidemic at all."""
    search = _Search(problem, np.inf, np.inf, education_floor)
    return search.bound()


class _Search:
    def __init__(
        self, problem: Problem, hospital_limit: float, R_limit: float, floor: float | None
    ) -> None:
        self.problem, self.epidemic = problem, Epidemic(problem)
        self.hospital_limit, self.R_limit = hospital_limit, R_limit
        self.lower = problem.lower.copy()
        if floor is not None:
            self.lower[:, problem.education] = np.maximum(self.lower[:, problem.education], floor)
        self.upper = problem.upper
        weight = problem.months_per_period / 1000.0
        self.gain = np.tile(problem.value_per_month * weight, problem.periods)
        self.needs = np.tile(problem.months_per_period * problem.needs, (1, problem.periods))

    def bound(self) -> float:
        """The economics-only optimum."""
        programme = LinearProgramme(
            gain=self.gain,
            lower=self.lower.ravel(),
            upper=self.upper.ravel(),
            rows=csr_array(self.needs),
            row_lower=np.full(self.needs.shape[0], -np.inf),
            row_upper=self.problem.needs_limit,
        )
        return programme.solve().value

    def run(
        self,
        start: Floats | None,
        progress: Callable[[int, float], None] | None,
        started: float,
    ) -> Optimum:
        """Go from the start to where no step gains any more."""
        x = self.fewest_at_work() if start is None else np.clip(start, self.lower, self.upper)
        path = self.epidemic.run(x, gradients=True)
        radius, step, converged = FIRST_RADIUS, 0, False
        solution: Solution | None = None
        prices = (0.0, 0.0)
        gains: list[float] = []
        while step < MOST_STEPS and radius > LEAST_RADIUS:
            step += 1
            solution, prices = self._solve(x, path, radius)
            expected = self._merit_of(solution, x.size) - self._merit(x, path)
            if expected <= GAIN_BN:
                converged = True
                break
            there, gained = self._try(x, path, solution, radius)
            if gained >= 0.1 * expected:
                gains.append(gained)
                moved = float(np.abs(there - x).max())
                x, path = there, self.epidemic.run(there, gradients=True)
                radius = max(radius, 2.0 * moved) if gained >= 0.5 * expected else radius
                if progress is not None:
                    progress(step, self.problem.value_bn(x))
                if len(gains) > SLOW_STEPS and sum(gains[-SLOW_STEPS:]) < SLOW_BN:
                    converged = True
                    break
            else:
                radius = 0.4 * min(radius, float(np.abs(there - x).max()))
        final = self.epidemic.run(x)
        beds_short = max(0.0, final.peak - self.hospital_limit)
        R_over = max(0.0, final.R_end - self.R_limit)
        if beds_short <= NEAR * self.hospital_limit and R_over <= NEAR * self.R_limit:
            beds_short = R_over = 0.0  # the search ran with coarser steps than this last run
        else:
            prices = (np.nan, np.nan)  # those of the penalty, not of a bed
        return Optimum(
            openings=x,
            value_bn=self.problem.value_bn(x),
            peak=final.peak,
            R_end=final.R_end,
            bound_bn=self.bound(),
            price_per_bed_m=prices[0],
            price_per_0_01_R_bn=prices[1],
            steps=step,
            seconds=perf_counter() - started,
            converged=converged,
            beds_short=beds_short,
            R_over=R_over,
        )

    def fewest_at_work(self) -> Floats:
        """Return the openings with fewest people at work that meet the bounds and the balance of needs.

        The least openings alone break the balance, and no step of a small radius could mend that.
        """
        people = np.tile(self.problem.people[: self.problem.sectors], self.problem.periods)
        programme = LinearProgramme(
            gain=-people / people.sum(),
            lower=self.lower.ravel(),
            upper=self.upper.ravel(),
            rows=csr_array(self.needs),
            row_lower=np.full(self.needs.shape[0], -np.inf),
            row_upper=self.problem.needs_limit,
        )
        found = programme.solve()
        return np.asarray(np.clip(found.x.reshape(self.lower.shape), self.lower, self.upper))

    def _try(
        self, x: Floats, path: Path, solution: Solution, radius: float
    ) -> tuple[Floats, float]:
        """Return where the step leads and what it gains, corrected once where the limits bend away.

        The correction solves the same programme with the limits' true values at the step's end
        (second-order correction): without it a curved limit would reject every long step.
        """
        there = self._inside(solution, x)
        seen = self.epidemic.run(there, step_days=GRADIENT_STEP_DAYS)
        gained = self._merit(there, seen) - self._merit(x, path)
        bent, _prices = self._solve(x, path, radius, at=(there, seen))
        again = self._inside(bent, x)
        better = self.epidemic.run(again, step_days=GRADIENT_STEP_DAYS)
        gained_again = self._merit(again, better) - self._merit(x, path)
        return (again, gained_again) if gained_again > gained else (there, gained)

    def _inside(self, solution: Solution, x: Floats) -> Floats:
        there: Floats = np.clip(solution.x[: x.size].reshape(x.shape), self.lower, self.upper)
        return there

    def _limits(self) -> tuple[float, float]:
        return self.hospital_limit * (1.0 - TIGHTER), self.R_limit * (1.0 - TIGHTER)

    def _merit(self, x: Floats, path: Path) -> float:
        beds, R = self._limits()
        over = max(0.0, path.peak / beds - 1.0) + max(0.0, path.R_end / R - 1.0)
        return self.problem.value_bn(x) - PENALTY_BN_PER_LIMIT * over

    def _merit_of(self, solution: Solution, size: int) -> float:
        slack = solution.x[size:]
        return float(self.gain @ solution.x[:size]) - PENALTY_BN_PER_LIMIT * float(slack.sum())

    def _solve(
        self, x: Floats, path: Path, radius: float, *, at: tuple[Floats, Path] | None = None
    ) -> tuple[Solution, tuple[float, float]]:
        """Solve the linear programme at x; two slack columns keep it feasible at a price.

        With `at`, the limits' values are those of another point, their slopes still those of x.
        """
        assert path.d_occupancy is not None
        assert path.d_R_end is not None
        beds, R = self._limits()
        flat = x.ravel()
        days = path.occupancy.size
        there, values = (x, path) if at is None else at
        from_there = there.ravel()
        balance = np.concatenate([self.needs, np.zeros((self.needs.shape[0], 2))], axis=1)
        occupancy = np.concatenate(
            [path.d_occupancy / beds, np.tile([-1.0, 0.0], (days, 1))], axis=1
        )
        final = np.concatenate([path.d_R_end / R, [0.0, -1.0]])[None, :]
        programme = LinearProgramme(
            gain=np.concatenate([self.gain, [-PENALTY_BN_PER_LIMIT] * 2]),
            lower=np.concatenate([np.maximum(self.lower.ravel(), flat - radius), [0.0, 0.0]]),
            upper=np.concatenate([np.minimum(self.upper.ravel(), flat + radius), [np.inf] * 2]),
            rows=csr_array(np.concatenate([balance, occupancy, final])),
            row_lower=np.full(balance.shape[0] + days + 1, -np.inf),
            row_upper=np.concatenate(
                [
                    self.problem.needs_limit,
                    1.0 - (values.occupancy - path.d_occupancy @ from_there) / beds,
                    [1.0 - (values.R_end - path.d_R_end @ from_there) / R],
                ]
            ),
        )
        solution = programme.solve()
        worth = solution.row_prices[balance.shape[0] :]
        per_bed_m = float(worth[:days].sum()) / beds * 1000.0
        return solution, (per_bed_m, float(worth[days]) / R * 0.01)
