"""From a paragraph to its matters: what is to be done, by whom, by when. Rules only, each with its reason. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from yipan.order.matters import Matter, matters
from yipan.order.meetings.deadlines import Deadline, deadline, is_at_once, is_standing
from yipan.order.meetings.outline import outline
from yipan.order.models import Priority
from yipan.places.models import Level

_LEAD = re.compile(
    r"[（(]?\s*(?:由)?(?:牵头|责任|负责|承办|主办|落实)(?:单位|部门|人|方)?\s*[:：]\s*([^。；;）)]+?)\s*"
    r"(?=[。；;）)]|$|[，,、]?\s*(?:配合|协办|时限|完成时|办结|截止|期限|首批))[。；;）)，,]?"
    r"|(?:\b(?:lead|owner|responsible(?: unit| party| office)?|action by|assigned to|in charge))\s*[:：]\s*"
    r"([^.;；。)]+?)\s*(?=[.;；。)]|$|\s(?:by|due|deadline|support)\s*:)[.;；。)]?",
    re.I,
)
_LEAD_WORDS = re.compile(
    r"(?:[，,]\s*)?由([^，。；;、]{2,20}?)(?:牵头|负责)(?:落实|办理|完成)?|[（(]([^（）()，；;]{2,24}?)(?:牵头|负责)[）)]"
)
_BESIDE = re.compile(
    r"[（(]?\s*(?:配合|协办|参加)(?:单位|部门)?\s*[:：]\s*[^。；;）)]+[。；;）)]?|\bsupport(?:ed by)?\s*[:：]\s*[^.;]+[.;]?",
    re.I,
)
_WHEN = re.compile(
    r"[（(]?\s*(?:时限|期限|完成(?:时限|时间|期限)|办结(?:时限|时间)|截止(?:时间|日期)?|首批名单|first list by|due(?: date| by)?|"
    r"deadline|complete by|when|by|from)\s*[:：]\s*([^。；;）)]+?)(?:[。；;）)]|\.(?=\s|$)|$)",
    re.I,
)
_TAIL = re.compile(
    r"(?:长期|每日\d{1,2}[:：]\d{2}|\d{1,2}月\d{1,2}日(?:\d{1,2}[:：]\d{2})?起|standing|daily \d{1,2}:\d{2})[。.]?\s*$",
    re.I,
)
_EMPTY = re.compile(r"[（(]\s*[，,；;、。.\s]*[)）]")
# Where people or goods come from or go to is not who acts.
_PASSED = re.compile(
    r"(?:来自|从|前往|赴|途经|离开|发往|运往|\bfrom|\barriving from|\btravell?ing to|\bbound for|\bto and from)\s*$",
    re.I,
)
_EXCEPT = re.compile(
    r"除(?P<zh>[^，。；]{2,40}?)(?:之外|以外|外)|\b(?:except|other than|apart from|save)\s+(?P<en>[^.;]{2,60})",
    re.I,
)

# Who acts, by the words that name it: the level of the tree. The first that fits counts.
ACTORS: Final[Sequence[tuple[str, str]]] = (
    (r"县级指挥部|\bcounty headquarters", Level.COUNTY),
    (r"[各每][个]?县|\beach county|\bevery county|\bcount(?:ies agree|y teams)", Level.COUNTY),
    (r"[各每][个]?市(?!场)|\beach city|\bevery city|\bcity (?:headquarters|teams)", Level.CITY),
    (r"[各每][个]?(?:乡镇|街道|镇)|\beach township|\bevery township", Level.TOWNSHIP),
    (r"[各每][个]?(?:村|社区)|\bevery village|\beach village", Level.VILLAGE),
)


# What stands before units to which something is done: they are spoken of, they do not act.
_DONE_TO: Final = re.compile(
    r"(?:公布|发布|通报|检查|抽查|督查|督导|指导|支援|走访|覆盖|下派|前往|派往|[到向给对赴送进])(?:了|至)?$"
    r"|\b(?:publish|list|inspect|check|visit|support|reach|cover|supply|teach|for|from|in|into|to|of|across)"
    r"(?:s|es)?\s+$",
    re.I,
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
    """Return the decisions among some paragraphs, each with what it stands under.

    >>> decisions(["# Decisions", "1. Do a.", "   and b.", "2、办c。"])
    ['Do a. and b.', '办c。']
    """
    return [item.paragraph for item in outline(paragraphs).items]


def propose(
    paragraphs: Sequence[str],
    *,
    said_at: datetime,
    zone: ZoneInfo,
    places: Sequence[Place] = (),
) -> list[Proposal]:
    """Return what the decisions in some paragraphs ask for, one proposal a matter, in their order."""
    found: list[Proposal] = []
    for number, item in enumerate(outline(paragraphs).items, start=1):
        paragraph = item.paragraph
        lead = _lead(item.text) or next(filter(None, map(_lead, reversed(item.under))), "")
        due = _stated(item.text, said_at, zone) or _inherited(item.under, said_at, zone)
        standing = due is None and is_standing(item.text)
        for part, title in enumerate(_parts(item.text), start=1):
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
        priority=urgency(when, said_at=said_at, usual=matter.priority, at_once=is_at_once(title)),
        why=tuple(reasons),
    )


def _stated(paragraph: str, said_at: datetime, zone: ZoneInfo) -> Deadline | None:
    """Return the deadline that a decision states for itself, after its lead or "by:"; it outranks the rest."""
    labelled = _WHEN.search(paragraph)
    if labelled:
        own = deadline(labelled.group(0), said_at=said_at, zone=zone)
        if own is not None:
            return own
    starts = [m.start() for m in (_LEAD.search(paragraph), labelled) if m]
    return deadline(paragraph[min(starts) :], said_at=said_at, zone=zone) if starts else None


def _inherited(under: Sequence[str], said_at: datetime, zone: ZoneInfo) -> Deadline | None:
    """Return the deadline of the nearest opening above that has one: "By Friday: a) … b) …"."""
    for opening in reversed(under):
        found = deadline(opening, said_at=said_at, zone=zone)
        if found is not None:
            return found
    return None


def _lead(paragraph: str) -> str:
    match = _LEAD.search(paragraph) or _LEAD_WORDS.search(paragraph)
    return next((g for g in match.groups() if g), "").strip(" ，,（(") if match else ""


def _parts(paragraph: str) -> Iterator[str]:
    """Yield the matters of one decision: its own words without lead and time, cut at semicolons."""
    text = paragraph
    for pattern in (_LEAD, _LEAD_WORDS, _BESIDE, _WHEN, _EMPTY):
        text = pattern.sub("", text)
    text = _TAIL.sub("", text.strip()).strip()
    for piece in _pieces(text):
        told = piece.strip(" 。.，,、\n")
        if told:
            yield told[0].upper() + told[1:]


def _pieces(text: str) -> list[str]:
    """Cut at semicolons and before "一是… 二是…", never inside brackets."""
    pieces, depth, start = [], 0, 0
    ordinals = {
        m.start() for m in re.finditer(r"(?<![第\d])[一二三四五六七八九]是(?=[^否不])", text)
    }
    ordinals = ordinals if len(ordinals) > 1 else set()
    for i, char in enumerate(text):
        depth += (char in "（(") - (char in "）)" and depth > 0)
        if i in ordinals or (char in "；;" and depth == 0):
            pieces.append(text[start:i])
            start = i + (2 if i in ordinals else 1)
    pieces.append(text[start:])
    kept = [p for p in pieces if p.strip(" 。.，,：:\n")]
    opening = ordinals and kept and re.search(r"[:：]\s*$", kept[0].strip())
    return kept[1:] if opening and len(kept) > 1 else kept


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
    left_out = _left_out(title, places)
    named = [p for p in named_places(_EXCEPT.sub("", title), places) if p not in left_out]
    if named:
        return "", tuple(place.code for place in named), "named"
    for text, reason in ((lead, "lead"), (title, "words")):
        for pattern, level in ACTORS:
            if _acts(pattern, text):
                if left_out:
                    kept = [p.code for p in places if p.level == level and p not in left_out]
                    return "", tuple(kept), "except"
                return str(level), (), reason
    led = named_places(lead, places)
    if led:
        return "", tuple(place.code for place in led), "lead_named"
    return "", (), "department" if lead else "issuer"


def _acts(pattern: str, text: str) -> bool:
    """Return whether such units stand in a text as those who act.

    >>> _acts("各县", "各县公布等级"), _acts("各县", "公布各县等级")
    (True, False)
    """
    return any(not _DONE_TO.search(text[: m.start()]) for m in re.finditer(pattern, text, re.I))


def _left_out(title: str, places: Sequence[Place]) -> list[Place]:
    """Return the units that a text takes out: "every city but Xinyang"."""
    said = " ".join(m["zh"] or m["en"] or "" for m in _EXCEPT.finditer(title))
    return named_places(said, places) if said else []


def named_places(text: str, places: Sequence[Place]) -> list[Place]:
    """Return the units a text names by a whole name, the longer names first, none inside another."""
    found: list[Place] = []
    left = text
    for place, name in sorted(
        ((p, n) for p in places for n in p.names if n), key=lambda pair: -len(pair[1])
    ):
        pattern = re.escape(name) if not name.isascii() else rf"\b{re.escape(name)}\b"
        hits = [m for m in re.finditer(pattern, left) if not _passed(left, m.start())]
        if hits and place not in found:
            found.append(place)
        left = re.sub(pattern, "\0", left)
    return sorted(found, key=lambda place: place.code)


def _passed(text: str, start: int) -> bool:
    """Whether a name stands where people or goods come from or go to, alone or in a row of such names."""
    before = re.sub(r"(?:\0[、，,和及或与\s]*(?:and\s+|or\s+)?)+$", "", text[:start])
    return bool(_PASSED.search(before))


def urgency(due: Deadline | None, *, said_at: datetime, usual: int, at_once: bool = False) -> int:
    """Return the priority: within a day P1, within two P2, later P3; the matter's own without a time.

    "Immediately" without an hour is P1.

    A P0 is never proposed: two people decide that.
    """
    if due is None:
        return Priority.P1 if at_once else max(usual, Priority.P1)
    left = due.moment - said_at
    if left <= timedelta(hours=24):
        return Priority.P1
    return Priority.P2 if left <= timedelta(hours=48) else Priority.P3
