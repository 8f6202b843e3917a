"""How the beds needed move with contacts and arrivals: exact slopes by adjoints of the weekly model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from yipan.engines.checks import Floats
from yipan.engines.economy.optimise.question import Question


@dataclass(frozen=True)
class Local:
    """The weekly model at one point, with its slopes.

    `contacts`, `returns` (week, place); `infectious` (week + 1, place); `occupancy` (week + 1, area).
    `d_contacts[t, a, s, c]` is ∂ beds needed in area a after week t / ∂ contacts of place c in week s,
    zero for s > t; `d_arrivals` likewise for one infectious person who arrives in place c in week s.
    """

    contacts: Floats
    returns: Floats
    infectious: Floats
    occupancy: Floats
    d_contacts: Floats
    d_arrivals: Floats


def local(q: Question, contacts: Floats, returns: Floats) -> Local:
    """Return the weekly model at some contacts and returns (week, place), with all its slopes.

    With c_m the beds that one infectious person takes after m weeks and W where, the adjoint of row t runs
    backward,

        λ_t = c_0 W,   λ_{s−1} = K(e_s)ᵀ λ_s + c_{t−s+1} W
        ∂B[t + 1]/∂e_s = (∂(K I)/∂e)ᵀ λ_s at I_s,   ∂B[t + 1]/∂arrivals_s = λ_s

    so all slopes together cost about weeks² sparse products. A test compares them with differences.
    """
    T, P, A = q.weeks, q.places, q.areas
    infectious = q.trajectory(contacts, returns)
    W = np.zeros((P, A))
    W[np.arange(P), q.area] = 1.0
    back = [q.operator(contacts[s]).T.tocsr() for s in range(T)]
    slope = [q.slope(infectious[s]).T.tocsr() for s in range(T)]
    d_contacts, d_arrivals = np.zeros((T, A, T, P)), np.zeros((T, A, T, P))
    for t in range(T):
        adjoint = q.bed_response[0] * W
        for s in range(t, -1, -1):
            d_arrivals[t, :, s] = adjoint.T
            d_contacts[t, :, s] = (slope[s] @ adjoint).T
            adjoint = back[s] @ adjoint + q.bed_response[t - s + 1] * W
    return Local(contacts, returns, infectious, q.occupancy(infectious), d_contacts, d_arrivals)
