"""Alerts stand the schema of the Common Alerting Protocol 1.2, and a schema that forgives nothing."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import xmlschema
from hypothesis import given
from hypothesis import strategies as st

from yipan.order.channels.cap.feed import Alert, Info, alert_xml

HERE = Path(__file__).parent
OURS = xmlschema.XMLSchema(str(HERE / "cap12.xsd"))
AT = datetime(2020, 2, 24, 10, tzinfo=UTC)
ALERT = Alert(
    identifier="b6a2f1de-95a1-4f0f-8d0f-3c5f0a77c9e1", sender="410000@henan",
    sender_name="Headquarters", sent=AT, kind="Alert", exercise=False, incident="covid-2020",
    priority=1, expires=AT + timedelta(hours=4),
    infos=[Info("zh-Hans", "医院", "腾出病房", "今晚腾出5间", "抽查相符"), Info("en", "Hospitals", "Free", "Five", "Seen")],
    areas=[("测试省", "410000")],
)  # fmt: skip


def schemas() -> list[Path]:
    """Our own, and the one that OASIS publishes where it lies on this machine (YIPAN_CAP_XSD)."""
    published = os.environ.get("YIPAN_CAP_XSD", "")
    return [HERE / "cap12.xsd", *([Path(published)] if published else [])]


@pytest.fixture(scope="module", params=schemas(), ids=lambda p: p.name)
def schema(request: pytest.FixtureRequest) -> xmlschema.XMLSchema:
    return xmlschema.XMLSchema(str(request.param))


@pytest.mark.parametrize("kind", ["Alert", "Update", "Cancel"])
@pytest.mark.parametrize("exercise", [True, False])
@pytest.mark.parametrize("priority", range(4))
def test_every_kind_of_alert_stands(
    schema: xmlschema.XMLSchema, kind: str, exercise: bool, priority: int
) -> None:
    told = replace(ALERT, kind=kind, exercise=exercise, priority=priority)
    if kind != "Alert":
        told = replace(told, references=[("410000@henan", "an-earlier-one", AT)] * 2)
    schema.validate(alert_xml(told).decode())


@given(words=st.text(alphabet=st.characters(blacklist_categories=["Cs", "Cc", "Cn"]), max_size=300))
def test_whatever_the_words(words: str) -> None:
    told = replace(ALERT, infos=[Info("en", "Other", words, words, words)], expires=None)
    OURS.validate(alert_xml(told).decode())


@pytest.mark.parametrize(
    "fault",
    [
        ("<status>Actual</status>", "<status>Real</status>"),
        ("<scope>Restricted</scope>", ""),
        ("<sender>410000@henan</sender>", "<sender>410000 henan</sender>"),
        ("<sent>2020-02-24T10:00:00-00:00</sent>", "<sent>2020-02-24T10:00:00Z</sent>"),
        ("<urgency>Expected</urgency>", "<urgency>Soon</urgency>"),
    ],
)
def test_our_schema_forgives_nothing(fault: tuple[str, str]) -> None:
    """It holds also what OASIS says in prose alone: a sender has no space in it."""
    text = alert_xml(ALERT).decode()
    assert fault[0] in text
    with pytest.raises(xmlschema.XMLSchemaValidationError):
        OURS.validate(text.replace(*fault))
