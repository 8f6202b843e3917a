"""Contacts between groups as sectors open: the matrix D(x), who is where, and both derivatives."""

from __future__ import annotations

import numpy as np

from yipan.engines.checks import Floats
from yipan.engines.economy.uk63.problem import ADULTS, INFANTS, OLD, PUPILS, Problem


def people_at(problem: Problem, opening: Floats) -> Floats:
    """Return people by group under one period's openings, shape (group,).

    N_i(x) = x_i N_i for a sector, and N_idle(x) = N_idle + Σ_i (1 − x_i) N_i: nobody is lost.
    """
    people = problem.people.copy()
    working = problem.people[: problem.sectors]
    people[: problem.sectors] = working * opening
    people[problem.idle] += float(working @ (1.0 - opening))
    return people


def contacts(problem: Problem, opening: Floats, remote: Floats) -> Floats:
    """Return contacts per person and day, shape (group, group), participant by contact.

    Community + school + hospitality + travel + worker-worker + customer-worker; every part is at
    most quadratic in the openings. `remote` (sector,) is the share working at home.
    """
    n, idle = problem.sectors, problem.idle
    people = people_at(problem, opening)
    share = people / people.sum()
    matrix = _community(problem, people)
    matrix[n + INFANTS, n + INFANTS] += opening[problem.education] * problem.school[0]
    matrix[n + PUPILS, n + PUPILS] += opening[problem.education] * problem.school[1]
    adults, pupils, old = problem.hospitality
    open_share = _hospitality_weights(problem) @ opening
    grown = [*range(n), idle]
    matrix[grown] += open_share * adults * share
    matrix[n + PUPILS] += open_share * pupils * share
    matrix[n + OLD] += open_share * old * share
    at_work = 1.0 - remote
    matrix[:n, :n] += (
        np.outer(problem.travel_contacts * at_work, at_work) * opening[None, :] * share[None, :n]
    )
    matrix[range(n), range(n)] += problem.worker_contacts * at_work**2 * opening
    matrix[:n] += np.outer(_customers(problem, remote) * opening, share)
    return matrix


def contact_derivatives(problem: Problem, opening: Floats, remote: Floats) -> Floats:
    """Return ∂D/∂x_k, shape (sector, group, group); a test compares it with differences of `contacts`."""
    n, idle = problem.sectors, problem.idle
    total = problem.people.sum()
    people = people_at(problem, opening)
    share = people / total
    size = people.size
    moved = problem.people[:n] / total  # dN_k/dx_k as a share; the idle lose the same
    d_share = np.zeros((n, size))
    d_share[np.arange(n), np.arange(n)] = moved
    d_share[:, idle] = -moved
    found = np.zeros((n, size, size))
    # community: columns of adults are shared out by who works and who does not
    adults_of = problem.people[[*range(n), idle]].sum()
    column = _to_adults(problem)
    found += (
        column[None, :, None] * (d_share * (total / adults_of))[:, None, :] * _grown_mask(problem)
    )
    found[problem.education, n + INFANTS, n + INFANTS] += problem.school[0]
    found[problem.education, n + PUPILS, n + PUPILS] += problem.school[1]
    weights = _hospitality_weights(problem)
    open_share = weights @ opening
    rows = _hospitality_rows(problem)
    found += rows[None, :, None] * (
        weights[:, None, None] * share[None, None, :] + open_share * d_share[:, None, :]
    )
    at_work = 1.0 - remote
    travel = np.outer(problem.travel_contacts * at_work, at_work)
    # D_ij = t_ij x_j share_j with share_j = x_j N_j / N, so only column j moves with x_j
    for k in range(n):
        found[k, :n, k] += travel[:, k] * 2.0 * share[k]
        found[k, k, k] += problem.worker_contacts[k] * at_work[k] ** 2
    customers = _customers(problem, remote)
    found[:, :n, :] += (customers * opening)[None, :, None] * d_share[:, None, :]
    for k in range(n):
        found[k, k, :] += customers[k] * share
    return found


def _to_adults(problem: Problem) -> Floats:
    """Community contacts of each group with all adults of working age, shape (group,)."""
    n = problem.sectors
    column = np.full(problem.people.size, problem.community[ADULTS, ADULTS])
    column[n:] = problem.community[:, ADULTS]
    return column


def _grown_mask(problem: Problem) -> Floats:
    mask = np.zeros(problem.people.size)
    mask[: problem.sectors] = 1.0
    mask[problem.idle] = 1.0
    return mask


def _community(problem: Problem, people: Floats) -> Floats:
    n, idle = problem.sectors, problem.idle
    matrix = np.zeros((people.size, people.size))
    matrix[n:, n:] = problem.community
    matrix[:n, n:] = problem.community[ADULTS]
    grown = [*range(n), idle]
    matrix[:, grown] = _to_adults(problem)[:, None] * (people[grown] / people[grown].sum())
    return matrix


def _hospitality_weights(problem: Problem) -> Floats:
    """Weight of each sector in the share of hospitality that is open, shape (sector,)."""
    weights = np.zeros(problem.sectors)
    chosen = problem.hospitality_sectors
    weights[chosen] = problem.people[chosen] / problem.people[chosen].sum()
    return weights


def _hospitality_rows(problem: Problem) -> Floats:
    adults, pupils, old = problem.hospitality
    rows = adults * _grown_mask(problem)
    rows[problem.sectors + PUPILS] += pupils
    rows[problem.sectors + OLD] += old
    return rows


def _customers(problem: Problem, remote: Floats) -> Floats:
    customers = problem.customer_contacts * (1.0 - remote)
    customers[problem.without_customers] = 0.0
    return customers
