"""The daily page: what one unit is asked for one day, with what is known beside each field."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from yipan.access.models import Incident
from yipan.access.rules import Action
from yipan.access.scope import HOUSEHOLD, Scope
from yipan.kernel.time import BoardTime
from yipan.places import queries as places
from yipan.places.models import Level, Unit
from yipan.report.cases import queries as cases
from yipan.report.dictionary import GROUPS, Element, Group
from yipan.report.dictionary.conditions import Condition, in_words, on_page, skipped
from yipan.report.errors import ReportError, TotalFalls
from yipan.report.forms.current import asked_on, users_on
from yipan.report.models import Value
from yipan.report.values import queries
from yipan.report.values.actions import TEXT_LENGTH
from yipan.report.values.rules import to_number

DAYS_BACK = 7  # how far back the page can be turned; older days come by file
SECONDS_A_FIELD = 20  # to find, count and type one figure


@dataclass
class Ask:
    """One question of the page: the element, what is known, what was typed and what is wrong."""

    element: Element
    yesterday: Value | None
    known: Value | None
    typed: str = ""
    same: bool = False
    fault: ReportError | None = None
    users: tuple[str, ...] = ()  # whose forms its answer serves
    only_if: str = ""  # the condition on other answers, in words
    condition: str = ""  # the same as data, for the script of the page
    skipped: bool = False  # whether the answers so far leave it out
    counted: int | None = None  # what the line list says, where it can

    @property
    def said_before(self) -> str:
        """What was said of it in words the time before."""
        return self.yesterday.text if self.yesterday is not None else ""

    @property
    def value(self) -> str:
        """What the field shows: what was typed, else what is known already."""
        if self.typed:
            return self.typed
        if self.element.words:
            return self.known.text if self.known is not None else ""
        return self.element.shown(self.known.value) if self.known is not None else ""

    @property
    def proposed(self) -> str:
        """What the field holds until the person says otherwise: the line list's count."""
        answered = self.value or self.same
        return "" if answered or self.counted is None else self.element.shown(self.counted)

    @property
    def counted_otherwise(self) -> bool:
        """Whether the line list says something else than what was reported."""
        said = self.known.value if self.known is not None else None
        return self.counted is not None and said is not None and said != self.counted

    @property
    def yesterday_value(self) -> str:
        """Yesterday's value as the field would hold it."""
        return self.element.shown(self.yesterday.value) if self.yesterday is not None else ""

    @property
    def limit(self) -> int:
        """The change from yesterday, in per cent, above which the page asks for a second look."""
        share = self.element.warn_change
        return 1_000_000 if share is None else round(100 * share)


@dataclass
class Section:
    """One heading of the page with its questions."""

    group: Group
    asks: list[Ask] = field(default_factory=list)

    @property
    def answered(self) -> int:
        """How many of its questions have an answer."""
        return sum(bool(a.value) or a.same for a in self.asks)


@dataclass
class Page:
    """The daily page of one unit and day."""

    unit: Unit
    day: date
    sections: list[Section]
    period: str
    reported: datetime | None  # when the latest value of this day was received

    @property
    def asks(self) -> list[Ask]:
        """Every question, in the order of the page."""
        return [ask for section in self.sections for ask in section.asks]

    @property
    def conditions(self) -> dict[str, Condition]:
        """The conditions that count on this page, by the element they may leave out."""
        return on_page({ask.element.id: ask.element.relevant for ask in self.asks})

    @property
    def to_answer(self) -> list[Ask]:
        """The questions that the answers so far do not leave out."""
        return [ask for ask in self.asks if not ask.skipped]

    @property
    def minutes(self) -> int:
        """How long the page takes, roughly."""
        return max(1, round(len(self.asks) * SECONDS_A_FIELD / 60))

    @property
    def correcting(self) -> bool:
        """Whether something is known already, so that a change needs its reason."""
        return any(a.known is not None for a in self.asks)

    @property
    def falling(self) -> bool:
        """Whether a running total was refused for falling: a reason makes it a correction."""
        return any(isinstance(a.fault, TotalFalls) for a in self.asks)

    @property
    def faults(self) -> list[tuple[Ask, ReportError]]:
        """The questions whose answer could not be taken."""
        return [(a, a.fault) for a in self.asks if a.fault is not None]


def daily_page(
    incident: Incident, *, unit: Unit, day: date, known_at: datetime, period: str = "daily"
) -> Page:
    """Return the page of a unit and day with yesterday's values and what is known of the day.

    The weekly page is of the week's Monday.
    """
    known = queries.values_of(incident, unit=unit, day=day, known_at=known_at)
    back = 14 if period == "daily" else 28
    before = queries.latest_before(incident, unit=unit, day=day, known_at=known_at, back_days=back)
    # A weekly page asks what the latest form of its week asks.
    today = places.board_time(incident.package).local_day(known_at)
    formed = day if period == "daily" else max(day, min(today, day + timedelta(days=6)))
    users = users_on(incident, level=unit.level, day=formed, now=known_at)
    sections: dict[str, Section] = {}
    for element in asked_on(incident, level=unit.level, day=formed, now=known_at, period=period):
        section = sections.setdefault(element.group, Section(GROUPS[element.group]))
        section.asks.append(
            Ask(
                element,
                before.get(element.id),
                known.get(element.id),
                users=tuple(users.get(element.id, ())),
            )
        )
    asked = {ask.element.id for s in sections.values() for ask in s.asks}
    times = [v.recorded_at for name, v in known.items() if name in asked]
    ordered = [sections[g] for g in GROUPS if g in sections]
    page = Page(unit, day, ordered, period, max(times, default=None))
    _tell_conditions(page)
    return page


def _tell_conditions(page: Page) -> None:
    conditions = page.conditions
    labels = {ask.element.id: ask.element.label for ask in page.asks}
    left_out = skipped(
        conditions, {a.element.id: a.known.value for a in page.asks if a.known is not None}
    )
    for ask in page.asks:
        condition = conditions.get(ask.element.id)
        ask.only_if = in_words(condition, labels) if condition is not None else ""
        ask.condition = json.dumps(condition.tree) if condition is not None else ""
        ask.skipped = ask.element.id in left_out


def propose_counts(page: Page, incident: Incident, *, scope: Scope, known_at: datetime) -> None:
    """Set beside each question what the line list counts for it; whoever fills in the page confirms it."""
    asks = [ask for ask in page.asks if ask.element.register]
    if not asks or not scope.may(Action.REPORT_READ, page.unit, sensitivity=HOUSEHOLD):
        return
    counted = cases.counted_on(incident, unit=page.unit, day=page.day, known_at=known_at)
    if counted is not None:
        for ask in asks:
            ask.counted = counted[ask.element.register]


@dataclass(frozen=True)
class Answers:
    """What a person sent from the page, as `submit_values` takes it."""

    values: dict[str, float | None]
    texts: dict[str, str]
    unchanged: frozenset[str]
    reasons: dict[str, str]
    faults: dict[str, ReportError]
    left_out: frozenset[str] = frozenset()  # answered, or not, though nothing was asked


def read_answers(page: Page, sent: Mapping[str, str], same: Sequence[str]) -> Answers:
    """Return the answers typed into a page; each question keeps what was typed into it."""
    values: dict[str, float | None] = {}
    texts: dict[str, str] = {}
    faults: dict[str, ReportError] = {}
    repeated: set[str] = set()
    for ask in page.asks:
        name = ask.element.id
        ask.typed = sent.get(name, "").strip()[: TEXT_LENGTH if ask.element.words else 40]
        ask.same = name in same
        if ask.element.words:
            if ask.typed:
                texts[name] = ask.typed
            elif ask.same:
                repeated.add(name)
            continue
        try:
            number = to_number(
                ask.typed,
                label=ask.element.label,
                flag=ask.element.flag,
                decimals=ask.element.decimals,
            )
        except ReportError as fault:
            faults[name] = ask.fault = fault
            continue
        before = ask.yesterday.value if ask.yesterday is not None else None
        if ask.same and (number is None or number == before):
            repeated.add(name)
        elif number is not None:
            values[name] = float(number)
    left_out = _left_out(page, values, repeated)
    for name in left_out:
        values.pop(name, None)
        texts.pop(name, None)
        faults.pop(name, None)
    repeated -= left_out
    reason = sent.get("reason", "").strip()[:500]
    # A running total that falls is a correction of the one before it.
    changed = [a.element.id for a in page.asks if a.known is not None or a.element.cumulative]
    because = dict.fromkeys(changed, reason) if reason else {}
    return Answers(values, texts, frozenset(repeated), because, faults, left_out)


def _left_out(page: Page, values: Mapping[str, float | None], repeated: set[str]) -> frozenset[str]:
    """Return what the answers leave out of the page; what stood already counts where nothing is said."""
    said: dict[str, float | None] = {}
    for ask in page.asks:
        name = ask.element.id
        if name in values:
            said[name] = values[name]
        elif name in repeated and ask.yesterday is not None:
            said[name] = ask.yesterday.value
        elif not ask.typed and ask.known is not None:
            said[name] = ask.known.value
    left_out = skipped(page.conditions, said)
    for ask in page.asks:
        ask.skipped = ask.element.id in left_out
        if ask.skipped:
            ask.fault = None
    return left_out


def adds_nothing(page: Page, answers: Answers) -> bool:
    """Return whether every answer is known already with the same value (and there is one)."""
    if not answers.values and not answers.unchanged and not answers.texts:
        return False
    texts = {a.element.id: a.known.text for a in page.asks if a.known is not None}
    if any(texts.get(name) != text for name, text in answers.texts.items()):
        return False
    known = {a.element.id: a.known.value for a in page.asks if a.known is not None}
    before = {a.element.id: a.yesterday.value for a in page.asks if a.yesterday is not None}
    said = {**answers.values, **{name: before.get(name) for name in answers.unchanged}}
    return all(name in known and known[name] == value for name, value in said.items())


def default_day(clock: BoardTime, unit: Unit, at: datetime) -> date:
    """Return the day a page is about: today in a village, the last whole day above it.

    A village answers for its day at 18:00; a county's counts are of 0 to 24 h.
    """
    below = unit.level in (Level.VILLAGE, Level.FACILITY, Level.TOWNSHIP)
    return clock.local_day(at) if below else clock.last_data_day(at)


def week_of(day: date) -> date:
    """Return the Monday of a day's week: the day a weekly page is of."""
    return day - timedelta(days=day.weekday())


def days_to_choose(clock: BoardTime, incident: Incident, at: datetime) -> list[date]:
    """Return the days a page may be turned to, the latest first."""
    today, first = clock.local_day(at), queries.first_day(incident)
    days = (today - timedelta(days=back) for back in range(DAYS_BACK))
    return [day for day in days if day >= first]


def unit_of_page(incident: Incident, *, scope: Scope, code: str = "") -> Unit | None:
    """Return the unit whose page a person opens: the one asked for, else the topmost they report for."""
    mine = scope.filter(
        Unit.objects.filter(package=incident.package_id), unit="", action=Action.REPORT_SUBMIT
    )
    if code:
        return scope.get(mine, unit="", action=Action.REPORT_SUBMIT, code=code)
    return mine.order_by("depth", "lft").first()
