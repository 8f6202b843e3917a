"""What is done to accounts, roles, incidents and the installation; each act audits itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from allauth.mfa.models import Authenticator
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from yipan.access import audit, codes, lockout
from yipan.access.errors import (
    AlreadyStarted,
    CodeRefused,
    Forbidden,
    GrantRefused,
    IncidentRefused,
    PasswordRefused,
    PersonRefused,
    TokenRefused,
)
from yipan.access.models import (
    ApiToken,
    CodeKind,
    Grant,
    Incident,
    IncidentLevelChange,
    Installation,
    RecoveryCode,
    Role,
    User,
)
from yipan.access.queries import administrators, installation, valid_grants
from yipan.access.rules import (
    PERMISSIONS,
    RECOVERY_CODES,
    RESET_CODE_LASTS,
    SETUP_CODE_LASTS,
    TOKEN_LONGEST,
    TOKEN_USE_NOTED,
    Action,
)
from yipan.access.scope import Scope, scope_of
from yipan.places.models import Package, Unit

# ---- the installation ---------------------------------------------------------------------------


@transaction.atomic
def start_installation(*, at: datetime, demo: bool = False) -> str:
    """Say what this database is, and return the one-time code for its first administrator.

    A demonstration needs none and returns "". Called again before anybody used the code, it makes
    a new one, and the old one no longer opens. Raises AlreadyStarted (S711) once somebody has an
    account, or where a database of the other kind stands.
    """
    here = Installation.objects.select_for_update().filter(pk=1).first()
    if here is not None and (here.demo or demo or User.objects.exists()):
        raise AlreadyStarted(
            _("This installation has been started already."),
            remedy=_("Sign in, or ask an administrator for an account."),
        )
    here = here or Installation(pk=1, demo=demo, created_at=at)
    code = "" if demo else codes.new_code()
    here.setup_code_hash = codes.digest(code) if code else ""
    here.setup_code_expires_at = None if demo else at + SETUP_CODE_LASTS
    here.save()
    audit.record(event="installation.started", at=at, detail={"demo": demo})
    return code


def redeem_setup_code(
    *,
    code: str,
    username: str,
    display_name: str,
    password: str,
    language: str,
    at: datetime,
    address: str,
) -> tuple[User, list[str]]:
    """Make the first administrator with the code that the first start printed.

    Returns the person and ten recovery codes to be shown once. Raises CodeRefused (S706) for a
    code that is wrong, used or expired, LockedOut (S705) after too many, PasswordRefused (S712)
    and PersonRefused (S713); none of these uses the code up.
    """
    door = {"account": "first start", "address": address}
    lockout.begin_attempt(**door, at=at)
    with transaction.atomic():
        here = Installation.objects.select_for_update().filter(pk=1).first()
        if here is None or not _opens(here, code, at):
            raise _refused_code()
        here.setup_code_used_at = at
        here.save(update_fields=["setup_code_used_at"])
        person = create_user(
            username=username,
            display_name=display_name,
            password=password,
            language=language,
            by=None,
            at=at,
        )
        grant_role(user=person, role=Role.ADMINISTRATOR, unit=None, by=None, at=at)
        audit.record(
            event="installation.first_administrator",
            at=at,
            actor=person,
            object_type="person",
            object_id=person.pk,
        )
        recovery = issue_recovery_codes(user=person, by=person, at=at)
    lockout.attempt_succeeded(**door, at=at)
    return person, recovery


def _opens(here: Installation, code: str, at: datetime) -> bool:
    return (
        bool(here.setup_code_hash)
        and here.setup_code_used_at is None
        and here.setup_code_expires_at is not None
        and at < here.setup_code_expires_at
        and codes.digest(code) == here.setup_code_hash
    )


def _refused_code() -> CodeRefused:
    return CodeRefused(
        _("This code does not open: it is wrong, was used before, or has expired."),
        where="code",
        remedy=_("Check each group of four; otherwise ask for a new code."),
    )


# ---- people -------------------------------------------------------------------------------------


@transaction.atomic
def create_user(
    *,
    username: str,
    display_name: str,
    password: str | None,
    language: str,
    by: User | None,
    at: datetime,
    demo: bool = False,
) -> User:
    """Make an account; without a password it opens only with a reset code (or as a demo person).

    Raises PersonRefused (S713) for a name that is empty or taken and for a demo person on a live
    system, PasswordRefused (S712), and Forbidden (S703) where `by` may not manage people.
    """
    _check_manager(by, at)
    name = username.strip()
    here = installation()
    if demo and (here is None or not here.demo):
        raise PersonRefused(
            _("A demo person cannot be made on a live system."),
            where=name,
            remedy=_("Demo people are made by `yipan demo`, in a database of their own."),
        )
    if not name or not all(c.isalnum() or c in "._-@+" for c in name) or len(name) > 150:
        raise PersonRefused(
            _("“%s” cannot be a sign-in name.") % name[:40],
            where="username",
            remedy=_("Use letters, digits and . _ - @ + without spaces."),
        )
    if User.objects.filter(username__iexact=name).exists():
        raise PersonRefused(
            _("The sign-in name %s is taken.") % name,
            where="username",
            remedy=_("Choose another one."),
        )
    person = User(username=name, display_name=display_name.strip(), language=language, demo=demo)
    _set_password(person, password)
    person.save()
    audit.record(
        event="person.created",
        at=at,
        actor=by,
        object_type="person",
        object_id=person.pk,
        detail={"username": name, "demo": demo},
    )
    return person


@transaction.atomic
def set_active(*, user: User, active: bool, by: User, at: datetime) -> None:
    """Close an account, or open it again; its past acts stay in the audit.

    Raises Forbidden (S703), and PersonRefused (S713) for one's own account and for the last
    administrator of the installation.
    """
    _check_manager_of(by, user, at)
    if user == by:
        raise PersonRefused(
            _("Nobody closes or opens their own account."),
            where=user.username,
            remedy=_("Ask another administrator."),
        )
    if not active:
        _keep_one_administrator(user, at)
    user.is_active = active
    user.save(update_fields=["is_active"])
    audit.record(
        event="person.enabled" if active else "person.disabled",
        at=at,
        actor=by,
        object_type="person",
        object_id=user.pk,
    )


@transaction.atomic
def set_language(*, user: User, language: str) -> None:
    """Remember the language a person reads."""
    User.objects.filter(pk=user.pk).update(language=language)
    user.language = language


def _set_password(user: User, password: str | None) -> None:
    if password is None:
        user.set_unusable_password()
        return
    try:
        validate_password(password, user)
    except ValidationError as fault:
        raise PasswordRefused(
            " ".join(fault.messages),
            where="password",
            remedy=_("A sentence of four or more words is long enough and easy to remember."),
        ) from fault
    user.set_password(password)


def _check_manager(by: User | None, at: datetime, unit: Unit | None = None) -> Scope | None:
    if by is None:  # the system: the command line, the demonstration
        return None
    scope = scope_of(by, at=at)
    scope.check(Action.ACCESS_MANAGE, unit)
    return scope


def may_manage(scope: Scope, user: User, *, at: datetime) -> bool:
    """Return whether `scope` manages every place at which `user` holds a role."""
    if scope.system:
        return True
    held = valid_grants(at).filter(user=user).select_related("unit")
    places = [g.unit for g in held]
    return scope.may(Action.ACCESS_MANAGE) and all(
        _whole(scope) if unit is None else scope.may(Action.ACCESS_MANAGE, unit) for unit in places
    )


def _whole(scope: Scope) -> bool:
    return scope.system or any(
        h.unit is None and h.allows(Action.ACCESS_MANAGE) for h in scope.holdings
    )


def _check_manager_of(by: User | None, user: User, at: datetime) -> None:
    scope = _check_manager(by, at)
    if scope is not None and not may_manage(scope, user, at=at):
        raise Forbidden(
            _("%s holds a role at a place that you do not manage.") % user.username,
            where=user.username,
            remedy=_("Ask an administrator of the level above."),
        )


# ---- roles --------------------------------------------------------------------------------------


@transaction.atomic
def grant_role(
    *,
    user: User,
    role: Role | str,
    unit: Unit | None,
    sensitivity: int = 1,
    by: User | None,
    at: datetime,
) -> Grant:
    """Let `user` act in `role` over the subtree of `unit` from now on.

    Without a unit the grant covers the whole installation (administrators only). Raises Forbidden
    (S703) where `by` does not manage the place, GrantRefused (S714) for oneself, for a role held
    there already, and for a wide grant of another role.
    """
    role = Role(role)
    _check_granting(user=user, role=role, unit=unit, sensitivity=sensitivity, by=by, at=at)
    grant = Grant.objects.create(
        user=user, role=role, unit=unit, sensitivity=sensitivity, granted_by=by, valid_from=at
    )
    audit.record(
        event="grant.given",
        at=at,
        actor=by,
        object_type="person",
        object_id=user.pk,
        unit=unit,
        detail={"role": role.value, "sensitivity": sensitivity, "grant": grant.pk},
    )
    return grant


def _check_granting(
    *, user: User, role: Role, unit: Unit | None, sensitivity: int, by: User | None, at: datetime
) -> None:
    scope = _check_manager(by, at, unit)
    if by is not None and by == user:
        raise GrantRefused(
            _("Nobody grants a role to themselves."),
            where=user.username,
            remedy=_("Ask another administrator."),
        )
    if unit is None and role != Role.ADMINISTRATOR:
        raise GrantRefused(
            _("The role %s needs a place.") % role.label,
            where="unit",
            remedy=_("Name the unit where the person sits."),
        )
    if unit is None and scope is not None and not _whole(scope):
        raise Forbidden(
            _("Only an administrator of the whole installation can make another one."),
            where=user.username,
            remedy=_("Name a unit that you manage."),
        )
    if not 0 <= sensitivity <= 3:
        raise GrantRefused(
            _("Sensitivity is 0, 1, 2 or 3, not %s.") % sensitivity,
            where="sensitivity",
            remedy=_("Choose the lowest that the task needs."),
        )
    if Grant.objects.filter(user=user, role=role, unit=unit, valid_to__isnull=True).exists():
        raise GrantRefused(
            _("%(name)s holds the role %(role)s there already.")
            % {"name": user.username, "role": role.label},
            where=unit.code if unit else "",
            remedy=_("To change its sensitivity, end it first."),
        )


@transaction.atomic
def end_grant(*, grant: Grant, by: User | None, at: datetime) -> Grant:
    """End a role from now on; what was done in it stays.

    Raises Forbidden (S703), and GrantRefused (S714) for one's own role, one ended already, and
    the last administrator of the installation.
    """
    scope = _check_manager(by, at, grant.unit)
    if grant.unit is None and scope is not None and not _whole(scope):
        raise Forbidden(
            _("Only an administrator of the whole installation can end this role."),
            where=grant.user.username,
            remedy=_("Ask one."),
        )
    if by is not None and grant.user == by:
        raise GrantRefused(
            _("Nobody ends their own role."),
            where=grant.user.username,
            remedy=_("Ask another administrator."),
        )
    if grant.valid_to is not None:
        raise GrantRefused(
            _("This role has been ended already."), where=grant.user.username, remedy=""
        )
    if grant.unit is None:
        _keep_one_administrator(grant.user, at)
    grant.valid_to = max(at, grant.valid_from)
    grant.save(update_fields=["valid_to"])
    audit.record(
        event="grant.ended",
        at=at,
        actor=by,
        object_type="person",
        object_id=grant.user_id,
        unit=grant.unit,
        detail={"role": grant.role, "grant": grant.pk},
    )
    return grant


def _keep_one_administrator(user: User, at: datetime) -> None:
    left = administrators(at)
    if left.filter(pk=user.pk).exists() and not left.exclude(pk=user.pk).exists():
        raise GrantRefused(
            _("%s is the last administrator of this installation.") % user.username,
            where=user.username,
            remedy=_("Make another administrator first."),
        )


# ---- back into an account -----------------------------------------------------------------------


@transaction.atomic
def issue_recovery_codes(*, user: User, by: User, at: datetime) -> list[str]:
    """Give a person ten fresh recovery codes, to be shown once; the old ones no longer open."""
    RecoveryCode.objects.filter(user=user, kind=CodeKind.RECOVERY, used_at__isnull=True).delete()
    fresh = [codes.new_code() for _number in range(RECOVERY_CODES)]
    RecoveryCode.objects.bulk_create(
        RecoveryCode(
            user=user,
            kind=CodeKind.RECOVERY,
            digest=codes.digest(code),
            issued_at=at,
            issued_by=by,
        )
        for code in fresh
    )
    audit.record(
        event="person.recovery_codes", at=at, actor=by, object_type="person", object_id=user.pk
    )
    return fresh


@transaction.atomic
def issue_reset_code(*, user: User, by: User | None, at: datetime) -> str:
    """Return a code, to be handed over in person, with which `user` sets a new password.

    Using it also removes the person's second factors: it is for one who has lost everything, and
    for one who has just been given an account. Raises Forbidden (S703) where `by` does not manage
    every place of the person, PersonRefused (S713) for oneself and for demo people.
    """
    _check_manager_of(by, user, at)
    if by is not None and user == by:
        raise PersonRefused(
            _("Nobody gives a reset code to themselves."),
            where=user.username,
            remedy=_("Use one of your own recovery codes, or ask another administrator."),
        )
    if user.demo:
        raise PersonRefused(_("A demo person has no password."), where=user.username, remedy="")
    RecoveryCode.objects.filter(user=user, kind=CodeKind.RESET, used_at__isnull=True).delete()
    code = codes.new_code()
    RecoveryCode.objects.create(
        user=user,
        kind=CodeKind.RESET,
        digest=codes.digest(code),
        issued_at=at,
        issued_by=by,
        expires_at=at + RESET_CODE_LASTS,
    )
    audit.record(
        event="person.reset_code", at=at, actor=by, object_type="person", object_id=user.pk
    )
    return code


def recover(
    *, username: str, code: str, password: str, address: str, at: datetime
) -> tuple[User, list[str]]:
    """Set a new password with a recovery or reset code; every open session of the person ends.

    Returns the person and, where the person has none left or came by a reset code, ten new
    recovery codes to be shown once. Raises CodeRefused (S706), alike for a wrong code and an
    unknown person, LockedOut (S705) and PasswordRefused (S712).
    """
    door = {"account": username, "address": address}
    lockout.begin_attempt(**door, at=at)
    with transaction.atomic():
        held = _usable_code(username, code, at)
        if held is None:
            raise _refused_code()
        person = held.user
        _set_password(person, password)
        person.save(update_fields=["password"])
        held.used_at = at
        held.save(update_fields=["used_at"])
        if held.kind == CodeKind.RESET:
            Authenticator.objects.filter(user=person).delete()
        audit.record(
            event="person.recovered",
            at=at,
            actor=person,
            object_type="person",
            object_id=person.pk,
            detail={"by": held.kind},
        )
        none_left = not RecoveryCode.objects.filter(
            user=person, kind=CodeKind.RECOVERY, used_at__isnull=True
        ).exists()
        fresh = (
            issue_recovery_codes(user=person, by=person, at=at)
            if held.kind == CodeKind.RESET or none_left
            else []
        )
    lockout.attempt_succeeded(**door, at=at)
    return person, fresh


def _usable_code(username: str, code: str, at: datetime) -> RecoveryCode | None:
    return (
        RecoveryCode.objects.select_for_update(of=("self",))
        .select_related("user")
        .filter(Q(expires_at__isnull=True) | Q(expires_at__gt=at))
        .filter(
            user__username__iexact=username.strip(),
            user__is_active=True,
            user__demo=False,
            digest=codes.digest(code),
            used_at__isnull=True,
        )
        .first()
    )


@transaction.atomic
def change_password(*, user: User, password: str, at: datetime) -> None:
    """Set a person's own new password; the page has asked for the old one."""
    _set_password(user, password)
    user.save(update_fields=["password"])
    audit.record(
        event="person.password_set", at=at, actor=user, object_type="person", object_id=user.pk
    )


# ---- machines -----------------------------------------------------------------------------------


@transaction.atomic
def issue_token(
    *,
    user: User,
    name: str,
    actions: Iterable[Action | str],
    expires_at: datetime,
    by: User,
    at: datetime,
) -> tuple[ApiToken, str]:
    """Return a bearer token for a machine that works in `user`'s name, shown once.

    It may do what is listed *and* what the person may do; a role ended ends it too. Raises
    TokenRefused (S719) for no act, one that the person may not do, or a life over a year.
    """
    if by != user:
        _check_manager_of(by, user, at)
    wanted = sorted({Action(a) for a in actions})
    held = {Role(g.role) for g in valid_grants(at).filter(user=user)}
    allowed = frozenset[Action]().union(*(PERMISSIONS[role] for role in held))
    if not wanted or not set(wanted) <= allowed:
        raise TokenRefused(
            _("The person does not hold all of these rights: %s.") % (", ".join(wanted) or "—"),
            where="actions",
            remedy=_("Choose among the person's own rights."),
        )
    if not at < expires_at <= at + TOKEN_LONGEST:
        raise TokenRefused(
            _("A token expires within a year."),
            where="expires_at",
            remedy=_("Choose a nearer day."),
        )
    secret = codes.new_token()
    token = ApiToken.objects.create(
        user=user,
        name=name.strip() or _("unnamed"),
        digest=codes.token_digest(secret),
        actions=[str(a) for a in wanted],
        created_at=at,
        created_by=by,
        expires_at=expires_at,
    )
    audit.record(
        event="token.issued",
        at=at,
        actor=by,
        object_type="token",
        object_id=token.pk,
        detail={"actions": token.actions, "person": user.pk},
    )
    return token, secret


@transaction.atomic
def revoke_token(*, token: ApiToken, by: User, at: datetime) -> None:
    """Close a machine's token now; closing it twice changes nothing."""
    if by != token.user:
        _check_manager_of(by, token.user, at)
    if token.revoked_at is not None:
        return
    token.revoked_at = at
    token.save(update_fields=["revoked_at"])
    audit.record(event="token.revoked", at=at, actor=by, object_type="token", object_id=token.pk)


def note_token_use(*, token: ApiToken, at: datetime) -> None:
    """Remember when a machine last called, to the minute: a write for every call would be too many."""
    stale = Q(last_used_at__isnull=True) | Q(last_used_at__lt=at - TOKEN_USE_NOTED)
    if token.last_used_at is None or token.last_used_at < at - TOKEN_USE_NOTED:
        ApiToken.objects.filter(stale, pk=token.pk).update(last_used_at=at)


# ---- incidents ----------------------------------------------------------------------------------


@transaction.atomic
def create_incident(
    *,
    package: Package,
    slug: str,
    name_zh: str,
    name_en: str,
    disease: str,
    places: Sequence[Unit],
    response_level: int,
    exercise: bool,
    at: datetime,
    by: User | None = None,
    clock_at: datetime | None = None,
    clock_set_at: datetime | None = None,
    reason: str = "",
) -> Incident:
    """Activate an incident (or an exercise) at its places; several may run at once.

    Only an exercise may run on its own clock (`clock_at`). Raises Forbidden (S703) where `by` may
    not manage incidents at one of the places, IncidentRefused (S717) for a slug that is taken, no
    place, a place of another package, a level outside I–IV, or a bent clock on a real emergency.
    """
    if by is not None:
        scope = scope_of(by, at=at)
        for unit in places:
            scope.check(Action.INCIDENT_MANAGE, unit)
    _check_incident(package, slug, places, response_level, exercise=exercise, clock_at=clock_at)
    incident = Incident.objects.create(
        package=package,
        slug=slug,
        name_zh=name_zh.strip() or name_en.strip(),
        name_en=name_en.strip() or name_zh.strip(),
        disease=disease,
        response_level=response_level,
        exercise=exercise,
        activated_at=at,
        clock_at=clock_at,
        clock_set_at=clock_set_at,
    )
    incident.places.set(places)
    IncidentLevelChange.objects.create(
        incident=incident, at=at, by=by, response_level=response_level, reason=reason
    )
    audit.record(
        event="incident.activated",
        at=at,
        actor=by,
        object_type="incident",
        object_id=slug,
        unit=places[0],
        incident=incident,
        detail={"level": response_level, "exercise": exercise, "places": [u.code for u in places]},
    )
    return incident


def _check_incident(
    package: Package,
    slug: str,
    places: Sequence[Unit],
    response_level: int,
    *,
    exercise: bool,
    clock_at: datetime | None,
) -> None:
    faults = [
        (
            Incident.objects.filter(slug=slug).exists(),
            _("There is an incident %s already.") % slug,
            _("Choose another short name."),
        ),
        (not slug, _("The incident has no short name."), _("Use letters, digits and dashes.")),
        (
            not places,
            _("The incident has no place."),
            _("Name at least one unit; it covers everything below it."),
        ),
        (
            any(unit.package_id != package.pk for unit in places),
            _("One of the places belongs to another province."),
            _("Activate one incident for each province."),
        ),
        (
            response_level not in range(1, 5),
            _("The response level is 1, 2, 3 or 4, not %s.") % response_level,
            _("I is the gravest."),
        ),
        (
            clock_at is not None and not exercise,
            _("Only an exercise may run on a clock of its own."),
            _("Mark it as an exercise, or leave the clock empty."),
        ),
    ]
    for wrong, message, remedy in faults:
        if wrong:
            raise IncidentRefused(message, where=slug, remedy=remedy)


@transaction.atomic
def change_level(
    *, incident: Incident, response_level: int, reason: str, by: User | None, at: datetime
) -> Incident:
    """Raise or lower the response level, with a reason.

    Raises Forbidden (S703), and IncidentRefused (S717) without a reason, for the level it has
    already, and after stand-down.
    """
    _check_incident_act(incident, reason, by, at)
    if response_level not in range(1, 5) or response_level == incident.response_level:
        raise IncidentRefused(
            _("The response level cannot be changed to %s.") % response_level,
            where=incident.slug,
            remedy=_("Choose another level from 1 to 4."),
        )
    before = incident.response_level
    incident.response_level = response_level
    incident.save(update_fields=["response_level"])
    _note_level(incident, response_level, reason, by, at)
    audit.record(
        event="incident.level_changed",
        at=at,
        actor=by,
        object_type="incident",
        object_id=incident.slug,
        incident=incident,
        unit=incident.places.order_by("lft").first(),
        detail={"before": before, "after": response_level},
    )
    return incident


@transaction.atomic
def stand_down(*, incident: Incident, reason: str, by: User | None, at: datetime) -> Incident:
    """End the incident, with a reason; everything recorded stays and can be read.

    Raises Forbidden (S703), and IncidentRefused (S717) without a reason or when it has ended.
    """
    _check_incident_act(incident, reason, by, at)
    incident.stood_down_at = at
    incident.save(update_fields=["stood_down_at"])
    _note_level(incident, None, reason, by, at)
    audit.record(
        event="incident.stood_down",
        at=at,
        actor=by,
        object_type="incident",
        object_id=incident.slug,
        incident=incident,
        unit=incident.places.order_by("lft").first(),
    )
    return incident


def _check_incident_act(incident: Incident, reason: str, by: User | None, at: datetime) -> None:
    if by is not None:
        scope = scope_of(by, at=at)
        for unit in incident.places.all():
            scope.check(Action.INCIDENT_MANAGE, unit)
    if incident.stood_down_at is not None:
        raise IncidentRefused(
            _("This incident has been stood down."),
            where=incident.slug,
            remedy=_("Activate a new one."),
        )
    if not reason.strip():
        raise IncidentRefused(
            _("A change of the response level needs a reason."),
            where="reason",
            remedy=_("Say in one sentence why."),
        )


def _note_level(
    incident: Incident, level: int | None, reason: str, by: User | None, at: datetime
) -> None:
    IncidentLevelChange.objects.create(
        incident=incident, at=at, by=by, response_level=level, reason=reason.strip()
    )
