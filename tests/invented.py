"""An invented province of any size, for tests and benchmarks of the optimiser."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csr_array

from yipan.engines.economy.optimise.question import Question


def invented(
    *, places: int, sectors: int, weeks: int, areas: int = 1, tiers: int = 0, seed: int = 7, **changed: Any
) -> Question:  # fmt: skip
    """Return a question whose economy runs and whose full opening lets infections grow."""
    rng = np.random.default_rng(seed)
    people = np.exp(rng.normal(12.6, 0.6, places))
    xy = rng.random((places, 2))
    flow = people[None] * (np.linalg.norm(xy[:, None] - xy[None], axis=2) + 0.02) ** -2.2
    np.fill_diagonal(flow, 0.0)
    keep = np.sort(flow, axis=1)[:, -min(10, places)][:, None]
    flow = np.where(flow >= keep, flow, 0.0)
    flow /= np.maximum(flow.sum(axis=1, keepdims=True), 1e-12)
    out = rng.uniform(0.05, 0.25, places) if places > 1 else np.zeros(1)
    mixing = flow * out[:, None] + np.diag(1.0 - out)
    share = rng.dirichlet(np.full(sectors, 1.2), places)
    workers = 0.55 * people[:, None] * share
    capacity = workers * np.exp(rng.normal(0, 0.4, sectors)) * 4e-4
    needs = rng.gamma(0.35, 1.0, (sectors, sectors))
    needs *= rng.uniform(0.3, 0.5, sectors) / needs.sum(axis=0)
    total = capacity.sum(axis=0)
    intensity = rng.gamma(2.0, 0.5, sectors)
    work = share * intensity
    work *= 0.62 / work.sum(axis=1).mean()
    inputs = needs @ total
    infectious = people * 1e-5 * np.exp(rng.normal(0, 1.0, places))
    area = np.arange(places) * areas // places
    bed_share = 0.2
    here = np.bincount(area, infectious * bed_share, minlength=areas)
    tier = np.digitize(infectious / people, np.quantile(infectious / people, [0.4, 0.7, 0.9]))
    given: dict[str, Any] = {
        "weeks": weeks,
        "people": people,
        "group": tier if tiers else np.arange(places),
        "area": area,
        "mixing": csr_array(mixing),
        "infectious": infectious,
        "household": 0.42,
        "work_contacts": work,
        "setting_contacts": np.array([0.3, 0.2, 0.3]),
        "setting_value": np.array([4e-5, 2e-5, 2e-5]),
        "least_setting": np.array([0.0, 0.1, 0.0]),
        "capacity": capacity,
        "workers": workers,
        "remote": rng.uniform(0, 0.35, sectors),
        "least": rng.uniform(0.1, 0.3, sectors),
        "value_share": 1.0 - needs.sum(axis=0),
        "needs": needs,
        "final_use": np.maximum(total - inputs, 0.02 * total) * 1.05,
        "stock": 0.5 * total,
        "most_stock": 2.0 * total,
        "least_stock": 0.1 * total,
        "imports": np.maximum(0.15 * total, 1.1 * np.maximum(inputs - total, 0.0)),
        "import_cost": np.full(sectors, 0.05),
        "residents_at_work": workers.sum(axis=1) * 0.72,
        "returning": workers.sum(axis=1) * 0.28,
        "trains": workers.sum() * 0.05,
        "infectious_per_return": 2e-6,
        "protective_stock": workers.sum() * 0.1,
        "protective_bought": workers.sum() * 0.01,
        "protective_use": 0.02,
        "protective_sector": min(10, sectors - 1),
        "protective_made": 0.01 * workers.sum() / total[min(10, sectors - 1)],
        "bed_share": bed_share,
        "beds": here * 1.3,
    }
    return Question(**{**given, **changed})
