"""Whoever changes, removes, moves, puts in or cuts off a record is found out."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from cast import Cast
from yipan.access import audit
from yipan.access.append_only import install, remove
from yipan.access.chain import START, chain_end, link_hash, seal, verify
from yipan.access.models import AuditAnchor, AuditLink, AuditRecord

pytestmark = pytest.mark.django_db


def write(count: int, event: str = "order.issued") -> None:
    with transaction.atomic():
        for number in range(count):
            audit.record(event=event, at=timezone.now(), detail={"n": number, "share": 0.5})


@pytest.fixture
def sealed(cast: Cast, tmp_path: Path) -> Path:
    """A trail of many acts in three sealings over two days, its files in a folder."""
    now = timezone.now()
    for days_ago in (1, 1, 0):
        write(8)
        seal(at=now - timedelta(days=days_ago), folder=tmp_path)
    return tmp_path


def kinds(folder: Path) -> set[str]:
    return {b.kind for b in verify(at=timezone.now(), folder=folder).breaks}


class Opened:
    """The tables without their triggers, as somebody with the database's password would make them."""

    def __enter__(self) -> None:
        remove(connection)

    def __exit__(self, *_what: object) -> None:
        install(connection)


def rebuild() -> None:
    """Compute a fresh chain over what is left, as a clever forger would."""
    links = list(AuditLink.objects.order_by("position"))
    AuditLink.objects.all().delete()
    before = START
    records = [
        r for r in (AuditRecord.objects.filter(pk=link.record_id).first() for link in links) if r
    ]
    for position, record in enumerate(records, 1):
        before = link_hash(before, record)
        AuditLink.objects.create(
            record=record, position=position, hash=before, sealed_at=links[0].sealed_at
        )


def middle() -> AuditRecord:
    return AuditRecord.objects.get(pk=AuditLink.objects.order_by("position")[10].record_id)


def change() -> None:
    AuditRecord.objects.filter(pk=middle().pk).update(detail={"n": 99})


def change_who(cast: Cast | None = None) -> None:
    AuditRecord.objects.filter(pk=middle().pk).update(actor_id=None, object_id="other")


def take_out() -> None:
    AuditRecord.objects.filter(pk=middle().pk)._raw_delete("default")  # type: ignore[attr-defined]


def take_out_with_link() -> None:
    record = middle()
    AuditLink.objects.filter(record=record)._raw_delete("default")  # type: ignore[attr-defined]
    AuditRecord.objects.filter(pk=record.pk)._raw_delete("default")  # type: ignore[attr-defined]


def swap() -> None:
    one, other = AuditLink.objects.order_by("position")[10:12]
    a, b = one.record_id, other.record_id
    AuditLink.objects.filter(record_id__in=[a, b])._raw_delete("default")  # type: ignore[attr-defined]
    AuditLink.objects.create(
        record_id=b, position=one.position, hash=one.hash, sealed_at=one.sealed_at
    )
    AuditLink.objects.create(
        record_id=a, position=other.position, hash=other.hash, sealed_at=other.sealed_at
    )


def swap_and_rebuild() -> None:
    swap()
    rebuild()


def change_and_rebuild() -> None:
    change()
    rebuild()


def take_out_and_rebuild() -> None:
    take_out()
    rebuild()


def cut_off() -> None:
    last = AuditLink.objects.order_by("-position")[:3]
    gone = [link.record_id for link in last]
    AuditLink.objects.filter(record_id__in=gone)._raw_delete("default")  # type: ignore[attr-defined]
    AuditRecord.objects.filter(pk__in=gone)._raw_delete("default")  # type: ignore[attr-defined]


def all_gone() -> None:
    AuditLink.objects.all()._raw_delete("default")  # type: ignore[attr-defined]
    AuditRecord.objects.all()._raw_delete("default")  # type: ignore[attr-defined]
    AuditAnchor.objects.all()._raw_delete("default")  # type: ignore[attr-defined]


def move_anchor() -> None:
    AuditAnchor.objects.update(hash="0" * 64)


def forge_anchor() -> None:
    AuditAnchor.objects.update(signature="00" * 64)


TAMPERED: dict[str, tuple[Callable[[], None], str]] = {
    "a record changed": (change, "altered"),
    "another actor": (change_who, "altered"),
    "a record removed": (take_out, "missing"),
    "a record removed with its link": (take_out_with_link, "gap"),
    "two records swapped": (swap, "altered"),
    "changed, and the chain computed anew": (change_and_rebuild, "anchor"),
    "removed, and the chain computed anew": (take_out_and_rebuild, "anchor"),
    "swapped, and the chain computed anew": (swap_and_rebuild, "anchor"),
    "the end cut off": (cut_off, "shortened"),
    "everything gone, anchors too": (all_gone, "shortened"),
    "an anchor moved": (move_anchor, "anchor"),
    "an anchor's signature forged": (forge_anchor, "signature"),
}


# ---- what is found ----


@pytest.mark.parametrize(("tamper", "kind"), TAMPERED.values(), ids=TAMPERED.keys())
def test_tampering_is_found(sealed: Path, tamper: Callable[[], None], kind: str) -> None:
    assert kinds(sealed) == set()
    with Opened():
        tamper()
    assert kind in kinds(sealed)


def test_a_record_put_in_with_an_old_date_is_found(sealed: Path) -> None:
    with transaction.atomic():
        AuditRecord.objects.create(
            event="plan.signed", at=timezone.now(), recorded_at=timezone.now() - timedelta(days=3)
        )
    seal(at=timezone.now() + timedelta(seconds=1), folder=sealed)
    assert kinds(sealed) == {"backdated"}


def test_tables_opened_for_change_are_found(sealed: Path) -> None:
    with Opened():
        assert "open" in kinds(sealed)


def test_a_record_left_unsealed_for_a_day_is_found(sealed: Path) -> None:
    write(1)
    later = timezone.now() + timedelta(hours=25)
    assert {b.kind for b in verify(at=later, folder=sealed).breaks} == {"overdue"}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"position": "x"}', "\0"])
def test_a_spoiled_file_proves_nothing_and_says_so(sealed: Path, text: str) -> None:
    (sealed / "head.json").write_text(text, encoding="ascii")
    assert "shortened" in kinds(sealed)


def test_a_copy_taken_away_finds_what_the_files_here_no_longer_tell(
    sealed: Path, tmp_path: Path
) -> None:
    away = tmp_path / "away"
    away.mkdir()
    for path in sealed.glob("*.json"):
        (away / path.name).write_bytes(path.read_bytes())
    with Opened():
        change_and_rebuild()
        AuditAnchor.objects.all()._raw_delete("default")  # type: ignore[attr-defined]
    for path in sealed.glob("*.json"):
        path.unlink()
    seal(at=timezone.now(), folder=sealed)  # everything here agrees with itself again
    assert kinds(sealed) == set()
    assert "anchor" in kinds(away)


def test_an_anchor_of_another_installation_is_not_ours(sealed: Path) -> None:
    path = next(p for p in sealed.glob("*.json") if p.name != "head.json")
    told = json.loads(path.read_text())
    told["public_key"] = "00" * 32
    path.write_text(json.dumps(told))
    assert "signature" in kinds(sealed)


@pytest.mark.parametrize("model", [AuditRecord, AuditLink, AuditAnchor])
def test_the_database_itself_refuses_to_change_what_is_sealed(sealed: Path, model: Any) -> None:
    field = model._meta.pk.attname if model is not AuditAnchor else "position"
    for act in (
        lambda: model.objects.update(**{field: 1}),
        lambda: model.objects.all()._raw_delete("default"),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            act()


# ---- what is right ----


def test_a_whole_trail_is_called_whole(sealed: Path) -> None:
    proof = verify(at=timezone.now(), folder=sealed)
    assert proof.whole
    assert proof.sealed == proof.records == AuditRecord.objects.count()
    assert proof.anchors == 2
    assert proof.end == chain_end()


def test_sealing_twice_changes_nothing(sealed: Path) -> None:
    before = chain_end()
    assert seal(at=timezone.now(), folder=sealed) == before


def test_nothing_is_sealed_where_nothing_was_done(db: None, tmp_path: Path) -> None:
    assert seal(at=timezone.now(), folder=tmp_path).position == 0
    assert verify(at=timezone.now(), folder=tmp_path).whole


def test_a_record_that_came_late_goes_to_the_end(sealed: Path) -> None:
    """Numbers can be committed out of order: the smaller one later."""
    first = AuditRecord.objects.order_by("pk").first()
    assert first is not None
    write(1)
    record = AuditRecord.objects.latest("pk")
    with Opened():
        AuditRecord.objects.filter(pk=record.pk).update(id=first.pk - 1)
    seal(at=timezone.now(), folder=sealed)
    assert AuditLink.objects.latest("position").record_id == first.pk - 1
    assert kinds(sealed) == set()


def test_the_same_record_has_the_same_hash_however_numbers_are_written(cast: Cast) -> None:
    record = AuditRecord.objects.latest("pk")
    record.detail = {"a": 1.0, "b": [1e16]}
    other = AuditRecord.objects.get(pk=record.pk)
    other.detail = {"b": [10**16], "a": 1}
    assert link_hash(START, record) == link_hash(START, other)
