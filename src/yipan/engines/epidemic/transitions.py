"""What happens to people within one step of the cell-binomial back-end, worked out before the run.

For a step of h days and generator Q, with w the infectiousness of each substage:

    where from f to t                 T = exp(Q h)
    how infectious on the way         J = ∫₀ʰ exp(Q u) diag(w) exp(Q (h − u)) du, divided by T
    newly infected at time u          B = ∫₀ʰ f(u) exp(Q (h − u)) du, row of the first stage
    their infectiousness until h      ω = ∫₀ʰ f(u) ∫₀^{h−u} exp(Q v) dv du w, the same row

where infections in the step have the density f(u) = (1 + ρ (u − h/2)) / h, so that B and ω are each a
part of ρ⁰ and a part of ρ¹; ρ, the growth of infectiousness within the step, is known when it is taken.
All by exponentials of block matrices (Van Loan 1978, IEEE Trans. Automat. Contr. 23:395). So moving on
is exact for any step; only the force of infection within the step is approximated.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import expm

from yipan.engines.checks import Floats, Integers
from yipan.engines.epidemic.course import Chain
from yipan.engines.epidemic.specification import Specification
from yipan.engines.epidemic.tables import ENTRIES

NEGLIGIBLE = 1e-13


class Transitions(NamedTuple):
    """Transitions of one step; a way is a pair (from, to), the ways of a substage stand together.

    With R redirects there are 2ᴿ cases, each redirect acting or not; who would be redirected is drawn
    once a person, so the transition under shares is the mixture of the cases, exactly.
    """

    steps_per_day: int
    substages: int
    groups: int
    group_of: Integers  # (setting,) settings that see the same infectious people
    group_local: Integers  # (group,)
    first: Integers  # (stage,)
    carries: Integers  # (substage,)
    pooled: Integers  # (substage,) 1: nobody there infects any more, and age changes nothing from there on
    stage_of: Integers  # (substage,)
    way_start: Integers  # (substage + 1,)
    way_to: Integers  # (way,)
    way_tells: Integers  # (way,) 1: it may pass a flow, 2: it may be infectious, 3: both
    chance: Floats  # (case, age, way)
    exposure: Floats  # (case, age, way, group) joint with the way
    missed: Floats  # (case, age, way, flow) joint probability of the way without the flow
    new_to: Integers  # (new way,)
    new_chance: Floats  # (case, power of ρ, age, new way)
    new_exposure: Floats  # (case, power of ρ, group, age)
    new_missed: Floats  # (case, power of ρ, age, new way, flow)
    infectivity: Floats  # (substage,) by which growth within a step is measured
    # The kinds of places a day has, by the shares of their redirects.
    kind_of: Integers  # (day, P)
    kind_start: Integers  # (day + 1,)
    kind_weights: Floats  # (kind, case) weight of each case
    kind_changes: Integers  # (day,) 1: the day's kinds are not those of the day before


def work_out(spec: Specification, *, steps_per_day: int) -> Transitions:
    """Return the transitions of one step; raises OutOfRange (E802) if a delay is not Erlang."""
    chain, h = spec.chain, 1.0 / steps_per_day
    group_of, weights, local = _groups(spec)
    cases = [_case(spec, acting, h, weights) for acting in _cases(spec)]
    T, J, missed, B, omega, B_missed = (np.stack(parts) for parts in zip(*cases, strict=True))
    start, to, pairs = _ways(T, chain.active, chain.size)
    new_to = _order(B[:, 0].reshape(-1, chain.size))
    kind_of, kind_start, kind_weights, kind_changes = _kinds(spec)
    chance, exposure, without = (
        T[:, :, pairs, to],
        J[:, :, :, pairs, to],
        missed[:, :, :, pairs, to],
    )
    flows = (without < chance[:, None] * (1.0 - 1e-9)).any(axis=(0, 1, 2))
    infectious = (exposure > 0.0).any(axis=(0, 1, 2)) | (chain.carries[to] > 0)
    return Transitions(
        steps_per_day=steps_per_day,
        substages=chain.size,
        groups=len(weights),
        group_of=group_of,
        group_local=local,
        first=chain.first,
        carries=chain.carries,
        pooled=_pooled(T, missed, chain),
        stage_of=chain.stage_of,
        way_start=start,
        way_to=to,
        way_tells=flows + 2 * infectious.astype(np.int64),
        chance=np.ascontiguousarray(chance),
        exposure=np.ascontiguousarray(np.moveaxis(exposure, 1, -1)),
        missed=np.ascontiguousarray(np.moveaxis(without, 1, -1)),
        new_to=new_to,
        new_chance=np.ascontiguousarray(B[..., new_to]),
        new_exposure=omega,
        new_missed=np.ascontiguousarray(np.moveaxis(B_missed[..., new_to], 2, -1)),
        infectivity=chain.infectivity * chain.presence.mean(axis=1),
        kind_of=kind_of,
        kind_start=kind_start,
        kind_weights=kind_weights,
        kind_changes=kind_changes,
    )


def _pooled(T: Floats, missed: Floats, chain: Chain) -> Integers:
    """Find the substages where nobody infects any more and from where on all ages have the same course."""
    same = np.ptp(T, axis=1).max(axis=(0, 2)) <= NEGLIGIBLE
    same &= np.ptp(missed, axis=2).max(axis=(0, 1, 3)) <= NEGLIGIBLE
    same &= chain.carries == 0
    for _ in range(chain.size):  # what is reached must be so, too
        reached = T.max(axis=(0, 1)) > 0.0
        same &= ~(reached & ~same[None, :]).any(axis=1)
    pooled: Integers = same.astype(np.int64)
    return pooled


def _kinds(spec: Specification) -> tuple[Integers, Integers, Floats, Integers]:
    """Find the distinct shares of each day, and the weight of each case under them."""
    R, P = len(spec.redirects), len(spec.places)
    shares = (
        np.stack([r.share for r in spec.redirects], axis=2) if R else np.zeros((spec.days, P, 0))
    )
    kind_of = np.zeros((spec.days, P), dtype=np.int64)
    start, kinds, changes = [0], [], np.ones(spec.days, dtype=np.int64)
    before: Floats | None = None
    for day in range(spec.days):
        if R:
            found, back = np.unique(shares[day], axis=0, return_inverse=True)
            kind_of[day] = back.ravel()
        else:
            found = np.zeros((1, 0))
        kinds.append(found)
        start.append(start[-1] + len(found))
        changes[day] = before is None or not np.array_equal(found, before)
        before = found
    share = np.concatenate(kinds)
    weights = np.ones((len(share), 1 << R))
    for case, acting in enumerate(product((0, 1), repeat=R)):
        for r, on in enumerate(acting):
            weights[:, case] *= share[:, r] if on else 1.0 - share[:, r]
    return kind_of, np.array(start, dtype=np.int64), weights, changes


def _cases(spec: Specification) -> list[list[tuple[str, str, float]]]:
    acting = product((0.0, 1.0), repeat=len(spec.redirects))
    return [
        [(r.at, r.to, on) for r, on in zip(spec.redirects, case, strict=True)] for case in acting
    ]


def _groups(spec: Specification) -> tuple[Integers, Floats, Integers]:
    """Put settings together that weigh stages alike and mix alike: one sum of infectious people each."""
    found: dict[tuple[bool, tuple[float, ...]], int] = {}
    weights = spec.chain.infectivity[:, None] * spec.chain.presence
    group_of = [
        found.setdefault((s.local, tuple(weights[:, k])), len(found))
        for k, s in enumerate(spec.settings)
    ]
    return (
        np.array(group_of, dtype=np.int64),
        np.array([list(w) for _, w in found], dtype=np.float64),
        np.array([is_local for is_local, _ in found], dtype=np.int64),
    )


def _case(
    spec: Specification, acting: Sequence[tuple[str, str, float]], h: float, weights: Floats
) -> tuple[Floats, ...]:
    """Return T, J, taboo T, B, ω and taboo B of one case, each by age."""
    chain = spec.chain
    born = spec.course.entry
    for at, to, on in acting:
        if at == spec.course.entry and on:
            born = to
    counted = (
        tuple(s for s, stage in enumerate(spec.course.stages) if flow in stage.counts)
        for flow in ENTRIES
    )
    return _matrices(
        _Bytes.of(chain.generator(acting)),
        _Bytes.of(weights),
        _Bytes.of(chain.first),
        _Bytes.of(chain.stage_of),
        spec.course.index(born),
        tuple(counted),
        h,
    )


class _Bytes(NamedTuple):
    """An array that can be looked up by what it holds."""

    held: bytes
    kind: str
    shape: tuple[int, ...]

    @classmethod
    def of(cls, array: Floats | Integers) -> _Bytes:
        return cls(array.tobytes(), array.dtype.str, array.shape)

    @property
    def array(self) -> Any:
        return np.frombuffer(self.held, dtype=self.kind).reshape(self.shape)


@lru_cache(maxsize=64)
def _matrices(
    generator: _Bytes,
    weighing: _Bytes,
    first_of: _Bytes,
    stages: _Bytes,
    born: int,
    counted: tuple[tuple[int, ...], ...],
    h: float,
) -> tuple[Floats, ...]:
    """Work one case out; members of an ensemble that differ in rates of contact share the result."""
    Q, weights, first, stage_of = generator.array, weighing.array, first_of.array, stages.array
    entry = first[born]
    J = np.stack([_corner(Q, np.broadcast_to(np.diag(w), Q.shape), Q, h) for w in weights])
    once, twice, thrice = _integrals(Q, h)
    B = _by_power(once, twice, h)[:, :, entry]
    # With G(s) = ∫₀ˢ exp(Q v) dv: the parts are ∫ G and ∫ (h/2 − s) G = ∫ (h − s) G − h/2 ∫ G.
    exposed = _by_power(twice, thrice, h)[:, :, entry]
    omega = np.einsum("pam,gm->pga", exposed, weights)
    missed, B_missed = [], []
    for these in counted:
        taboo = Q.copy()
        for s in these:
            taboo[:, stage_of != s, first[s]] = 0.0
        missed.append(expm(taboo * h))
        never = stage_of[entry] in these
        once, twice, _ = _integrals(taboo, h)
        B_missed.append((1.0 - never) * _by_power(once, twice, h)[:, :, entry])
    return expm(Q * h), J, np.stack(missed), B, omega, np.stack(B_missed, axis=1)


def _corner(a: Floats, b: Floats, d: Floats, h: float) -> Floats:
    """Return ∫₀ʰ exp(a u) b exp(d (h − u)) du."""
    m = a.shape[-1]
    block = np.zeros((a.shape[0], 2 * m, 2 * m))
    block[:, :m, :m], block[:, :m, m:], block[:, m:, m:] = a, b, d
    corner: Floats = expm(block * h)[:, :m, m:]
    return corner


def _integrals(a: Floats, h: float) -> tuple[Floats, Floats, Floats]:
    """Return ∫₀ʰ exp(a u) du, ∫₀ʰ (h − u) exp(a u) du and ∫₀ʰ (h − u)²/2 exp(a u) du."""
    m = a.shape[-1]
    block = np.zeros((a.shape[0], 4 * m, 4 * m))
    block[:, :m, :m] = a
    for k in range(3):
        block[:, k * m : (k + 1) * m, (k + 1) * m : (k + 2) * m] = np.eye(m)
    row = expm(block * h)[:, :m]
    return row[:, :, m : 2 * m], row[:, :, 2 * m : 3 * m], row[:, :, 3 * m :]


def _by_power(first: Floats, second: Floats, h: float) -> Floats:
    """Return (1/h) ∫ exp(a s) ds and (1/h) ∫ (h/2 − s) exp(a s) ds, the parts of ρ⁰ and ρ¹ of B."""
    return np.stack([first, second - h / 2 * first]) / h


def _order(chance: Floats) -> Integers:
    """Return the targets that can be reached, the likeliest last: it takes what is left."""
    possible = np.flatnonzero(chance.max(axis=0) > NEGLIGIBLE)
    order: Integers = possible[np.argsort(chance.mean(axis=0)[possible], kind="stable")]
    return order


def _ways(T: Floats, active: Integers, m: int) -> tuple[Integers, Integers, Integers]:
    start, to, pairs = [0], [], []
    for f in range(m):
        targets = _order(T[:, :, f].reshape(-1, m)) if f in active else np.zeros(0, dtype=np.int64)
        to.append(targets)
        pairs.append(np.full(targets.size, f))
        start.append(start[-1] + targets.size)
    return np.array(start, dtype=np.int64), np.concatenate(to), np.concatenate(pairs)
