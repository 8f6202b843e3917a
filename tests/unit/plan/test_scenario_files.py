"""A scenario as files: the manual's example runs, and every bad file is told where it is bad and what to do."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from yipan.kernel.errors import YipanError
from yipan.plan.scenarios.deciding import as_json, decide, write
from yipan.plan.scenarios.files import read_scenario

EXAMPLE = Path(__file__).parents[3] / "docs" / "reference" / "plan-example"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(EXAMPLE, tmp_path / "example")
    return tmp_path / "example"


def change(folder: Path, file: str, old: str, new: str) -> None:
    path = folder / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.mark.parametrize(
    ("file", "old", "new", "where", "code"),
    [
        ("scenario.yaml", "format: 1", "format: 9", "scenario.yaml", "P314"),
        ("scenario.yaml", "start: 2020-02-25", "start: soon", "start", "P314"),
        ("scenario.yaml", "weeks: 6", "weeks: 1", "scenario.yaml", "P314"),
        ("scenario.yaml", "members: 100", "members: many", "scenario.yaml", "P314"),
        ("scenario.yaml", "name: Three", "nmae: x\nname: Three", "scenario.yaml", "P314"),
        ("scenario.yaml", "counties: counties.csv", "counties: other.csv", "other.csv", "P314"),
        ("scenario.yaml", "disease: sars_cov_2_wild", "disease: plague", "scenario.yaml", "P314"),
        ("scenario.yaml", "pack: china_2020_02", "pack: mars", "scenario.yaml", "P301"),
        ("scenario.yaml", "accepted_risk: 0.05", "accepted_risk: 5", "accepted_risk", "P309"),
        ("scenario.yaml", "venues: 1", "venues: 7", "venues", "P309"),
        ("scenario.yaml", "accepted_risk: 0.05", "beds: 5", "limits.beds", "P309"),
        ("scenario.yaml", "return_capacity_week: {value: 5000", "no_such: {value: 5000", "figures", "P301"),
        ("scenario.yaml", "value: 5000", "value: -5", "return_capacity_week", "P301"),
        ("scenario.yaml", "limits:", "limits: [", "scenario.yaml:", "P314"),
        ("scenario.yaml", "{value: 5000, dated", "{value: [5], dated", "return_capacity_week", "P301"),
        ("scenario.yaml", "return_capacity_week: {value: 5000", "days_in_bed: {value: 0", "days_in_bed", "P301"),
        ("scenario.yaml", "return_capacity_week: {value: 5000", "found_share: {value: 3", "found_share", "P301"),
        ("scenario.yaml", "  - option: robust", "  - option: nope", "edits", "P314"),
        ("scenario.yaml", "last: 6", "last: 60", "weeks", "P310"),
        ("scenario.yaml", "level: staggered", "level: wide", "changes", "P310"),
        ("scenario.yaml", "counties: [T1]", "counties: T1", "changes", "P310"),
        ("counties.csv", "420000,1,2", "420000,1,900000", "row 2", "P314"),
        ("areas.csv", "S,南", "E,东区医院,East hospitals,5\nS,南", "areas.csv", "P314"),
        ("counties.csv", "T1,赤杨县,Alder,N,low", "T1,赤杨县,Alder,X,low", "row 2", "P314"),
        ("counties.csv", "Alder,N,low", "Alder,N,purple", "row 2", "P314"),
        ("counties.csv", "low,420000", "low,many", "row 2", "P314"),
        ("counties.csv", "T2,", "T1,", "row 3", "P314"),
        ("counties.csv", "tier,population", "level,population", "counties.csv, 1", "P314"),
        ("areas.csv", "90", "-1", "row 2", "P314"),
        ("sectors.csv", "T1,A,", "T9,A,", "row 2", "P314"),
        ("sectors.csv", "T1,A,", "T1,Z,", "row 2", "P314"),
        ("travel.csv", "T1,T2", "T1,T7", "row 2", "P314"),
    ],
)  # fmt: skip
def test_a_bad_file_is_told_where_and_what_to_do(
    folder: Path, file: str, old: str, new: str, where: str, code: str
) -> None:
    change(folder, file, old, new)
    with pytest.raises(YipanError) as refused:
        read_scenario(folder / "scenario.yaml")
    told = refused.value
    assert told.code == code
    assert where in f"{told.where} {told.message}"
    assert told.remedy


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(YipanError, match="P314"):
        read_scenario(tmp_path / "nothing.yaml")


def test_a_table_in_another_encoding_is_told(folder: Path) -> None:
    (folder / "counties.csv").write_bytes("编码".encode("gbk"))
    with pytest.raises(YipanError, match="P314"):
        read_scenario(folder / "scenario.yaml")


def test_figures_and_limits_of_the_file_are_those_of_the_answer(folder: Path) -> None:
    scenario = read_scenario(folder / "scenario.yaml")
    pack = scenario.build.assumptions
    assert pack.weeks == 6
    assert pack.value("return_capacity_week") == 5000
    assert (
        pack.sources[pack.figures["return_capacity_week"].source]["en"]
        == "county transport offices"
    )
    assert scenario.limits.beds_of == {"N": 90.0, "S": 80.0}
    assert scenario.limits.most == {"high": {"venues": 1, "schools": 0}}


def test_the_example_is_answered_whole(folder: Path) -> None:
    read = read_scenario(folder / "scenario.yaml")
    small = replace(read, members=20, search_members=40, verify_members=60)
    decision = decide(small)
    told = as_json(decision)
    keys = [option["key"] for option in told["options"]]
    assert keys == ["hold", "tiered", "open", "targeted", "robust", "uniform", "edit-1"]
    by_key = {option["key"]: option for option in told["options"]}
    assert by_key["edit-1"]["over_base"]["value_added_100m_cny"]
    assert by_key["robust"]["price_of_safety"]["value_added_100m_cny"]
    assert by_key["targeted"]["delay"]["value_added_100m_cny"]["median"] < 0
    levels = {o.key: o.levels for o in decision.options}
    assert levels["targeted"][:, 2, 1].max() <= 1  # venues in the high-tier county, by the limit
    assert levels["edit-1"][2:, 0, 3].tolist() == [2, 2, 2, 2]
    files = write(decision, folder / "out")
    assert {"answer.json", "options.csv", "openings.csv", "frontier.csv", "prices.csv", "risks.csv", "report.html"} <= set(files)  # fmt: skip
    with (folder / "out" / "openings.csv").open(encoding="utf-8-sig") as table:
        rows = list(csv.DictReader(table))
    assert len(rows) == len(keys) * 3 * 6 * 6
    assert json.loads((folder / "out" / "answer.json").read_text(encoding="utf-8"))["name"] == "Three towns"  # fmt: skip


def test_an_edit_of_an_option_that_the_impossible_leaves_out_is_told(folder: Path) -> None:
    change(folder, "areas.csv", "South hospitals,80", "South hospitals,3")
    asked = replace(read_scenario(folder / "scenario.yaml"), members=20, search_members=20, verify_members=20)  # fmt: skip
    decision = decide(asked)
    assert decision.told["impossible"]["cures"][0]["kind"] == "beds"
    assert decision.told["edits_left_out"] == ["robust"]
    assert "edit-1" not in {option.key for option in decision.options}
    assert write(decision, folder / "answer")


def test_the_same_file_gives_the_same_answer(folder: Path) -> None:
    read = read_scenario(folder / "scenario.yaml")
    small = replace(read, members=20, search_members=20, verify_members=20, edits=())
    one, other = (as_json(decide(small)) for _time in range(2))
    for answer in (one, other):
        answer.pop("seconds")
        for option in answer["options"]:
            option.pop("seconds", None)
    assert one == other


def test_the_verb_needs_no_database_and_tells_a_fault_in_json(folder: Path) -> None:
    change(folder, "counties.csv", "low,420000", "low,many")
    surroundings = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "yipan.kernel.settings",
        "YIPAN_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
        "YIPAN_HOME": str(folder / "home"),
        "YIPAN_LANGUAGE": "en",
    }
    ran = subprocess.run(
        [sys.executable, "-m", "yipan.cli", "plan", str(folder / "scenario.yaml"), "--json"],
        env=surroundings, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 1
    error = json.loads(ran.stdout.strip().splitlines()[-1])["error"]
    assert error["code"] == "P314"
    assert "row 2" in json.dumps(error)
