"""From a signed option to the words of its orders: one matter, one county, one order. Pure."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby

from yipan.kernel.words import EN_MONTHS
from yipan.order.matters import LEVEL_WORDS, Matter, Text

NAMESPACE = uuid.UUID("b6a2f1de-95a1-4f0f-8d0f-3c5f0a77c9e1")
TIER_WORDS = {
    "low": Text("低风险", "low"),
    "medium": Text("中风险", "medium"),
    "high": Text("高风险", "high"),
    "undecided": Text("待定", "undecided"),
    "no_data": Text("无数据", "no data"),
}


@dataclass(frozen=True)
class Phase:
    """A stretch of days [start, end) at one level of opening."""

    start: date
    end: date
    level: str


def phases(levels: Sequence[str], *, start: date) -> list[Phase]:
    """Return the stretches of equal level in a sequence of weeks from `start`.

    >>> [(p.start.day, p.end.day, p.level) for p in phases(["closed", "closed", "open"], start=date(2020, 3, 2))]
    [(2, 16, 'closed'), (16, 23, 'open')]
    """
    found, week = [], 0
    for level, run in groupby(levels):
        n = len(list(run))
        found.append(Phase(start + timedelta(weeks=week), start + timedelta(weeks=week + n), level))
        week += n
    return found


def title(matter: Matter, stretch: Sequence[Phase]) -> Text:
    """Return the one sentence of the order: the matter, and from when which level."""
    zh = "，".join(f"{_zh(p.start)}起{LEVEL_WORDS[p.level][0]}" for p in stretch)
    en = ", ".join(f"{LEVEL_WORDS[p.level][1]} from {_en(p.start)}" for p in stretch)
    return Text(f"{matter.label.zh}：{zh}", f"{matter.label.en}: {en}")


def body(
    matter: Matter, stretch: Sequence[Phase], *, tier: str, option: Text, signed: date
) -> Text:
    """Return what is to be done in each stretch, and on what it rests."""
    zh, en = [], []
    for p in stretch:
        last = p.end - timedelta(days=1)
        what = matter.levels[p.level]
        zh.append(f"{_zh(p.start)}至{_zh(last)}（{LEVEL_WORDS[p.level][0]}）：{what.zh}")
        en.append(f"{_en(p.start)} to {_en(last)} ({LEVEL_WORDS[p.level][1]}): {what.en}")
    words = TIER_WORDS.get(tier, Text(tier, tier))
    zh.append(f"依据：{_zh(signed)}签署的方案“{option.zh}”；本县等级：{words.zh}。")
    en.append(
        f"Basis: option “{option.en}”, signed {_en(signed)}; tier of this county: {words.en}."
    )
    return Text("\n".join(zh), "\n".join(en))


def order_id(signature: int, unit: int, matter: str) -> uuid.UUID:
    """Return the id of one matter's order at one unit under one signature: drafted twice, one order."""
    return uuid.uuid5(NAMESPACE, f"{signature}:{unit}:{matter}")


def _zh(day: date) -> str:
    return f"{day.month}月{day.day}日"


def _en(day: date) -> str:
    return f"{day.day} {EN_MONTHS[day.month - 1]}"
