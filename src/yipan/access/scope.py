"""The one answer to "what may this person see": every list, count, search and export goes through it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any, TypeVar

from django.contrib.auth.models import AnonymousUser
from django.db.models import F, Model, Q, QuerySet
from django.utils.translation import gettext as _

from yipan.access.errors import Forbidden, NotSignedIn
from yipan.access.models import Grant, Incident, Role, User
from yipan.access.rules import ACTION_WORDS, PERMISSIONS, Action
from yipan.kernel.errors import NotFound
from yipan.places.models import Unit

M = TypeVar("M", bound=Model)

PUBLIC, HOUSEHOLD, CASE, IDENTITY = range(4)  # sensitivity 0–3


@dataclass(frozen=True)
class Holding:
    """One role held over one interval of one package's nested set; no unit: the whole installation."""

    role: Role
    unit: Unit | None
    sensitivity: int

    def allows(self, action: Action, sensitivity: int = PUBLIC) -> bool:
        """Return whether this role may do `action` on facts of this sensitivity."""
        return action in PERMISSIONS[self.role] and sensitivity <= self.sensitivity

    def covers(self, unit: Unit) -> bool:
        """Return whether `unit` lies in this holding's subtree."""
        own = self.unit
        if own is None:
            return True
        return own.package_id == unit.package_id and own.lft <= unit.lft and unit.rgt <= own.rgt


@dataclass(frozen=True)
class Scope:
    """What one person may do and see at one moment: role × subtree × sensitivity."""

    user: User | None
    at: datetime | None
    holdings: tuple[Holding, ...] = ()
    system: bool = False  # a job, the command line, or the demonstration acting as the system
    narrowed: frozenset[Action] | None = None  # a machine's token may do only these

    # ---- acts ----

    def may(self, action: Action, unit: Unit | None = None, *, sensitivity: int = PUBLIC) -> bool:
        """Return whether the person may do `action` at `unit` (anywhere at all, without a unit)."""
        if self.system:
            return True
        return any(unit is None or h.covers(unit) for h in self._holding(action, sensitivity))

    def check(self, action: Action, unit: Unit | None = None, *, sensitivity: int = PUBLIC) -> None:
        """Return quietly where the act is allowed.

        Raises NotSignedIn (S701) for nobody, NotFound (K004) for a unit the person may not even
        see, so that it looks the same as absent, and Forbidden (S703) otherwise.
        """
        if self.may(action, unit, sensitivity=sensitivity):
            return
        if self.user is None:
            raise NotSignedIn(_("Nobody is signed in."), remedy=_("Sign in and try again."))
        if unit is not None and not self.may(Action.PLACE_READ, unit):
            raise nothing_there(unit.code)
        raise Forbidden(
            _("Your roles do not allow this: %s.") % ACTION_WORDS[action],
            where=unit.code if unit is not None else "",
            remedy=_("Ask an administrator for the role, if it is your task."),
        )

    def narrow(self, actions: frozenset[Action]) -> Scope:
        """Return this scope with no more than `actions` left in it; a scope never widens."""
        kept = actions if self.narrowed is None else self.narrowed & actions
        return replace(self, narrowed=kept)

    # ---- reads ----

    def filter(
        self,
        queryset: QuerySet[M],
        *,
        action: Action,
        unit: str = "unit",
        sensitivity: int = PUBLIC,
    ) -> QuerySet[M]:
        """Return only the rows of `queryset` that the person may read with `action`.

        `unit` is the path from the row to its unit (`""` where the rows are units themselves).
        One set-based condition on the nested set, however large the subtree.
        """
        if self.system:
            return queryset
        return queryset.filter(self.condition(action=action, unit=unit, sensitivity=sensitivity))

    def condition(self, *, action: Action, unit: str = "unit", sensitivity: int = PUBLIC) -> Q:
        """Return the condition that `filter` adds, for a query that must join it to others."""
        if self.system:
            return Q()
        path = f"{unit}__" if unit else ""
        held = self._holding(action, sensitivity)
        if any(h.unit is None for h in held):
            return Q()
        within = (
            Q(
                **{
                    f"{path}package_id": package,
                    f"{path}lft__gte": first,
                    f"{path}rgt__lte": last,
                }
            )
            for package, first, last in _merged(h.unit for h in held if h.unit is not None)
        )
        return reduce(or_, within, Q(pk__in=[]))

    def spans(
        self, action: Action, *, sensitivity: int = PUBLIC
    ) -> list[tuple[int, int, int]] | None:
        """Return (package, lft, rgt) of each subtree that may be read with `action`; None: everything."""
        held = self._holding(action, sensitivity)
        if self.system or any(h.unit is None for h in held):
            return None
        return _merged(h.unit for h in held if h.unit is not None)

    def get(
        self,
        queryset: QuerySet[M],
        *,
        action: Action,
        unit: str = "unit",
        sensitivity: int = PUBLIC,
        **lookup: Any,
    ) -> M:
        """Return the one row that `lookup` names; absent and out of sight raise the same NotFound."""
        seen = self.filter(queryset, action=action, unit=unit, sensitivity=sensitivity)
        found = seen.filter(**lookup).first()
        if found is None:
            raise nothing_there(", ".join(str(v) for v in lookup.values()))
        return found

    def incidents(self) -> QuerySet[Incident]:
        """Return the incidents that touch the person's places, the latest first."""
        every = Incident.objects.order_by("-activated_at", "-pk").select_related("package")
        if self.system or any(h.unit is None for h in self.holdings):
            return every
        touching = Q(pk__in=[])
        for own in (h.unit for h in self.holdings):
            if own is not None:
                touching |= Q(
                    places__package_id=own.package_id,
                    places__lft__lte=own.rgt,
                    places__rgt__gte=own.lft,
                )
        return every.filter(pk__in=Incident.objects.filter(touching).values("pk"))

    # ---- where ----

    def roots(self, action: Action) -> list[Unit]:
        """Return the topmost units at which the person may do `action`, in tree order.

        The system, and an administrator of the whole installation, hold the root of each package.
        """
        held = self._holding(action)
        if self.system or any(h.unit is None for h in held):
            return list(Unit.objects.filter(parent__isnull=True).order_by("package_id", "lft"))
        units = sorted(
            {h.unit for h in held if h.unit is not None}, key=lambda u: (u.package_id, u.lft)
        )
        top: list[Unit] = []
        for unit in units:
            if not (top and top[-1].package_id == unit.package_id and unit.rgt <= top[-1].rgt):
                top.append(unit)
        return top

    @property
    def home(self) -> Unit | None:
        """The person's main unit: where the highest of their grants stands."""
        units = [h.unit for h in self.holdings if h.unit is not None]
        return min(units, key=lambda u: (u.depth, u.lft), default=None)

    @property
    def roles(self) -> frozenset[Role]:
        """The roles the person holds anywhere."""
        return frozenset(h.role for h in self.holdings)

    @property
    def words(self) -> list[str]:
        """The person's roles with their places, in words."""
        return [
            f"{h.role.label} · {h.unit.name if h.unit else _('the whole installation')}"
            for h in self.holdings
        ]

    def _holding(self, action: Action, sensitivity: int = PUBLIC) -> list[Holding]:
        if self.narrowed is not None and action not in self.narrowed:
            return []
        return [h for h in self.holdings if h.allows(action, sensitivity)]


def scope_of(user: User | AnonymousUser, *, at: datetime) -> Scope:
    """Return what `user` may do and see at `at`, from the grants valid then."""
    if not isinstance(user, User) or not user.is_active:
        return Scope(user=None, at=at)
    grants = (
        Grant.objects.filter(Q(valid_to__isnull=True) | Q(valid_to__gt=at))
        .filter(user=user, valid_from__lte=at)
        .select_related("unit")
        .order_by(F("unit__depth").asc(nulls_first=True), "pk")
    )
    return Scope(
        user=user,
        at=at,
        holdings=tuple(Holding(Role(g.role), g.unit, g.sensitivity) for g in grants),
    )


def system_scope() -> Scope:
    """Return the scope of the system itself, for jobs, the command line and the demonstration."""
    return Scope(user=None, at=None, system=True)


def nothing_there(what: str) -> NotFound:
    """Return the one error for what is absent and for what is out of sight."""
    return NotFound(
        _("There is nothing here that you can see: %s.") % what,
        remedy=_("Check the address; if it is right, ask whoever is responsible for the place."),
    )


def _merged(units: Iterable[Unit]) -> list[tuple[int, int, int]]:
    spans = sorted((u.package_id, u.lft, u.rgt) for u in units)
    merged: list[tuple[int, int, int]] = []
    for package, first, last in spans:
        if merged and merged[-1][0] == package and last <= merged[-1][2]:
            continue
        merged.append((package, first, last))
    return merged
