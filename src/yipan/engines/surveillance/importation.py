"""Infections that travel: expected arrivals and departures by day and place, and what a control changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq

from yipan.engines.checks import Floats, as_floats
from yipan.engines.errors import OutOfRange, ShapeMismatch, ZeroPopulation

PROBABILITIES = (0.05, 0.25, 0.5, 0.75, 0.95)
DRAWS = 2000


@dataclass(frozen=True)
class Travelling:
    """Infected travellers; places are both where they leave and where they arrive.

    `pairs` (time, from, to) are expected infected travellers; `arrivals` (time, place) and
    `departures` (time, place) their sums. `arrivals_quantiles` (probability, place) are of all who
    arrive over the days, the prevalence's uncertainty and chance included; `at_least_one` (time,
    place) is the probability that somebody infected has arrived by the end of the day;
    `taking_hold` (place,) that at least one arrival starts a chain that does not die out.
    """

    pairs: Floats
    arrivals: Floats
    departures: Floats
    probabilities: tuple[float, ...]
    arrivals_quantiles: Floats
    at_least_one: Floats
    taking_hold: Floats


@dataclass(frozen=True)
class ControlEffect:
    """What a control changes: expected arrivals and the probability of taking hold, with less without.

    `avoided` (place,) expected infected arrivals fewer over the days; `taking_hold_without`,
    `taking_hold_with` (place,); `delay_days` (place,) later the day on which an arrival becomes more
    likely than not (infinite where it no longer does, NaN where it never did).
    """

    avoided: Floats
    taking_hold_without: Floats
    taking_hold_with: Floats
    delay_days: Floats


def undetected_infected(
    infections: ArrayLike, infection_to_detection: ArrayLike, population: ArrayLike
) -> Floats:
    """Return the share of people infected and not yet detected, shape (time, place), in [0, 1].

    `infections` are new infections a day, shape (time, place), those never reported included;
    `infection_to_detection[d]` the probability that one is detected (or recovers) d days later,
    shape (delay,); `population` persons, shape (place,).

        share_t = Σ_d infections_{t−d} P(detection > d) / population

    Raises ShapeMismatch (E801), OutOfRange (E802), ZeroPopulation (E804).

    >>> undetected_infected([[10.0], [0.0], [0.0]], [0.0, 0.5, 0.5], [1000.0])[:, 0].tolist()
    [0.01, 0.005, 0.0]
    """
    new = as_floats(infections, "infections", shape=(None, None))
    delay = as_floats(infection_to_detection, "infection_to_detection", shape=(None,), high=1.0)
    people = as_floats(population, "population", shape=(new.shape[1],))
    if (people == 0).any():
        raise ZeroPopulation(
            "A place of travellers has nobody.", where=f"population[{int(np.argmin(people))}]"
        )
    if delay.sum() > 1 + 1e-6:
        raise OutOfRange(f"The delay sums to {delay.sum():g}.", where="infection_to_detection")
    still = np.clip(1 - np.cumsum(delay), 0.0, 1.0)
    share = np.zeros_like(new)
    for days, staying in enumerate(still[: len(new)]):
        share[days:] += staying * new[: len(new) - days]
    share[:] = np.minimum(share / people, 1.0)
    return share


def chance_of_dying_out(Rt: float, dispersion: float) -> float:
    """Return the probability that the chain of one infected person dies out by itself, in [0, 1].

    Offspring are negative binomial with mean `Rt` ≥ 0 and size `dispersion` > 0: the smallest root of

        q = (1 + Rt (1 − q) / k)^−k

    Source: Lloyd-Smith et al. (2005), Nature 438:355. Raises OutOfRange (E802).

    >>> round(chance_of_dying_out(2.0, 1.0), 6), chance_of_dying_out(0.9, 0.3)
    (0.5, 1.0)
    """
    if not (Rt >= 0 and dispersion > 0):
        raise OutOfRange(f"Rt {Rt:g}, dispersion {dispersion:g}.", where="offspring")
    if Rt <= 1:
        return 1.0

    def surplus(q: float) -> float:
        return float((1 + Rt * (1 - q) / dispersion) ** -dispersion - q)

    return float(brentq(surplus, 0.0, 1.0 - 1e-9)) if surplus(1.0 - 1e-9) < 0 else 1.0


def expected_travelling(
    travellers: ArrayLike,
    infected_share: ArrayLike,
    *,
    share_cv: ArrayLike = 0.5,
    control: ArrayLike = 0.0,
    Rt: ArrayLike = 1.0,
    dispersion: float = 0.4,
    seed: int,
    probabilities: Sequence[float] = PROBABILITIES,
) -> Travelling:
    """Return infected travellers by day, origin and destination, with what is uncertain about them.

    `travellers` are persons a day from place to place, shape (time, from, to) or (from, to) where
    every day is alike; `infected_share` (time, from) in [0, 1]; `share_cv` its relative standard
    error, a number or (from,): the share is that times one gamma draw for each origin, alike on all
    days, since what is wrong about a place's prevalence is wrong every day. `control` is the share of
    travel stopped, a number or any shape that broadcasts to (time, from, to). `Rt` at the
    destination, a number or (to,), and `dispersion` say whether an arrival takes hold.

        E[arrivals_td] = Σ_f travellers_tfd (1 − control_tfd) share_tf,   arrivals | share ~ Poisson

    Raises ShapeMismatch (E801), OutOfRange (E802).

    >>> found = expected_travelling([[0, 100], [50, 0]], [[0.01, 0.0]], seed=1)
    >>> found.arrivals.tolist(), found.departures.tolist()
    ([[0.0, 1.0]], [[1.0, 0.0]])
    """
    share = as_floats(infected_share, "infected_share", shape=(None, None), high=1.0)
    time, places = share.shape
    moving = np.asarray(travellers, dtype=np.float64)
    if moving.ndim == 2:
        moving = np.broadcast_to(moving, (time, *moving.shape))
    moving = as_floats(moving, "travellers", shape=(time, places, places))
    stopped = _broadcast(control, "control", (time, places, places), high=1.0)
    cv = _broadcast(share_cv, "share_cv", (places,))
    rt = _broadcast(Rt, "Rt", (places,))
    as_floats(probabilities, "probabilities", shape=(None,), low=1e-12, high=1 - 1e-12)
    pairs = moving * (1 - stopped) * share[:, :, None]
    rng = np.random.default_rng(seed)
    shape = np.where(cv > 0, 1 / np.maximum(cv, 1e-6) ** 2, 1e12)
    factor = rng.gamma(shape, 1 / shape, (DRAWS, places))  # (draw, from)
    total = factor @ pairs.sum(axis=0)  # (draw, to)
    by_day = np.cumsum(np.einsum("nf,tfd->ntd", factor, pairs, optimize=True), axis=1)
    dies = np.array([chance_of_dying_out(float(r), dispersion) for r in rt])
    return Travelling(
        pairs=pairs,
        arrivals=pairs.sum(axis=1),
        departures=pairs.sum(axis=2),
        probabilities=tuple(float(p) for p in probabilities),
        arrivals_quantiles=np.quantile(
            rng.poisson(total), np.asarray(probabilities, dtype=np.float64), axis=0
        ),
        at_least_one=-np.expm1(-by_day).mean(axis=0),
        taking_hold=np.abs(np.expm1(-total * (1 - dies))).mean(axis=0),  # no minus before 0
    )


def effect_of_control(
    travellers: ArrayLike,
    infected_share: ArrayLike,
    *,
    control: ArrayLike,
    share_cv: ArrayLike = 0.5,
    Rt: ArrayLike = 1.0,
    dispersion: float = 0.4,
    seed: int,
) -> ControlEffect:
    """Return what stopping a share of travel changes, all else as in `expected_travelling`.

    A control delays more than it prevents while the source grows; both are told.
    Raises ShapeMismatch (E801), OutOfRange (E802).

    >>> found = effect_of_control([[0, 100], [0, 0]], [[0.01, 0.0]], control=0.9, seed=1)
    >>> found.avoided.round(2).tolist()
    [0.0, 0.9]
    """
    common = {"share_cv": share_cv, "Rt": Rt, "dispersion": dispersion, "seed": seed}
    without = expected_travelling(travellers, infected_share, **common)  # type: ignore[arg-type]
    limited = expected_travelling(
        travellers,
        infected_share,
        control=control,
        **common,  # type: ignore[arg-type]
    )
    first, later = _likely_day(without.at_least_one), _likely_day(limited.at_least_one)
    with np.errstate(invalid="ignore"):
        delay = np.where(np.isfinite(first), later - first, np.nan)
    return ControlEffect(
        avoided=(without.arrivals - limited.arrivals).sum(axis=0),
        taking_hold_without=without.taking_hold,
        taking_hold_with=limited.taking_hold,
        delay_days=delay,
    )


def _likely_day(at_least_one: Floats) -> Floats:
    """The first day on which an arrival is more likely than not, infinite where there is none; (place,)."""
    likely = at_least_one >= 0.5
    return np.where(likely.any(axis=0), likely.argmax(axis=0).astype(np.float64), np.inf)


def _broadcast(
    values: ArrayLike, name: str, shape: tuple[int, ...], *, high: float = np.inf
) -> Floats:
    array = np.asarray(values, dtype=np.float64)
    try:
        whole = np.broadcast_to(array, shape)
    except ValueError:
        raise ShapeMismatch(
            f"{name} has shape {array.shape}, which does not broadcast to {shape}.", where=name
        ) from None
    return as_floats(whole, name, shape=shape, high=high)
