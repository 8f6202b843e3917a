"""Invented persons with some entered twice, as careless entries look: to measure linkage on.

No real person is in it. Families share an address and often a telephone; names repeat, as they do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from yipan.report.duplicates.linkage import Entry, entry

FAMILY: Final = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗"
GIVEN: Final = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华文玉红建国志海燕"
AREAS: Final = ("411525", "411502", "410105", "411302", "411403", "410482")


@dataclass(frozen=True)
class Invented:
    """Entries and which pairs of them (ids in order) are one person."""

    entries: list[Entry]
    same: set[tuple[int, int]]


def invent(*, persons: int, share_twice: float, seed: int) -> Invented:
    """Return entries of `persons` invented persons in families, a share of them entered twice.

    The second entry has what second entries have: a digit turned or another document missing, a
    letter of the name wrong, the telephone changed or another member's, the address shortened.
    """
    rng = np.random.default_rng(seed)
    entries: list[Entry] = []
    same: set[tuple[int, int]] = set()
    while len({e.id for e in entries}) < persons:
        size = int(rng.integers(1, 5))
        family, area = _one(FAMILY, rng), AREAS[int(rng.integers(len(AREAS)))]
        address = (
            f"{area}县{int(rng.integers(400))}村{int(rng.integers(12))}组{int(rng.integers(90))}号"
        )
        shared = _phone(rng)
        for _member in range(size):
            told = {
                "number": f"{area}{int(rng.integers(1930, 2015))}{int(rng.integers(1, 13)):02d}"
                f"{int(rng.integers(1, 29)):02d}{int(rng.integers(10_000)):04d}",
                "name": family + "".join(_one(GIVEN, rng) for _n in range(int(rng.integers(1, 3)))),
                "phone": shared if rng.random() < 0.4 else _phone(rng),
                "address": address,
            }
            entries.append(entry(len(entries) + 1, **told))
            if rng.random() < share_twice:
                entries.append(entry(len(entries) + 1, **_again(told, rng)))
                same.add((len(entries) - 1, len(entries)))
    return Invented(entries, same)


def _again(told: dict[str, str], rng: np.random.Generator) -> dict[str, str]:
    """Return the same person as somebody else entered them, one to three things amiss."""
    made = dict(told)
    faults = rng.choice(
        ["number", "no_number", "name", "phone", "no_phone", "address", "no_address"],
        size=int(rng.integers(1, 4)),
        replace=False,
        p=[0.2, 0.2, 0.14, 0.12, 0.1, 0.14, 0.1],
    )
    for fault in faults:
        if fault == "number" and made["number"]:
            at = int(rng.integers(8, 17))
            n = made["number"]
            made["number"] = n[:at] + n[at + 1] + n[at] + n[at + 2 :]
        elif fault == "no_number":
            made["number"] = ""
        elif fault == "name":
            at = int(rng.integers(1, len(made["name"])))
            made["name"] = made["name"][:at] + _one(GIVEN, rng) + made["name"][at + 1 :]
        elif fault == "phone":
            made["phone"] = _phone(rng)
        elif fault == "no_phone":
            made["phone"] = ""
        elif fault == "address":
            made["address"] = made["address"].split("组")[0]
        elif fault == "no_address":
            made["address"] = ""
    return made


def _one(letters: str, rng: np.random.Generator) -> str:
    return letters[int(len(letters) * float(rng.random()) ** 1.6)]  # the first ones are common


def _phone(rng: np.random.Generator) -> str:
    return f"1{int(rng.integers(30, 99)):02d}{int(rng.integers(100_000_000)):08d}"


@dataclass(frozen=True)
class Score:
    """How well proposals hit: of those proposed, the share right; of those there are, the share proposed."""

    proposed: int
    right: int
    there: int

    @property
    def precision(self) -> float:
        """Right among proposed."""
        return self.right / self.proposed if self.proposed else 1.0

    @property
    def recall(self) -> float:
        """Proposed among those there are."""
        return self.right / self.there if self.there else 1.0


def score(found: set[tuple[int, int]], invented: Invented) -> Score:
    """Return how well proposed pairs hit the pairs that are one person.

    >>> score({(1, 2)}, Invented([], {(1, 2), (3, 4)})).recall
    0.5
    """
    return Score(len(found), len(found & invented.same), len(invented.same))
