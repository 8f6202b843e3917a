"""The audit trail: what was done, by whom, where, in the same transaction as the change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db import connection
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from yipan.access.errors import AuditOutsideTransaction
from yipan.access.models import AuditRecord, Incident, User
from yipan.places.models import Unit

Words = Mapping[str, "str | Promise"]

EVENT_WORDS: dict[str, str | Promise] = {
    "installation.started": gettext_lazy("installation started"),
    "installation.first_administrator": gettext_lazy("first administrator made"),
    "person.created": gettext_lazy("person created"),
    "person.disabled": gettext_lazy("account closed"),
    "person.enabled": gettext_lazy("account opened again"),
    "person.signed_in": gettext_lazy("signed in"),
    "person.signed_in_demo": gettext_lazy("signed in as a demo person"),
    "person.locked_out": gettext_lazy("locked out"),
    "person.password_set": gettext_lazy("password set"),
    "person.recovered": gettext_lazy("recovered by code"),
    "person.reset_code": gettext_lazy("reset code given"),
    "person.recovery_codes": gettext_lazy("recovery codes issued"),
    "person.second_factor": gettext_lazy("second factor changed"),
    "grant.given": gettext_lazy("role granted"),
    "grant.ended": gettext_lazy("role ended"),
    "token.issued": gettext_lazy("API token issued"),
    "token.revoked": gettext_lazy("API token revoked"),
    "incident.activated": gettext_lazy("incident activated"),
    "incident.level_changed": gettext_lazy("response level changed"),
    "incident.stood_down": gettext_lazy("incident stood down"),
    "audit.exported": gettext_lazy("audit exported"),
    "backup.restored": gettext_lazy("backup restored"),
    "identity.enrolled": gettext_lazy("identifiers kept"),
    "identity.revealed": gettext_lazy("looked who a person is"),
    "identity.keys_renewed": gettext_lazy("identity keys renewed"),
    "retention.expired": gettext_lazy("erased when its time was over"),
    "status.event_registered": gettext_lazy("health event registered"),
    "status.set": gettext_lazy("person's status set"),
    "status.ended": gettext_lazy("person's status ended"),
    "status.contested": gettext_lazy("person objected to their status"),
    "status.ruled": gettext_lazy("appeal ruled on"),
}


def name_events(words: Words) -> None:
    """Give events of a later stage their words; each stage calls this when it starts."""
    EVENT_WORDS.update(words)


def in_words(event: str) -> str:
    """Return an event's words in the language in use, its own name where it has none."""
    return str(EVENT_WORDS.get(event, event))


def record(
    *,
    event: str,
    at: datetime,
    actor: User | None = None,
    object_type: str = "",
    object_id: object = "",
    unit: Unit | None = None,
    incident: Incident | None = None,
    detail: Mapping[str, Any] | None = None,
) -> AuditRecord:
    """Write one audit record in the running transaction (no personal data in `detail`).

    Raises AuditOutsideTransaction (S716) where no transaction is open: the act and its record
    must stand or fall together.
    """
    _check_transaction(event)
    return AuditRecord.objects.create(
        event=event,
        at=at,
        actor=actor,
        object_type=object_type,
        object_id=str(object_id),
        unit=unit,
        incident=incident,
        detail=dict(detail or {}),
    )


def record_many(records: Iterable[AuditRecord]) -> int:
    """Write many unsaved records in the running transaction with few statements; return how many."""
    _check_transaction("audit.record_many")
    return len(AuditRecord.objects.bulk_create(records, batch_size=1000))


def _check_transaction(event: str) -> None:
    if not connection.in_atomic_block:
        raise AuditOutsideTransaction(
            _("The act %s was to be recorded outside a transaction.") % event,
            remedy=_("Wrap the whole use case in transaction.atomic()."),
        )
