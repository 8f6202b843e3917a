"""The probability of each tier, counting the cases that have begun and are not yet reported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import nbinom

from yipan.assess.tiers.facts import with_more_cases
from yipan.assess.tiers.packs import Pack
from yipan.engines.surveillance.tiers import Fact, tier_chances
from yipan.places.models import Unit

TAIL = 1e-3  # probability of still more cases than are looked at
MOST = 200


def chances_of_counties(
    counties: Sequence[Unit],
    facts: Sequence[Mapping[str, Fact]],
    pack: Pack,
    pending: tuple[NDArray[np.float64], float] | None,
) -> list[dict[str, float]]:
    """Return the probability of each tier of each county, empty where nothing can be said.

    The cases not yet reported are negative binomial (see `situation.onset.pending_by_county`) and are
    added to what is known; an unknown cluster leaves a joint probability (`medium|high`).
    """
    if pending is None:
        return [{} for _unit in counties]
    mean, size = pending
    p = size / (size + mean[: len(counties)])
    most = np.minimum(nbinom.ppf(1 - TAIL, size, p), MOST).astype(np.int64)
    weights = np.asarray(
        nbinom.pmf(np.arange(int(most.max(initial=0)) + 1)[:, None], size, p[None, :])
    )
    return [
        _chances(unit, known, pack, weights[: most[j] + 1, j])
        if any(value is not None for value in known.values())
        else {}
        for j, (unit, known) in enumerate(zip(counties, facts, strict=True))
    ]


def _chances(
    unit: Unit, facts: Mapping[str, Fact], pack: Pack, weights: NDArray[np.float64]
) -> dict[str, float]:
    found = tier_chances(
        pack.rules,
        [
            (float(weight), with_more_cases(facts, more, pack, population=unit.population))
            for more, weight in enumerate(weights)
        ],
    )
    return {tier: round(chance, 4) for tier, chance in found.items()}
