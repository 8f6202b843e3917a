"""A national input–output table made regional by location quotients; no regional table is invented silently."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from yipan.engines.checks import Floats, as_floats
from yipan.engines.errors import OutOfRange

FLEGG_DELTA = 0.3
"""Exponent of Flegg's size term; A. T. Flegg and C. D. Webber (2000), Regional Studies 34:563, find about 0.3."""


@dataclass(frozen=True)
class RegionalTable:
    """Technical coefficients met from inside the region and from outside.

    `own` + `imported` is the national technology, shape (sector, sector): input i for one unit of
    output j.
    """

    own: Floats
    imported: Floats
    quotients: Floats


def technical_coefficients(flows: ArrayLike, output: ArrayLike) -> Floats:
    """Return A[i, j] = flow from i to j for one unit of output of j; a sector without output needs nothing.

    Raises ShapeMismatch (E801), OutOfRange (E802), the latter also where inputs exceed the output.

    >>> technical_coefficients([[10.0, 20.0], [30.0, 0.0]], [100.0, 40.0]).tolist()
    [[0.1, 0.5], [0.3, 0.0]]
    """
    total = as_floats(output, "output", shape=(None,))
    table = as_floats(flows, "flows", shape=(total.size, total.size))
    A = table / np.where(total > 0, total, 1.0)[None, :]
    A[:, total <= 0] = 0.0
    worst = int(A.sum(axis=0).argmax())
    if A[:, worst].sum() > 1.0 + 1e-9:
        raise OutOfRange(
            f"Sector {worst} uses {A[:, worst].sum():.3f} units of inputs for one unit of output.",
            where=f"flows[:, {worst}]",
            remedy="Check that flows and output are in the same unit.",
        )
    return np.asarray(A)


def regionalise(
    technology: ArrayLike,
    national: ArrayLike,
    regional: ArrayLike,
    *,
    delta: float = FLEGG_DELTA,
) -> RegionalTable:
    """Return a region's own and imported coefficients by Flegg's location quotient.

    `technology` A (sector, sector); `national` and `regional` (sector,) size of each sector (output,
    value added or employment), ≥ 0. With LQ_i the region's share of sector i over its share of all,

        CILQ_ij = LQ_i / LQ_j  (LQ_i on the diagonal),   λ = log2(1 + Σ regional / Σ national)^δ
        own_ij = A_ij · min(1, λ CILQ_ij),   imported = A − own

    `delta` 0 gives plain cross-industry quotients. A sector the region does not have supplies nothing;
    one the nation does not have is neither bought nor sold. No quotient sees cross-hauling: what is
    bought outside although it is made inside is underestimated.
    Source: A. T. Flegg, C. D. Webber and M. V. Elliott (1995), Regional Studies 29:547; (2000) above.
    Raises ShapeMismatch (E801) and OutOfRange (E802).

    >>> regionalise([[0.2, 0.1], [0.3, 0.4]], [50, 50], [50, 50]).own.tolist()  # the region is the nation
    [[0.2, 0.1], [0.3, 0.4]]
    """
    A = as_floats(technology, "technology", shape=(None, None), high=1.0)
    n = A.shape[0]
    whole = as_floats(national, "national", shape=(n,))
    part = as_floats(regional, "regional", shape=(n,))
    if (part > whole * (1 + 1e-9)).any() or whole.sum() <= 0 or part.sum() <= 0:
        raise OutOfRange(
            "A region cannot be larger than its nation in any sector, and neither may be empty.",
            where="regional",
        )
    size = part.sum() / whole.sum()
    LQ = np.divide(part, whole, out=np.zeros(n), where=whole > 0) / size
    crossed = np.divide(LQ[:, None], LQ[None, :], out=np.ones((n, n)), where=(LQ > 0)[None, :])
    np.fill_diagonal(crossed, LQ)
    quotients = np.log2(1.0 + size) ** delta * crossed
    own = A * np.minimum(1.0, quotients)
    return RegionalTable(own=own, imported=A - own, quotients=quotients)
