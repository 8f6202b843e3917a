"""What holds each firm back, and what its release unlocks: prices of the goods programme, no score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from yipan.engines.economy.account import WEEKS_PER_YEAR
from yipan.engines.openings.chain import Chain, Firms, Unlocked, unlock
from yipan.plan.resumption.registers import Enterprise
from yipan.plan.scenarios.building import Build
from yipan.plan.scenarios.openings import Levels, at_work

KINDS = ("workers", "logistics", "masks", "parts", "cash")
HORIZON_DAYS = 28.0


@dataclass(frozen=True)
class Held:
    """One firm held back.

    `kind` its tightest bottleneck; `share` of ordinary work it allows; `allowed` by the levels; `next_share` what the
    firm could do with that one cured; `amount` what is missing, in the kind's own unit (workers, share
    of deliveries, masks, days of parts, days of cash); `upstream` the firm its parts come from;
    `gain`, `direct` value added over four weeks, 100 million.
    """

    firm: Enterprise
    kind: str
    share: float
    allowed: float
    next_share: float
    amount: float
    upstream: str
    gain: float
    direct: float


def chain_of(build: Build) -> Chain:
    """Return the province's sections as a chain: national technology, output from its own value added."""
    pack = build.assumptions
    weekly = build.province.weekly_value.sum(axis=0)
    share = np.clip(1.0 - pack.needs.sum(axis=0), 0.05, 1.0)
    output = weekly / share
    # Buy from inside no more than the province makes: what is short at rest comes from outside.
    wanted = pack.needs @ output
    inside = np.minimum(1.0, output / np.maximum(wanted, 1e-12))
    return Chain(
        needs=pack.needs * inside[:, None],
        value_share=share,
        output=output,
        stock_weeks=pack.value("input_stock_weeks"),
    )


def held_back(
    build: Build, levels: Levels, firms: Sequence[Enterprise]
) -> tuple[list[Held], Unlocked]:
    """Return the firms held back, those first whose release unlocks most, over the first four weeks.

    A firm works at the least of its five shares and what the levels allow. Masks, parts and cash last so many
    days of 28; parts come on from its supplier as far as that works. Releasing a firm cures its tightest bottleneck
    only: it then works at its next, and its customers with it.
    """
    pack, province = build.assumptions, build.province
    sections, counties = list(pack.sections), [c.code for c in province.counties]
    weeks = min(4, levels.shape[0])
    figures = pack.central()
    present = at_work(levels[:weeks], assumptions=pack, figures=figures)  # (week, county, section)
    remote = np.array([min(1.0, s.remote * figures["remote_scale"]) for s in pack.sections.values()])  # fmt: skip
    open_share = remote + (1.0 - remote) * present
    chain = chain_of(build)
    value = province.weekly_value
    weight = value / np.maximum(value.sum(axis=0), 1e-12)
    section = np.array([sections.index(f.section) for f in firms], dtype=np.int64)
    county = np.array([counties.index(f.county) for f in firms], dtype=np.int64)
    weekly = np.array([f.output_100m / WEEKS_PER_YEAR for f in firms])
    allowed = open_share[:, county, section].mean(axis=0) if firms else np.zeros(0)
    rest = np.einsum("wcs,cs->ws", open_share, weight) * chain.output
    registered = np.zeros(len(sections))
    np.add.at(registered, section, weekly * allowed)
    rest = np.maximum(rest - registered, 0.0)
    at = {f.id: i for i, f in enumerate(firms)}
    supplier = np.array([at.get(f.supplier, -1) for f in firms], dtype=np.int64)
    parts = np.array([min(1.0, f.parts_days / HORIZON_DAYS) for f in firms])
    bare = [shares(f, 1.0) for f in firms]
    others = np.array([min(v for k, v in b.items() if k != "parts") for b in bare]) if firms else np.zeros(0)  # fmt: skip
    known = Firms(section, weekly, np.minimum(others, allowed), parts, supplier)
    now = unlock(chain, rest=rest, firms=known, own_after=known.own, parts_after=parts, exactly=0)
    told = [
        _tightest(f, float(allowed[i]), float(now.share[supplier[i]]) if supplier[i] >= 0 else 0.0)
        for i, f in enumerate(firms)
    ]
    # A firm without a supplier in the register has only the parts it keeps.
    own = np.array([min(known.own[i], 1.0 if supplier[i] >= 0 else parts[i]) for i in range(len(firms))])  # fmt: skip
    known = Firms(section, weekly, own, parts, supplier)
    own_after, parts_after = own.copy(), parts.copy()
    for i, (kind, share, after) in enumerate(told):
        if kind == "parts" and supplier[i] >= 0:
            parts_after[i] = max(parts[i], after)
        elif after > share:
            own_after[i] = max(own[i], after)
    found = unlock(chain, rest=rest, firms=known, own_after=own_after, parts_after=parts_after)
    rows = []
    for i, firm in enumerate(firms):
        kind, share, after = told[i]
        if after - share <= 1e-6 and found.gain[i] <= 0:
            continue
        short = firm.supplier if kind == "parts" and supplier[i] >= 0 else ""
        rows.append(
            Held(
                firm, kind, share, float(allowed[i]), after,
                _amount(firm, kind, after, figures["masks_per_worker_week"]),
                short, float(found.gain[i]), float(found.direct[i]),
            )
        )  # fmt: skip
    rows.sort(key=lambda r: (-r.gain, r.firm.id))
    return rows, found


def shares(firm: Enterprise, upstream: float) -> dict[str, float]:
    """Return what each of the five bottlenecks lets a firm do over four weeks, as a share of ordinary work."""
    parts = min(1.0, firm.parts_days / HORIZON_DAYS)
    return {
        "workers": firm.workers_there / max(firm.workers, 1.0),
        "logistics": firm.deliveries,
        "masks": min(1.0, firm.masks_days / HORIZON_DAYS),
        "parts": parts + (1.0 - parts) * upstream,
        "cash": min(1.0, firm.cash_days / HORIZON_DAYS),
    }


def _tightest(firm: Enterprise, allowed: float, upstream: float) -> tuple[str, float, float]:
    """Return the tightest bottleneck, what it allows, and what the next would."""
    by_kind = shares(firm, upstream)
    order = sorted(KINDS, key=lambda k: (by_kind[k], KINDS.index(k)))
    first, second = order[0], order[1]
    return first, min(by_kind[first], allowed), min(by_kind[second], allowed)


def _amount(firm: Enterprise, kind: str, after: float, masks_a_week: float) -> float:
    weeks = HORIZON_DAYS / 7
    if kind == "workers":
        return max(1.0, float(np.ceil(after * firm.workers - firm.workers_there)))
    if kind == "logistics":
        return max(0.0, after - firm.deliveries)
    if kind == "masks":
        short = max(0.0, after - firm.masks_days / HORIZON_DAYS)
        return float(np.ceil(firm.workers * masks_a_week * weeks * short))
    have = firm.parts_days if kind == "parts" else firm.cash_days
    return float(np.ceil(max(0.0, after * HORIZON_DAYS - have)))
