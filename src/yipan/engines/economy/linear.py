"""One linear programme, solved by HiGHS, with its prices; an infeasible one is an answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import highspy
import numpy as np
from scipy.sparse import csc_array, csr_array

from yipan.engines.checks import Floats
from yipan.engines.errors import EngineError


class NoOptimum(EngineError):
    """A linear programme has no optimum where one must exist: a fault of the model that built it."""

    code = "E820"
    status = 500


class _Quiet(highspy.Highs):
    """HiGHS without its banner, which would stand in the middle of what a verb prints as JSON."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def enableCallbacks(self) -> None:
        self.setOptionValue("output_flag", False)
        super().enableCallbacks()  # type: ignore[no-untyped-call]


@dataclass(frozen=True)
class Solution:
    """The optimum of a linear programme.

    `row_prices` (row,): what the gain rises for one unit more on the row's binding side, ≥ 0 for an upper
    and ≤ 0 for a lower limit; `column_prices` (column,) likewise for the columns' own limits.
    `basis` is the vertex, in the solver's own form, from which a like programme can start (`start`).
    `row_ranges` (row, 2) and `column_ranges` (column, 2): from where to where the limit that binds could
    move, alone, with its price unchanged; None unless asked for.
    """

    x: Floats
    value: float
    row_prices: Floats
    column_prices: Floats
    seconds: float
    feasible: bool = True
    row_ranges: Floats | None = None
    column_ranges: Floats | None = None
    basis: Any = None


@dataclass(frozen=True)
class LinearProgramme:
    """Maximise gain·x subject to row_lower ≤ rows·x ≤ row_upper and lower ≤ x ≤ upper."""

    gain: Floats
    lower: Floats
    upper: Floats
    rows: csr_array
    row_lower: Floats
    row_upper: Floats

    def solve(
        self,
        *,
        method: str = "choose",
        crossover: bool = True,
        time_limit_s: float = 600.0,
        ranging: bool = False,
        start: Any = None,
    ) -> Solution:
        """Return the optimum; a programme without a feasible point returns `feasible` False.

        `method` is HiGHS's: choose, simplex or ipm. Without `crossover` an interior-point optimum is not
        moved to a vertex: faster on some programmes, and prices are then interior ones. `ranging` adds the
        ranges of all limits, which needs a vertex. `start` is the basis of a solution of a programme with as
        many columns and rows: where little changed since, the simplex method ends in a few steps.
        Raises NoOptimum (E820) where the programme is unbounded or the time limit is reached.

        >>> from scipy.sparse import csr_array
        >>> programme = LinearProgramme(
        ...     gain=np.array([2.0, 1.0]), lower=np.zeros(2), upper=np.array([3.0, 3.0]),
        ...     rows=csr_array([[1.0, 1.0]]), row_lower=np.array([-np.inf]), row_upper=np.array([4.0]),
        ... )
        >>> solution = programme.solve()
        >>> solution.value, solution.row_prices.tolist()
        (7.0, [1.0])
        """
        solver = _Quiet()
        solver.setOptionValue("solver", method)
        solver.setOptionValue("run_crossover", "on" if crossover else "off")
        solver.setOptionValue("time_limit", float(time_limit_s))
        solver.passModel(self._model())
        if start is not None:
            solver.setBasis(start)
        solver.run()
        status = solver.getModelStatus()
        seconds = float(solver.getRunTime())
        if status in (
            highspy.HighsModelStatus.kInfeasible,
            highspy.HighsModelStatus.kUnboundedOrInfeasible,
        ):
            empty = np.full(self.gain.size, np.nan)
            return Solution(
                empty, np.nan, np.full(self.row_lower.size, np.nan), empty, seconds, feasible=False
            )
        if status != highspy.HighsModelStatus.kOptimal:
            raise NoOptimum(
                f"The linear programme ended as “{solver.modelStatusToString(status)}” "
                f"after {seconds:.1f} s.",
                where=f"{self.gain.size} columns, {self.row_lower.size} rows",
                remedy="Bound every column, or give it more time.",
            )
        found = solver.getSolution()
        ranges = _ranges(solver) if ranging else (None, None)
        x = np.asarray(found.col_value, dtype=np.float64)
        return Solution(
            x=x,
            value=float(self.gain @ x),
            # HiGHS minimises −gain, so its duals are those of the gain with the sign turned.
            row_prices=-np.asarray(found.row_dual, dtype=np.float64),
            column_prices=-np.asarray(found.col_dual, dtype=np.float64),
            seconds=seconds,
            row_ranges=ranges[0],
            column_ranges=ranges[1],
            basis=solver.getBasis(),
        )

    def _model(self) -> highspy.HighsLp:
        model = highspy.HighsLp()
        columns = csc_array(self.rows)
        model.num_col_, model.num_row_ = self.gain.size, self.row_lower.size
        model.col_cost_ = -self.gain
        model.col_lower_, model.col_upper_ = self.lower, self.upper
        model.row_lower_, model.row_upper_ = self.row_lower, self.row_upper
        model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        model.a_matrix_.start_ = columns.indptr
        model.a_matrix_.index_ = columns.indices
        model.a_matrix_.value_ = columns.data
        return model


def _ranges(solver: highspy.Highs) -> tuple[Floats | None, Floats | None]:
    """Return from where to where each row's and column's limit could move, None without a vertex."""
    _status, found = solver.getRanging()
    if not found.valid:
        return None, None
    rows = np.stack([found.row_bound_dn.value_, found.row_bound_up.value_], axis=1)
    columns = np.stack([found.col_bound_dn.value_, found.col_bound_up.value_], axis=1)
    return np.asarray(rows, dtype=np.float64), np.asarray(columns, dtype=np.float64)
