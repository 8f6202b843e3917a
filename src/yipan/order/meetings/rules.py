"""From a paragraph to its matters: what is to be done, by whom, by when. Rules only, each with its reason. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from yipan.order.matters import Matter, matters
from yipan.order.meetings.deadlines import Deadline, deadline, is_standing
from yipan.order.models import Priority
from yipan.places.models import Level

_NUMBER = re.compile(
    r"^\s*(?:[（(]?(?:\d{1,3}|[一二三四五六七八九十]{1,3})[)）.、．:：]\s*|[-*•·]\s+)"
)
_HEADING = re.compile(r"^\s*#")
_LEAD = re.compile(r"(?:牵头|责任单位|lead)\s*[:：]\s*([^。.；;]+)[。.；;]?", re.I)
_WHEN = re.compile(
    r"(?:时限|首批名单|完成时间|first list by|by|from)\s*[:：]\s*([^。；;]+?)(?:[。；;]|\.(?=\s|$)|$)",
    re.I,
)
_TAIL = re.compile(
    r"(?:长期|每日\d{1,2}[:：]\d{2}|\d{1,2}月\d{1,2}日(?:\d{1,2}[:：]\d{2})?起|standing|daily \d{1,2}:\d{2})[。.]?\s*$",
    re.I,
)

# Who acts, by the words that name it: the level of the tree. The first that fits counts.
ACTORS: Final[Sequence[tuple[str, str]]] = (
    (r"县级指挥部|county headquarters", Level.COUNTY),
    (r"[各每][个]?县|每县|each county|every county|counties agree", Level.COUNTY),
    (r"[各每][个]?市(?!场)|each city|every city|city headquarters", Level.CITY),
    (r"[各每][个]?(?:乡镇|街道|镇)|each township|every township", Level.TOWNSHIP),
    (r"[各每][个]?(?:村|社区)|every village|each village", Level.VILLAGE),
)


@dataclass(frozen=True)
class Place:
    """A unit that a text may name: its id, code, level and names."""

    id: int
    code: str
    level: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class Proposal:
    """One matter found in a paragraph, with what the rules propose and why; a person confirms."""

    number: int  # of the paragraph, from 1
    part: int  # of the matter within it, from 1
    paragraph: str
    title: str
    matter: str
    matter_sure: bool
    level: str  # empty: the units themselves
    codes: tuple[str, ...]  # empty: the issuer's whole subtree
    lead: str  # the department named, in its own words
    due: Deadline | None
    standing: bool
    priority: int
    why: tuple[str, ...]  # keys of reasons, see REASONS

    @property
    def key(self) -> str:
        """What a form calls this proposal."""
        return f"{self.number}-{self.part}"


def decisions(paragraphs: Sequence[str]) -> list[str]:
    """Return the decisions among some paragraphs: numbered ones if any are, else every one.

    Headings are left out; an unnumbered line below a numbered one belongs to it.

    >>> decisions(["# Decisions", "1. Do a.", "   and b.", "2、办c。"])
    ['Do a. and b.', '办c。']
    """
    lines = [p for p in paragraphs if not _HEADING.match(p)]
    numbered = any(_NUMBER.match(p) for p in lines)
    if not numbered:
        return [p.strip() for p in lines]
    found: list[str] = []
    for line in lines:
        match = _NUMBER.match(line)
        if match:
            found.append(line[match.end() :].strip())
        elif found:
            found[-1] = f"{found[-1]} {line.strip()}"
    return [p for p in found if p]


def propose(
    paragraphs: Sequence[str],
    *,
    said_at: datetime,
    zone: ZoneInfo,
    places: Sequence[Place] = (),
) -> list[Proposal]:
    """Return what the decisions in some paragraphs ask for, one proposal a matter, in their order."""
    found: list[Proposal] = []
    for number, paragraph in enumerate(decisions(paragraphs), start=1):
        lead = _lead(paragraph)
        due = _stated(paragraph, said_at, zone)
        standing = due is None and is_standing(paragraph)
        for part, title in enumerate(_parts(paragraph), start=1):
            found.append(
                _one(number, part, paragraph, title, lead, due, standing, said_at, zone, places)
            )
    return found


def _one(
    number: int,
    part: int,
    paragraph: str,
    title: str,
    lead: str,
    due: Deadline | None,
    standing: bool,
    said_at: datetime,
    zone: ZoneInfo,
    places: Sequence[Place],
) -> Proposal:
    own = deadline(title, said_at=said_at, zone=zone) if due is None else None
    when = due or own
    matter, sure = classify(title, paragraph)
    level, codes, why = who_acts(title, lead, places)
    reasons = [why, "matter" if sure else "matter_unsure"]
    reasons.append("due" if due else "due_own" if own else "standing" if standing else "no_due")
    return Proposal(
        number=number,
        part=part,
        paragraph=paragraph,
        title=title,
        matter=matter.id,
        matter_sure=sure,
        level=level,
        codes=codes,
        lead=lead,
        due=when,
        standing=standing,
        priority=urgency(when, said_at=said_at, usual=matter.priority),
        why=tuple(reasons),
    )


def _stated(paragraph: str, said_at: datetime, zone: ZoneInfo) -> Deadline | None:
    """Return the deadline that a decision states for itself, after its lead or "by:"; it outranks the rest."""
    starts = [m.start() for m in (_LEAD.search(paragraph), _WHEN.search(paragraph)) if m]
    return deadline(paragraph[min(starts) :], said_at=said_at, zone=zone) if starts else None


def _lead(paragraph: str) -> str:
    match = _LEAD.search(paragraph)
    return match.group(1).strip() if match else ""


def _parts(paragraph: str) -> Iterator[str]:
    """Yield the matters of one decision: its own words without lead and time, cut at semicolons."""
    text = _LEAD.sub("", paragraph)
    text = _WHEN.sub("", text)
    text = _TAIL.sub("", text).strip()
    for piece in re.split(r"[；;]", text):
        told = piece.strip(" 。.\n")
        if told:
            yield told[0].upper() + told[1:]


def classify(title: str, paragraph: str = "") -> tuple[Matter, bool]:
    """Return the matter that some words are on, and whether it is clear.

    Each word of a matter counts by its length, in the title fully and elsewhere by a third; a tie, or
    nothing at all, is not clear.

    >>> classify("各医院对照清单检查院感防控")[0].id, classify("weather is fine")[0].id
    ('hospitals', 'other')
    """
    scores = {
        matter.id: _weight(matter, title.lower()) + _weight(matter, paragraph.lower()) / 3
        for matter in matters().values()
    }
    ranked = sorted(scores.items(), key=lambda pair: -pair[1])
    (best, score), (_next, second) = ranked[0], ranked[1]
    if score == 0:
        return matters()["other"], False
    return matters()[best], score > 1.25 * second


def _weight(matter: Matter, text: str) -> float:
    return float(sum(len(word) * text.count(word) for word in matter.words))


def who_acts(title: str, lead: str, places: Sequence[Place]) -> tuple[str, tuple[str, ...], str]:
    """Return (level, codes of named units, reason): exactly one accountable unit for each delivery.

    Units named win; then the headquarters that lead; then who the words say acts; otherwise the
    issuer itself, at the post of the department that leads.
    """
    named = named_places(title, places)
    if named:
        return "", tuple(place.code for place in named), "named"
    for text, reason in ((lead, "lead"), (title, "words")):
        for pattern, level in ACTORS:
            if re.search(pattern, text, re.I):
                return str(level), (), reason
    return "", (), "department" if lead else "issuer"


def named_places(text: str, places: Sequence[Place]) -> list[Place]:
    """Return the units a text names by a whole name, the longer names first, none inside another."""
    found: list[Place] = []
    left = text
    for place, name in sorted(
        ((p, n) for p in places for n in p.names if n), key=lambda pair: -len(pair[1])
    ):
        pattern = re.escape(name) if not name.isascii() else rf"\b{re.escape(name)}\b"
        if re.search(pattern, left) and place not in found:
            found.append(place)
            left = re.sub(pattern, "\0", left)
    return sorted(found, key=lambda place: place.code)


def urgency(due: Deadline | None, *, said_at: datetime, usual: int) -> int:
    """Return the priority: within a day P1, within two P2, later P3; the matter's own without a time.

    A P0 is never proposed: two people decide that.
    """
    if due is None:
        return max(usual, Priority.P1)
    left = due.moment - said_at
    if left <= timedelta(hours=24):
        return Priority.P1
    return Priority.P2 if left <= timedelta(hours=48) else Priority.P3
