"""Who a pseudonym is: enrolled, revealed with a reason, resealed with a new key, erased in time."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

from django.db import transaction
from django.utils.translation import gettext as _

from yipan.access import audit, keyring, retention
from yipan.access.errors import IdentityErased, IdentityRefused
from yipan.access.models import Identity
from yipan.access.row_security import every_row, rows_within
from yipan.access.rules import Action
from yipan.access.scope import IDENTITY, Scope, nothing_there
from yipan.places.models import Unit

LEAST_REASON: Final = 8
"""Letters a reason must have: “check” says nothing, “phone the contact” does."""
BATCH: Final = 500


@dataclass(frozen=True)
class Identifiers:
    """What names a person; kept sealed, never beside what is known of them."""

    number: str  # of the identity document: what the pseudonym is made of
    name: str = ""
    phone: str = ""
    address: str = ""


@transaction.atomic
def enrol(
    *,
    identifiers: Identifiers,
    purpose: str,
    unit: Unit,
    action: Action,
    scope: Scope,
    at: datetime,
) -> Identity:
    """Keep a person's identifiers sealed and return the pseudonym's row; the same person, the same row.

    `action` is the act that needs the person named (sending a report, registering an event) and must
    be allowed at `unit`. The row expires by its purpose. Raises IdentityRefused (S725) for a purpose
    without a retention or a number of fewer than four letters, and what `Scope.check` raises.
    """
    scope.check(action, unit)
    keeps = retention.RETENTION.get(purpose)
    if keeps is None:
        raise IdentityRefused(
            _("There is no purpose “%s” for which persons may be named.") % purpose,
            where="purpose",
            remedy=_("Choose one of: %s.") % ", ".join(retention.RETENTION),
        )
    if len(keyring.normal(identifiers.number)) < 4:
        raise IdentityRefused(
            _("The number of the identity document is missing or too short."),
            where="number",
            remedy=_("Copy it from the document."),
        )
    ring = keyring.keyring()
    pseudonym = ring.pseudonym(purpose, identifiers.number)
    sealed = ring.seal(_text(identifiers), bound_to=_place(purpose, pseudonym))
    fresh = {
        "sealed": sealed,
        "key_id": ring.current,
        "expires_at": at + keeps,
        "erased_at": None,
    }
    # The person may be known elsewhere already: whoever enrols them again need not see where.
    with every_row():
        identity, made = Identity.objects.get_or_create(
            purpose=purpose,
            pseudonym=pseudonym,
            defaults={"unit": unit, "recorded_at": at, "recorded_by": scope.user, **fresh},
        )
        if not made and identity.expires_at < at + keeps:
            Identity.objects.filter(pk=identity.pk).update(**fresh)
            identity.refresh_from_db()
    audit.record(
        event="identity.enrolled",
        at=at,
        actor=scope.user,
        object_type="identity",
        object_id=identity.pk,
        unit=unit,
        detail={"purpose": purpose},
    )
    return identity


@transaction.atomic
def reveal(*, identity_id: int, reason: str, scope: Scope, at: datetime) -> Identifiers:
    """Return who a pseudonym is; that somebody looked, and why, is in the audit for good.

    Needs the right to see persons (sensitivity 3) at the person's unit. Raises IdentityRefused
    (S725) without a reason, IdentityErased (S724), NotFound (K004) alike for a row that is absent
    and one out of sight, and IdentityUnreadable (S723).
    """
    scope.check(Action.IDENTITY_REVEAL, sensitivity=IDENTITY)
    if len(reason.strip()) < LEAST_REASON:
        raise IdentityRefused(
            _("Say in a few words why you need to know who this is."),
            where="reason",
            remedy=_("For instance: phone the contact about day 7."),
        )
    with rows_within(scope, Action.IDENTITY_REVEAL, sensitivity=IDENTITY):
        seen = scope.filter(
            Identity.objects.select_related("unit"),
            action=Action.IDENTITY_REVEAL,
            sensitivity=IDENTITY,
        )
        identity = seen.filter(pk=identity_id).first()
    if identity is None:
        raise nothing_there(f"person {identity_id}")
    if identity.erased_at is not None or at >= identity.expires_at:
        raise IdentityErased(
            _("The identifiers of this person were erased when their time was over."),
            where=f"person {identity_id}",
        )
    audit.record(
        event="identity.revealed",
        at=at,
        actor=scope.user,
        object_type="identity",
        object_id=identity.pk,
        unit=identity.unit,
        detail={"reason": reason.strip()[:200], "purpose": identity.purpose},
    )
    return _opened(identity)


@transaction.atomic
def open_together(*, reason: str, scope: Scope, at: datetime) -> dict[int, Identifiers]:
    """Return every person in sight, opened in memory, for one logged purpose: finding who stands twice.

    One entry in the audit says who asked, why, and how many were opened; what is opened is for the
    caller's memory alone. Needs the right to see persons. Raises IdentityRefused (S725) without a
    reason, IdentityUnreadable (S723).
    """
    scope.check(Action.IDENTITY_REVEAL, sensitivity=IDENTITY)
    if len(reason.strip()) < LEAST_REASON:
        raise IdentityRefused(
            _("Say in a few words why you need to know who this is."),
            where="reason",
            remedy=_("For instance: phone the contact about day 7."),
        )
    with rows_within(scope, Action.IDENTITY_REVEAL, sensitivity=IDENTITY):
        rows = scope.filter(
            Identity.objects.filter(erased_at__isnull=True, expires_at__gt=at),
            action=Action.IDENTITY_REVEAL,
            sensitivity=IDENTITY,
        )
        found = {row.pk: _opened(row) for row in rows.order_by("pk").iterator()}
    audit.record(
        event="identity.compared",
        at=at,
        actor=scope.user,
        object_type="identity",
        object_id="",
        unit=scope.home,
        detail={"reason": reason.strip()[:200], "count": len(found)},
    )
    return found


def erase_expired(at: datetime) -> int:
    """Erase the identifiers whose time is over and return how many; the pseudonym stays."""
    with every_row():
        due = Identity.objects.filter(expires_at__lte=at, erased_at__isnull=True)
        return due.update(sealed=b"", key_id="", erased_at=at)


@transaction.atomic
def renew_keys(*, at: datetime) -> int:
    """Seal every person's identifiers with a fresh key, forget the old ones, and return how many.

    Everything is resealed in one transaction before a key is forgotten: interrupted, it can be run
    again, and the keys left over go with the next run.
    """
    name = keyring.add_seal(at=at)
    ring, done, after = keyring.keyring(), 0, 0
    with every_row():
        rows = Identity.objects.filter(erased_at__isnull=True).exclude(key_id=name).order_by("pk")
        while batch := list(rows.filter(pk__gt=after)[:BATCH]):
            for identity in batch:
                bound_to = _place(identity.purpose, identity.pseudonym)
                identity.sealed = ring.seal(_text(_opened(identity)), bound_to=bound_to)
                identity.key_id = name
            Identity.objects.bulk_update(batch, ["sealed", "key_id"])
            done, after = done + len(batch), batch[-1].pk
    audit.record(event="identity.keys_renewed", at=at, detail={"count": done})
    transaction.on_commit(lambda: keyring.drop_seals(set(ring.seals) - {name}))
    return done


def _text(identifiers: Identifiers) -> bytes:
    return json.dumps(asdict(identifiers), ensure_ascii=False).encode()


def _opened(identity: Identity) -> Identifiers:
    text = keyring.keyring().open(
        bytes(identity.sealed),
        key_id=identity.key_id,
        bound_to=_place(identity.purpose, identity.pseudonym),
    )
    return Identifiers(**json.loads(text))


def _place(purpose: str, pseudonym: str) -> str:
    # A sealed text moved to another person's row opens nothing.
    return f"{purpose}:{pseudonym}"


retention.ends("identifiers", erase_expired)
