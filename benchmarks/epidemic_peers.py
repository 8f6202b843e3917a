"""The common work on other people's engines; run by `epidemic.py` with the Python that has them.

    python epidemic_peers.py epydemix common.npz     # one JSON line a measurement

`common.npz` holds population, contacts, mixing and β, written by `epidemic.py`, so that all compute the same.
Each peer does as much of the work as it can: what it leaves out is in `note`.
"""

from __future__ import annotations

import json
import resource
import statistics
import sys
from collections.abc import Iterator
from importlib.metadata import version
from time import perf_counter, process_time
from typing import Any

import numpy as np

R0, LATENT, INFECTIOUS, SEEDS, CONTROL_DAY, CONTROL, DAYS = 2.5, 3.0, 5.0, 50, 20, 0.1, 180
Row = dict[str, Any]


def row(
    peer: str, work: str, seconds: list[float], infections: float, shape: tuple[int, int], note: str
) -> Row:
    """Return one measurement: median seconds of one realisation, and what was computed."""
    return {
        "peer": peer,
        "work": work,
        "seconds": float(f"{statistics.median(seconds):.4g}"),
        "least_seconds": float(f"{min(seconds):.4g}"),
        "realisations": len(seconds),
        "infections": round(infections),
        "places": shape[0],
        "ages": shape[1],
        "note": note,
        "mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def timed(run: Any, times: int) -> tuple[list[float], list[float]]:
    """Return processor seconds and the number infected of each realisation; the first is not counted."""
    run(-1)
    seconds, infected = [], []
    for k in range(times):
        started = process_time()
        infected.append(float(run(k)))
        seconds.append(process_time() - started)
    return seconds, infected


def epydemix(g: Any) -> Iterator[Row]:
    """Measure epydemix: stochastic, daily steps, ages, no places."""
    import pandas as pd
    from epydemix import EpiModel
    from epydemix.population import Population

    N = g["population"].sum(axis=0)
    dates = pd.date_range("2020-01-24", periods=DAYS)
    first, last = str(dates[0].date()), str(dates[-1].date())

    def model(people: np.ndarray) -> Any:
        m = EpiModel(name="SEIR", compartments=["S", "E", "I", "R"])
        p = Population(name="all")
        p.add_population(Nk=people.astype(float), Nk_names=[f"a{i}" for i in range(people.size)])
        p.add_contact_matrix(g["contacts"], layer_name="all")
        m.set_population(p)
        m.add_transition("S", "E", kind="mediated", params=("beta", "I"))
        m.add_transition("E", "I", kind="spontaneous", params=1 / LATENT)
        m.add_transition("I", "R", kind="spontaneous", params=1 / INFECTIOUS)
        m.add_parameter("beta", float(g["beta"]))
        return m

    def start(people: np.ndarray) -> dict[str, np.ndarray]:
        infectious = np.zeros(people.size)
        infectious[5] = SEEDS
        zero = np.zeros(people.size)
        return {"S": people - infectious, "E": zero, "I": infectious, "R": zero}

    def infections(result: Any) -> float:
        return float(np.median(result.get_stacked_transitions()["S_to_E_total"].sum(axis=1)))

    name = f"epydemix {version('epydemix')}"
    for work in ("a", "b"):
        one = model(N)
        if work == "b":
            one.add_intervention(
                "all", str(dates[CONTROL_DAY].date()), last, reduction_factor=CONTROL
            )

        def run(k: int, m: Any = one) -> float:
            return infections(
                m.run_simulations(
                    start_date=first, end_date=last, initial_conditions_dict=start(N), Nsim=1,
                    rng=max(k, 0),
                )
            )  # fmt: skip

        seconds, infected = timed(run, 7)
        yield row(
            name, work, seconds, statistics.median(infected), (1, 16), "one place; daily steps"
        )
    many = [model(people) for people in g["population"]]

    def everywhere(k: int) -> float:
        return sum(
            infections(
                m.run_simulations(
                    start_date=first, end_date=last, initial_conditions_dict=start(people), Nsim=1,
                    rng=max(k, 0),
                )
            )
            for m, people in zip(many, g["population"], strict=True)
        )  # fmt: skip

    started = process_time()
    infected = everywhere(0)
    yield row(
        name, "a", [process_time() - started], infected, g["population"].shape,
        "places do not mix, each is seeded; daily steps; one realisation",
    )  # fmt: skip


def laser(g: Any) -> Iterator[Row]:
    """Measure laser-measles: stochastic, daily steps, places, no ages."""
    import polars as pl
    from laser.measles.compartmental import CompartmentalModel, CompartmentalParams
    from laser.measles.compartmental.components import InfectionParams, InfectionProcess
    from laser.measles.components import create_component

    people = g["population"].sum(axis=1)
    P = people.size
    scenario = pl.DataFrame(
        {
            "id": [f"p{i}" for i in range(P)],
            "pop": people,
            "lat": g["y"] * 4 + 32,
            "lon": g["x"] * 5 + 111,
            "mcv1": np.zeros(P),
        }
    )

    class Mixer:
        mixing_matrix = g["mixing"]
        scenario = None

    for work in ("a", "b"):

        def run(k: int, work: str = work) -> float:
            model = CompartmentalModel(
                scenario,
                CompartmentalParams(
                    num_ticks=DAYS,
                    seed=max(k, 0),
                    start_time="2020-01",
                    verbose=False,
                    show_progress=False,
                ),
            )
            how = InfectionParams(
                beta=R0 / INFECTIOUS, exp_mu=LATENT, inf_mu=INFECTIOUS, mixer=Mixer()
            )
            model.add_component(create_component(InfectionProcess, how))
            model.patches.states.I[0] += SEEDS
            model.patches.states.S[0] -= SEEDS
            if work == "b":

                class Control:
                    def __init__(self, model: Any, verbose: bool = False) -> None:
                        self.model = model

                    def __call__(self, model: Any, tick: int) -> None:
                        if tick == CONTROL_DAY:
                            how.beta = R0 / INFECTIOUS * CONTROL

                model.add_component(Control)
            model.run()
            states = model.patches.states
            return float(states.R.sum() + states.I.sum() + states.E.sum())

        seconds, infected = timed(run, 7)
        yield row(
            f"laser-measles {version('laser-measles')}", work, seconds, statistics.median(infected), (P, 1),
            "no ages; daily steps",
        )  # fmt: skip


def memilio(g: Any) -> Iterator[Row]:
    """Measure MEmilio's SEIR metapopulation: deterministic, C++."""
    import memilio.simulation as mio
    import memilio.simulation.oseir_metapop as metapop

    mio.set_log_level(mio.LogLevel.Off)
    N = g["population"]
    P, A = N.shape

    def run(work: str, integrator: Any) -> tuple[float, float]:
        model, state = metapop.Model(P, A), metapop.InfectionState
        for i in range(P):
            for a in range(A):
                at = (mio.Region(i), mio.AgeGroup(a))
                here = SEEDS if i == 0 and a == 5 else 0
                model.populations[(*at, state.Susceptible)] = float(N[i, a]) - here
                if here:
                    model.populations[(*at, state.Infected)] = float(here)
                model.parameters.TimeExposed[at] = LATENT
                model.parameters.TimeInfected[at] = INFECTIOUS
                model.parameters.TransmissionProbabilityOnContact[at] = 1.0
        contacts = model.parameters.ContactPatterns.cont_freq_mat
        contacts[0].baseline = float(g["beta"]) * g["contacts"]
        contacts[0].minimum = np.zeros((A, A))
        if work == "b":
            contacts.add_damping(
                mio.Damping(
                    coeffs=np.full((A, A), 1 - CONTROL), t=float(CONTROL_DAY), level=0, type=0
                )
            )
        model.set_commuting_strengths(g["mixing"])
        started = process_time()
        arguments = (0, DAYS, 1.0, model, *([integrator()] if integrator else []))
        result = metapop.simulate(*arguments)
        seconds = process_time() - started
        left = result.get_last_value().reshape(P, A, 4)[:, :, 0].sum()
        return seconds, float(N.sum() - left)

    name = f"MEmilio {version('memilio-simulation')}"
    for how, integrator in (("Euler, daily", mio.EulerIntegratorCore), ("adaptive", None)):
        for work in ("a", "b"):
            found = [run(work, integrator) for _ in range(3)]
            yield row(
                f"{name}, {how}", work, [s for s, _ in found], found[0][1], (P, A),
                "deterministic: no chance, no extinction; set-up not counted",
            )  # fmt: skip


PEERS = {"epydemix": epydemix, "laser": laser, "memilio": memilio}


def main() -> None:
    """Measure the peer that the first argument names on the work that the second holds."""
    started = perf_counter()
    with np.load(sys.argv[2]) as held:
        work = {name: held[name] for name in held.files}
    for measured in PEERS[sys.argv[1]](work):
        print(json.dumps(measured), flush=True)
    print(f"{sys.argv[1]}: {perf_counter() - started:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
