"""What can go wrong with who is asking; codes S7xx."""

from __future__ import annotations

from typing import Self

from django.utils.translation import gettext as _

from yipan.kernel.errors import YipanError


class AccessError(YipanError):
    """Something about the person, the place or the moment does not allow this."""

    code = "S700"
    status = 400


class NotSignedIn(AccessError):
    """Nobody is signed in, or the session has ended."""

    code = "S701"
    status = 401


class CrossSite(AccessError):
    """The call carries a session, but did not come from a page of this server."""

    code = "S702"
    status = 403


class Forbidden(AccessError):
    """The person's roles do not allow this act at this place."""

    code = "S703"
    status = 403


class LockedOut(AccessError):
    """Too many attempts from this account or address; the message says when it opens again."""

    code = "S705"
    status = 429


class CodeRefused(AccessError):
    """A one-time code is wrong, used, or expired; which of these is not told."""

    code = "S706"
    status = 400


class DemonstrationOnly(AccessError):
    """Signing in as a demo person works only on a demonstration, from the same machine."""

    code = "S707"
    status = 403


class NoIncident(AccessError):
    """There is no incident that this person can see."""

    code = "S708"
    status = 404


class PastIsReadOnly(AccessError):
    """The page shows a past moment; nothing can be done in the past."""

    code = "S709"
    status = 409


class BadMoment(AccessError):
    """The moment asked for cannot be read, or lies in the future."""

    code = "S710"
    status = 400


class AlreadyStarted(AccessError):
    """The installation has its first administrator already."""

    code = "S711"
    status = 409


class PasswordRefused(AccessError):
    """The password does not meet the rules."""

    code = "S712"
    status = 422


class PersonRefused(AccessError):
    """The person cannot be made or changed like this."""

    code = "S713"
    status = 409


class GrantRefused(AccessError):
    """The role cannot be granted or ended like this."""

    code = "S714"
    status = 409


class AuditSealed(AccessError):
    """An audit record is never changed and never deleted."""

    code = "S715"
    status = 409

    @classmethod
    def of(cls, record: object) -> Self:
        """Return the error for one record."""
        return cls(
            _("An audit record is never changed or deleted."),
            where=f"audit {record}",
            remedy=_("Write a new record that corrects it."),
        )


class AuditOutsideTransaction(AccessError):
    """An audit record must be written in the same transaction as the change it tells."""

    code = "S716"
    status = 500


class IncidentRefused(AccessError):
    """The incident cannot be made or changed like this."""

    code = "S717"
    status = 409


class LiveChannelRefused(AccessError):
    """An exercise or a demonstration cannot reach a live channel."""

    code = "S718"
    status = 409


class TokenRefused(AccessError):
    """The bearer token is unknown, expired or revoked, or does not cover this act."""

    code = "S719"
    status = 401


class BackupRefused(AccessError):
    """The file is not a whole backup of this system; nothing was changed."""

    code = "S720"
    status = 422


class DatabaseNotEmpty(AccessError):
    """A backup is restored into an empty database only; nothing was changed."""

    code = "S721"
    status = 409


class RestoreUnverified(AccessError):
    """What was restored does not agree with the backup's manifest; nothing was kept."""

    code = "S722"
    status = 500


class IdentityUnreadable(AccessError):
    """The key that opens this person's identifiers is not here, or they were altered."""

    code = "S723"
    status = 500


class IdentityErased(AccessError):
    """The identifiers were erased when their time was over; the pseudonym is all that is left."""

    code = "S724"
    status = 410


class IdentityRefused(AccessError):
    """The identifiers, the purpose or the reason are not enough."""

    code = "S725"
    status = 422


class EventRefused(AccessError):
    """The event is no ground for anything about a person: its evidence is missing or not admissible."""

    code = "S726"
    status = 422


class StatusRefused(AccessError):
    """A person's status cannot be set or ended like this."""

    code = "S727"
    status = 409


class AppealRefused(AccessError):
    """The appeal, or the ruling on it, cannot be made like this."""

    code = "S728"
    status = 409
