"""Who a person is: sealed apart, looked at with a reason, erased in time, never lost to a new key."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cast import GRANTED, NOON, Cast, Province, person
from yipan.access import identity as persons
from yipan.access import keyring, retention
from yipan.access.errors import Forbidden, IdentityErased, IdentityRefused, IdentityUnreadable
from yipan.access.identity import Identifiers, enrol, renew_keys, reveal
from yipan.access.models import AuditRecord, Identity, Role, User
from yipan.access.rules import Action
from yipan.access.scope import scope_of, system_scope
from yipan.kernel.config import config
from yipan.kernel.errors import NotFound

pytestmark = pytest.mark.django_db

WHO = Identifiers("41152519800101123X", "示例甲", "13800000000", "示例村1号")
WHY = "phone the contact about day 7"


@pytest.fixture(autouse=True)
def own_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keys of this test alone."""
    path = tmp_path / "identity.keys"
    monkeypatch.setattr(keyring, "_path", lambda: path)
    return path


@pytest.fixture
def tracer(province: Province) -> User:
    """A health officer of Alder who may see persons."""
    return person("tracer", Role.HEALTH_OFFICER, province["100101"], sensitivity=3)


@pytest.fixture
def known(province: Province, tracer: User) -> Identity:
    return enrol(
        identifiers=WHO,
        purpose="contact",
        unit=province["100101001"],
        action=Action.STATUS_SET,
        scope=scope_of(tracer, at=NOON),
        at=NOON,
    )


def ask(user: User, known: Identity, **how: Any) -> Identifiers:
    given = {"identity_id": known.pk, "reason": WHY, "at": NOON, **how}
    return reveal(scope=scope_of(user, at=given["at"]), **given)


# ---- refusals ----


@pytest.mark.parametrize(
    "who",
    [
        "village_reporter",
        "county_officer",
        "department",
        "analyst",
        "commander",
        "auditor",
        "administrator",
    ],
)
def test_nobody_without_the_right_and_the_sensitivity_sees_who_it_is(
    cast: Cast, known: Identity, who: str
) -> None:
    with pytest.raises(Forbidden):
        ask(getattr(cast, who), known)
    assert not AuditRecord.objects.filter(event="identity.revealed").exists()


def test_a_person_elsewhere_looks_like_one_that_is_absent(
    province: Province, known: Identity
) -> None:
    other = person("other_tracer", Role.HEALTH_OFFICER, province["100201"], sensitivity=3)
    with pytest.raises(NotFound) as hidden:
        ask(other, known)
    with pytest.raises(NotFound) as absent:
        ask(other, known, identity_id=999_999)
    assert str(hidden.value).replace(str(known.pk), "?") == str(absent.value).replace("999999", "?")


@pytest.mark.parametrize("reason", ["", "   ", "look", "\n\n\n\n\n\n\n\n\n"])
def test_nobody_looks_without_a_reason(tracer: User, known: Identity, reason: str) -> None:
    with pytest.raises(IdentityRefused):
        ask(tracer, known, reason=reason)


def test_after_its_time_nobody_sees_who_it_was(tracer: User, known: Identity) -> None:
    with pytest.raises(IdentityErased):
        ask(tracer, known, at=known.expires_at)  # the job need not have run


@pytest.mark.parametrize("number", ["", "  - ", "12"])
def test_a_person_without_a_number_is_refused(province: Province, number: str) -> None:
    with pytest.raises(IdentityRefused):
        enrol(
            identifiers=Identifiers(number),
            purpose="contact",
            unit=province["100101"],
            action=Action.STATUS_SET,
            scope=system_scope(),
            at=NOON,
        )


def test_persons_are_not_named_for_whatever_comes_to_mind(province: Province) -> None:
    with pytest.raises(IdentityRefused, match="petitioners"):
        enrol(
            identifiers=WHO,
            purpose="petitioners",
            unit=province["100101"],
            action=Action.STATUS_SET,
            scope=system_scope(),
            at=NOON,
        )


def test_a_sealed_text_moved_to_another_row_opens_nothing(
    province: Province, tracer: User, known: Identity
) -> None:
    other = enrol(
        identifiers=Identifiers("another1"),
        purpose="contact",
        unit=province["100101001"],
        action=Action.STATUS_SET,
        scope=scope_of(tracer, at=NOON),
        at=NOON,
    )
    Identity.objects.filter(pk=other.pk).update(sealed=known.sealed)
    with pytest.raises(IdentityUnreadable):
        ask(tracer, other)


def test_an_altered_text_opens_nothing(tracer: User, known: Identity) -> None:
    spoiled = bytearray(known.sealed)
    spoiled[-1] ^= 1
    Identity.objects.filter(pk=known.pk).update(sealed=bytes(spoiled))
    with pytest.raises(IdentityUnreadable):
        ask(tracer, known)


def test_without_the_key_file_nothing_opens(tracer: User, known: Identity, own_keys: Path) -> None:
    own_keys.unlink()  # a thief has the database only: fresh keys open nothing old
    with pytest.raises(IdentityUnreadable):
        ask(tracer, known)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"seals": {}, "pseudonyms": "", "current": "1"}']
)
def test_a_spoiled_key_file_is_named(
    tracer: User, known: Identity, own_keys: Path, text: str
) -> None:
    own_keys.write_text(text, encoding="ascii")
    with pytest.raises(IdentityUnreadable) as refused:
        ask(tracer, known)
    assert "identity.keys" in str(refused.value)


# ---- what holds ----


def test_nothing_in_the_database_names_the_person(known: Identity) -> None:
    from yipan.access import backup_rows

    for model in backup_rows.kept_models():
        for row in backup_rows.read_rows(model):
            text = json.dumps(row, ensure_ascii=False)
            for secret in (WHO.number, WHO.name, WHO.phone, "80010112"):
                assert secret not in text, model


def test_whoever_looks_leaves_the_reason(tracer: User, known: Identity, province: Province) -> None:
    assert ask(tracer, known) == WHO
    record = AuditRecord.objects.get(event="identity.revealed")
    assert (record.actor, record.unit, record.detail["reason"]) == (
        tracer,
        province["100101001"],
        WHY,
    )
    assert WHO.name not in json.dumps(record.detail, ensure_ascii=False)


def test_the_same_person_is_one_row_however_the_number_is_written(
    province: Province, tracer: User, known: Identity
) -> None:
    again = enrol(
        identifiers=Identifiers("４１１５２５ 19800101-123x", "示例甲"),
        purpose="contact",
        unit=province["100101002"],
        action=Action.STATUS_SET,
        scope=scope_of(tracer, at=NOON),
        at=NOON + timedelta(days=1),
    )
    assert again.pk == known.pk
    assert again.unit == province["100101001"]
    assert again.expires_at == known.expires_at + timedelta(days=1)


def test_tables_of_two_purposes_cannot_be_joined(own_keys: Path) -> None:
    ring = keyring.keyring()
    assert ring.pseudonym("case", WHO.number) != ring.pseudonym("contact", WHO.number)
    own_keys.unlink()
    assert keyring.keyring().pseudonym("case", WHO.number) != ring.pseudonym("case", WHO.number)


def test_expiry_is_set_at_creation_and_kept_by_the_job(tracer: User, known: Identity) -> None:
    assert known.expires_at == NOON + retention.RETENTION["contact"]
    moment = timedelta(microseconds=1)
    assert retention.expire(at=known.expires_at - moment)["identifiers"] == 0
    assert ask(tracer, known, at=known.expires_at - moment) == WHO
    assert retention.expire(at=known.expires_at)["identifiers"] == 1
    assert retention.expire(at=known.expires_at)["identifiers"] == 0
    known.refresh_from_db()
    assert (bytes(known.sealed), known.erased_at) == (b"", known.expires_at)
    assert AuditRecord.objects.filter(event="retention.expired").count() == 1


def test_new_keys_lose_nobody_and_old_keys_open_nothing(
    tracer: User, known: Identity, own_keys: Path, django_capture_on_commit_callbacks: Any
) -> None:
    old = own_keys.read_text()
    sealed = bytes(known.sealed)
    with django_capture_on_commit_callbacks(execute=True):
        assert renew_keys(at=NOON) == 1
    known.refresh_from_db()
    assert bytes(known.sealed) != sealed
    assert ask(tracer, known) == WHO
    assert len(keyring.keyring().seals) == 1
    own_keys.write_text(old)
    with pytest.raises(IdentityUnreadable):
        ask(tracer, known)


def test_new_keys_keep_every_pseudonym(own_keys: Path) -> None:
    before = keyring.keyring().pseudonym("case", WHO.number)
    keyring.add_seal(at=NOON)
    keyring.add_seal(at=NOON)  # twice within a second
    assert len(keyring.keyring().seals) == 3
    assert keyring.keyring().pseudonym("case", WHO.number) == before


def test_the_key_file_is_its_owners_alone_and_in_no_backup(known: Identity, own_keys: Path) -> None:
    assert own_keys.stat().st_mode & 0o777 == 0o600
    assert config().identity_keys is None


def test_the_longest_is_kept_when_recorded_again_sooner(province: Province) -> None:
    def at(moment: Any) -> Identity:
        return enrol(
            identifiers=WHO,
            purpose="case",
            unit=province["10"],
            action=Action.STATUS_SET,
            scope=system_scope(),
            at=moment,
        )

    late = at(NOON)
    assert at(GRANTED).expires_at == late.expires_at


def test_the_job_that_fails_leaves_the_others_done(
    known: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_at: object) -> int:
        raise RuntimeError("disk")

    monkeypatch.setitem(retention._ENDS, "zz", broken)
    with pytest.raises(RuntimeError):
        retention.expire(at=known.expires_at)
    known.refresh_from_db()
    assert known.erased_at is not None
    assert persons.erase_expired(known.expires_at) == 0
