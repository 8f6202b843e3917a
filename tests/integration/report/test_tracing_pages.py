"""The pages about cases, contacts, sites and specimens: refusals, what they show, and each act on them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client

from cast import NOON, Cast, Province
from integration.report.tracing import Outbreak, at, day, outbreak
from yipan.access import keyring
from yipan.access.models import Identity, Incident, PersonStatus, User
from yipan.access.scope import system_scope
from yipan.report.contacts import actions, queries
from yipan.report.contacts.chains import find_chains, forest
from yipan.report.contacts.models import Contact, Exposure, Link, Visit
from yipan.report.laboratory.models import SpecimenEvent
from yipan.report.models import RegisterEvent
from yipan.report.quarantine.models import Site, Stay

pytestmark = pytest.mark.django_db
As = Callable[[User], Client]
PAGES = ("cases", "follow-up", "chains", "quarantine", "laboratory", "registers")


@pytest.fixture
def out(
    drill: Incident, province: Province, cast: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Outbreak:
    monkeypatch.setattr(keyring, "_path", lambda: tmp_path / "identity.keys")
    return outbreak(drill, province, cast.county_officer)


def page(client: Client, path: str, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status, answer.content.decode()[:2000]
    return answer.content.decode()


def send(client: Client, path: str, status: int = 302, **sent: object) -> str:
    answer = client.post(path, sent)
    assert answer.status_code == status, re.sub(r"<[^>]+>", " ", answer.content.decode())[:3000]
    return answer.content.decode()


def test_refusals(out: Outbreak, cast: Cast, as_person: As) -> None:
    contact = out.contact("410000000000000001")
    case = f"/report/cases/{contact.case}/"
    paths = [case, f"/report/contacts/{contact.pk}/", "/report/follow-up/", "/report/chains/"]
    for path in paths:
        assert Client().get(path).status_code in (302, 401)
        assert as_person(cast.commander).get(path).status_code in (403, 404)
        assert as_person(cast.village_reporter).get(path).status_code in (403, 404)
    stranger_to_it = as_person(cast.other_county_officer)
    for path in paths[:2]:
        page(stranger_to_it, path, 404)
    assert contact.identity.pseudonym[:8] not in page(stranger_to_it, "/report/follow-up/?show=all")
    page(as_person(cast.county_officer), "/report/duplicates/", 403)  # sees nobody's name
    assert "/report/duplicates/" not in page(as_person(out.officer), "/report/follow-up/")
    assert "/report/duplicates/" in page(as_person(out.doctor), "/report/follow-up/")
    page(as_person(out.officer), "/report/cases/short/", 404)
    assert stranger_to_it.post(f"/report/contacts/{contact.pk}/well/").status_code == 404
    assert not Visit.objects.exists()


def test_every_page_opens_empty_and_filled(out: Outbreak, as_person: As) -> None:
    client = as_person(out.officer)
    for name in PAGES:
        page(client, f"/report/{name}/")
    contact = out.contact("410000000000000001")
    out.site()
    out.site(kind="laboratory", code="L1")
    for name in PAGES:
        page(client, f"/report/{name}/?at=2020-02-24T11:00")
    assert contact.identity.pseudonym[:8] in page(client, "/report/follow-up/")
    assert "<code>date_onset</code>" in page(client, "/report/cases/")
    for lang in ("zh-hans", "en"):
        out.officer.language = lang
        out.officer.save(update_fields=["language"])
        for name in PAGES:
            page(client, f"/report/{name}/")


def test_one_case_and_all_that_is_entered_of_it(out: Outbreak, as_person: As) -> None:
    client, case = as_person(out.officer), out.case("A-1")
    path = f"/report/cases/{case.pseudonym}/"
    contact = {
        "act": "contact", "contact-number": "410105199001011234", "contact-name": "王伟",
        "contact-kind": "meal", "contact-last_day": "2020-02-20", "contact-unit": "100101",
        "contact-client_key": "k-1",
    }  # fmt: skip
    send(client, path, **contact)
    send(client, path, **contact)  # pressed twice
    assert Contact.objects.count() == 1
    send(client, path, 422, **{**contact, "contact-last_day": "2020-03-20"})
    send(client, path, 404, **{**contact, "contact-unit": "100201", "contact-number": "999999"})
    send(
        client, path, act="exposure", **{
            "exposure-kind": "market", "exposure-first_day": "2020-02-06",
            "exposure-last_day": "2020-02-07", "exposure-place": "100101001",
            "exposure-setting": "vegetables",
        },
    )  # fmt: skip
    other = out.case("A-2").pseudonym
    send(
        client, path, act="link",
        **{"link-source": other[:8], "link-certainty": "possible", "link-kind": "meal"},
    )  # fmt: skip
    send(client, path, act="name", **{"name-number": "410105198801011234"})
    text = page(client, path)
    assert (Exposure.objects.count(), Link.objects.count()) == (1, 1)
    assert "vegetables" in text
    assert other[:8] in text
    assert "王伟" not in text
    assert "410105198801011234" not in text
    send(client, path, 403, act="reveal", **{"reveal-reason": "phone the case"})
    shown = send(
        as_person(out.doctor), path, 200, act="reveal", **{"reveal-reason": "phone the case"}
    )
    assert "410105198801011234" in shown


def test_a_follow_up_by_one_tap_and_by_form(out: Outbreak, as_person: As) -> None:
    client = as_person(out.officer)
    contact = out.contact("410000000000000001", at_=at(9, 21))
    tap = f"/report/contacts/{contact.pk}/well/"
    send(client, tap, key="a")
    send(client, tap, key="a")
    assert list(Visit.objects.values_list("result", "day")) == [("well", day(24))]
    path = f"/report/contacts/{contact.pk}/"
    send(client, path, 422, act="visit", **{"visit-day": "2020-02-24", "visit-result": "symptoms"})
    send(
        client, path, act="visit",
        **{"visit-day": "2020-02-24", "visit-result": "symptoms", "visit-symptoms": ["fever"]},
    )  # fmt: skip
    assert "has symptoms" in page(client, "/report/follow-up/")
    send(
        client, path, act="last_day", **{"last-last_day": "2020-02-21", "last-reason": "met again"}
    )
    page(client, path, 404)  # amended: another row stands now
    now = queries.follow_up(out.incident, scope=out.scope(), known_at=NOON)[0].contact
    send(
        client, f"/report/contacts/{now.pk}/", act="hand_over",
        **{"over-unit": "100201", "over-reason": "is with the parents"},
    )  # fmt: skip
    page(client, f"/report/contacts/{now.pk}/", 404)


def test_a_status_from_the_page_to_the_slip(out: Outbreak, as_person: As) -> None:
    contact = out.contact("410000000000000001")
    path = f"/report/contacts/{contact.pk}/"
    send(as_person(out.officer), path, 403, act="quarantine")
    assert 'act" value="quarantine' not in page(as_person(out.officer), path)
    doctor = as_person(out.doctor)
    shown = send(doctor, path, 200, act="quarantine")
    slip = re.search(r'class="slip">([^<]+)<', shown)
    assert slip is not None
    assert slip[1] not in page(doctor, path)  # shown once
    own = Client().post(
        "/my-status/", {"code": slip[1]}
    )  # the person's own view, by the drill's clock
    assert "14 days from the last contact" in own.content.decode()
    objected = Client().post("/my-status/", {"code": slip[1], "text": "I was not there at all"})
    assert objected.status_code == 200
    assert PersonStatus.objects.get().event.evidence["case"] == contact.case[:8]
    assert "quarantined" in page(as_person(out.officer), "/report/follow-up/?show=all")
    send(doctor, path, act="end_status", **{"end-reason": "tested negative, rule changed"})
    assert "released" in page(doctor, path)
    send(doctor, path, 404, act="end_status", **{"end-reason": "again and again"})


def test_in_the_past_nothing_is_entered(out: Outbreak, as_person: As) -> None:
    contact = out.contact("410000000000000001")
    client = as_person(out.officer)
    page(client, f"/report/contacts/{contact.pk}/?at=2020-02-24T11:00", 404)  # not known then
    answer = client.post(f"/report/contacts/{contact.pk}/well/?at=2020-02-24T11:00", {"key": "x"})
    assert answer.status_code == 409
    assert not Visit.objects.exists()


def test_sites_and_who_is_inside(out: Outbreak, as_person: As) -> None:
    client = as_person(out.officer)
    opened = {
        "act": "open", "open-kind": "quarantine", "open-code": "H1", "open-name_zh": "宾馆",
        "open-unit": "100101", "open-places": 1,
    }  # fmt: skip
    send(client, "/report/quarantine/", **opened)
    send(client, "/report/quarantine/", 422, **opened)  # the code is taken
    site = Site.objects.get()
    first, second = (out.contact(f"41000000000000000{n}") for n in (1, 2))
    send(client, f"/report/contacts/{first.pk}/", act="in", **{"in-site": site.pk})
    full = send(client, f"/report/contacts/{second.pk}/", 409, act="in", **{"in-site": site.pk})
    assert "1 places are taken" in full
    assert "1 site is full" in page(client, "/report/quarantine/")
    send(
        client, "/report/quarantine/", act=f"places-{site.pk}",
        **{f"places-{site.pk}-places": 2, f"places-{site.pk}-reason": "floor two"},
    )  # fmt: skip
    send(client, f"/report/contacts/{second.pk}/", act="in", **{"in-site": site.pk})
    send(client, f"/report/contacts/{first.pk}/", act="out", site=site.pk)
    assert Stay.objects.count() == 3
    assert first.identity.pseudonym[:8] not in page(client, "/report/quarantine/")


def test_specimens_step_by_step(out: Outbreak, as_person: As) -> None:
    client = as_person(out.officer)
    send(
        client, "/report/laboratory/", act="open", **{
            "open-kind": "laboratory", "open-code": "L1", "open-name_en": "Lab",
            "open-unit": "100101", "open-places": 40,
        },
    )  # fmt: skip
    laboratory = Site.objects.get()

    def step(status: int = 302, **sent: object) -> str:
        told = {"number": "TUBE 01", "laboratory": laboratory.pk, "step": "taken", **sent}
        prefixed = {f"specimen-{key}": value for key, value in told.items()}
        return send(client, "/report/laboratory/", status, act="specimen", **prefixed)

    step(case=out.case("A-1").pseudonym[:8], occurred_at="2020-02-24T08:00")
    step(409, step="taken")
    step(422, step="result")
    step(step="result", result="positive", occurred_at="2020-02-24T11:30")
    assert SpecimenEvent.objects.filter(case=out.case("A-1").pseudonym).count() == 2
    assert "TUBE" not in str(list(SpecimenEvent.objects.values()))
    text = page(client, "/report/laboratory/")
    assert "3.5 h" in text
    assert "positive" in page(client, f"/report/cases/{out.case('A-1').pseudonym}/")


def test_register_events_entered_and_voided(out: Outbreak, as_person: As) -> None:
    client = as_person(out.officer)
    event = {
        "act": "event", "event-register": "person", "event-concept": "obs_central",
        "event-change": 1, "event-unit": "100101", "event-subject": "410105199001011234",
        "event-populations": "students，poor", "event-occurred_at": "2020-02-24T09:00",
        "event-client_key": "reg-key-1",
    }  # fmt: skip
    send(client, "/report/registers/", **event)
    send(client, "/report/registers/", **event)
    row = RegisterEvent.objects.get()
    assert (row.populations, row.occurred_at) == ("|students|poor|", at(9))
    assert "410105199001011234" not in page(client, "/report/registers/")
    send(client, "/report/registers/", 422, **{**event, "event-concept": "contact.followed"})
    send(client, "/report/registers/", 422, act="void", event=row.pk)
    send(
        client, "/report/registers/", act="void", event=row.pk, **{"void-reason": "another person"}
    )
    assert "0 events" in page(client, "/report/registers/")


# ---- chains --------------------------------------------------------------------------------------------


def test_the_graph_and_its_table_say_the_same(out: Outbreak, as_person: As) -> None:
    for source, case in (("A-1", "A-2"), ("A-2", "A-3")):
        actions.add_link(
            source=out.case(source), case=out.case(case), scope=system_scope(), at=NOON,
            certainty="confirmed",
        )  # fmt: skip
    found = find_chains(out.incident, scope=out.scope(), known_at=NOON)
    assert (found.chains, found.largest, found.alone) == (1, 3, 0)
    assert [n.generation for n in found.nodes] == [0, 1, 2]
    assert [e.serial_days for e in found.picture.edges] == [
        5,
        -1,
    ]  # a serial interval may be negative
    assert found.serial_days[0] == (-1, 1)
    text = page(as_person(out.officer), "/report/chains/")
    drawn = re.findall(r'<a href="/report/cases/([0-9a-f]+)/" aria-label', text)
    table = re.findall(r'<th scope="row"><a href="/report/cases/([0-9a-f]+)/">', text)
    assert drawn == table == [n.case.pseudonym for n in found.nodes]
    assert "style=" not in text


def test_a_link_to_a_case_out_of_sight_is_counted_and_not_drawn(out: Outbreak) -> None:
    actions.add_link(source=out.case("C-1"), case=out.case("A-3"), scope=system_scope(), at=NOON)
    found = find_chains(out.incident, scope=out.scope(), known_at=NOON)
    assert (found.chains, found.elsewhere) == (0, 1)
    assert find_chains(out.incident, scope=system_scope(), known_at=NOON).chains == 1


def test_no_order_of_links_makes_a_circle_or_two_infectors() -> None:
    pairs = [("a", "b", "possible"), ("b", "c", "probable"), ("c", "a", "possible"), ("d", "b", "confirmed")]  # fmt: skip
    for turned in (pairs, pairs[::-1], pairs[2:] + pairs[:2]):
        graph, dropped = forest(turned)
        assert ("d", "b") in graph.edges
        assert all(graph.in_degree(n) <= 1 for n in graph)
        assert graph.number_of_edges() + dropped == 4
        assert graph.number_of_edges() < graph.number_of_nodes()


def test_sealed_persons_have_an_end(out: Outbreak) -> None:
    out.contact("410000000000000001")
    assert all(i.expires_at > i.recorded_at for i in Identity.objects.all())


def test_where_little_is_traced_no_average_is_told(out: Outbreak, as_person: As) -> None:
    """Of a case without any link nobody knows how many it infected: it is not none."""
    path = "/report/chains/"
    text = page(as_person(out.officer), path)
    assert "Too little traced to say how many each infected: 0 cases have a link, 3 none" in text
    assert "Dispersion" not in text
