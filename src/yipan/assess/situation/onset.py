"""Cases by day of onset: reported so far, and expected but not yet reported, from the line list's delays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import nbinom

from yipan.assess.assumptions import Delay
from yipan.assess.situation.picture import ONE_DAY, Known, indices
from yipan.engines.surveillance.delays import interval_censored_delay, reporting_triangle
from yipan.engines.surveillance.nowcast import Nowcast, nowcast

PENDING_DAYS = 10  # the days of onset over which the cases not yet reported are counted
MAX_DELAY_DAYS = 30
LEAD_DAYS = 30  # onsets this long before the incident's first day still enter
FEWEST_DELAYS = 20  # with fewer cases of known onset no delay can be told
PRIOR_CASES = 20.0  # what the published delay weighs against the line list's own
WIDEST = 2.0  # an upper bound beyond this many times the cases so far says nothing
COMPLETE = 0.9  # a day of which more than this share is reported counts as complete
SETTLED = 0.995  # beyond this share no interval is drawn
LOW, MIDDLE, HIGH = 0.05, 0.5, 0.95


@dataclass(frozen=True)
class Onset:
    """The curve by onset; `note` says why there is none: no_line_list, too_few_delays, too_uncertain."""

    note: str
    reported: NDArray[np.float64] | None = None  # by day of `dates`
    answer: Nowcast | None = None
    lead: int = 0  # days of the nowcast before the first of `dates`
    without_onset: int = 0

    def pending(self) -> dict[str, Any]:
        """Return the cases expected and not yet reported, for JSON."""
        if self.answer is None:
            return {"note": self.note}
        q = dict(zip(self.answer.probabilities, self.answer.pending_quantiles, strict=True))
        return {
            "median": float(q[MIDDLE]),
            "q05": float(q[LOW]),
            "q95": float(q[HIGH]),
            "days": self.answer.pending_days,
        }

    def expected(self) -> list[dict[str, float] | None] | None:
        """Return the interval of all cases by onset day, null where the day is as good as complete."""
        if self.answer is None:
            return None
        q = dict(zip(self.answer.probabilities, self.answer.whole_quantiles, strict=True))
        rows = zip(q[LOW], q[MIDDLE], q[HIGH], self.answer.reported_share, strict=True)
        return [
            None
            if share > SETTLED
            else {"lo": round(float(lo), 1), "mid": round(float(mid), 1), "hi": round(float(hi), 1)}
            for lo, mid, hi, share in list(rows)[self.lead :]
        ]

    def incomplete_from(self, span: list[date]) -> str | None:
        """Return the first day of onset that is still incomplete, None where delays are not known."""
        if self.answer is None:
            return None
        late = np.flatnonzero(self.answer.reported_share[self.lead :] < COMPLETE)
        return span[int(late[0])].isoformat() if late.size else None


def estimate(
    known: Known, delay: Delay | None, *, probabilities: Sequence[float] = (LOW, MIDDLE, HIGH)
) -> Onset:
    """Return the cases by onset as known at the moment, and the nowcast of what is not yet reported.

    `delay` is the published delay that holds the answer while the line list has few cases. Where the
    answer is wider than everything reported so far, nothing is said: the note is `too_uncertain`.
    """
    cases = known.cases
    dated = ~np.isnat(cases.onset_day)
    if not dated.any():
        return Onset("no_line_list")
    first = np.datetime64(known.days[0], "D")
    onset = ((cases.onset_day[dated] - first) // ONE_DAY).astype(np.int64)
    report = ((cases.report_day[dated] - first) // ONE_DAY).astype(np.int64)
    _day, county = indices(cases, known.counties, known.days)
    span = len(known.days)
    lead = int(np.clip(-onset.min(), 0, LEAD_DAYS))
    reported = np.bincount(onset[(onset >= 0) & (onset < span)], minlength=span).astype(np.float64)
    without = int((~dated).sum())
    if dated.sum() < FEWEST_DELAYS or span + lead < 2 * PENDING_DAYS:
        return Onset("too_few_delays", reported, None, lead, without)
    elsewhere = len(
        known.counties
    )  # a case whose county nobody knows stands in a column of its own
    triangle = reporting_triangle(
        onset + lead,
        report + lead,
        np.where(county[dated] < 0, elsewhere, county[dated]),
        days=span + lead,
        places=elsewhere + 1,
        max_delay_days=MAX_DELAY_DAYS,
    )
    answer = nowcast(
        triangle,
        first_weekday=(known.days[0] - timedelta(days=lead)).weekday(),
        pending_days=PENDING_DAYS,
        probabilities=probabilities,
        prior_delay=prior_delay(delay) if delay is not None else None,
        prior_cases=PRIOR_CASES if delay is not None else 0.0,
    )
    high = float(answer.pending_quantiles[list(probabilities).index(HIGH)])
    if answer.pending_mean > high or high > WIDEST * dated.sum():
        return Onset("too_uncertain", reported, None, lead, without)
    return Onset("", reported, answer, lead, without)


def by_county(known: Known, lead: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (local, imported) cases by onset day and county, `lead` days before the first included.

    A case of which nobody said whether it was imported counts as local.
    """
    cases = known.cases
    first = np.datetime64(known.days[0], "D")
    _day, county = indices(cases, known.counties, known.days)
    dated = ~np.isnat(cases.onset_day) & (county >= 0)
    day = ((cases.onset_day[dated] - first) // ONE_DAY).astype(np.int64) + lead
    county, came = county[dated], cases.imported[dated] == 1
    inside = (day >= 0) & (day < len(known.days) + lead)
    tables = []
    for chosen in (inside & ~came, inside & came):
        table = np.zeros((len(known.days) + lead, len(known.counties)))
        np.add.at(table, (day[chosen], county[chosen]), 1)
        tables.append(table)
    return tables[0], tables[1]


def prior_delay(delay: Delay) -> NDArray[np.float64]:
    """Return a published delay as probabilities of 0, 1, … days, a gamma of its mean and sd."""
    shape = (delay.mean_days / delay.sd_days) ** 2
    pmf = interval_censored_delay(
        family="gamma", parameters=(shape, delay.mean_days / shape), days=MAX_DELAY_DAYS + 1
    )
    return np.asarray(pmf / pmf.sum())


def pending_by_county(onsets: Onset) -> tuple[NDArray[np.float64], float] | None:
    """Return (expected cases of each county not yet reported, size of their negative binomial).

    The size is the one that gives the province's 95 % quantile: what is uncertain about the delays
    is uncertain for all counties together. None where nothing can be said.
    """
    answer = onsets.answer
    if answer is None:
        return None
    mean = (answer.mean - answer.reported)[-answer.pending_days :].sum(axis=0)[:-1]
    return np.maximum(mean, 0.0), _size_of(answer.pending_mean, float(answer.pending_quantiles[-1]))


def pending_quantiles(
    pending: tuple[NDArray[np.float64], float] | None, counties: int
) -> list[dict[str, float]]:
    """Return the median and 90 % interval of each county's cases not yet reported, empty where unknown."""
    if pending is None:
        return [{} for _county in range(counties)]
    mean, size = pending
    p = size / (size + mean)
    low, middle, high = (np.asarray(nbinom.ppf(q, size, p)) for q in (LOW, MIDDLE, HIGH))
    return [
        {"median": float(middle[j]), "q05": float(low[j]), "q95": float(high[j])}
        for j in range(counties)
    ]


def _size_of(mean: float, high: float) -> float:
    """Return the negative-binomial size whose 95 % quantile is nearest to `high`; the mean is given."""
    if mean <= 0:
        return 1.0
    sizes = np.geomspace(0.05, 200, 60)
    quantile = nbinom.ppf(HIGH, sizes, sizes / (sizes + mean))
    return float(sizes[np.argmin(np.abs(quantile - high))])
