"""A synthetic province whose truth is known: what estimators of Rt and nowcasts are judged on.

Infectors differ (a gamma of shape k each: small k is superspreading), places differ and drift,
an abrupt drop may happen, imports start it, and each case is reported after a delay.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from yipan.engines.checks import Floats
from yipan.engines.surveillance.delays import interval_censored_delay
from yipan.engines.surveillance.reproduction import discretised_serial_interval


@dataclass(frozen=True)
class SyntheticProvince:
    """The truth and all that will ever be reported of it; time first, then place, then delay."""

    Rt: Floats  # (time, place)
    whole_Rt: Floats  # (time,)
    local: Floats  # by onset, (time, place)
    imported: Floats
    local_triangle: Floats  # (time, place, delay), complete
    imported_triangle: Floats
    generation_interval: Floats
    delay: Floats

    def local_by_report(self) -> Floats:
        """Return local cases by report day, shape (time, place)."""
        return _by_report(self.local_triangle)

    def imported_by_report(self) -> Floats:
        """Return imported cases by report day, shape (time, place)."""
        return _by_report(self.imported_triangle)


def synthetic_province(
    *,
    seed: int,
    days: int = 60,
    places: int = 158,
    Rt_before: float = 2.2,
    Rt_after: float = 0.55,
    drop_day: int = 28,
    fall_days: int = 0,
    dispersion: float = 0.4,
    spread: float = 0.25,
    imports: float = 250.0,
    import_days: int = 25,
) -> SyntheticProvince:
    """Return a province in which Rt falls abruptly on `drop_day`, or evenly over `fall_days` from then.

    Each case infects a Poisson number of others with mean Rt × a gamma of mean 1 and shape
    `dispersion`; a place's log Rt deviates by an autoregression of standard deviation `spread`.
    About `imports` cases arrive in the first `import_days` days, unevenly over places. The serial
    interval has mean 7.5 and sd 3.4 days, the reporting delay mean 7.0 and sd 4.2 days.

    >>> province = synthetic_province(seed=1, days=20, places=3)
    >>> bool((province.local_triangle.sum(axis=2) == province.local).all())
    True
    """
    rng = np.random.default_rng(seed)
    interval = discretised_serial_interval(mean_days=7.5, sd_days=3.4, days=25)
    interval = interval / interval.sum()
    delay = interval_censored_delay(family="gamma", parameters=(2.8, 2.5), days=31)
    delay = delay / delay.sum()
    fallen = np.clip((np.arange(days) - drop_day + 1) / max(fall_days, 1), 0.0, 1.0)
    whole = np.exp((1 - fallen) * np.log(Rt_before) + fallen * np.log(Rt_after))
    rho = np.exp(-1 / 30)
    own = np.zeros((days, places))
    own[0] = rng.normal(0, spread, places)
    for day in range(1, days):
        own[day] = rho * own[day - 1] + rng.normal(0, spread * np.sqrt(1 - rho**2), places)
    Rt = whole[:, None] * np.exp(own)
    share = rng.gamma(0.6, size=places)
    arriving = (np.arange(days) < import_days)[:, None] * imports / import_days
    imported = rng.poisson(arriving * share / share.sum()).astype(np.float64)
    force = np.zeros((days + interval.size, places))
    local = np.zeros((days, places))
    for day in range(days):
        local[day] = rng.poisson(Rt[day] * force[day])
        infectors = local[day] + imported[day]
        strength = np.where(infectors > 0, rng.gamma(dispersion * infectors + 1e-300), 0.0)
        ahead = slice(day + 1, day + interval.size)
        force[ahead] += interval[1:, None] * strength / dispersion
    return SyntheticProvince(
        Rt=Rt,
        whole_Rt=whole,
        local=local,
        imported=imported,
        local_triangle=rng.multinomial(local.astype(np.int64), delay).astype(np.float64),
        imported_triangle=rng.multinomial(imported.astype(np.int64), delay).astype(np.float64),
        generation_interval=interval,
        delay=delay,
    )


def _by_report(triangle: Floats) -> Floats:
    days, places, delays = triangle.shape
    reported = np.zeros((days, places))
    for delay in range(delays):
        reported[delay:] += triangle[: days - delay, :, delay]
    return reported
