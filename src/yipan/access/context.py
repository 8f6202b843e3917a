"""What a page is about: which incident, whose province, as known at which moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.http import HttpRequest
from django.utils.translation import gettext as _

from yipan.access.errors import BadMoment, NoIncident
from yipan.access.models import Incident, Installation, User
from yipan.access.queries import board_now, installation
from yipan.access.scope import Scope, nothing_there
from yipan.kernel.errors import NotFound
from yipan.kernel.time import BoardTime
from yipan.places.models import Package

SESSION_INCIDENT = "incident"
MOMENT_FORMAT = "%Y-%m-%dT%H:%M"


@dataclass(frozen=True)
class Board:
    """The incident a page is about, its province and clock, and the moment it shows."""

    incident: Incident
    package: Package
    time: BoardTime
    now: datetime  # the incident's own clock
    at: datetime  # the moment shown; equal to `now` unless somebody went back in time
    past: bool
    installation: Installation | None

    @property
    def exercise(self) -> bool:
        """Whether every page must carry the exercise's mark."""
        return self.incident.exercise

    @property
    def demo(self) -> bool:
        """Whether every page must say that this is a demonstration."""
        return self.installation is not None and self.installation.demo

    @property
    def query(self) -> str:
        """The part of an address that keeps the moment shown, empty for now."""
        return f"at={self.at.astimezone(self.time.zone):{MOMENT_FORMAT}}" if self.past else ""


def make_board(
    *, incident: Incident, system_now: datetime, at_text: str = "", scope: Scope | None = None
) -> Board:
    """Return the board of `incident` at the moment that `at_text` says, now if it says nothing.

    Raises BadMoment (S710) where the moment cannot be read or has not come yet.
    """
    package = incident.package
    time = BoardTime(ZoneInfo(package.time_zone), package.publication_hour)
    now = board_now(incident, system_now)
    at = parse_moment(at_text, now=now, time=time) if at_text else now
    return Board(
        incident=incident,
        package=package,
        time=time,
        now=now,
        at=at,
        past=at < now,
        installation=installation(),
    )


def parse_moment(text: str, *, now: datetime, time: BoardTime) -> datetime:
    """Return the moment that `text` says (ISO, in the province's zone where it names none).

    Raises BadMoment (S710) for text that is no moment and for the future.
    """
    try:
        stated = datetime.fromisoformat(text.strip().replace(" ", "+") if "T" in text else text)
        moment = (stated if stated.tzinfo else stated.replace(tzinfo=time.zone)).astimezone(
            time.zone
        )
    except (ValueError, OverflowError):
        raise BadMoment(
            _("“%s” is not a moment.") % text[:40],
            where="at",
            remedy=_("Write it as 2020-02-24T18:00, in the province's own time."),
        ) from None
    if moment > now:
        raise BadMoment(
            _("%s has not come yet.") % f"{moment:{MOMENT_FORMAT}}",
            where="at",
            remedy=_("Choose a moment up to now, %s.")
            % f"{now.astimezone(time.zone):{MOMENT_FORMAT}}",
        )
    return moment


def choose_incident(scope: Scope, *, asked: str = "", remembered: str = "") -> Incident:
    """Return the incident asked for, else the one remembered, else the latest active one in sight.

    Raises NotFound (K004) for one asked for that is absent or out of sight, NoIncident (S708)
    where there is none at all.
    """
    seen = scope.incidents()
    if asked:
        incident = seen.filter(slug=asked).first()
        if incident is None:
            raise nothing_there(asked)
        return incident
    incident = (
        (seen.filter(slug=remembered).first() if remembered else None)
        or seen.filter(stood_down_at__isnull=True).first()
        or seen.first()
    )
    if incident is None:
        raise NoIncident(
            _("There is no incident that you can see."),
            remedy=_("A commander or an administrator activates one on the page Incidents."),
        )
    return incident


class PersonRequest(HttpRequest):
    """A request after the middleware of this stage: who asks, what they may see, what it is about."""

    user: User
    now: datetime  # the system's clock, read once for this request
    scope: Scope
    board: Board


def board_of(request: HttpRequest) -> Board:
    """Return the board of this request, made once.

    Raises what `choose_incident` and `make_board` raise.
    """
    made: Board | None = getattr(request, "_board", None)
    if made is None:
        made = _build(request, request.GET)
        request._board = made  # type: ignore[attr-defined]
    return made


def board_or_none(request: HttpRequest) -> Board | None:
    """Return a board for the shell of a page: of now where the moment asked for is refused, None without one."""
    try:
        return board_of(request)
    except NoIncident:
        return None
    except (BadMoment, NotFound):
        return _without_asking(request)


def _without_asking(request: HttpRequest) -> Board | None:
    try:
        return _build(request, {})
    except NoIncident:
        return None


def _build(request: HttpRequest, asked: Mapping[str, str]) -> Board:
    scope: Scope = request.scope  # type: ignore[attr-defined]
    incident = choose_incident(
        scope,
        asked=asked.get("incident", ""),
        remembered=request.session.get(SESSION_INCIDENT, ""),
    )
    return make_board(
        incident=incident,
        system_now=request.now,  # type: ignore[attr-defined]
        at_text=asked.get("at", ""),
    )
