"""The morning's statements: who asks, where, what stands, in one read; one submission in one write.

Nothing of what a person may do is remembered between two calls: token, account, grants, incident and
unit are read each time, in the same statement as what stands, so a right that is taken away is gone at
once. What is kept in memory (the incident's own row, the dictionary) is compared with the database in
that statement, and read anew where it has changed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, Final, NamedTuple

import psycopg
from django.db import connection, transaction

from yipan.access.models import ApiToken, AuditRecord, Grant, Incident, User
from yipan.access.rules import Action, roles_with
from yipan.places.models import Package, Unit
from yipan.report.dictionary import Element
from yipan.report.forms.current import elements_named
from yipan.report.models import DataElement, Submission, Value
from yipan.report.values.queries import Stood

T = {m: m._meta.db_table for m in (ApiToken, AuditRecord, Grant, Incident, User, Unit)}
DAYS_BACK: Final = 14
KEPT: Final = timedelta(minutes=1)
ROLES: Final = sorted(
    str(r) for r in roles_with(Action.REPORT_SUBMIT) & roles_with(Action.PLACE_READ)
)


class Caller(NamedTuple):
    """Who calls: by the digest of a token or, in a session, by the person's id."""

    digest: str = ""
    user: int = 0
    incident: str = ""  # the incident that the session remembers


class Replay(NamedTuple):
    """The submission that is here already under the key."""

    id: int
    incident: int
    unit: int
    source: str
    received_at: datetime
    accepted: int
    aside: int


@dataclass(frozen=True)
class Found:
    """What the one read found; a caller, a place or an incident that does not fit is no row at all."""

    user: int
    unit: int
    level: str
    incident: int
    mark: tuple[Any, ...]  # what the incident's row says, and its package's
    newest: str  # the newest row of the dictionary
    actions: frozenset[str] | None  # of a token
    token: int
    token_used_at: datetime | None
    replay: Replay | None
    standing: list[tuple[str, date, int, float | None, str, datetime]] = field(default_factory=list)


@lru_cache(maxsize=8)
def _sql(vendor: str, by_token: bool, remembered: bool) -> str:
    """Return the one read; its places are named, so that both databases fill them alike."""
    within = (
        "= ANY(%(names)s)"
        if vendor == "postgresql"
        else "IN (SELECT value FROM json_each(%(names)s))"
    )
    who = (
        f"""FROM {T[ApiToken]} t JOIN {T[User]} p ON p.id = t.user_id
        WHERE t.digest = %(digest)s AND t.revoked_at IS NULL AND t.expires_at > %(now)s
          AND t.created_at <= %(now)s AND p.is_active"""
        if by_token
        else f"FROM {T[User]} p WHERE p.id = %(user)s AND p.is_active"
    )
    token = (
        "t.id AS token, t.actions, t.last_used_at"
        if by_token
        else "0 AS token, NULL AS actions, NULL AS last_used_at"
    )
    asked = "i.slug = %(slug)s DESC," if remembered else ""
    or_asked = "OR i.slug = %(slug)s" if remembered else ""
    roles = ", ".join(f"'{role}'" for role in ROLES)
    places = Incident.places.through._meta.db_table
    return f"""
        WITH who AS (
            SELECT p.id AS person, {token}
            {who}
        ),
        -- MATERIALIZED: planned together, the roots would be looked for among all units
        held AS MATERIALIZED (
            SELECT g.role, g.unit_id, own.package_id, own.lft, own.rgt
            FROM who JOIN {T[Grant]} g ON g.user_id = who.person
            LEFT JOIN {T[Unit]} own ON own.id = g.unit_id
            WHERE g.valid_from <= %(now)s AND (g.valid_to IS NULL OR g.valid_to > %(now)s)
        ),
        stage AS MATERIALIZED (
            SELECT i.id, o.package_id, o.lft, o.rgt
            FROM {T[Incident]} i JOIN {places} ip ON ip.incident_id = i.id
            JOIN {T[Unit]} o ON o.id = ip.unit_id
            WHERE i.stood_down_at IS NULL {or_asked}
        ),
        chosen AS MATERIALIZED (
            -- the incident a page would show: the one remembered, else the latest that is open in sight
            SELECT i.* FROM {T[Incident]} i
            WHERE (i.stood_down_at IS NULL {or_asked}) AND EXISTS (
                SELECT 1 FROM held WHERE held.unit_id IS NULL OR EXISTS (
                    SELECT 1 FROM stage o WHERE o.id = i.id AND o.package_id = held.package_id
                      AND o.lft <= held.rgt AND o.rgt >= held.lft))
            ORDER BY {asked} i.activated_at DESC, i.id DESC LIMIT 1
        ),
        spot AS MATERIALIZED (
            SELECT u.id, u.level, u.package_id, u.lft, u.rgt
            FROM chosen c JOIN {T[Unit]} u ON u.package_id = c.package_id AND u.code = %(unit)s
        ),
        here AS (
            SELECT who.*, u.id AS unit_id, u.level, c.id AS incident_id, c.slug, c.activated_at,
                   c.stood_down_at, c.clock_at, c.clock_set_at, k.id AS package_id, k.digest
            FROM who CROSS JOIN chosen c CROSS JOIN spot u
            JOIN {Package._meta.db_table} k ON k.id = c.package_id
            WHERE EXISTS (
                SELECT 1 FROM held WHERE held.role IN ({roles}) AND held.package_id = u.package_id
                  AND held.lft <= u.lft AND held.rgt >= u.rgt)
        )
        SELECT h.person, h.unit_id, h.level, h.incident_id, h.slug, h.activated_at, h.stood_down_at,
               h.clock_at, h.clock_set_at, h.package_id, h.digest,
               (SELECT CAST(e.id AS text) || '|' || e.element || '|' || CAST(e.recorded_at AS text)
                FROM {DataElement._meta.db_table} e ORDER BY e.id DESC LIMIT 1),
               h.actions, h.token, h.last_used_at,
               s.id, s.incident_id, s.unit_id, s.source, s.received_at, s.rows_accepted, s.rows_aside,
               v.element, v.day, v.version, v.value, v.text, v.recorded_at
        FROM here h
        LEFT JOIN {Submission._meta.db_table} s ON s.client_key = %(key)s
        LEFT JOIN {Value._meta.db_table} v ON s.id IS NULL AND v.incident_id = h.incident_id
            AND v.unit_id = h.unit_id AND v.element {within} AND v.day >= %(first)s AND v.day <= %(day)s
        ORDER BY v.day, v.version
    """


def look(
    caller: Caller,
    *,
    unit: str,
    day: date,
    names: Sequence[str],
    back: bool,
    key: str,
    now: datetime,
) -> Found | None:
    """Return what one read finds, None where caller, place and incident do not fit together.

    `back` asks for the fortnight before too, for answers that repeat the last known.
    """
    given: dict[str, Any] = {
        "digest": caller.digest,
        "user": caller.user,
        "slug": caller.incident,
        "now": now,
        "unit": unit,
        "key": key,
        "names": list(names),
        "day": day,
        "first": day - timedelta(days=DAYS_BACK if back else 0),
    }
    sql = _sql(connection.vendor, bool(caller.digest), bool(caller.incident))
    rows = _ask(sql, given)
    if not rows:
        return None
    first = rows[0]
    actions = json.loads(first[12]) if isinstance(first[12], str) else first[12]
    return Found(
        user=first[0],
        unit=first[1],
        level=first[2],
        incident=first[3],
        mark=(first[4], *map(_moment, first[5:9]), *first[9:11]),
        newest=first[11] or "",
        actions=frozenset(actions) if actions is not None else None,
        token=first[13],
        token_used_at=_moment(first[14]),
        replay=_replay(first[15:22]) if first[15] is not None else None,
        standing=[
            (r[22], _day(r[23]), r[24], r[25], r[26], _at(r[27])) for r in rows if r[22] is not None
        ],
    )


def _replay(cells: Sequence[Any]) -> Replay:
    pk, incident, unit, source, received_at, accepted, aside = cells
    return Replay(pk, incident, unit, source, _at(received_at), accepted, aside)


def incident_of(found: Found, *, now: datetime) -> Incident:
    """Return the incident with its package: kept from an earlier call while its row says the same."""
    kept = _INCIDENTS.get(found.incident)
    if kept is None or kept[0] != found.mark or now - kept[1] > KEPT:
        incident = Incident.objects.select_related("package").get(pk=found.incident)
        kept = _INCIDENTS[found.incident] = (found.mark, now, incident)
    return kept[2]


def elements_of(
    found: Found, incident: Incident, names: set[str], *, at: datetime, now: datetime
) -> dict[str, Element]:
    """Return what the dictionary says of these elements: kept while it has no newer row, a minute at most."""
    key = (found.mark, found.newest)
    kept = _ELEMENTS.get(found.incident)
    if kept is None or kept[0] != key or now - kept[1] > KEPT or not names <= kept[2].keys():
        wanted = names | (kept[2].keys() if kept is not None and kept[0] == key else set())
        known = elements_named(incident.package, set(wanted), known_at=at)
        kept = _ELEMENTS[found.incident] = (key, now, known)
    return kept[2]


_INCIDENTS: dict[int, tuple[tuple[Any, ...], datetime, Incident]] = {}
_ELEMENTS: dict[int, tuple[tuple[Any, ...], datetime, dict[str, Element]]] = {}


def sort_standing(
    found: Found, *, day: date, known_at: datetime
) -> tuple[dict[str, Stood], dict[str, Stood], dict[str, int]]:
    """Return what `values.queries.standing` returns, from rows that were read with the rest."""
    known: dict[str, Stood] = {}
    before: dict[str, Stood] = {}
    versions: dict[str, int] = {}
    for element, on, version, value, text, recorded in found.standing:
        if on == day:
            versions[element] = version
            if recorded <= known_at:
                known[element] = Stood(value, text)
        elif recorded <= known_at and value is not None:
            before[element] = Stood(value, text)
    return known, before, versions


def write(
    *,
    incident: int,
    unit: int,
    actor: int,
    source: str,
    key: str,
    at: datetime,
    device_at: datetime | None,
    values: Sequence[Value],
    detail: dict[str, Any],
) -> int | None:
    """Write a submission with its values and its audit record, all or nothing; return its id.

    None where somebody else wrote the same key first. Raises IntegrityError where somebody else wrote
    one of the values first.
    """
    given: dict[str, Any] = {
        "incident": incident,
        "unit": unit,
        "actor": actor,
        "source": source,
        "key": key,
        "at": at,
        "device_at": device_at,
        "count": len(values),
        "detail": json.dumps(detail),
    }
    if connection.vendor == "postgresql":
        given |= {
            "day": values[0].day,
            "elements": [v.element for v in values],
            "versions": [v.version for v in values],
            "numbers": [v.value for v in values],
            "texts": [v.text for v in values],
            "repeats": [v.unchanged for v in values],
            "reasons": [v.reason for v in values],
        }
        made = _ask(_WRITE, given)
        return made[0][0] if made else None
    return _write_in_steps(given, values)


_SUBMISSION: Final = f"""
    INSERT INTO {Submission._meta.db_table} (incident_id, unit_id, actor_id, source, client_key,
        received_at, device_at, file_name, file_digest, file_encoding, file_kind, rows_accepted,
        rows_aside, subject)
    VALUES (%(incident)s, %(unit)s, %(actor)s, %(source)s, %(key)s, %(at)s, %(device_at)s,
        '', '', '', '', %(count)s, 0, '')
    ON CONFLICT (client_key) DO NOTHING RETURNING id"""

_WRITE: Final = f"""
    WITH made AS ({_SUBMISSION}),
    facts AS (
        INSERT INTO {Value._meta.db_table} (incident_id, unit_id, element, day, version, value, text,
            unchanged, recorded_at, submission_id, reason)
        SELECT %(incident)s, %(unit)s, f.element, %(day)s, f.version, f.number, f.said, f.repeated,
               %(at)s, made.id, f.reason
        FROM made, unnest(%(elements)s::text[], %(versions)s::int[], %(numbers)s::float8[],
            %(texts)s::text[], %(repeats)s::bool[], %(reasons)s::text[])
            AS f(element, version, number, said, repeated, reason)
    ),
    told AS (
        INSERT INTO {AuditRecord._meta.db_table} (at, actor_id, event, object_type, object_id, unit_id,
            incident_id, detail)
        SELECT %(at)s, %(actor)s, 'report.submitted', 'submission', made.id::text, %(unit)s,
               %(incident)s, %(detail)s::jsonb
        FROM made
    )
    SELECT id FROM made"""


def _write_in_steps(given: dict[str, Any], values: Sequence[Value]) -> int | None:
    """SQLite has no writing subqueries: three statements in one transaction."""
    prep, on = connection.ops.adapt_datetimefield_value, connection.ops.adapt_datefield_value
    given = {**given, "at": prep(given["at"]), "device_at": prep(given["device_at"])}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_SUBMISSION, given)
        made = cursor.fetchone()
        if made is None:
            return None
        cursor.executemany(
            f"""INSERT INTO {Value._meta.db_table} (incident_id, unit_id, element, day, version, value,
                text, unchanged, recorded_at, submission_id, reason)
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
            [
                (given["incident"], given["unit"], v.element, on(v.day), v.version, v.value, v.text,
                 v.unchanged, given["at"], made[0], v.reason)
                for v in values
            ],
        )  # fmt: skip
        cursor.execute(
            f"""INSERT INTO {AuditRecord._meta.db_table} (at, actor_id, event, object_type, object_id,
                unit_id, incident_id, detail)
            VALUES (%(at)s, %(actor)s, 'report.submitted', 'submission', %(id)s, %(unit)s,
                %(incident)s, %(detail)s)""",
            {**given, "id": str(made[0])},
        )
        return int(made[0])


# --- the databases


def _ask(sql: str, given: dict[str, Any]) -> list[tuple[Any, ...]]:
    if connection.vendor == "postgresql":
        return _ask_prepared(sql, given)
    ops = connection.ops
    plain = {
        name: ops.adapt_datetimefield_value(value)
        if isinstance(value, datetime)
        else ops.adapt_datefield_value(value)
        if isinstance(value, date)
        else json.dumps(value)
        if isinstance(value, list)
        else value
        for name, value in given.items()
    }
    with connection.cursor() as cursor:
        cursor.execute(sql, plain)
        return list(cursor.fetchall())


def _ask_prepared(sql: str, given: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Ask PostgreSQL with a statement that it planned once: planning costs more than the answer."""
    connection.ensure_connection()
    raw = connection.connection
    with connection.wrap_database_errors, psycopg.Cursor(raw) as cursor:
        if raw.prepare_threshold is None:
            raw.prepare_threshold = 5
        cursor.execute(sql, given, prepare=True)
        return list(cursor.fetchall())


def _moment(told: Any) -> datetime | None:
    return None if told is None else _at(told)


def _at(told: Any) -> datetime:
    """Return a moment as PostgreSQL gives it, or as SQLite keeps it: in UTC, without saying so."""
    moment = told if isinstance(told, datetime) else datetime.fromisoformat(told)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _day(told: Any) -> date:
    return told if isinstance(told, date) else date.fromisoformat(told)
