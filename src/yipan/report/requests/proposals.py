"""What labels suggest, for a person to confirm: candidates only, nothing is merged by a label.

A field's labels in both languages are compared with the dictionary's by the cosine of their weighted
character pairs (Chinese) and words (English). On the shared case of twelve forms such matching peaks
well below what a merge would need; so a proposal is where a requester starts, never where it ends.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from yipan.report.dictionary.definitions import Definition
from yipan.report.requests.fields import Field

SHOWN = 0.45  # below this likeness nothing is proposed
_WORD = re.compile(r"[a-z0-9]+")
_HAN = re.compile(r"[\u4e00-\u9fff]+")
_BRACKETS = re.compile(r"[(（].*?[)）]")


@dataclass(frozen=True, slots=True)
class Proposal:
    """An element that a label resembles; `likeness` is 0 to 1."""

    element: str
    likeness: float


class Proposer:
    """Compares labels with one dictionary's."""

    def __init__(self, dictionary: Mapping[str, Definition]) -> None:
        texts = {e.id: _features(e.label_zh, e.label_en) for e in dictionary.values()}
        seen: Counter[str] = Counter(f for features in texts.values() for f in features)
        n = max(1, len(texts))
        self.weight = {f: math.log(1 + n / count) for f, count in seen.items()}
        self.rare = math.log(1 + n)
        self.vectors = {name: self._vector(features) for name, features in texts.items()}
        self.holding: dict[str, list[str]] = defaultdict(list)
        for name, vector in self.vectors.items():
            for f in vector:
                self.holding[f].append(name)

    def _vector(self, features: Counter[str]) -> dict[str, float]:
        raw = {f: n * self.weight.get(f, self.rare) for f, n in features.items()}
        norm = math.sqrt(sum(x * x for x in raw.values())) or 1.0
        return {f: x / norm for f, x in raw.items()}

    def propose(self, field: Field, *, most: int = 3, least: float = SHOWN) -> list[Proposal]:
        """Return the elements a field's labels resemble, the likest first."""
        vector = self._vector(_features(field.label_zh, field.label_en))
        score: dict[str, float] = defaultdict(float)
        for f, x in vector.items():
            for name in self.holding.get(f, ()):
                score[name] += x * self.vectors[name][f]
        ranked = sorted(score.items(), key=lambda item: (-item[1], item[0]))
        return [Proposal(name, round(x, 4)) for name, x in ranked[:most] if x >= least]


def _features(zh: str, en: str) -> Counter[str]:
    han = "".join(_HAN.findall(_BRACKETS.sub("", unicodedata.normalize("NFKC", zh))))
    pairs = [han[i : i + 2] for i in range(len(han) - 1)] or ([han] if han else [])
    words = [w.removesuffix("s") for w in _WORD.findall(_BRACKETS.sub("", en.casefold()))]
    return Counter([*pairs, *(f"en:{w}" for w in words)])


@dataclass(frozen=True, slots=True)
class Scored:
    """How proposals compare with what the fields truly are."""

    threshold: float
    precision: float
    recall: float
    top3: float  # share of fields whose true element is among the first three

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


def score(
    fields: Iterable[Field],
    dictionary: Mapping[str, Definition],
    truth: Mapping[str, str],
    *,
    thresholds: Sequence[float] = (SHOWN,),
) -> list[Scored]:
    """Return precision and recall of the first proposal at each threshold, against `truth`.

    `truth` is field id → element id for fields that are the element itself; other fields (a
    subset, another definition) are proposed wrongly whatever is proposed.
    """
    proposer = Proposer(dictionary)
    ranked = {f.id: proposer.propose(f, least=0.0) for f in fields}
    found = []
    for threshold in thresholds:
        first = {k: p[0].element for k, p in ranked.items() if p and p[0].likeness >= threshold}
        right = sum(truth.get(k) == element for k, element in first.items())
        among = sum(any(p.element == truth[k] for p in ranked.get(k, ())) for k in truth)
        found.append(
            Scored(
                threshold,
                right / len(first) if first else 0.0,
                right / len(truth) if truth else 0.0,
                among / len(truth) if truth else 0.0,
            )
        )
    return found
