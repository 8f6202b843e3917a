"""Who travels where each day, from population and distance alone, where no survey says it.

Two laws. The **radiation model** (Simini, González, Maritan and Barabási 2012, *Nature* 484, 96–100)
has no parameter to fit: a commuter takes the nearest place whose offer beats every nearer one, which
gives eq. 2 of the paper. The **gravity model** with an exponential range (Balcan et al. 2009, *PNAS*
106, 21484–21489) has two, fitted there to commuting in 29 countries. Both are held to the number of
people who leave each place; both are guesses, and whoever stores their result says so.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from yipan.engines.checks import Floats, as_floats

EARTH_RADIUS_KM: Final = 6371.0088
SAME_DISTANCE_KM: Final = 1e-9
"""Places whose distances differ by less are equally far: their order must not depend on labels."""

COMMUTER_SHARE: Final = 34_116_820 / 281_421_906
"""Share of residents who work in another county: 34,116,820 commuters between the counties of the
United States (Simini et al. 2012, supplementary information 1.1) of 281,421,906 residents (census
2000). An assumption wherever it is used elsewhere."""
COMMUTER_SHARE_SOURCE: Final = (
    "34,116,820 commuters between counties of the United States (Simini et al. 2012, SI 1.1) "
    "of 281,421,906 residents (census 2000)"
)

GRAVITY_ATTRACTION: Final = 0.64
GRAVITY_RANGE_KM: Final = 82.0
"""Exponent of the destination's population and range of distance: Balcan et al. 2009, table 1,
commuting below 300 km."""


def distances_km(lon: ArrayLike, lat: ArrayLike) -> Floats:
    """Return great-circle distances in km between all places, shape (place, place).

    `lon` and `lat` are degrees east and north, shape (place,). Haversine on a sphere of the mean
    Earth radius; symmetric with a zero diagonal. Raises ShapeMismatch (E801), OutOfRange (E802).

    >>> float(distances_km([0.0, 90.0], [0.0, 0.0])[0, 1].round())  # a quarter of the equator
    10008.0
    """
    x = np.radians(as_floats(lon, "lon", shape=(None,), low=-180.0, high=180.0))
    y = np.radians(as_floats(lat, "lat", shape=(len(x),), low=-90.0, high=90.0))
    half = (
        np.sin((y[:, None] - y) / 2) ** 2
        + np.cos(y[:, None]) * np.cos(y) * np.sin((x[:, None] - x) / 2) ** 2
    )
    return np.asarray(2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.clip(half, 0.0, 1.0))))


def radiation(
    population: ArrayLike, distance_km: ArrayLike, commuters: ArrayLike, *, keep: int | None = None
) -> csr_array:
    """Return how many commuters of each place (row) work in each other place, by the radiation model.

    `population` m (people, shape (place,)), `distance_km` (shape (place, place)), `commuters` T (how
    many leave each place daily). With s_ij the people nearer to i than j, i and j not counted,

        T_ij = T_i / (1 − m_i / M) × m_i n_j / ((m_i + s_ij) (m_i + n_j + s_ij))

    (Simini et al. 2012, eq. 2; the factor before it is the finite total M of Masucci et al. 2013,
    *Physical Review E* 88, 022812, with which rows sum to T_i). Places equally far share the flow of
    their ring by population, so that labels change nothing. `keep` retains the largest destinations
    of each origin, all of those tied, and scales the row back to T_i. A place without people sends
    and attracts nobody, and one that has everybody sends nobody.
    Raises ShapeMismatch (E801), OutOfRange (E802).

    >>> radiation([100, 100, 100], [[0, 1, 2], [1, 0, 1], [2, 1, 0]], [30, 0, 0]).toarray()[0].round(1).tolist()
    [0.0, 22.5, 7.5]
    """
    people, far, leaving = _checked(population, distance_km, commuters)
    flows = np.zeros_like(far)
    total = people.sum()
    for i in np.flatnonzero((people > 0) & (leaving > 0) & (people < total)).tolist():
        # 1/(m+s) falls from 1/m to 1/M as rings are passed; each ring takes its part of the fall.
        order, ring = _rings(far[i], i)
        ring_people = np.bincount(ring, weights=people[order])
        within = people[i] + np.concatenate([[0.0], np.cumsum(ring_people)])
        share = people[i] / within[:-1] - people[i] / within[1:]
        part = np.divide(share, ring_people, out=np.zeros_like(share), where=ring_people > 0)
        flows[i, order] = part[ring] * people[order]
    return _to_totals(flows, leaving, keep)


def gravity(
    population: ArrayLike,
    distance_km: ArrayLike,
    commuters: ArrayLike,
    *,
    attraction: float = GRAVITY_ATTRACTION,
    range_km: float = GRAVITY_RANGE_KM,
    keep: int | None = None,
) -> csr_array:
    """Return how many commuters of each place (row) work in each other place, by the gravity model.

        T_ij = T_i × n_j^γ exp(−d_ij / r) / Σ_k n_k^γ exp(−d_ik / r)

    with γ `attraction` and r `range_km` (Balcan et al. 2009), held to the commuters T_i of each
    origin. Arguments and `keep` as in `radiation`. Raises ShapeMismatch (E801), OutOfRange (E802).

    >>> gravity([1, 1, 1], [[0, 5, 5], [5, 0, 5], [5, 5, 0]], [4, 4, 4]).toarray()[0].tolist()
    [0.0, 2.0, 2.0]
    """
    people, far, leaving = _checked(population, distance_km, commuters)
    as_floats(range_km, "range_km", shape=(), low=1e-6)
    as_floats(attraction, "attraction", shape=(), low=0.0, high=10.0)
    pull = np.where(people > 0, people**attraction, 0.0)
    others = far + np.where(np.eye(len(people), dtype=bool), np.inf, 0.0)
    nearest = others.min(axis=1, initial=np.inf, where=pull[None, :] > 0)
    # Measured from the nearest place: a row of very far places must not underflow to nothing.
    away = others - np.where(np.isfinite(nearest), nearest, 0.0)[:, None]
    flows = pull * np.exp(-away / range_km)
    flows[people == 0] = 0.0
    return _to_totals(flows, leaving, keep)


def daily_trips(commuting: csr_array) -> csr_array:
    """Return trips per day from each place (row) to each other: who goes out in the morning comes back.

    Symmetric, whatever the commuting: every commuter from i to j makes one trip each way.
    """
    return csr_array(commuting + commuting.T)


def _checked(
    population: ArrayLike, distance_km: ArrayLike, commuters: ArrayLike
) -> tuple[Floats, Floats, Floats]:
    people = as_floats(population, "population", shape=(None,))
    far = as_floats(distance_km, "distance_km", shape=(len(people), len(people)))
    return people, far, as_floats(commuters, "commuters", shape=(len(people),))


def _rings(far: Floats, origin: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the other places from the nearest outwards, and the number of the ring each stands in."""
    order = np.argsort(far, kind="stable")
    order = order[order != origin]
    steps = np.diff(far[order], prepend=far[order[:1]]) > SAME_DISTANCE_KM
    return order, np.cumsum(steps)


def _to_totals(flows: Floats, leaving: Floats, keep: int | None) -> csr_array:
    """Return the flows, thinned to the largest, each row scaled to how many leave."""
    if keep is not None and keep < flows.shape[1]:
        as_floats(keep, "keep", shape=(), low=1)
        least = np.partition(flows, -keep, axis=1)[:, -keep]
        # What is equal but for rounding is kept together.
        flows = np.where(flows >= least[:, None] * (1 - 1e-9), flows, 0.0)
    sums = flows.sum(axis=1)
    scale = np.divide(leaving, sums, out=np.zeros_like(sums), where=sums > 0)
    return csr_array(flows * scale[:, None])
