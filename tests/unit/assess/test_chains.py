"""Chains, serial intervals, offspring: laws first, then truth recovered."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yipan.engines.errors import OutOfRange, TooFewObservations
from yipan.engines.surveillance.chains import (
    build_chains,
    fit_chain_sizes,
    fit_offspring,
    fit_serial_interval,
    linked_clusters,
    share_causing,
)


@st.composite
def forests(draw: st.DrawFn) -> list[int]:
    """Cases in an order where each infector stands before whom it infected."""
    n = draw(st.integers(1, 30))
    return [draw(st.integers(-1, i - 1)) for i in range(n)]


@given(forests())
def test_every_case_is_in_one_chain_one_generation_after_its_infector(parent: list[int]) -> None:
    found = build_chains(parent)
    assert found.sizes.sum() == len(parent)
    assert found.offspring.sum() == sum(p >= 0 for p in parent)
    for case, infector in enumerate(parent):
        if infector < 0:
            assert found.generation[case] == 0
        else:
            assert found.generation[case] == found.generation[infector] + 1
            assert found.chain[case] == found.chain[infector]


@given(forests(), st.randoms())
def test_another_order_of_the_cases_changes_nothing(parent: list[int], random: object) -> None:
    n = len(parent)
    order = list(range(n))
    random.shuffle(order)  # type: ignore[attr-defined]
    place = {old: new for new, old in enumerate(order)}
    moved = [-1 if parent[old] < 0 else place[parent[old]] for old in order]
    a, b = build_chains(parent), build_chains(moved)
    assert sorted(a.sizes) == sorted(b.sizes)
    assert [a.generation[old] for old in order] == b.generation.tolist()


@given(forests())
def test_links_of_a_chain_join_exactly_its_cases(parent: list[int]) -> None:
    links = [(i, p) for i, p in enumerate(parent) if p >= 0]
    cluster = linked_clusters(links, cases=len(parent))
    chain = build_chains(parent).chain
    assert all(
        (cluster[i] == cluster[j]) == (chain[i] == chain[j])
        for i in range(len(parent))
        for j in range(len(parent))
    )


def test_a_circle_of_infectors_is_refused() -> None:
    with pytest.raises(OutOfRange, match="in a circle"):
        build_chains([1, 2, 0, -1])
    with pytest.raises(OutOfRange, match="not among"):
        build_chains([7])


@pytest.mark.parametrize(("mean", "sd"), [(4.6, 4.0), (7.5, 3.4), (-0.5, 2.0)])
def test_a_known_serial_interval_is_recovered_negative_ones_included(
    mean: float, sd: float
) -> None:
    rng = np.random.default_rng(1)
    infected = rng.uniform(0, 60, 800)
    infectee = infected + rng.normal(mean, sd, 800)
    fit = fit_serial_interval(np.floor(infected), np.floor(infectee))
    assert fit.mean_interval[0] < mean < fit.mean_interval[1]
    assert fit.sd_interval[0] < sd < fit.sd_interval[1]
    assert abs(fit.mean_days - mean) < 0.4
    assert fit.negative == (np.floor(infectee) < np.floor(infected)).sum() > 0


def test_truncation_is_undone_while_an_epidemic_grows() -> None:
    rng = np.random.default_rng(2)
    infected = 40 * rng.uniform(0, 1, 4000) ** 0.25  # most of them late: growth
    infectee = infected + rng.normal(7.5, 3.4, 4000)
    known = infectee < 40
    days = np.floor(infected[known]), np.floor(infectee[known])
    naive = fit_serial_interval(*days)
    fit = fit_serial_interval(*days, now=39)
    assert naive.mean_days < 6.8
    assert fit.mean_interval[0] < 7.5 < fit.mean_interval[1]


@pytest.mark.parametrize(("R", "k"), [(0.8, 0.2), (2.5, 0.1), (1.2, 1.0)])
def test_a_known_offspring_distribution_is_recovered(R: float, k: float) -> None:
    rng = np.random.default_rng(3)
    fit = fit_offspring(rng.negative_binomial(k, k / (k + R), 2000))
    assert fit.R_interval[0] < R < fit.R_interval[1]
    assert fit.k_interval[0] < k < fit.k_interval[1]


def test_a_poisson_has_no_finite_dispersion() -> None:
    rng = np.random.default_rng(4)
    fit = fit_offspring(rng.poisson(1.5, 400))
    assert fit.k_interval[1] == np.inf
    assert fit.k > 5


def test_recent_cases_count_for_the_share_they_could_have_shown() -> None:
    rng = np.random.default_rng(5)
    share = rng.uniform(0.05, 1.0, 3000)
    R, k = 1.4, 0.4
    seen = rng.poisson(rng.gamma(k, R * share / k))
    corrected = fit_offspring(seen, observed_share=share)
    assert corrected.R_interval[0] < R < corrected.R_interval[1]
    assert fit_offspring(seen).R < 0.9


@pytest.mark.parametrize(("R", "k"), [(0.5, 0.3), (0.7, 2.0)])
def test_chain_sizes_alone_recover_R(R: float, k: float) -> None:
    rng = np.random.default_rng(6)

    def size() -> int:
        alive = total = 1
        while alive:
            alive = int(rng.negative_binomial(k * alive, k / (k + R)))
            total += alive
        return total

    fit = fit_chain_sizes([size() for _ in range(1500)])
    assert fit.R_interval[0] < R < fit.R_interval[1]
    assert fit.k_interval[0] < k < fit.k_interval[1]


def test_no_offspring_at_all_is_an_answer_with_a_bound() -> None:
    fit = fit_offspring([0] * 20)
    assert fit.R == 0
    assert 0 < fit.R_interval[1] < 0.2
    assert np.isnan(fit.k)


@given(st.floats(0.3, 4), st.floats(0.05, 5))
def test_a_larger_share_of_infections_needs_a_larger_share_of_cases(R: float, k: float) -> None:
    few, most = share_causing(R, k, share=0.5), share_causing(R, k, share=0.8)
    assert 0 < few < most <= 1
    assert share_causing(R, k / 2, share=0.8) < most


def test_too_few_say_so() -> None:
    with pytest.raises(TooFewObservations):
        fit_offspring([1, 0, 2])
    with pytest.raises(TooFewObservations):
        fit_serial_interval([0] * 4, [1, 2, 3, 4])
