"""A hub folder of ours: hubverse's own reader takes it, and its published rules hold.

`hubverse/*.json` are the rules of hubverse's schemas, version 6.0.0 (CC0), without their prose.
"""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import jsonschema
import pytest
from hubdata import connect_hub

from front import Front
from yipan.assess.hub.config import METADATA_SCHEMA, admin, tasks, write_config
from yipan.assess.hub.model_output import COLUMNS, HubRow, file_name, frame, model_output
from yipan.assess.models import Assessment
from yipan.report.models import Source

pytestmark = pytest.mark.django_db
RULES = Path(__file__).parent / "hubverse"


@pytest.fixture
def rows(front: Front) -> list[HubRow]:
    """Nowcast and forecast of five cases a day, each reported three days after onset."""
    front.cases([("100101", n, n - 3, False) for n in range(4, 25) for _ in range(5)])
    front.send(
        [r for n in range(1, 25) for r in front.published(n, u10=5.0 * n, u1001=5.0 * n)],
        Source.BULLETIN,
    )
    found: list[HubRow] = model_output(front.assess(24))
    return found


def write(folder: Path, rows: list[HubRow], suffix: str) -> Path:
    path = folder / file_name(rows[0].reference_date, suffix)
    path.parent.mkdir(parents=True, exist_ok=True)
    table = frame(rows)
    if suffix == "csv":
        table.write_csv(path)
    else:
        table.write_parquet(path)
    write_config(folder, rows, name="test", time_zone="Asia/Shanghai")
    return path


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_hubverses_reader_reads_what_we_wrote(
    rows: list[HubRow], tmp_path: Path, suffix: str
) -> None:
    write(tmp_path, rows, suffix)
    table = connect_hub(tmp_path).get_dataset().to_table()
    assert set(table.column_names) == {*COLUMNS, "model_id"}
    assert set(table["model_id"].to_pylist()) == {"yipan-situation"}
    read = sorted(
        table.select(list(COLUMNS)).to_pylist(), key=lambda r: [str(v) for v in r.values()]
    )
    own = sorted((r._asdict() for r in rows), key=lambda r: [str(v) for v in r.values()])
    assert read == own


def test_the_configuration_keeps_the_published_rules(rows: list[HubRow]) -> None:
    for name, config in (
        ("tasks", tasks(rows, before=[date(2020, 2, 1)])),
        ("admin", admin(name="test", time_zone="Asia/Shanghai")),
    ):
        rules = json.loads((RULES / f"{name}-6.0.0.json").read_text("utf-8"))
        jsonschema.Draft202012Validator(rules).validate(config)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.Draft202012Validator(rules).validate({**config, "schema_version": None})


def test_every_row_is_of_a_task_that_the_configuration_names(rows: list[HubRow]) -> None:
    (one,) = tasks(rows)["rounds"]
    asked = {
        task["task_ids"]["target"]["optional"][0]: task["task_ids"] for task in one["model_tasks"]
    }
    assert {row.target for row in rows} == set(asked) == {"inc onset", "inc case"}
    for row in rows:
        ids = asked[row.target]
        assert row.horizon in ids["horizon"]["optional"]
        assert row.location in ids["location"]["optional"]
        assert row.target_end_date.isoformat() in ids["target_end_date"]["optional"]


def test_the_next_day_joins_our_own_hub_and_a_foreign_one_is_left_alone(
    rows: list[HubRow], tmp_path: Path
) -> None:
    write(tmp_path, rows, "csv")
    later = [
        r._replace(
            reference_date=date(2020, 2, 25),
            target_end_date=date.fromordinal(r.target_end_date.toordinal() + 1),
        )
        for r in rows
    ]
    write(tmp_path, later, "parquet")
    assert connect_hub(tmp_path).get_dataset().to_table().num_rows == 2 * len(rows)
    config = tmp_path / "hub-config" / "admin.json"
    config.write_text(json.dumps({"maintainer": "Somebody else"}), encoding="utf-8")
    before = (tmp_path / "hub-config" / "tasks.json").read_bytes()
    assert write_config(tmp_path, rows, name="test", time_zone="Asia/Shanghai") == []
    assert (tmp_path / "hub-config" / "tasks.json").read_bytes() == before


def test_the_metadata_keep_their_own_schema(rows: list[HubRow], tmp_path: Path) -> None:
    write(tmp_path, rows, "csv")
    told = (tmp_path / "model-metadata" / "yipan-situation.yml").read_text("utf-8")
    assert all(name in told for name in METADATA_SCHEMA["required"])
    assert Assessment.objects.count() == 1
