"""Hooks of a department's table: set, ended, and told of each release through an outbox."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext as _

from yipan.access import audit
from yipan.access.models import Incident, User
from yipan.access.queries import installation
from yipan.access.rules import Action, live_channels_allowed
from yipan.access.scope import Scope, system_scope
from yipan.places import queries as places
from yipan.report.errors import HookThere, NoWebAddress
from yipan.report.forms.tables import cutoff_moment, department_table, release
from yipan.report.models import DataRequest, TableHook, TableNotice, TableRelease
from yipan.report.requests.rules import IN_EFFECT

WAITS: Final = tuple(timedelta(minutes=m) for m in (1, 5, 15, 60, 180, 360, 720))
"""How long after a failure it is tried again; after the last, nobody is told and the page says so."""
SECONDS: Final = 10
AT_ONCE: Final = 50  # notices sent in one round
BUSY: Final = frozenset({408, 425, 429})

Post = Callable[[str, bytes, Mapping[str, str]], int]


def set_hook(
    *, request: DataRequest, address: str, by: User | None, at: datetime, scope: Scope
) -> TableHook:
    """Keep the address of a machine to be told of each release, and return it with its secret.

    Raises NoWebAddress (R150) and HookThere (R151).
    """
    scope.check(Action.DATA_REQUEST, request.unit)
    parts = urlsplit(address.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise NoWebAddress(value=address[:80])
    try:
        with transaction.atomic():
            made = TableHook.objects.create(
                request=request, address=address.strip()[:300], secret=secrets.token_urlsafe(32),
                made_at=at, made_by=by,
            )  # fmt: skip
            _record("table.hook_set", made, at, by)
    except IntegrityError:
        raise HookThere(value=address[:80]) from None
    return made


def end_hook(*, hook: TableHook, by: User | None, at: datetime, scope: Scope) -> TableHook:
    """Tell a machine nothing more; what waits for it is dropped. Ending it twice changes nothing."""
    scope.check(Action.DATA_REQUEST, hook.request.unit)
    if hook.ended_at is not None:
        return hook
    with transaction.atomic():
        hook.ended_at = at
        hook.save(update_fields=["ended_at"])
        hook.notices.filter(due_at__isnull=False).update(due_at=None, failure=_("ended"))
        _record("table.hook_ended", hook, at, by)
    return hook


def _record(event: str, hook: TableHook, at: datetime, by: User | None) -> None:
    audit.record(
        event=event,
        at=at,
        actor=by,
        object_type="data_request",
        object_id=hook.request_id,
        unit=hook.request.unit,
        incident=hook.request.incident,
        detail={"hook": hook.pk, "host": urlsplit(hook.address).hostname or ""},
    )


def note_release(made: TableRelease, *, now: datetime) -> int:
    """Write a notice of a release for each open hook; call it in the release's transaction."""
    hooks = TableHook.objects.filter(request=made.request_id, ended_at__isnull=True)
    notices = [TableNotice(hook=h, release=made, made_at=now, due_at=now) for h in hooks]
    return len(TableNotice.objects.bulk_create(notices, ignore_conflicts=True))


def release_due(*, incident: Incident, at: datetime, now: datetime) -> int:
    """Release today's table of each request with a hook whose hour has come, once a day; return how many."""
    day = places.board_time(incident.package).local_day(at)
    zone = places.board_time(incident.package).zone
    rows = DataRequest.objects.filter(
        incident=incident, state__in=IN_EFFECT, hooks__ended_at__isnull=True, hooks__isnull=False
    ).select_related("incident__package", "unit")
    made = 0
    for request in rows.distinct():
        due = cutoff_moment(day, request.deadline or request.cutoff or "24:00", zone)
        if at < due or _released(request, day):
            continue
        with transaction.atomic():
            DataRequest.objects.select_for_update().get(pk=request.pk)
            if _released(request, day):
                continue  # another worker did
            table = department_table(request, day=day, known_at=at, scope=system_scope())
            note_release(release(table, by=None, at=at, format="webhook"), now=now)
        made += 1
    return made


def _released(request: DataRequest, day: date) -> bool:
    return request.releases.filter(day=day, format="webhook").exists()


# --- the outbox


@dataclass
class Sent:
    """What one round of the outbox came to."""

    sent: int = 0
    failed: int = 0
    given_up: int = 0
    kept_back: int = 0


def send_notices(*, clock: Callable[[], datetime], post: Post | None = None) -> Sent:
    """Send what is due, a handful a round, and return what came of it.

    Each notice is taken before it is sent: a worker that dies with one in hand leaves it due again
    ten minutes later; the same key then tells the receiver that it is the same. An exercise or a
    demonstration reaches no machine.
    """
    done = Sent()
    here = installation()
    send = post or _post
    due = TableNotice.objects.filter(due_at__lte=clock()).order_by("due_at", "pk")
    for pk in list(due.values_list("pk", flat=True)[:AT_ONCE]):
        now = clock()
        taken = TableNotice.objects.filter(Q(due_at__lte=now), pk=pk).update(
            due_at=now + timedelta(minutes=10)
        )
        if not taken:
            continue  # another worker has it
        notice = TableNotice.objects.select_related(
            "hook", "release__request__incident__package"
        ).get(pk=pk)
        if not live_channels_allowed(notice.release.request.incident, here):
            _settle(notice, due_at=None, failure=_("an exercise reaches nobody outside"))
            done.kept_back += 1
            continue
        _one(notice, send, clock, done)
    return done


def _one(notice: TableNotice, send: Post, clock: Callable[[], datetime], done: Sent) -> None:
    body = json.dumps(told(notice.release), ensure_ascii=False, sort_keys=True).encode()
    stamp = str(int(clock().timestamp()))
    status = send(
        notice.hook.address,
        body,
        {
            "Content-Type": "application/json",
            "Idempotency-Key": f"table-release-{notice.release_id}",
            "Yipan-Timestamp": stamp,
            "Yipan-Signature": signature(body, stamp=stamp, secret=notice.hook.secret),
        },
    )
    notice.tries += 1
    if 200 <= status < 300:
        _settle(notice, due_at=None, failure="", sent_at=clock())
        done.sent += 1
        return
    failure = f"HTTP {status}" if status else _("no answer")
    refused = 400 <= status < 500 and status not in BUSY
    if refused or notice.tries > len(WAITS):
        _settle(notice, due_at=None, failure=failure)
        done.given_up += 1
    else:
        _settle(notice, due_at=clock() + WAITS[notice.tries - 1], failure=failure)
        done.failed += 1


def _settle(
    notice: TableNotice,
    *,
    due_at: datetime | None,
    failure: str,
    sent_at: datetime | None = None,
) -> None:
    notice.due_at, notice.failure, notice.sent_at = due_at, failure[:200], sent_at
    notice.save(update_fields=["due_at", "failure", "sent_at", "tries"])


def told(made: TableRelease) -> dict[str, Any]:
    """Return what a machine is told: which table, of which day, as known when, where to fetch it.

    No figure is sent: the machine fetches the table with its own token, within its own right.
    """
    return {
        "event": "table.released",
        "release": made.pk,
        "request": made.request.code,
        "day": made.day.isoformat(),
        "known_at": made.known_at.isoformat(),
        "units": made.units,
        "cells": made.cells,
        "table": f"/api/report/requests/{made.request_id}/table?day={made.day.isoformat()}",
        "page": reverse("report:table", args=[made.request_id]),
    }


def signature(body: bytes, *, stamp: str, secret: str) -> str:
    """Return `sha256=` and the HMAC of the timestamp, a full stop and the body.

    >>> signature(b"{}", stamp="1", secret="k")[:14]
    'sha256=3dd49b2'
    """
    signed = stamp.encode() + b"." + body
    return "sha256=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def _post(address: str, body: bytes, headers: Mapping[str, str]) -> int:
    """Send one POST and return its status, 0 for no answer; a redirect is not followed."""
    request = urllib.request.Request(address, data=body, headers=dict(headers), method="POST")
    try:
        with urllib.request.build_opener(_Stay).open(request, timeout=SECONDS) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as fault:
        return fault.code
    except (OSError, ValueError):
        return 0


class _Stay(urllib.request.HTTPRedirectHandler):
    """What is signed for one address goes to no other."""

    def redirect_request(self, *_args: object, **_more: object) -> None:
        return None
