"""One linear programme, solved by HiGHS, with its prices; an infeasible one is an answer."""

from __future__ import annotations

from dataclasses import dataclass

import highspy
import numpy as np
from scipy.sparse import csc_array, csr_array

from yipan.engines.checks import Floats
from yipan.engines.errors import EngineError


class NoOptimum(EngineError):
    """A linear programme has no optimum where one must exist: a fault of the model that built it."""

    code = "E820"
    status = 500


@dataclass(frozen=True)
class Solution:
    """The optimum of a linear programme.

    `row_prices` (row,): what the gain rises for one unit more on the row's binding side, ≥ 0 for an upper
    and ≤ 0 for a lower limit; `column_prices` (column,) likewise for the columns' own limits.
    """

    x: Floats
    value: float
    row_prices: Floats
    column_prices: Floats
    seconds: float
    feasible: bool = True


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
        self, *, method: str = "choose", crossover: bool = True, time_limit_s: float = 600.0
    ) -> Solution:
        """Return the optimum; a programme without a feasible point returns `feasible` False.

        `method` is HiGHS's: choose, simplex or ipm. Without `crossover` an interior-point optimum is not
        moved to a vertex: faster on large programmes, and prices are then interior ones.
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
        solver = highspy.Highs()  # type: ignore[no-untyped-call]
        solver.silent()
        solver.setOptionValue("solver", method)
        solver.setOptionValue("run_crossover", "on" if crossover else "off")
        solver.setOptionValue("time_limit", float(time_limit_s))
        solver.passModel(self._model())
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
        x = np.asarray(found.col_value, dtype=np.float64)
        return Solution(
            x=x,
            value=float(self.gain @ x),
            # HiGHS minimises −gain, so its duals are those of the gain with the sign turned.
            row_prices=-np.asarray(found.row_dual, dtype=np.float64),
            column_prices=-np.asarray(found.col_dual, dtype=np.float64),
            seconds=seconds,
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
