"""Too many attempts close the door, for the account and for the address, in every process alike."""

from __future__ import annotations

import hashlib
import ipaddress
from datetime import datetime
from math import ceil
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from yipan.access import audit
from yipan.access.errors import LockedOut
from yipan.access.models import Attempts, User
from yipan.access.rules import (
    PER_ACCOUNT,
    PER_ADDRESS,
    LockoutRule,
    Tally,
    after_failure,
    is_locked,
)
from yipan.places.models import Package


def begin_attempt(*, account: str, address: str, at: datetime) -> None:
    """Count an attempt before its secret is looked at, so that parallel guesses count as well.

    `attempt_succeeded` takes it back. Raises LockedOut (S705), which says when the door opens,
    without counting, while it is closed.
    """
    with transaction.atomic():
        doors = _doors(account, address)
        tallies = {key: _tally(key) for key, _rule in doors}
        closed = [t.locked_until for t in tallies.values() if t.locked_until and is_locked(t, at)]
        if not closed:
            for key, rule in doors:
                _keep(key, after_failure(tallies[key], rule, at))
                _audit_if_closed(key, account, tallies[key], at)
    if closed:
        raise _locked_out(max(closed), at)


def attempt_succeeded(*, account: str, address: str, at: datetime) -> None:
    """Forget the account's failures, and take this one attempt back from the address.

    The address keeps its other failures: signing in to one's own account between guesses must
    not open the door to others'.
    """
    with transaction.atomic():
        Attempts.objects.filter(key=_key("account", account)).delete()
        key = _key("address", _network(address))
        tally = _tally(key)
        if is_locked(tally, at):  # this very attempt was the last one allowed, and it was right
            _keep(key, Tally(PER_ADDRESS.failures - 1, at, None, max(tally.locks - 1, 0)))
        elif tally.failures:
            _keep(key, Tally(tally.failures - 1, tally.first_at, None, tally.locks))


def _doors(account: str, address: str) -> list[tuple[str, LockoutRule]]:
    return [
        (_key("account", account), PER_ACCOUNT),
        (_key("address", _network(address)), PER_ADDRESS),
    ]


def _key(kind: str, what: str) -> str:
    # Names and addresses tried are not kept, only what lets one recognise them again.
    return f"{kind}:{hashlib.sha256(what.strip().casefold().encode()).hexdigest()[:32]}"


def _network(address: str) -> str:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    # One household or office holds a whole /64 of IPv6: locking one address would lock nobody.
    return str(ipaddress.ip_network((ip, 64), strict=False)) if ip.version == 6 else str(ip)


def _tally(key: str) -> Tally:
    Attempts.objects.get_or_create(key=key)
    row = Attempts.objects.select_for_update().get(key=key)
    return Tally(row.failures, row.first_at, row.locked_until, row.locks)


def _keep(key: str, tally: Tally) -> None:
    Attempts.objects.filter(key=key).update(
        failures=tally.failures,
        first_at=tally.first_at,
        locked_until=tally.locked_until,
        locks=tally.locks,
    )


def _audit_if_closed(key: str, account: str, before: Tally, at: datetime) -> None:
    now_closed = Attempts.objects.filter(key=key, locked_until__gt=at).exists()
    if not now_closed or is_locked(before, at):
        return
    kind = key.partition(":")[0]
    person = User.objects.filter(username__iexact=account).first() if kind == "account" else None
    audit.record(
        event="person.locked_out",
        at=at,
        object_type="person" if person else "",
        object_id=person.pk if person else "",
        detail={"door": kind},
    )


def _locked_out(until: datetime, at: datetime) -> LockedOut:
    minutes = ceil((until - at).total_seconds() / 60)
    package = Package.objects.order_by("pk").first()
    local = until.astimezone(ZoneInfo(package.time_zone if package else "UTC"))
    wait = ngettext("%d minute", "%d minutes", minutes) % minutes
    return LockedOut(
        _("Too many attempts did not succeed. You can try again in %(wait)s, at %(clock)s.")
        % {"wait": wait, "clock": f"{local:%H:%M %Z}"},
        where="sign-in",
        remedy=_("If you have forgotten the password, use a recovery code then."),
    )
