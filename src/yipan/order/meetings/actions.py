"""Taking minutes in, and making orders of what a person has confirmed."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from yipan.access import audit
from yipan.access.models import Incident, User
from yipan.access.rules import Action
from yipan.access.scope import Scope
from yipan.order.errors import Unreadable
from yipan.order.matters import Text, in_one_language, matters
from yipan.order.meetings.outline import outline
from yipan.order.meetings.queries import made_from, proposals
from yipan.order.meetings.reading import read, read_text
from yipan.order.models import Minutes, Order
from yipan.order.orders.actions import draft_order, issue_orders
from yipan.places import queries as places
from yipan.places.models import Unit

NAMESPACE = uuid.UUID("7f5e5b0e-56a4-4b52-9d0a-20200224f00d")


@dataclass(frozen=True)
class Confirmed:
    """One matter as a person confirmed it; what they did not change is what the rules proposed."""

    key: str
    title: str
    matter: str
    codes: tuple[str, ...]  # empty: the issuer
    level: str
    priority: int
    due_at: datetime | None


@transaction.atomic
def take_minutes(
    *,
    incident: Incident,
    title: str,
    said_at: datetime,
    by: User,
    at: datetime,
    scope: Scope,
    text: str = "",
    body: bytes = b"",
    file_name: str = "",
) -> Minutes:
    """Take a list of decisions in, pasted or as a file; the same words again are the same minutes.

    Raises Unreadable (O421) for what cannot be read, and what `scope.check` raises.
    """
    scope.check(Action.ORDER_DRAFT)
    paragraphs = read(body, name=file_name) if file_name else read_text(text)
    if not outline(paragraphs).items:
        raise Unreadable(
            _("There is no decision in it, only who was there and what was heard."),
            where=file_name[:80],
            remedy=_("Paste or send the decisions."),
        )
    digest = sha256("\n".join([said_at.isoformat(), *paragraphs]).encode()).hexdigest()
    there = Minutes.objects.filter(incident=incident, digest=digest).first()
    if there is not None:
        return there
    taken = Minutes(
        incident=incident,
        title=(title.strip() or file_name or _("Decisions"))[:200],
        said_at=said_at,
        paragraphs=paragraphs,
        file_name=file_name[:255],
        digest=digest,
        taken_at=at,
        taken_by=by,
    )
    try:
        with transaction.atomic():
            taken.save()
    except IntegrityError:  # two people sent the same words at once
        return Minutes.objects.get(incident=incident, digest=digest)
    audit.record(
        event="minutes.taken",
        at=at,
        actor=by,
        object_type="minutes",
        object_id=taken.pk,
        incident=incident,
        detail={"paragraphs": len(paragraphs)},
    )
    return taken


@transaction.atomic
def make_orders(
    *,
    taken: Minutes,
    confirmed: Sequence[Confirmed],
    issuer: Unit,
    by: User,
    at: datetime,
    scope: Scope,
    issue: bool = False,
    duplicate_reason: str = "",
) -> list[Order]:
    """Draft the confirmed matters, each with the paragraph it came from, and issue them if asked.

    All or none; a matter confirmed twice is one order. Raises Unreadable (O421) for a key that the
    minutes do not have, and what drafting and issuing raise.
    """
    known = {p.key: p for p in proposals(taken)}
    there = made_from(taken)
    made: list[Order] = []
    for one in confirmed:
        proposal = known.get(one.key)
        if proposal is None:
            raise Unreadable(
                _("The minutes have no matter %s.") % one.key, where=taken.title, remedy=""
            )
        if one.key in there:
            continue
        targets = [(unit, one.level) for unit in _units(taken, one, issuer)]
        matter = matters().get(one.matter)
        order = draft_order(
            incident=taken.incident,
            issuer=issuer,
            matter=one.matter,
            title=in_one_language(one.title),
            body=in_one_language(proposal.paragraph),
            targets=targets,
            priority=one.priority,
            due_at=one.due_at,
            source={
                "kind": "meeting",
                "minutes": taken.pk,
                "key": one.key,
                "number": proposal.number,
                "paragraph": proposal.paragraph,
                "lead": proposal.lead,
            },
            by=by,
            at=at,
            scope=scope,
            post=_post(proposal.lead) if matter else None,
            pk=uuid.uuid5(NAMESPACE, f"{taken.pk}:{one.key}"),
        )
        made.append(order)
    if made and taken.settled_at is None:
        Minutes.objects.filter(pk=taken.pk).update(settled_at=at)
        audit.record(
            event="minutes.settled",
            at=at,
            actor=by,
            object_type="minutes",
            object_id=taken.pk,
            incident=taken.incident,
            detail={"orders": len(made)},
        )
    if issue and made:
        return issue_orders(
            orders=made, by=by, at=at, scope=scope, duplicate_reason=duplicate_reason
        )
    return made


def _post(lead: str) -> Text | None:
    """The department that leads is the duty post that must read it."""
    return Text(f"{lead}值班岗", f"duty post: {lead}") if lead else None


def _units(taken: Minutes, one: Confirmed, issuer: Unit) -> list[Unit]:
    if not one.codes:
        return [issuer]
    return [places.by_code(taken.incident.package, code) for code in one.codes]
