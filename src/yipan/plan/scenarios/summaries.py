"""From members to what a page shows: quantiles, chances with their interval, and what to say first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yipan.engines.economy.chances import Chance, wilson

__all__ = ["Chance", "Members", "by_member", "county_results", "paired", "summarise", "wilson"]

Floats = NDArray[np.float64]
PROBABILITIES = (0.05, 0.25, 0.5, 0.75, 0.95)
NAMES = ("q05", "q25", "median", "q75", "q95")


def quantiles(values: NDArray[Any], *, digits: int = 4) -> dict[str, float]:
    """Return median and quantiles of one number over the members, member on the first axis."""
    found = np.quantile(np.asarray(values, dtype=np.float64), PROBABILITIES, axis=0)
    return {name: round(float(q), digits) for name, q in zip(NAMES, found, strict=True)}


def quantile_series(values: NDArray[Any], *, digits: int = 4) -> dict[str, list[float]]:
    """Return quantiles along a series, shape (member, step), as lists by name."""
    found = np.quantile(np.asarray(values, dtype=np.float64), PROBABILITIES, axis=0)
    return {
        name: [round(float(q), digits) for q in row] for name, row in zip(NAMES, found, strict=True)
    }


@dataclass(frozen=True)
class Members:
    """What the members of one option came to; member on the first axis, time before place."""

    infections_by_week: NDArray[np.int32]  # (member, week, county)
    hospital: NDArray[np.int32]  # (member, day, city), at the end of each day
    deaths: NDArray[np.int64]  # (member,)
    value: Floats  # (member, week, county)

    @property
    def count(self) -> int:
        """Number of members."""
        return int(self.deaths.size)


def summarise(
    members: Members, *, ordinary_week: Floats, staffed: Floats, cities: Mapping[int, str]
) -> dict[str, Any]:
    """Return one option's results as kept and shown.

    `ordinary_week` (county,) is the value added of a week in which everything is open; `staffed`
    (city,) beds that can be staffed for the outbreak; `cities` index → code.
    """
    infections = members.infections_by_week.sum(axis=(1, 2), dtype=np.int64)
    province = members.hospital.sum(axis=2, dtype=np.int64)  # (member, day)
    value = members.value.sum(axis=(1, 2))
    ordinary = float(ordinary_week.sum()) * members.value.shape[1]
    over: NDArray[np.bool_] = members.hospital > staffed[None, None, :]
    any_over = over.any(axis=(1, 2))
    by_city: NDArray[np.bool_] = np.any(over, axis=1)  # (member, city)
    peaks = members.hospital.max(axis=1)  # (member, city)
    return {
        "summary": {
            "infections": quantiles(infections, digits=0),
            "peak_beds": quantiles(province.max(axis=1), digits=0),
            "value_added_100m_cny": quantiles(value, digits=2),
            "share_of_ordinary": quantiles(value / ordinary if ordinary else value),
            "deaths": quantiles(members.deaths, digits=0),
            "beds_exceeded": wilson(int(any_over.sum()), members.count).as_dict(),
        },
        "series": {
            "infections": quantile_series(
                members.infections_by_week.sum(axis=2, dtype=np.int64), digits=1
            ),
            "beds": quantile_series(province, digits=1),
            "value_added_100m_cny": quantile_series(members.value.sum(axis=2), digits=3),
        },
        "ordinary_100m_cny": round(ordinary, 2),
        "staffed_beds": round(float(staffed.sum())),
        "areas": [
            {
                "code": code,
                "staffed": round(float(staffed[i])),
                "peak": quantiles(peaks[:, i], digits=0),
                "exceeded": wilson(int(by_city[:, i].sum()), members.count).as_dict(),
            }
            for i, code in cities.items()
        ],
    }


def county_results(members: Members, *, ordinary_week: Floats) -> list[dict[str, Any]]:
    """Return, county by county, infections and value added with their quantiles."""
    infections = members.infections_by_week.sum(axis=1, dtype=np.int64)
    value = members.value.sum(axis=1)
    weeks = members.value.shape[1]
    q_infections = np.quantile(infections, PROBABILITIES, axis=0)
    q_value = np.quantile(value, PROBABILITIES, axis=0)
    free = (infections == 0).mean(axis=0)
    return [
        {
            "infections": {n: round(float(q), 1) for n, q in zip(NAMES, q_infections[:, i], strict=True)},
            "value_added_100m_cny": {
                n: round(float(q), 4) for n, q in zip(NAMES, q_value[:, i], strict=True)
            },
            "ordinary_100m_cny": round(float(ordinary_week[i]) * weeks, 4),
            "share_without_infection": round(float(free[i]), 4),
        }
        for i in range(infections.shape[1])
    ]  # fmt: skip


def by_member(members: Members, *, staffed: Floats) -> dict[str, list[float]]:
    """Return each member's value added, infections and whether beds were exceeded, as an option keeps them.

    With them any later option of the scenario can be paired without running the earlier one again.
    """
    over = np.asarray((members.hospital > staffed[None, None, :]).any(axis=(1, 2)))
    return {
        "value": [round(float(v), 3) for v in members.value.sum(axis=(1, 2))],
        "infections": [int(v) for v in members.infections_by_week.sum(axis=(1, 2), dtype=np.int64)],
        "deaths": [int(v) for v in members.deaths],
        "over": [int(v) for v in over],
    }


def paired(own: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Return quantiles of the differences to another option, member by member (`by_member` of both).

    The same member of both drew the same assumptions and chances, so the differences are narrower
    than the intervals of either. Empty where the two did not run the same members.
    """
    if not own or not other or len(own["value"]) != len(other["value"]):
        return {}
    value = np.array(own["value"]) - np.array(other["value"])
    infections = np.array(own["infections"]) - np.array(other["infections"])
    deaths = np.array(own["deaths"]) - np.array(other["deaths"])
    return {
        "value_added_100m_cny": quantiles(value, digits=2),
        "infections": quantiles(infections, digits=0),
        "deaths": quantiles(deaths, digits=0),
        "over": sum(own["over"]) - sum(other["over"]),
    }
