"""How grave it is: fatality corrected for delay, cure and length of stay with competing risks.

Deaths over cases understates fatality while cases are young; deaths over deaths and cured misstates
it whenever the two take different times. Neither is given here as a fatality, and no interval is
ever undefined: without information it is [0, 1].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import beta

from yipan.engines.checks import Floats, as_counts, as_floats, check_shape
from yipan.engines.errors import OutOfRange

Note = Literal["", "no_information", "faster_than_delay", "more_deaths_than_cases"]

NEGLIGIBLE = 1e-9
DRAWS = 4000
RESTING = 1.0
"""Imagined person-stays a day that end in nothing: keeps a day with nobody at risk from deciding."""


@dataclass(frozen=True)
class Fatality:
    """Case fatality with its interval in [0, 1]; `estimate` is NaN only where `note` says why.

    `naive` is deaths over cases (NaN without cases). `resolved` is the number of cases whose death,
    had they been going to die, would be known by now.
    `note`: "no_information" (nothing could have been seen yet: the interval is [0, 1]),
    "faster_than_delay" (more deaths than the delay allows, so it does not fit: the lower end is the
    naive one, which holds whatever the delay), "more_deaths_than_cases" (they are not all of these
    cases, so nothing can be said: [0, 1]).
    """

    naive: float
    estimate: float
    low: float
    high: float
    deaths: int
    cases: int
    resolved: float
    note: Note


@dataclass(frozen=True)
class Outcomes:
    """What becomes of those admitted, by days since admission, shape (days,), [0, 1].

    `died`, `cured` are cumulative incidences (Aalen and Johansen), `still_in` what remains.
    `fatality` is (median, low, high) of the probability of dying in the end; `stay_mean_days` is the
    mean stay within the days, with whoever remains counted to the last of them, and `stay_interval`
    its (low, high). `days_to_death`, `days_to_cure` are (median, low, high) of the mean stay of those
    who end so within the days.
    """

    died: Floats
    cured: Floats
    still_in: Floats
    fatality: tuple[float, float, float]
    stay_mean_days: float
    stay_median_days: float
    stay_interval: tuple[float, float]
    days_to_death: tuple[float, float, float]
    days_to_cure: tuple[float, float, float]
    people: int


def fatality(
    cases: ArrayLike, deaths: ArrayLike, onset_to_death: ArrayLike, *, confidence: float = 0.95
) -> Fatality:
    """Return the delay-adjusted case fatality at the last day, with an exact interval.

    `cases` and `deaths` are daily counts, shape (time,), cases by the day from which the delay runs;
    `onset_to_death[d]` is the probability of d days to death among those who die, shape (delay,).

        u = Σ_s cases_s F(T − s) / Σ_s cases_s          F the delay's distribution
        deaths ~ Binomial(N, p u)     ⇒     p̂ = deaths / (u N), interval of Clopper and Pearson for
                                            p u, divided by u, within [0, 1]

    Its coverage is at least `confidence`, whatever N. Source: Nishiura et al. (2009), PLoS ONE
    4:e6852, equation 5; Clopper and Pearson (1934). Raises ShapeMismatch (E801), OutOfRange (E802).

    >>> adjusted = fatality([100, 100], [0, 1], [0.5, 0.5])
    >>> adjusted.naive, round(adjusted.estimate, 4)
    (0.005, 0.0067)
    """
    infected = as_counts(cases, "cases", shape=(None,))
    died = as_counts(deaths, "deaths", shape=infected.shape)
    delay = as_floats(onset_to_death, "onset_to_death", shape=(None,), high=1.0)
    if delay.sum() > 1 + 1e-6 or not 0 < confidence < 1:
        raise OutOfRange(
            f"The delay sums to {delay.sum():g} and the confidence is {confidence:g}.",
            where="onset_to_death",
            remedy="Give a probability by day and a confidence between 0 and 1.",
        )
    total, dead = int(infected.sum()), int(died.sum())
    age = np.arange(infected.size)[::-1]
    known = np.append(np.cumsum(delay), min(delay.sum(), 1.0))[np.minimum(age, delay.size)]
    resolved = float(infected @ known)
    if dead > total:
        naive = dead / total if total else np.nan
        return Fatality(naive, np.nan, 0.0, 1.0, dead, total, resolved, "more_deaths_than_cases")
    if total == 0 or (resolved < NEGLIGIBLE and dead == 0):
        naive = 0.0 if total else np.nan
        return Fatality(naive, np.nan, 0.0, 1.0, dead, total, resolved, "no_information")
    tail = (1 - confidence) / 2
    low = float(beta.ppf(tail, dead, total - dead + 1)) if dead else 0.0
    high = float(beta.ppf(1 - tail, dead + 1, total - dead)) if dead < total else 1.0
    seen = max(resolved / total, NEGLIGIBLE)
    fits = low < seen
    return Fatality(
        naive=dead / total,
        estimate=min(1.0, dead / total / seen),
        low=low / seen if fits else low,
        high=min(1.0, high / seen),
        deaths=dead,
        cases=total,
        resolved=resolved,
        note="" if fits else "faster_than_delay",
    )


def fatality_by_day(
    cases: ArrayLike, deaths: ArrayLike, onset_to_death: ArrayLike, *, confidence: float = 0.95
) -> list[Fatality]:
    """Return `fatality` as it could be known at the end of each day, one for each day of `cases`.

    >>> [day.note for day in fatality_by_day([0, 10], [0, 0], [0.0, 1.0])]
    ['no_information', 'no_information']
    """
    infected = as_counts(cases, "cases", shape=(None,))
    died = as_counts(deaths, "deaths", shape=infected.shape)
    return [
        fatality(infected[: day + 1], died[: day + 1], onset_to_death, confidence=confidence)
        for day in range(infected.size)
    ]


def outcomes(
    stay_days: ArrayLike,
    outcome: ArrayLike,
    *,
    days: int,
    seed: int,
    confidence: float = 0.95,
) -> Outcomes:
    """Return what becomes of those admitted, with death and cure as competing risks.

    `stay_days` are whole days from admission to death, cure, or now, shape (people,); `outcome` is
    1 dead, 2 cured, 0 still in. With n_d at risk on day d, the incidences are those of Aalen and
    Johansen. The interval of the fatality comes from draws of each day's hazard (beta) and of its
    split between death and cure (beta); who is still in after `days` may yet die or recover with any
    probability in [0, 1], so short follow-up widens the interval instead of biasing the estimate.

    Source: Aalen and Johansen (1978), Scandinavian Journal of Statistics 5:141; Ghani et al. (2005),
    American Journal of Epidemiology 162:479. Raises ShapeMismatch (E801), OutOfRange (E802).

    >>> found = outcomes([3, 5, 5, 9, 9, 9], [1, 2, 2, 2, 2, 0], days=10, seed=1)
    >>> round(float(found.died[-1]), 3), round(float(found.cured[-1]), 3)
    (0.167, 0.667)
    """
    stay = as_counts(stay_days, "stay_days", shape=(None,))
    ended = as_floats(outcome, "outcome", shape=stay.shape, high=2.0).astype(np.int64)
    check_shape(ended, "outcome", stay.shape)
    if days < 1 or not 0 < confidence < 1:
        raise OutOfRange(f"days {days}, confidence {confidence:g}.", where="settings")
    within = stay < days
    deaths = np.bincount(stay[within & (ended == 1)], minlength=days).astype(np.float64)
    cures = np.bincount(stay[within & (ended == 2)], minlength=days).astype(np.float64)
    at_risk = np.array([(stay >= day).sum() for day in range(days)], dtype=np.float64)
    hazard = np.divide(deaths + cures, at_risk, out=np.zeros(days), where=at_risk > 0)
    still_in = np.cumprod(1 - hazard)
    before = np.concatenate([[1.0], still_in[:-1]])
    died = np.cumsum(np.divide(before * deaths, at_risk, out=np.zeros(days), where=at_risk > 0))
    cured = np.cumsum(np.divide(before * cures, at_risk, out=np.zeros(days), where=at_risk > 0))
    median_stay = int(np.argmax(still_in <= 0.5)) if still_in[-1] <= 0.5 else days
    drawn = _drawn(deaths, cures, at_risk, seed=seed)
    tail = (1 - confidence) / 2

    def interval(values: Floats) -> tuple[float, float, float]:
        low, middle, high = np.quantile(values, (tail, 0.5, 1 - tail))
        return float(middle), float(low), float(high)

    of_stay = interval(drawn.stay)
    return Outcomes(
        died=died,
        cured=cured,
        still_in=still_in,
        fatality=(0.5, 0.0, 1.0) if not (deaths + cures).any() else interval(drawn.fatality),
        stay_mean_days=float(before.sum() - 1),
        stay_median_days=float(median_stay),
        stay_interval=of_stay[1:],
        days_to_death=interval(drawn.to_death),
        days_to_cure=interval(drawn.to_cure),
        people=int(stay.size),
    )


@dataclass(frozen=True)
class _Drawn:
    fatality: Floats
    stay: Floats
    to_death: Floats
    to_cure: Floats


def _drawn(deaths: Floats, cures: Floats, at_risk: Floats, *, seed: int) -> _Drawn:
    ends, days = deaths + cures, deaths.size
    rng = np.random.default_rng(seed)
    pseudo = 1 / days  # one imagined end over all the days together
    hazard = rng.beta(ends + pseudo, np.maximum(at_risk - ends, 0) + RESTING, (DRAWS, days))
    split = rng.beta(deaths + pseudo, cures + pseudo, (DRAWS, days))
    remaining = np.cumprod(1 - hazard, axis=1)
    before = np.concatenate([np.ones((DRAWS, 1)), remaining[:, :-1]], axis=1)
    dying, healing = before * hazard * split, before * hazard * (1 - split)
    day = np.arange(days, dtype=np.float64)
    return _Drawn(
        fatality=dying.sum(axis=1) + remaining[:, -1] * rng.random(DRAWS),
        stay=before.sum(axis=1) - 1,
        to_death=dying @ day / np.maximum(dying.sum(axis=1), NEGLIGIBLE),
        to_cure=healing @ day / np.maximum(healing.sum(axis=1), NEGLIGIBLE),
    )
