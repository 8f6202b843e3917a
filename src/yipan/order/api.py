"""Orders over the API: the same acts as the pages, the same rules, the same scope."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja import Router, Status
from pydantic import BaseModel, Field

from yipan.access.api_door import AUTH
from yipan.access.context import PersonRequest, board_of
from yipan.access.queries import board_now
from yipan.access.rules import Action
from yipan.access.scope import nothing_there
from yipan.access.signing import signed_in_scope
from yipan.order import actions, api_duty, api_meetings, hot, queries
from yipan.order.accountability.queries import account
from yipan.order.actions import Step
from yipan.order.channels.cap import queries as cap
from yipan.order.channels.cap.feed import Entry, alert_xml, feed_xml
from yipan.order.clocks.queries import open_calls
from yipan.order.deliveries import polling
from yipan.order.deliveries import queries as delivering
from yipan.order.deliveries.rules import ACT_WORDS, Act, acts_open, return_reason, standing_of
from yipan.order.errors import UnknownAct
from yipan.order.matters import Text
from yipan.order.models import Delivery, DeliveryState, Order, Priority
from yipan.places import queries as places
from yipan.places.models import Unit
from yipan.plan.models import Signature

router = Router(tags=["order"], auth=AUTH)
router.add_router("/meetings", api_meetings.router)
router.add_router("/duty", api_duty.router)
PAGE = 500
ACTS = tuple(act for act in Act if act not in (Act.DELIVER, Act.SUPERSEDE, Act.CANCEL))


class OrderOut(BaseModel):
    """One order."""

    id: UUID
    matter: str
    title_zh: str
    title_en: str
    body_zh: str
    body_en: str
    closure_zh: str
    closure_en: str
    missing: str = Field(description="zh or en where the words are not given in that language.")
    priority: int
    state: str
    version: int
    issuer: str = Field(description="Code of the unit that issues it.")
    elements: list[str]
    source: dict[str, Any]
    drafted_at: datetime
    issued_at: datetime | None
    released_at: datetime | None
    withdrawn_at: datetime | None
    due_at: datetime | None
    exercise: bool

    @classmethod
    def of(cls, order: Order) -> OrderOut:
        """Return an order as the API tells it."""
        values = {name: getattr(order, name) for name in cls.model_fields if name != "issuer"}
        return cls(**values, issuer=order.issuer.code)


class DeliveryOut(BaseModel):
    """One order at one unit, as it stood at the moment asked for."""

    id: UUID
    order: UUID
    matter: str
    title: str
    priority: int
    unit: str
    unit_name: str
    state: str
    overdue: bool
    acknowledge_by: datetime | None
    due_at: datetime | None
    delivered_at: datetime | None
    acknowledged_at: datetime | None
    accepted_at: datetime | None
    claimed_at: datetime | None
    verified_at: datetime | None
    closed_at: datetime | None
    return_reason: str

    @classmethod
    def of(cls, delivery: Delivery, *, at: datetime) -> DeliveryOut:
        """Return a delivery as the API tells it; nothing later than `at` is told."""
        state = getattr(delivery, "state_at", delivery.state)
        moments = {
            name: None if moment is None or moment > at else moment
            for name in (
                "delivered_at",
                "acknowledged_at",
                "accepted_at",
                "claimed_at",
                "verified_at",
                "closed_at",
            )
            for moment in [getattr(delivery, name)]
        }
        return cls(
            id=delivery.pk,
            order=delivery.order_id,
            matter=delivery.order.matter,
            title=delivery.order.title,
            priority=delivery.order.priority,
            unit=delivery.unit.code,
            unit_name=delivery.unit.name,
            state=state,
            overdue=delivering.late_now(state, delivery.acknowledge_by, delivery.due_at, at),
            acknowledge_by=delivery.acknowledge_by,
            due_at=delivery.due_at,
            return_reason=delivery.return_reason if state == DeliveryState.RETURNED else "",
            **moments,
        )


class EventOut(BaseModel):
    """One step of a delivery."""

    act: str
    at: datetime
    before: str
    after: str
    note: str


class DeliveryWhole(DeliveryOut):
    """One delivery with its history and what may be done now."""

    events: list[EventOut]
    acts: list[str]


class ActIn(BaseModel):
    """One act; the client key is made by the sender, once for each act."""

    client_key: str = Field(min_length=8, max_length=64)
    note: str = ""
    reason: str = Field(
        default="", description="Of a return: wrong_unit, duplicate, lacks_means, unlawful."
    )
    unit: str = Field(
        default="",
        description="Code: who should have a returned order, or to whom one is reassigned.",
    )
    values: dict[str, float | None] = Field(default={}, description="Reported with claim_done.")
    device_at: datetime | None = None
    until: datetime | None = Field(default=None, description="Of an extension.")


class NamedIn(ActIn):
    """One act on one delivery, for a batch."""

    delivery: UUID
    act: str


class TargetIn(BaseModel):
    """One unit, or every unit of one level below it."""

    unit: str
    level: str = ""


class OrderIn(BaseModel):
    """One order by hand; what is not said comes from its matter."""

    matter: str
    title_zh: str = Field(default="", description="In Chinese; one of the two languages is needed.")
    title_en: str = Field(default="", description="In English.")
    body_zh: str = ""
    body_en: str = ""
    closure_zh: str = ""
    closure_en: str = ""
    issuer: str = Field(default="", description="Code; the person's own office if empty.")
    targets: list[TargetIn]
    priority: int | None = Field(default=None, ge=0, le=3)
    due_at: datetime | None = None
    elements: list[str] = []


class ChosenIn(BaseModel):
    """The orders an act is about."""

    orders: list[UUID]


class IssueIn(ChosenIn):
    """The drafts to issue, and why where a like order went out within 72 hours."""

    duplicate_reason: str = ""


class AmendIn(BaseModel):
    """What changes in the next version of an order; the rest stands."""

    title_zh: str = ""
    title_en: str = ""
    body_zh: str = ""
    body_en: str = ""
    due_at: datetime | None = None
    priority: int | None = Field(default=None, ge=0, le=3)


class AnnexIn(BaseModel):
    """A local annex: never an earlier deadline, never a data field."""

    unit: str = Field(description="Code of the office that attaches it.")
    text: str


class AnnexOut(BaseModel):
    """An annex as it was attached."""

    id: int
    unit: str
    text: str
    at: datetime


class CallOut(BaseModel):
    """A late order that waits for an office above."""

    delivery: UUID
    unit: str
    kind: str
    step: int
    at: datetime
    answer_by: datetime


class ReasonIn(BaseModel):
    """Why."""

    reason: str = ""


class MadeOut(BaseModel):
    """What an act on orders left behind."""

    orders: list[OrderOut]


def _ask(request: HttpRequest) -> PersonRequest:
    return cast(PersonRequest, request)


def _now(request: HttpRequest) -> datetime:
    return board_now(board_of(request).incident, _ask(request).now)


def _tick(request: HttpRequest) -> None:
    board = board_of(request)
    if not board.past:
        actions.release_due(at=board.now, incident=board.incident)


def _unit(request: HttpRequest, code: str, action: Action = Action.PLACE_READ) -> Unit:
    units = places.units(board_of(request).package)
    return signed_in_scope(request, Action.ORDER_READ).get(units, action=action, unit="", code=code)


# ---- reading ----------------------------------------------------------------------------------------


@router.get("/outstanding", response=dict[str, Any], summary="How the orders in sight stand")
def outstanding(request: HttpRequest) -> dict[str, Any]:
    scope = signed_in_scope(request, Action.ORDER_READ)
    _tick(request)
    board = board_of(request)
    return queries.outstanding(board.incident, scope, at=board.at)


@router.get("/latencies", response=dict[str, Any], summary="How long each step took, in minutes")
def latencies(request: HttpRequest, priority: int | None = None) -> dict[str, Any]:
    scope = signed_in_scope(request, Action.ORDER_READ)
    board = board_of(request)
    found = queries.latencies(board.incident, scope, at=board.at, priority=priority)
    return {name: vars(q) if q else None for name, q in found.items()}


@router.get(
    "/inbox",
    response=list[DeliveryOut],
    summary="What this person's units have to do; poll it with If-None-Match",
)
def inbox(request: HttpRequest, below: bool = False) -> Any:
    scope = signed_in_scope(request, Action.ORDER_READ)
    _tick(request)
    board = board_of(request)
    if below or board.past:
        found = queries.inbox(board.incident, scope, at=board.at, below=below)
        found = found.filter(delivering.is_open())
        rows = [DeliveryOut.of(d, at=board.at).model_dump(mode="json") for d in found[:PAGE]]
        text = json.dumps(rows, ensure_ascii=False)
    else:
        text, _until = polling.read(scope=scope, incident=board.incident, at=board.now)
    has = request.headers.get("If-None-Match", "").removeprefix("W/")
    return hot.told(polling.as_poll(text, scope, has=has))


@router.get("/deliveries", response=list[DeliveryOut], summary="Deliveries in sight")
def deliveries(
    request: HttpRequest,
    state: str = "",
    unit: str = "",
    order: UUID | None = None,
    overdue: bool = False,
    page: int = 1,
) -> list[DeliveryOut]:
    scope = signed_in_scope(request, Action.ORDER_READ)
    _tick(request)
    board = board_of(request)
    found = delivering.with_words(queries.deliveries(board.incident, scope, at=board.at))
    if state:
        found = found.filter(state_at=state)
    if unit:
        root = _unit(request, unit)
        found = found.filter(unit__lft__gte=root.lft, unit__rgt__lte=root.rgt)
    if order:
        found = found.filter(order=order)
    if overdue:
        found = found.filter(delivering.is_late(board.at))
    start = PAGE * (max(1, page) - 1)
    rows = found.order_by("order__priority", "due_at", "pk")[start : start + PAGE]
    return [DeliveryOut.of(d, at=board.at) for d in rows]


@router.get("/deliveries/{pk}", response=DeliveryWhole, summary="One delivery with its history")
def delivery(request: HttpRequest, pk: UUID) -> DeliveryWhole:
    scope = signed_in_scope(request, Action.ORDER_READ)
    board = board_of(request)
    found = delivering.with_words(queries.deliveries(board.incident, scope, at=board.at))
    shown = scope.get(found, action=Action.ORDER_READ, pk=pk)
    standing = standing_of(shown, claimed_by=delivering.claimers([pk]).get(pk))
    acts = (
        () if board.past else acts_open(standing, scope=scope, by=_ask(request).user, at=board.now)
    )
    return DeliveryWhole(
        **DeliveryOut.of(shown, at=board.at).model_dump(),
        events=[
            EventOut(act=e.act, at=e.at, before=e.before, after=e.after, note=e.note)
            for e in delivering.events([shown], at=board.at)
        ],
        acts=[act.value for act in acts],
    )


@router.get("/", response=list[OrderOut], summary="Orders in sight")
def orders(request: HttpRequest, state: str = "", page: int = 1) -> list[OrderOut]:
    scope = signed_in_scope(request, Action.ORDER_READ)
    _tick(request)
    found = queries.orders(board_of(request).incident, scope)
    found = found.filter(state=state) if state else found
    start = PAGE * (max(1, page) - 1)
    return [OrderOut.of(o) for o in found.order_by("-drafted_at", "pk")[start : start + PAGE]]


@router.get("/{uuid:pk}", response=OrderOut, summary="One order")
def order(request: HttpRequest, pk: UUID) -> OrderOut:
    return OrderOut.of(_order(request, pk))


def _order(request: HttpRequest, pk: UUID) -> Order:
    scope = signed_in_scope(request, Action.ORDER_READ)
    found = queries.orders(board_of(request).incident, scope).filter(pk=pk).first()
    if found is None:
        raise nothing_there(str(pk))
    return found


# ---- the feed ----------------------------------------------------------------------------------------


@router.get("/cap", summary="Released orders as a feed of CAP 1.2 alerts (Atom)")
def cap_feed(request: HttpRequest) -> HttpResponse:
    scope = signed_in_scope(request, Action.ORDER_READ)
    board = board_of(request)
    found = list(cap.told(board.incident, scope)[:PAGE])
    address = request.build_absolute_uri(request.path)
    body = feed_xml(
        title=board.incident.name,
        address=address,
        updated=max((o.released_at or board.now for o in found), default=board.now),
        entries=[
            Entry(str(o.pk), o.title, o.released_at or o.drafted_at, f"{address}/{o.pk}")
            for o in found
        ],
    )
    return HttpResponse(body, content_type="application/atom+xml; charset=utf-8")


@router.get("/cap/{uuid:pk}", summary="One released order as a CAP 1.2 alert")
def cap_alert(request: HttpRequest, pk: UUID) -> HttpResponse:
    scope = signed_in_scope(request, Action.ORDER_READ)
    found = cap.told(board_of(request).incident, scope).filter(pk=pk).first()
    if found is None:
        raise nothing_there(str(pk))
    return HttpResponse(
        alert_xml(cap.alert_of(found)), content_type="application/cap+xml; charset=utf-8"
    )


# ---- issuing ----------------------------------------------------------------------------------------


@router.post("/", response={201: OrderOut}, summary="Draft one order by hand")
def draft(request: HttpRequest, given: OrderIn) -> Status[OrderOut]:
    scope = signed_in_scope(request, Action.ORDER_DRAFT)
    issuer = (
        _unit(request, given.issuer, Action.ORDER_DRAFT)
        if given.issuer
        else scope.roots(Action.ORDER_DRAFT)[0]
    )
    targets = [(_unit(request, t.unit, Action.ORDER_DRAFT), t.level) for t in given.targets]
    written = given.closure_zh or given.closure_en
    closure = Text(given.closure_zh, given.closure_en) if written else None
    made = actions.draft_order(
        incident=board_of(request).incident,
        issuer=issuer,
        matter=given.matter,
        title=Text(given.title_zh, given.title_en),
        body=Text(given.body_zh, given.body_en),
        closure=closure,
        targets=targets,
        priority=given.priority,
        due_at=given.due_at,
        elements=given.elements,
        by=_ask(request).user,
        at=_now(request),
        scope=scope,
    )
    return Status(201, OrderOut.of(made))


@router.post(
    "/from-signature/{int:pk}", response={201: MadeOut}, summary="Draft a signed option's orders"
)
def draft_signed(request: HttpRequest, pk: int) -> Status[MadeOut]:
    scope = signed_in_scope(request, Action.ORDER_DRAFT)
    signature = Signature.objects.filter(
        pk=pk, scenario__assessment__incident=board_of(request).incident
    ).first()
    if signature is None:
        raise nothing_there(str(pk))
    made = actions.draft_orders(
        signature=signature, by=_ask(request).user, at=_now(request), scope=scope
    )
    return Status(201, MadeOut(orders=[OrderOut.of(o) for o in made]))


@router.post("/issue", response=MadeOut, summary="Issue drafts; P1–P3 are held 60 s for undo")
def issue(request: HttpRequest, given: IssueIn) -> MadeOut:
    made = actions.issue_orders(
        orders=[_order(request, pk) for pk in given.orders],
        by=_ask(request).user,
        at=_now(request),
        scope=signed_in_scope(request, Action.ORDER_READ),
        duplicate_reason=given.duplicate_reason,
    )
    return MadeOut(orders=[OrderOut.of(o) for o in made])


@router.post("/{uuid:pk}/countersign", response=OrderOut, summary="A P0's second signature")
def countersign(request: HttpRequest, pk: UUID) -> OrderOut:
    made = actions.countersign(
        order=_order(request, pk),
        by=_ask(request).user,
        at=_now(request),
        scope=signed_in_scope(request, Action.ORDER_READ),
    )
    return OrderOut.of(made)


@router.post("/{uuid:pk}/amend", response={201: OrderOut}, summary="Draft the next version")
def amend(request: HttpRequest, pk: UUID, given: AmendIn) -> Status[OrderOut]:
    old = _order(request, pk)
    made = actions.amend_order(
        order=old,
        by=_ask(request).user,
        at=_now(request),
        scope=signed_in_scope(request, Action.ORDER_READ),
        title=_text(given.title_zh, given.title_en, old.title_zh, old.title_en),
        body=_text(given.body_zh, given.body_en, old.body_zh, old.body_en),
        due_at=given.due_at,
        priority=given.priority,
    )
    return Status(201, OrderOut.of(made))


def _text(zh: str, en: str, old_zh: str, old_en: str) -> Text | None:
    return Text(zh or old_zh, en or old_en) if zh or en else None


@router.post("/{uuid:pk}/annexes", response={201: AnnexOut}, summary="Attach a local annex")
def annex(request: HttpRequest, pk: UUID, given: AnnexIn) -> Status[AnnexOut]:
    made = actions.annex(
        order=_order(request, pk),
        unit=_unit(request, given.unit),
        text=given.text,
        by=_ask(request).user,
        at=_now(request),
        scope=signed_in_scope(request, Action.ORDER_READ),
    )
    return Status(201, AnnexOut(id=made.pk, unit=made.unit.code, text=made.text, at=made.at))


@router.get("/calls", response=list[CallOut], summary="Late orders that wait for this office")
def calls(request: HttpRequest) -> list[CallOut]:
    scope = signed_in_scope(request, Action.ORDER_VERIFY)
    return [
        CallOut(
            delivery=c.delivery_id,
            unit=c.unit.code,
            kind=c.kind,
            step=c.step,
            at=c.at,
            answer_by=c.answer_by,
        )
        for c in open_calls(scope.roots(Action.ORDER_VERIFY))[:PAGE]
    ]


@router.post("/undo", response=MadeOut, summary="Take issued orders back before they leave")
def undo(request: HttpRequest, given: ChosenIn) -> MadeOut:
    made = actions.undo_orders(
        orders=[_order(request, pk) for pk in given.orders],
        by=_ask(request).user,
        at=_now(request),
        scope=signed_in_scope(request, Action.ORDER_READ),
    )
    return MadeOut(orders=[OrderOut.of(o) for o in made])


@router.post(
    "/{uuid:pk}/withdraw",
    response=OrderOut,
    summary="Withdraw an order; everyone who has it is told",
)
def withdraw(request: HttpRequest, pk: UUID, given: ReasonIn) -> OrderOut:
    made = actions.withdraw_order(
        order=_order(request, pk),
        by=_ask(request).user,
        at=_now(request),
        reason=given.reason,
        scope=signed_in_scope(request, Action.ORDER_READ),
    )
    return OrderOut.of(made)


@router.post(
    "/meetings/{int:pk}/orders",
    response={201: MadeOut},
    summary="Make orders of what a person has confirmed, and issue them if asked",
)
def from_meeting(request: HttpRequest, pk: int, given: api_meetings.ConfirmedIn) -> Status[MadeOut]:
    made = api_meetings.make(request, pk, given)
    return Status(201, MadeOut(orders=[OrderOut.of(o) for o in made]))


@router.get(
    "/accountability",
    response=dict[str, Any],
    summary="How the orders in sight went: latencies, unreached, returns, reopened; units, never persons",
)
def accountability(request: HttpRequest, days: int = 7) -> dict[str, Any]:
    scope = signed_in_scope(request, Action.ORDER_READ)
    board = board_of(request)
    found = account(board.incident, scope, at=board.at, days=max(1, min(days, 90)), now=board.now)
    return {
        "since": found.since.isoformat(),
        "deliveries": found.n,
        "steps_minutes": {
            f"P{p}": {name: vars(s) if s else None for name, s in steps.items()}
            for p, steps in found.steps.items()
        },
        "unreached_15_min": found.unreached_15,
        "unreached_60_min": found.unreached_60,
        "returns": found.returns,
        "reopened": found.reopened,
    }


# ---- acts -------------------------------------------------------------------------------------------


@router.post("/acts", response=list[DeliveryOut], summary="Many acts at once, all or none")
def perform_many(request: HttpRequest, given: list[NamedIn]) -> list[DeliveryOut]:
    done = actions.perform(
        [_step(request, one.delivery, one.act, one) for one in given],
        scope=signed_in_scope(request, Action.ORDER_READ),
    )
    return [DeliveryOut.of(d, at=_now(request)) for d in done]


@router.post(
    "/deliveries/{pk}/{act}",
    response=DeliveryOut,
    summary="One act on one delivery",
)
def perform_one(request: HttpRequest, pk: UUID, act: str, given: ActIn) -> DeliveryOut:
    scope = signed_in_scope(request, Action.ORDER_READ)
    if act == Act.REASSIGN:
        done = actions.reassign(
            delivery=delivering.one(pk, scope),
            to=_unit(request, given.unit),
            by=_ask(request).user,
            at=_now(request),
            client_key=given.client_key,
            scope=scope,
            note=given.note,
        )
    else:
        [done] = actions.perform([_step(request, pk, act, given)], scope=scope)
    return DeliveryOut.of(done, at=_now(request))


def _step(request: HttpRequest, pk: UUID, name: str, given: ActIn) -> Step:
    if name not in ACTS:
        raise UnknownAct(
            _("There is no act “%s”.") % name[:20],
            where=str(pk),
            remedy=_("Choose one: %s.") % ", ".join(act.value for act in ACTS),
        )
    act = Act(name)
    return Step(
        act,
        pk,
        _now(request),
        given.client_key,
        _ask(request).user,
        note=given.note,
        reason=return_reason(given.reason) if act is Act.RETURN else "",
        belongs_to=_unit(request, given.unit)
        if act is Act.ASSIST or (act is Act.RETURN and given.unit)
        else None,
        until=given.until if act is Act.EXTEND else None,
        values=given.values if act is Act.CLAIM_DONE else {},
        device_at=given.device_at,
    )


class WordsOut(BaseModel):
    """What there is to do, in words."""

    acts: dict[str, str]
    states: dict[str, str]
    priorities: dict[int, str]


@router.get("/words", response=WordsOut, summary="Acts, states and priorities in words")
def words(request: HttpRequest) -> WordsOut:
    return WordsOut(
        acts={act.value: str(ACT_WORDS[act]) for act in ACTS},
        states={s.value: str(s.label) for s in DeliveryState},
        priorities={p.value: str(p.label) for p in Priority},
    )
