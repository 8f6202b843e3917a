"""Changes of levels, county by county: read, checked, made; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from yipan.plan.errors import MalformedEdit
from yipan.plan.scenarios.assumptions import LEVELS, SETTINGS
from yipan.plan.scenarios.openings import OPEN, Levels


@dataclass(frozen=True)
class Change:
    """One change: in these counties, this setting, from week `first` to `last` (1 …), to `level` 0–3."""

    counties: tuple[str, ...]
    setting: str
    first: int
    last: int
    level: int

    def as_dict(self) -> dict[str, Any]:
        """Return the change as an option keeps it."""
        return {
            "counties": list(self.counties),
            "setting": self.setting,
            "first": self.first,
            "last": self.last,
            "level": self.level,
        }


def changed(
    levels: Levels, codes: Sequence[str], changes: Sequence[Change], *, weeks: int
) -> Levels:
    """Return levels with the changes made in order; raises MalformedEdit (P310)."""
    if not changes:
        raise MalformedEdit(
            _("Nothing was changed."),
            where="changes",
            remedy=_("Choose counties, a setting, weeks and a level."),
        )
    edited = levels.copy()
    for change in changes:
        unknown = [code for code in change.counties if code not in codes]
        if unknown or not change.counties:
            raise MalformedEdit(
                _("The option has no county “%s”.") % (unknown[0] if unknown else ""),
                where="counties",
                remedy=_("Choose counties of this option."),
            )
        if change.setting not in SETTINGS:
            raise MalformedEdit(
                _("There is no setting “%s”.") % change.setting[:40],
                where="setting",
                remedy=_("Known settings: %s.") % ", ".join(SETTINGS),
            )
        if not 1 <= change.first <= change.last <= weeks:
            raise MalformedEdit(
                _("Weeks %(first)d to %(last)d are not within 1 to %(weeks)d.")
                % {"first": change.first, "last": change.last, "weeks": weeks},
                where="weeks",
                remedy=_("Choose the first and the last week of the change."),
            )
        if not 0 <= change.level <= OPEN:
            raise MalformedEdit(
                _("There is no level %s.") % change.level,
                where="level",
                remedy=_("A level is 0 to 3, or %s.") % ", ".join(LEVELS),
            )
        at = [codes.index(code) for code in change.counties]
        k = SETTINGS.index(change.setting)
        edited[change.first - 1 : change.last, at, k] = change.level
    if (edited == levels).all():
        raise MalformedEdit(
            _("The levels chosen are those that the option already has."),
            where="changes",
            remedy=_("Choose another level, county or week."),
        )
    return edited


def read_changes(data: Any) -> list[Change]:
    """Return the changes that JSON states; raises MalformedEdit (P310)."""
    if not isinstance(data, list):
        raise _unread(_("they are no list"))
    return [_change(one) for one in data]


def _change(one: Any) -> Change:
    if not isinstance(one, Mapping):
        raise _unread(_("“%s” is no change") % str(one)[:40])
    for key in ("counties", "setting", "first", "last", "level"):
        if key not in one:
            raise _unread(f"“{key}”")
    if not isinstance(one["counties"], (list, tuple)):
        raise _unread(_("counties are no list"))
    level = one["level"]
    return Change(
        counties=tuple(str(code) for code in one["counties"]),
        setting=str(one["setting"]),
        first=_whole("first", one["first"]),
        last=_whole("last", one["last"]),
        level=LEVELS.index(level) if level in LEVELS else _whole("level", level),
    )


def _whole(name: str, stated: Any) -> int:
    text = str(stated).strip()
    if isinstance(stated, bool) or not text.isdecimal():
        raise _unread(_("%(name)s is “%(value)s”") % {"name": name, "value": text[:40]})
    return int(text)


def _unread(fault: str) -> MalformedEdit:
    return MalformedEdit(
        _("The changes cannot be read: %s.") % fault,
        where="changes",
        remedy=_("Each change has counties, setting, first, last and level."),
    )
