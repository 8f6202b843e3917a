"""The coming days beside their baseline, scored when they have come; and the same for a forecast hub."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from io import BytesIO, StringIO
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner
from django.test import Client
from django.utils import translation

from cast import Cast
from front import Front
from yipan.access.models import User
from yipan.assess.actions import look_closer
from yipan.assess.errors import HubRowsMalformed
from yipan.assess.hub.model_output import COLUMNS, HubRow, check, model_output
from yipan.assess.models import Alarm, Assessment
from yipan.assess.outlook.ahead import score, turn
from yipan.assess.queries import forecasts_before
from yipan.assess.situation import picture
from yipan.cli import main
from yipan.engines.surveillance.forecast import HUB_PROBABILITIES
from yipan.report.models import Source

pytestmark = pytest.mark.django_db
As = Callable[[User], Client]


@pytest.fixture(autouse=True)
def language() -> Iterator[None]:
    """A verb speaks the terminal's language; the tests after it shall not."""
    yield
    translation.deactivate()


@pytest.fixture
def steady(front: Front) -> Assessment:
    """Four cases a day in the north and two in the south, to 24 February; the clock stands there."""
    rows = [
        r for n in range(1, 25) for r in front.published(n, u10=6 * n, u1001=4 * n, u1002=2 * n)
    ]
    front.send(rows, Source.BULLETIN)
    front.cases([("100101", n, n - d, False) for n in range(8, 25) for d in (2, 3, 4, 5, 6, 7)])
    made = front.assess(24)
    front.incident.clock_at = made.known_at
    front.incident.exercise = True
    front.incident.save()
    return look_closer(assessment=made, at=made.known_at)


def test_the_forecast_of_steady_counts_holds_them(steady: Assessment) -> None:
    found = steady.outlook["forecast"]
    assert found["origin"] == "2020-02-24"
    assert found["dates"][0] == "2020-02-25"
    assert len(found["median"]) == 14
    assert all(lo <= 6 <= hi for lo, hi in zip(found["q05"], found["q95"], strict=True))
    assert set(found["cities"]) == {"1001", "1002"}
    assert np.mean(found["cities"]["1001"]["median"]) > np.mean(found["cities"]["1002"]["median"])


def test_a_known_turn_bends_the_forecast_and_nothing_later_is_used(front: Front) -> None:
    package = front.province.package
    growing = [r for n in range(1, 19) for r in front.published(n, u10=round(3 * 1.25**n))]
    front.send(growing, Source.BULLETIN)
    flat = look_closer(assessment=front.assess(17), at=front.assess(17).known_at)
    package.parameters = {
        "events": [
            {"day": "2020-02-03", "kind": "travel"},
            {"day": "2020-02-05", "kind": "response_level"},
            {"day": "2020-02-29", "kind": "travel"},
        ]
    }
    package.save()
    front.incident.package = package
    bent = look_closer(assessment=front.assess(18), at=front.assess(18).known_at)
    assert flat.outlook["forecast"]["shape"] == "flat"
    assert bent.outlook["forecast"]["shape"] == "control"
    assert bent.outlook["forecast"]["median"][-1] < bent.outlook["forecast"]["median"][0]
    package.parameters["events"] = package.parameters["events"][2:]
    package.save()
    assert turn(picture.read(front.incident, known_at=bent.known_at)) is None


def test_too_few_days_is_an_answer(front: Front) -> None:
    front.bulletin(1, u10=4)
    made = look_closer(assessment=front.assess(1), at=front.assess(1).known_at)
    assert made.outlook["forecast"] == {"note": "too_few_days"}


def test_a_forecast_is_scored_on_the_days_that_have_come(steady: Assessment) -> None:
    made = steady.outlook["forecast"]
    assert score(made, {}) is None
    truth: dict[str, int | None] = dict.fromkeys(made["dates"][:7], 6)
    good = score(made, truth)
    bad = score(made, dict.fromkeys(truth, 60))
    assert good is not None
    assert bad is not None
    assert (good.days, good.inside_90) == (7, 7)
    assert bad.wis > 5 * good.wis
    assert bad.inside_90 == 0


def test_earlier_forecasts_are_found_by_data_day(front: Front, steady: Assessment) -> None:
    earlier = look_closer(assessment=front.assess(20), at=steady.known_at)
    front.assess(22)  # without a closer look: nothing to score
    assert forecasts_before(steady) == [earlier]


def test_hub_rows_have_every_level_of_every_task(steady: Assessment) -> None:
    rows = model_output(steady)
    tasks = {(r.target, r.location, r.horizon) for r in rows}
    assert len(rows) == len(tasks) * len(HUB_PROBABILITIES)
    assert ("inc case", "10", 14) in tasks
    assert ("inc case", "1001", 1) in tasks
    assert ("inc onset", "10", 0) in tasks
    assert {r.reference_date for r in rows} == {date(2020, 2, 24)}


def test_rows_that_no_hub_would_take_are_not_written(steady: Assessment) -> None:
    rows = [
        r
        for r in model_output(steady)
        if (r.target, r.location, r.horizon) == ("inc case", "10", 1)
    ]
    check(rows)
    faulty: list[list[HubRow]] = [
        rows[:-1],
        [*rows[:-1], rows[-1]._replace(value=-1.0)],
        [rows[0]._replace(value=1e6), *rows[1:]],
        [rows[0]._replace(target_end_date=rows[0].reference_date), *rows[1:]],
    ]
    for broken in faulty:
        with pytest.raises(HubRowsMalformed):
            check(broken)


def test_files_for_a_hub_need_the_right_to_export(
    client: Client, cast: Cast, steady: Assessment, as_person: As
) -> None:
    assert client.get("/assess/model-output.csv").status_code == 302
    assert as_person(cast.village_reporter).get("/assess/model-output.csv").status_code == 403
    analyst = as_person(cast.analyst)
    text = analyst.get("/assess/model-output.csv").content.decode()
    rows = list(csv.DictReader(StringIO(text)))
    assert tuple(rows[0]) == COLUMNS
    table = pl.read_parquet(BytesIO(analyst.get("/assess/model-output.parquet").content))
    assert table.height == len(rows)
    assert table["value"].to_list() == pytest.approx([float(r["value"]) for r in rows])


def test_the_page_says_what_the_week_brings(cast: Cast, steady: Assessment, as_person: As) -> None:
    page = as_person(cast.analyst).get("/assess/").content.decode()
    assert "In a week, " in page
    assert "No earlier forecast can be scored yet." in page


def test_the_daily_job_adds_nothing_the_second_time(
    steady: Assessment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YIPAN_LANGUAGE", "en")
    moment = (steady.known_at - timedelta(minutes=5)).isoformat()
    first = CliRunner().invoke(main, ["daily", "--at", moment, "--json"])
    assert first.exit_code == 0, first.output
    told = json.loads(first.stdout.splitlines()[-1])
    assert told["data_day"] == "2020-02-24"
    alarms, made = Alarm.objects.count(), Assessment.objects.count()
    CliRunner().invoke(main, ["daily", "--at", moment, "--json"])
    assert (Alarm.objects.count(), Assessment.objects.count()) == (alarms, made)
    written = CliRunner().invoke(main, ["hub", "--to", str(tmp_path), "--json"])
    assert written.exit_code == 0, written.output
    path = Path(json.loads(written.stdout.splitlines()[-1])["path"])
    assert path.name == "2020-02-24-yipan-situation.csv"
    assert path.exists()
