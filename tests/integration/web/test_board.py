"""The board: whose it is, what it says, and that going back in time learns nothing later."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from cast import Cast
from front import Front
from living import at
from yipan.access.context import make_board
from yipan.access.models import Grant, User
from yipan.access.scope import Scope, scope_of
from yipan.assess.models import UnitSituation
from yipan.web.board import sentences
from yipan.web.board.facts import Facts

pytestmark = pytest.mark.django_db
Door = Callable[[User | None], Client]
MOST_QUERIES = 45


def facts_of(front: Front, user: User, moment: datetime, at_text: str = "") -> Facts:
    board = make_board(incident=front.incident, system_now=moment, at_text=at_text)
    scope: Scope = scope_of(user, at=moment)
    return Facts(board=board, scope=scope)


# ---- refusals first ------------------------------------------------------------------------------


def test_nobody_is_shown_the_door(door: Door, living: Front) -> None:
    answer = door(None).get("/")
    assert (answer.status_code, answer["Location"]) == (302, "/sign-in/?next=%2F")


@pytest.mark.parametrize("path", ["/board/map.json", "/board/topology.json"])
def test_a_machine_without_a_session_gets_401(door: Door, living: Front, path: str) -> None:
    answer = door(None).get(path, headers={"accept": "application/json"})
    assert answer.status_code == 401
    assert answer.json()["code"] == "S701"


@pytest.mark.parametrize("name", ["counties", "cities", "curve"])
def test_who_may_not_export_gets_no_file(door: Door, living: Front, cast: Cast, name: str) -> None:
    answer = door(cast.village_reporter).get(f"/board/{name}.csv")
    assert answer.status_code == 403


def test_a_village_reporter_is_told_what_is_theirs(door: Door, living: Front, cast: Cast) -> None:
    page = door(cast.village_reporter).get("/").content.decode()
    assert "those who assess, plan and decide" in page
    assert "Alder" not in page
    assert "83" not in page


@pytest.mark.parametrize("who", ["village_reporter", "administrator", "stranger"])
def test_the_board_sends_nobody_to_a_closed_door(
    door: Door, living: Front, cast: Cast, who: str
) -> None:
    client = door(getattr(cast, who))
    page = client.get("/").content.decode().split("<main")[1].split("</main>")[0]
    for href in {part.split('"')[0] for part in page.split('href="/')[1:]}:
        assert client.get(f"/{href}").status_code == 200, href


def test_a_number_the_board_does_not_have_is_not_found(
    door: Door, living: Front, cast: Cast
) -> None:
    assert door(cast.commander).get("/numbers/happiness/").status_code == 404


def test_a_county_officer_sees_one_county(door: Door, living: Front, cast: Cast) -> None:
    client = door(cast.county_officer)
    data = client.get("/board/map.json").json()
    seen = [unit for unit in data["units"] if unit["tier"] != "outside"]
    assert [unit["code"] for unit in seen] == ["100101"]
    for unit in data["units"]:
        if unit not in seen:
            assert not {"lines", "href", "why_href", "keys"} & set(unit)
    page = client.get("/").content.decode()
    assert "Alder" in page
    assert "Cedar" not in page.split("</header>")[-1]
    rows = client.get("/board/counties.csv").content.decode().splitlines()
    assert [row.split(",")[0] for row in rows[1:]] == ["100101"]


def test_without_an_incident_the_board_shows_the_first_steps(door: Door, cast: Cast) -> None:
    page = door(cast.commander).get("/")
    assert page.status_code == 200
    assert "No incident is open" in page.content.decode()


# ---- what it says --------------------------------------------------------------------------------


def test_the_headline_is_made_from_the_numbers(
    living: Front, cast: Cast, morning: datetime
) -> None:
    with translation.override("en"):
        said = "".join(
            c.text + c.after for c in sentences.headline(facts_of(living, cast.commander, morning))
        )
    assert said.startswith("3 new cases on 17 Feb. ")
    assert "1 high" in said
    assert "1 county not heard from" in said
    assert said.endswith(".")


def test_the_same_sentence_in_chinese_has_chinese_punctuation(
    living: Front, cast: Cast, morning: datetime
) -> None:
    with translation.override("zh-hans"):
        said = "".join(
            c.text + c.after for c in sentences.headline(facts_of(living, cast.commander, morning))
        )
    assert said.startswith("2月17日新增确诊3例。")
    assert said.endswith("。")
    assert " " not in said
    assert "." not in said


def test_the_board_shows_the_published_total_and_the_county_not_heard_from(
    door: Door, living: Front, cast: Cast
) -> None:
    page = door(cast.commander).get("/").content.decode()
    assert "Reported: <b>2 of 3 counties" in page
    assert "Cedar" in page
    assert 'data-n="confirmed_new">3</a>' in page
    assert 'data-n="confirmed_7d">33</a>' in page


def test_the_map_and_its_table_name_the_same_tiers(door: Door, living: Front, cast: Cast) -> None:
    client = door(cast.commander)
    page = client.get("/").content.decode()
    legend = {e["tier"]: e["count"] for e in client.get("/board/map.json").json()["legend"]}
    assert legend == {"high": 1, "medium": 0, "low": 1, "undecided": 0, "no_data": 1}
    for tier, count in legend.items():
        assert page.count(f'<tr data-tier="{tier}">') == count


def test_every_number_opens_its_source(door: Door, living: Front, cast: Cast) -> None:
    client = door(cast.commander)
    page = client.get("/").content.decode()
    keys = [part.split("/")[0] for part in page.split('href="/numbers/')[1:]]
    assert {"confirmed_new", "confirmed_7d", "not_yet_reported", "rt", "active"} <= set(keys)
    for key in set(keys):
        answer = client.get(f"/numbers/{key}/")
        assert answer.status_code == 200, key
    earlier = client.get("/numbers/confirmed_7d/").content.decode()
    assert "As it was known on earlier evenings" in earlier
    assert earlier.count('<th scope="row">') == 2


def test_the_page_asks_few_questions(door: Door, living: Front, cast: Cast) -> None:
    client = door(cast.commander)
    client.get("/")
    with CaptureQueriesContext(
        connection,
    ) as asked:
        client.get("/")
    assert len(asked) <= MOST_QUERIES, "\n".join(q["sql"][:160] for q in asked)


# ---- back in time --------------------------------------------------------------------------------


def test_the_past_knows_nothing_later(
    door: Door, living: Front, cast: Cast, morning: datetime
) -> None:
    page = door(cast.commander).get("/" + at(morning, days=1)).content.decode()
    assert "You are looking at" in page
    assert ">2020-02-17<" not in page
    assert '"2020-02-17"' not in page
    assert 'data-n="confirmed_new">5</a>' in page
    assert "waits-title" not in page


def test_before_the_first_assessment_there_is_nothing_to_show(
    door: Door, living: Front, cast: Cast, morning: datetime
) -> None:
    page = door(cast.commander).get("/" + at(morning, days=10)).content.decode()
    assert "Nothing was assessed at this moment" in page


def test_the_moment_stays_in_the_addresses(
    door: Door, living: Front, cast: Cast, morning: datetime
) -> None:
    page = door(cast.commander).get("/" + at(morning, days=1)).content.decode()
    moment = "at=2020-02-17T12:00"
    assert f'src="/board/map.json?{moment}"' in page
    assert f'href="/board/curve.csv?{moment}"' in page
    assert f'href="/assess/counties/100101/?{moment}"' in page


def test_a_moment_in_the_future_is_refused(door: Door, living: Front, cast: Cast) -> None:
    answer = door(cast.commander).get("/?at=2031-01-01T00:00")
    assert answer.status_code == 400
    assert "S710" in answer.content.decode()


# ---- files and data ------------------------------------------------------------------------------


def test_files_carry_the_moment_in_their_name(door: Door, living: Front, cast: Cast) -> None:
    client = door(cast.commander)
    for name in ("counties", "cities", "curve"):
        answer = client.get(f"/board/{name}.csv")
        assert answer["Content-Disposition"] == f'attachment; filename="{name}-20200218T1200.csv"'
        lines = answer.content.decode().splitlines()
        assert len({line.count(",") for line in lines}) == 1
    curve = client.get("/board/curve.csv").content.decode().splitlines()
    assert curve[-1].startswith("2020-02-17,3,")


def test_the_map_is_compressed_and_not_sent_twice(door: Door, living: Front, cast: Cast) -> None:
    client = door(cast.commander)
    first = client.get("/board/map.json", headers={"accept-encoding": "gzip"})
    assert first["Content-Encoding"] == "gzip"
    assert json.loads(gzip.decompress(first.content))["title"]
    again = client.get("/board/map.json", headers={"if-none-match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_without_boundaries_the_map_says_circles(door: Door, living: Front, cast: Cast) -> None:
    client = door(cast.commander)
    assert client.get("/board/map.json").json()["topology"] is None
    assert client.get("/board/topology.json").status_code == 404


# ---- states --------------------------------------------------------------------------------------


def test_an_old_assessment_has_a_dashed_edge_and_says_how_old(
    door: Door, living: Front, cast: Cast, morning: datetime
) -> None:
    client = door(cast.commander)
    assert "block stale" not in client.get("/").content.decode()
    living.incident.clock_at = morning + timedelta(hours=30)
    living.incident.save()
    page = client.get("/").content.decode()
    assert 'class="block stale" id="map"' in page
    assert "30\u00a0h old" in page
    assert 'data-n="confirmed_new">3</a>' in page  # the number is still shown


def test_the_present_renews_itself_and_the_past_stands(
    door: Door, living: Front, cast: Cast, morning: datetime
) -> None:
    client = door(cast.commander)
    assert 'data-refresh="60"' in client.get("/").content.decode()
    assert "data-refresh" not in client.get("/" + at(morning, days=1)).content.decode()


def test_who_owes_nothing_waits_for_nothing(door: Door, living: Front, cast: Cast) -> None:
    page = door(cast.commander).get("/").content.decode()
    assert "Nothing waits for you" in page
    assert "No order is open" in page


def test_the_wall_has_no_control_and_no_link(door: Door, living: Front, cast: Cast) -> None:
    page = door(cast.commander).get("/wall/").content.decode()
    body = page.split("<body")[1]
    assert 'data-theme="wall"' in page
    for control in ("<button", "<form", "<input", "data-sheet"):
        assert control not in body, control


def test_an_estimate_names_its_method_and_who_published_it(
    door: Door, living: Front, cast: Cast
) -> None:
    client = door(cast.commander)
    rt = client.get("/api/board/numbers/rt").json()
    assert [part["label"] for part in rt["method"]] == ["Estimator", "Serial interval", "Software"]
    assert "Li Q" in rt["method"][1]["source"]
    plain = client.get("/api/board/numbers/confirmed_new").json()
    assert [part["label"] for part in plain["method"]] == ["Software"]


# ---- small counts


def test_a_small_count_is_hidden_from_who_may_not_see_it(
    living: Front, cast: Cast, door: Door
) -> None:
    """Cedar has one case a day; who has no right to small counts learns neither it nor what gives it away."""
    Grant.objects.filter(user=cast.auditor).update(sensitivity=0)
    UnitSituation.objects.filter(unit__code="100102").update(confirmed=3, confirmed_14d=2)
    reader, analyst = door(cast.auditor), door(cast.analyst)
    kept = {u["code"]: u for u in reader.get("/board/map.json").json()["units"]}
    exact = {u["code"]: u for u in analyst.get("/board/map.json").json()["units"]}
    assert exact["100102"]["lines"][0] == "3 cases in all, 2 in 14 days"
    assert "fewer than 5" in kept["100102"]["lines"][0]
    files = {
        person: client.get("/board/counties.csv").content.decode()
        for person, client in (("reader", reader), ("analyst", analyst))
    }
    line = next(row for row in files["reader"].splitlines() if "100102" in row)
    assert ",<5," in line or ",…," in line
    assert ",3,0,2," in next(row for row in files["analyst"].splitlines() if "100102" in row)
    assert "fewer than 5" in reader.get("/").content.decode()
