"""The matters an order can carry, as data: what each level of opening means on the ground."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

import yaml

from yipan.report.dictionary import in_language

LEVELS = ("closed", "minimum", "staggered", "open")
LEVEL_WORDS = {
    "closed": ("停", "closed"),
    "minimum": ("保底", "minimum"),
    "staggered": ("错峰", "staggered"),
    "open": ("放开", "open"),
}


@dataclass(frozen=True, slots=True)
class Text:
    """One text in both languages."""

    zh: str
    en: str

    def __str__(self) -> str:
        return in_language(self.zh or self.en, self.en or self.zh)


def in_one_language(written: str) -> Text:
    """Return a text under the language it is written in; the other stays empty, which is said.

    >>> in_one_language("关闭市场"), in_one_language("Close the markets")
    (Text(zh='关闭市场', en=''), Text(zh='', en='Close the markets'))
    """
    chinese = any("\u4e00" <= c <= "\u9fff" for c in written)
    return Text(written, "") if chinese else Text("", written)


@dataclass(frozen=True, slots=True)
class Matter:
    """One matter: who carries it out, how soon, what each level means, when it counts as done."""

    id: str
    label: Text
    post: Text
    settings: tuple[str, ...]  # of a signed option
    priority: int
    due_minutes: int
    levels: Mapping[str, Text]
    closure: Text
    words: tuple[str, ...]  # by which a decision of a meeting is known to be on this matter
    check: Mapping[str, Any]  # {"kind": "value", "element": …} or empty


@lru_cache(maxsize=1)
def matters() -> Mapping[str, Matter]:
    """Return every matter by id, in the order of the file."""
    raw = yaml.safe_load(files("yipan.order").joinpath("matters.yaml").read_text(encoding="utf-8"))
    return MappingProxyType({row["id"]: _matter(row) for row in raw["matters"]})


def _matter(row: Mapping[str, Any]) -> Matter:
    return Matter(
        id=row["id"],
        label=Text(**row["label"]),
        post=Text(**row["post"]),
        settings=tuple(row["settings"]),
        priority=row["priority"],
        due_minutes=row["due_minutes"],
        levels=MappingProxyType({k: Text(**v) for k, v in row.get("levels", {}).items()}),
        closure=Text(**row["closure"]),
        words=tuple(str(w).lower() for words in row.get("words", {}).values() for w in words),
        check=MappingProxyType(dict(row.get("check", {}))),
    )


@lru_cache(maxsize=1)
def by_setting() -> Mapping[str, Matter]:
    """Return the matter that gives effect to each setting of a plan."""
    return MappingProxyType({s: matter for matter in matters().values() for s in matter.settings})


def level_of(value: str | float) -> str:
    """Return the level that people order: from its name, its place in LEVELS, or the share open.

    >>> level_of("staggered"), level_of("2"), level_of(1), level_of(0.6), level_of(1.0)
    ('staggered', 'staggered', 'minimum', 'staggered', 'open')
    """
    if isinstance(value, float):
        return LEVELS[sum(value > edge for edge in (0.1, 0.4, 0.9))]
    if str(value).isdigit():
        return LEVELS[int(value)]
    if value not in LEVELS:
        raise ValueError(f"{value!r} is not a level of opening: {', '.join(LEVELS)}")
    return str(value)
