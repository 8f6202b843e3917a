"""The board's sentences, made from its numbers by rule; a number in them is a link to where it stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from yipan.access.suppression import Hidden
from yipan.assess.models import Tier
from yipan.kernel.words import chinese, clock, count, day
from yipan.web.board.facts import Facts
from yipan.web.board.figures import known

SEVERITY = {Tier.HIGH: 4, Tier.MEDIUM: 3, Tier.UNDECIDED: 2, Tier.NO_DATA: 1, Tier.LOW: 0}


@dataclass(frozen=True)
class Clause:
    """A part of a sentence, with the address its number leads to; `after` is its punctuation."""

    text: str
    href: str = ""
    after: str = ""

    @property
    def mark(self) -> str:
        """The punctuation without the space that follows it: a line breaks there and not before."""
        return self.after.rstrip()

    @property
    def gap(self) -> bool:
        """Whether a space follows."""
        return self.after != self.mark


def headline(facts: Facts) -> list[Clause]:
    """Return the one sentence of the board: cases, then tiers, who is silent, what is overdue."""
    if facts.own is None:
        return [Clause(_("Your work is in the rooms below."))]
    if not facts.province:
        return [Clause(_("Nothing has been assessed yet."))]
    first = _cases(facts)
    second = [*_tier_clauses(facts), *_silent_clauses(facts), *_order_clauses(facts)]
    return [Clause(first.text, first.href, "" if chinese() else " "), *joined(second)]


def joined(clauses: Sequence[Clause]) -> list[Clause]:
    """Return clauses with the punctuation of the language in use between them."""
    mark, end = ("；", "。") if chinese() else ("; ", ".")
    last = len(clauses) - 1
    return [
        Clause(clause.text, clause.href, end if i == last else mark)
        for i, clause in enumerate(clauses)
    ]


def _cases(facts: Facts) -> Clause:
    if facts.here is not None:
        return _cases_here(facts)
    figures = facts.province
    quiet = figures["days_without_new"]
    now = figures["confirmed_new"]
    if now is None:
        return Clause(_("The last day’s count has not been published."), "#cases")
    if quiet == 1:
        return Clause(_("No new case on %(day)s.") % {"day": _data_day(facts)}, "#cases")
    if quiet > 1:
        return Clause(_("No new case for %(n)s days.") % {"n": count(quiet)}, "#cases")
    return Clause(
        ngettext("%(n)s new case on %(day)s.", "%(n)s new cases on %(day)s.", now)
        % {"n": count(now), "day": _data_day(facts)},
        "#cases",
    )


def _cases_here(facts: Facts) -> Clause:
    here = facts.here
    assert here is not None  # the caller has looked
    names = {"place": here.unit.name, "day": _data_day(facts), "n": known(here.confirmed_new)}
    told: object = here.confirmed_new
    if isinstance(told, Hidden):  # see assess/shown
        return Clause(_("%(place)s, new cases on %(day)s: %(n)s.") % names, "#cases")
    if here.confirmed_new is None:
        return Clause(_("%(place)s has not reported %(day)s.") % names, "#cases")
    if here.confirmed_new == 0:
        return Clause(_("%(place)s: no new case on %(day)s.") % names, "#cases")
    return Clause(
        ngettext(
            "%(place)s: %(n)s new case on %(day)s.",
            "%(place)s: %(n)s new cases on %(day)s.",
            here.confirmed_new,
        )
        % names,
        "#cases",
    )


def _data_day(facts: Facts) -> str:
    return day(facts.assessment.data_day) if facts.assessment else ""


def _tier_clauses(facts: Facts) -> list[Clause]:
    if facts.here is not None and facts.here.tier:
        words = {
            Tier.LOW: _("low risk"),
            Tier.MEDIUM: _("medium risk"),
            Tier.HIGH: _("high risk"),
            Tier.UNDECIDED: _("risk undecided"),
            Tier.NO_DATA: _("no data for its risk"),
        }
        return [Clause(words[Tier(facts.here.tier)], "#map")]
    medium, high = facts.tiers[Tier.MEDIUM][0], facts.tiers[Tier.HIGH][0]
    if not facts.counties:
        return []
    if not medium and not high:
        low = facts.tiers[Tier.LOW][0]
        text = ngettext("%(n)s county is low", "%(n)s counties are low", low)
        return [Clause(text % {"n": count(low)}, "#map")]
    if not high:
        text = ngettext(
            "%(n)s county is medium, none high", "%(n)s counties are medium, none high", medium
        )
        return [Clause(text % {"n": count(medium)}, "#map")]
    text = ngettext(
        "%(medium)s county is medium, %(high)s high",
        "%(medium)s counties are medium, %(high)s high",
        medium,
    )
    return [Clause(text % {"medium": count(medium), "high": count(high)}, "#map")]


def _silent_clauses(facts: Facts) -> list[Clause]:
    found = []
    for level, heard in facts.heard.items():
        if not heard.missing:
            continue
        n = heard.missing
        text = (
            ngettext("%(n)s county not heard from", "%(n)s counties not heard from", n)
            if level == "county"
            else ngettext("%(n)s village not heard from", "%(n)s villages not heard from", n)
        )
        found.append(Clause(text % {"n": count(n)}, "#silent"))
    return found[:1]


def _order_clauses(facts: Facts) -> list[Clause]:
    orders = facts.orders
    if not orders or not (orders["open"] or orders["overdue"]):
        return []
    late = orders["overdue"]
    if not late:
        n = orders["open"]
        text = ngettext("%(n)s order open, none overdue", "%(n)s orders open, none overdue", n)
        return [Clause(text % {"n": count(n)}, "#orders")]
    text = ngettext("%(n)s order overdue", "%(n)s orders overdue", late)
    return [Clause(text % {"n": count(late)}, "#orders")]


# ---- findings: the titles of blocks ---------------------------------------------------------------


def map_finding(facts: Facts) -> str:
    """Return the map's title: how many counties stand where, and which cities hold most of them."""
    medium, high = facts.tiers[Tier.MEDIUM][0], facts.tiers[Tier.HIGH][0]
    if facts.here is not None and len(facts.counties) == 1:
        return _("%(place)s on the map") % {"place": facts.here.unit.name}
    if not medium and not high:
        undecided = facts.tiers[Tier.UNDECIDED][0]
        if undecided:
            return _("No county is medium or high; %(n)s undecided") % {"n": count(undecided)}
        return _("No county is medium or high")
    names = _most(
        facts.city_of[s.unit_id].name
        for s in facts.counties
        if s.tier in (Tier.MEDIUM, Tier.HIGH) and s.unit_id in facts.city_of
    )
    numbers = {"high": count(high), "medium": count(medium), "where": names}
    if not high:
        return (
            ngettext(
                "%(medium)s county is medium, in %(where)s",
                "%(medium)s counties are medium, the most in %(where)s",
                medium,
            )
            % numbers
        )
    return (
        ngettext(
            "%(high)s county is high and %(medium)s medium, the most in %(where)s",
            "%(high)s counties are high and %(medium)s medium, the most in %(where)s",
            high,
        )
        % numbers
    )


def _most(names: Iterable[str]) -> str:
    top = [name for name, _n in Counter(names).most_common(2)]
    return ("、" if chinese() else _(" and ")).join(top)


def unallocated(facts: Facts) -> str:
    """Return what the province counts beyond its cities; empty where they agree or are not all known."""
    parts = facts.province.get("unallocated") or {}
    words = {"confirmed": _("confirmed"), "cured": _("cured"), "deaths": _("deaths")}
    named = [f"{words[name]} {count(n)}" for name, n in parts.items() if n]
    if facts.here is not None or not named:
        return ""
    return _("In the province’s totals but in no city’s: %s.") % ("、" if chinese() else ", ").join(
        named
    )


def cities_finding(facts: Facts) -> str:
    """Return the title over the cities: which has most people in hospital, and its share."""
    known = [s for s in facts.cities if s.active is not None]
    most = max(known, key=lambda s: (s.active or 0, s.unit.code), default=None)
    whole = sum(s.active or 0 for s in known)
    if most is None:
        return _("The cities’ patients in hospital are not known")
    if not whole:
        return _("Nobody is in hospital in any city")
    return _("%(place)s has most people in hospital: %(n)s of the cities’ %(whole)s") % {
        "place": most.unit.name,
        "n": count(most.active or 0),
        "whole": count(whole),
    }


def lead(facts: Facts) -> str:
    """Return the line under the headline: what binds the next decision and what is due."""
    parts = []
    undecided = [s.unit.name for s in facts.counties if s.tier == Tier.UNDECIDED]
    if undecided:
        named = ("、" if chinese() else ", ").join(undecided[:3])
        parts.append(
            ngettext(
                "The tier of %(places)s waits for word on clusters.",
                "The tiers of %(places)s wait for word on clusters.",
                len(undecided),
            )
            % {"places": named if len(undecided) <= 3 else _("%s and others") % named}
        )
    zone = facts.board.time.zone
    if facts.unsigned is not None:
        parts.append(
            _("The options of %(when)s wait for a signature.")
            % {"when": clock(facts.unsigned.assessment.known_at, zone)}
        )
    if facts.signature is not None:
        parts.append(
            _("In force: “%(option)s”, signed %(when)s.")
            % {
                "option": facts.signature.option.name,
                "when": clock(facts.signature.at, zone),
            }
        )
    return ("" if chinese() else " ").join(parts)


# ---- what changed -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Change:
    """One thing that is not as it was the evening before."""

    title: str
    detail: str = ""


def changes(facts: Facts) -> list[Change]:
    """Return what changed since the evening before: patients, tiers, deaths, decisions."""
    if facts.assessment is None or facts.before is None:
        return []
    return [
        *_patients(facts),
        *_tier_changes(facts),
        *_decisions(facts),
    ]


def _patients(facts: Facts) -> Iterator[Change]:
    now, before = facts.province, facts.before.province if facts.before else {}
    if facts.here is not None or None in (now["active"], before["active"]):
        return
    if now["active"] != before["active"]:
        yield Change(
            _("In hospital %(before)s → %(now)s")
            % {"before": count(before["active"]), "now": count(now["active"])},
            _("%(cured)s discharged, %(new)s new, %(deaths)s died")
            % {
                name: count((now[total] or 0) - (before[total] or 0))
                for name, total in (
                    ("cured", "cured"),
                    ("new", "confirmed"),
                    ("deaths", "deaths"),
                )
            },
        )


def _tier_changes(facts: Facts) -> Iterator[Change]:
    grouped: dict[tuple[str, str], list[str]] = {}
    for change in facts.changes:
        grouped.setdefault((change.before, change.after), []).append(change.unit.name)
    order = sorted(grouped, key=lambda pair: (-SEVERITY[Tier(pair[1])], pair))
    for before, after in order:
        names = grouped[before, after]
        words = {"before": Tier(before).label, "after": Tier(after).label, "n": count(len(names))}
        if len(names) == 1:
            yield Change(_("%(place)s: %(before)s → %(after)s") % {**words, "place": names[0]})
            continue
        listed = ("、" if chinese() else ", ").join(names[:4])
        yield Change(
            _("%(n)s counties: %(before)s → %(after)s") % words,
            listed if len(names) <= 4 else _("%s and others") % listed,
        )


def _decisions(facts: Facts) -> Iterator[Change]:
    signature, before = facts.signature, facts.before
    if signature is None or before is None or signature.at <= before.known_at:
        return
    yield Change(
        _("“%s” signed") % signature.option.name, clock(signature.at, facts.board.time.zone)
    )
