"""Small provinces for the optimiser of levels."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csr_array

from yipan.engines.openings.question import STEPS, Question


def towns(
    *, places: int = 3, settings: int = 2, weeks: int = 2, seed: int = 0, **changes: Any
) -> Question:
    """Return a question over a few towns with concave steps, beds that may bind, hands and masks that do not."""
    rng = np.random.default_rng(seed)
    mixing = np.full((places, places), 0.1 / places) + np.eye(places) * 0.9
    mixing /= mixing.sum(axis=1, keepdims=True)
    contacts = rng.uniform(0.05, 0.25, (places, settings, STEPS))
    value = np.sort(rng.uniform(0.5, 2.0, (places, settings, STEPS)), axis=-1)[..., ::-1] * contacts
    workers = np.full((places, settings, STEPS), 100.0)
    given: dict[str, Any] = {
        "weeks": weeks, "people": rng.uniform(5e4, 2e5, places), "group": np.arange(places),
        "area": np.minimum(np.arange(places), 1), "mixing": csr_array(mixing),
        "infectious": rng.uniform(5.0, 20.0, places), "household": 0.3, "always": np.full(places, 0.1),
        "step_contacts": contacts, "step_value": value, "always_value": np.ones(places),
        "step_workers": workers, "step_masks": np.full((settings, STEPS), 1.0),
        "mask_stock": 1e9, "mask_supply": 0.0, "hands": workers.sum(axis=(1, 2)),
        "returning": np.zeros(places), "trains": 0.0, "infectious_per_return": 0.0,
        "admitted": 0.5, "stay": 0.5, "in_care": np.zeros(min(places, 2)),
        "beds": np.full(min(places, 2), 12.0), "arrivals": np.zeros(places),
        "least": np.zeros((places, settings), dtype=np.int64),
        "most": np.full((places, settings), STEPS, dtype=np.int64), "end_R": None, "staged": True,
    }  # fmt: skip
    return Question(**(given | changes))
