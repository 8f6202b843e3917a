"""Nowcast and forecast in hubverse's model-output layout, checked before they leave.

Columns: `reference_date, target, horizon, target_end_date, location, output_type, output_type_id,
value`. Targets are `inc onset` (all cases that began on a day, horizons 0 and before) and `inc case`
(new confirmed of a day, horizons 1 and after); output is quantiles at the hubs' 23 levels.
Source: hubverse documentation, model output.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from itertools import groupby
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from yipan.assess import assumptions
from yipan.assess.errors import HubRowsMalformed
from yipan.assess.models import Assessment
from yipan.assess.outlook.ahead import HORIZON_DAYS, LEAST_DAYS, daily
from yipan.assess.outlook.look import SEED
from yipan.assess.situation import onset, picture
from yipan.assess.situation.picture import Known
from yipan.engines.surveillance.forecast import HUB_PROBABILITIES, forecast

COLUMNS = (
    "reference_date", "target", "horizon", "target_end_date", "location", "output_type",
    "output_type_id", "value",
)  # fmt: skip
NOWCAST_DAYS = 14
TEAM, MODEL = "yipan", "situation"


class HubRow(NamedTuple):
    """One quantile of one target."""

    reference_date: date
    target: str
    horizon: int
    target_end_date: date
    location: str
    output_type: str
    output_type_id: float
    value: float


def model_output(assessment: Assessment) -> list[HubRow]:
    """Return the rows of an assessment: nowcast of the province, forecast of it and of its cities."""
    known = picture.read(assessment.incident, known_at=assessment.known_at)
    rows = [*_nowcast(known), *_forecast(known)]
    check(rows)
    return rows


def _nowcast(known: Known) -> list[HubRow]:
    delay = assumptions.onset_to_report(known.incident.disease)
    answer = onset.estimate(known, delay, probabilities=HUB_PROBABILITIES).answer
    if answer is None:
        return []
    rows = []
    for back in range(min(NOWCAST_DAYS, len(known.days)) - 1, -1, -1):
        values = answer.whole_quantiles[:, -1 - back]
        rows += _quantiles(known, "inc onset", -back, known.province.code, values)
    return rows


def _forecast(known: Known) -> list[HubRow]:
    units, counts = daily(known)
    if len(counts) < LEAST_DAYS or not counts.any():
        return []
    found = forecast(counts, horizon_days=HORIZON_DAYS, seed=SEED, probabilities=HUB_PROBABILITIES)
    rows = []
    for h in range(HORIZON_DAYS):
        rows += _quantiles(
            known, "inc case", h + 1, known.province.code, found.whole_quantiles[:, h]
        )
        for j, unit in enumerate(units):
            if unit.pk != known.province.pk:
                rows += _quantiles(known, "inc case", h + 1, unit.code, found.quantiles[:, h, j])
    return rows


def _quantiles(
    known: Known, target: str, horizon: int, location: str, values: NDArray[np.float64]
) -> list[HubRow]:
    return [
        HubRow(
            known.day,
            target,
            horizon,
            known.day + timedelta(days=horizon),
            location,
            "quantile",
            level,
            round(float(value), 3),
        )
        for level, value in zip(HUB_PROBABILITIES, values, strict=True)
    ]


def check(rows: Sequence[HubRow]) -> None:
    """Raise HubRowsMalformed (A207) unless every task has all levels once, rising values, and days that agree."""

    def task(row: HubRow) -> tuple[str, str, int]:
        return row.target, row.location, row.horizon

    for name, group in groupby(sorted(rows, key=lambda r: (*task(r), r.output_type_id)), key=task):
        mine = list(group)
        levels = tuple(row.output_type_id for row in mine)
        values = [row.value for row in mine]
        if levels != HUB_PROBABILITIES:
            raise HubRowsMalformed(f"{name} has {len(levels)} levels.", where=str(name))
        if values != sorted(values) or values[0] < 0:
            raise HubRowsMalformed(
                f"The quantiles of {name} fall or are negative.", where=str(name)
            )
        if any(
            row.target_end_date != row.reference_date + timedelta(days=row.horizon) for row in mine
        ):
            raise HubRowsMalformed(f"The days of {name} do not agree.", where=str(name))


def frame(rows: Iterable[HubRow]) -> pl.DataFrame:
    """Return the rows as a table with hubverse's column types."""
    return pl.DataFrame(
        list(rows),
        orient="row",
        schema={
            "reference_date": pl.Date,
            "target": pl.String,
            "horizon": pl.Int32,
            "target_end_date": pl.Date,
            "location": pl.String,
            "output_type": pl.String,
            "output_type_id": pl.Float64,
            "value": pl.Float64,
        },
    )


def file_name(reference: date, suffix: str) -> str:
    """Return the path of a model-output file below a hub's root.

    >>> file_name(date(2020, 2, 23), "csv")
    'model-output/yipan-situation/2020-02-23-yipan-situation.csv'
    """
    name = f"{TEAM}-{MODEL}"
    return f"model-output/{name}/{reference.isoformat()}-{name}.{suffix}"
