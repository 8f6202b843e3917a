"""The first economic account: what a partly open economy adds, by week and place.

It answers one question only: how much of the value added of an ordinary week is produced when so
much of each section of the economy is at work. What firms need of one another (inputs, stocks,
demand) is the matter of the supply-chain model, not of this account, so its figures are those of
supply alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from yipan.engines.checks import Floats, as_floats, check_shape
from yipan.engines.errors import OutOfRange, ShapeMismatch

WEEKS_PER_YEAR = 365.25 / 7


@dataclass(frozen=True)
class Spread:
    """A year's value added by place and section, and which part of it is estimated.

    `value` has shape (place, section), in the unit of what was given. `estimated` has shape
    (region,): True where a region published nothing and its figure was inferred from the others.
    """

    value: Floats
    estimated: NDArray[np.bool_]


def spread_value_added(
    *,
    region_value: ArrayLike,
    employment: ArrayLike,
    region_of: ArrayLike,
    branch_of: ArrayLike,
) -> Spread:
    """Return a year's value added by place and section, spread from regions by people employed.

    `region_value` has shape (region, branch), value added a year of broad branches (primary,
    secondary, tertiary), NaN where a region published none. `employment` has shape (place, section),
    people employed, ≥ 0. `region_of` (place,) and `branch_of` (section,) say where each belongs.

    Within a region and branch every employed person adds the same:

        value[p, s] = region_value[r, b] · employment[p, s] / Σ_{p' in r, s' in b} employment[p', s']

    A region that published nothing takes the value per employed person of all others, branch by
    branch. Where a branch of a region has value but nobody employed, it is spread evenly over the
    region's places and the branch's sections, so that no value is lost.

    This is a location quotient of employment; differences of productivity inside a region and
    branch are not seen. Source of the method: R. E. Miller and P. D. Blair, Input–Output Analysis,
    3rd ed. (2022), section 8.2.
    Raises ShapeMismatch (E801) and OutOfRange (E802), the latter also where no region at all
    published a branch.

    >>> spread = spread_value_added(
    ...     region_value=[[90.0]], employment=[[1.0, 1.0], [1.0, 0.0]], region_of=[0, 0], branch_of=[0, 0]
    ... )
    >>> spread.value.tolist()
    [[30.0, 30.0], [30.0, 0.0]]
    """
    people = as_floats(employment, "employment", shape=(None, None))
    published = np.asarray(region_value, dtype=np.float64)
    check_shape(published, "region_value", (None, None))
    regions = _index(region_of, "region_of", people.shape[0], published.shape[0])
    branches = _index(branch_of, "branch_of", people.shape[1], published.shape[1])
    known = np.isfinite(published)
    as_floats(np.where(known, published, 0.0), "region_value", shape=(None, None))
    in_region = np.zeros((published.shape[0], people.shape[0]))
    in_region[regions, np.arange(people.shape[0])] = 1.0
    in_branch = np.zeros((people.shape[1], published.shape[1]))
    in_branch[np.arange(people.shape[1]), branches] = 1.0
    workers = in_region @ people @ in_branch  # (region, branch)
    totals = np.where(known, published, _per_head(published, known, workers) * workers)
    # Each place and section's share of its region and branch.
    whole = workers[regions][:, branches]
    cells = (in_region.sum(axis=1)[:, None] * in_branch.sum(axis=0))[regions][:, branches]
    share = np.where(whole > 0, people / np.where(whole > 0, whole, 1.0), 1.0 / cells)
    estimated = np.array([not row.all() for row in known], dtype=np.bool_)
    return Spread(value=totals[regions][:, branches] * share, estimated=estimated)


def _per_head(published: Floats, known: NDArray[np.bool_], workers: Floats) -> Floats:
    """Value added per employed person of each branch, over the regions that published it."""
    needed = (~known).any(axis=0)
    there = np.where(known, workers, 0.0).sum(axis=0)
    if (needed & (there <= 0)).any():
        branch = int(np.argmax(needed & (there <= 0)))
        raise OutOfRange(
            "No region with people employed published the value added of a branch.",
            where=f"region_value[:, {branch}]",
            remedy="Give at least one region's value added, or leave the branch out.",
        )
    given = np.where(known, published, 0.0).sum(axis=0)
    return np.where(there > 0, given / np.where(there > 0, there, 1.0), 0.0)


def _index(values: ArrayLike, name: str, length: int, bound: int) -> NDArray[np.int64]:
    index = np.asarray(values)
    check_shape(index, name, (length,))
    if not np.issubdtype(index.dtype, np.integer) or (index < 0).any() or (index >= bound).any():
        raise ShapeMismatch(f"{name} must hold whole numbers from 0 to {bound - 1}.", where=name)
    return index.astype(np.int64)


def value_added_by_week(
    *, weekly_value: ArrayLike, remote_share: ArrayLike, opening: ArrayLike, absent: ArrayLike
) -> Floats:
    """Return value added by week and place, shape (week, place), in the unit of `weekly_value`.

    `weekly_value` (place, section) is what an ordinary week adds; `remote_share` (section,) in
    [0, 1] is the part of a section's work done at a distance, which no closure stops; `opening`
    (week, place, section) in [0, 1] is the part of the rest that is at work; `absent` (week, place)
    in [0, 1] is the share of people who are ill or in quarantine.

        value[w, p] = (1 − absent[w, p]) · Σ_s weekly_value[p, s] · (r_s + (1 − r_s) · opening[w, p, s])

    Source: DESIGN's first account after D. J. Haw et al. (2022), Nature Computational Science
    2:223, equation for gross value added under opening x, with home working apart.
    Raises ShapeMismatch (E801) and OutOfRange (E802).

    >>> value_added_by_week(
    ...     weekly_value=[[10.0, 20.0]], remote_share=[0.5, 0.0], opening=[[[0.0, 1.0]]], absent=[[0.0]]
    ... ).tolist()
    [[25.0]]
    """
    value = as_floats(weekly_value, "weekly_value", shape=(None, None))
    places, sections = value.shape
    remote = as_floats(remote_share, "remote_share", shape=(sections,), high=1.0)
    at_work = as_floats(opening, "opening", shape=(None, places, sections), high=1.0)
    away = as_floats(absent, "absent", shape=(at_work.shape[0], places), high=1.0)
    kept = value * remote
    bound = value - kept
    produced = kept.sum(axis=1) + np.einsum("wps,ps->wp", at_work, bound)
    return np.asarray(produced * (1.0 - away))


def absence(
    *,
    new_infections: ArrayLike,
    quarantined_per_infection: float,
    days_away: float,
    people: ArrayLike,
) -> Floats:
    """Return the share of people absent by week and place, shape (week, place), in [0, 1].

    `new_infections` (week, place) counts people; each keeps itself and `quarantined_per_infection`
    contacts away for `days_away` days, which are spread over this week and the weeks that follow.
    `people` (place,) > 0 where anybody is infected.

        absent[w] = Σ_k new[w − k] · (1 + q) · days_in_week(k) / 7 / people

    with days_in_week(k) the part of `days_away` that falls into the k-th week after, infections
    being taken at the week's start.
    Raises ShapeMismatch (E801) and OutOfRange (E802).

    >>> absence(
    ...     new_infections=[[10.0], [0.0]], quarantined_per_infection=0.0, days_away=10.5, people=[100.0]
    ... ).tolist()
    [[0.1], [0.05]]
    """
    new = as_floats(new_infections, "new_infections", shape=(None, None))
    living = as_floats(people, "people", shape=(new.shape[1],))
    as_floats([quarantined_per_infection, days_away], "quarantine", shape=(2,))
    away = np.zeros_like(new)
    left, k = days_away, 0
    while left > 0 and k < new.shape[0]:
        away[k:] += new[: new.shape[0] - k] * min(left, 7.0) / 7.0
        left, k = left - 7.0, k + 1
    share = away * (1.0 + quarantined_per_infection) / np.where(living > 0, living, 1.0)
    return np.minimum(share, 1.0)
