"""Ensembles in parts: in this process or on a Dask cluster, resumed after an interruption, cancelled between parts."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from yipan.engines.epidemic.course import MEASURES
from yipan.engines.epidemic.ensemble import (
    BackEnd,
    Ensemble,
    Part,
    Progress,
    added_up,
    check_ensemble,
    joined,
    run_part,
    simulator,
)
from yipan.engines.epidemic.specification import Specification
from yipan.engines.errors import EngineError, RunCancelled

PART = 50
"""Members in a part: what is lost at most when a run is interrupted."""

RETRIES = 5
"""How often Dask may begin a part again after losing the worker it ran on."""


def run_in_parts(
    specification: Specification,
    *,
    members: int,
    seed: int,
    back_end: BackEnd = "auto",
    threads: int | None = None,
    summaries: Sequence[str] = MEASURES,
    place_quantiles: Sequence[str] = (),
    scheduler: str | None = None,
    folder: Path | None = None,
    part: int = PART,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Ensemble:
    """Run an ensemble part by part and return the same bytes as `run_ensemble`, wherever the parts ran.

    `scheduler`: address of a Dask scheduler ("tcp://…"); without one the parts run here on `threads`.
    `folder`: finished parts are kept there, and a later call with the same specification, seed and
    measures goes on from them. `cancelled()` is asked between parts.

    Raises RunCancelled (E815); finished parts stay in `folder`. A worker that dies takes its part with
    it, and Dask begins that part again elsewhere.
    """
    check_ensemble(
        members=members, threads=threads, back_end=back_end, measures=(*summaries, *place_quantiles)
    )
    digest = _digest(specification, seed, back_end, (*summaries, "by place", *place_quantiles))
    store = _Store(folder, digest) if folder else None
    wanted = [(first, min(part, members - first)) for first in range(0, members, part)]
    kept: dict[int, Part] = {}
    total = Part(0, 0, {}, {}, {}, {})

    def keep(done: Part) -> None:
        # Tallies are large and add up: only their sum is held.
        nonlocal total
        total = replace(total, place_tallies=added_up((total, done)))
        kept[done.first] = replace(done, place_tallies={})

    for first, n in wanted:
        if store and (done := store.read(first, n)) is not None:
            keep(done)
    missing = [(first, n) for first, n in wanted if first not in kept]
    finished = sum(p.members for p in kept.values())
    if progress is not None and finished:
        progress(finished, members)
    settings = {
        "seed": seed, "back_end": back_end, "summaries": tuple(summaries),
        "place_quantiles": tuple(place_quantiles), "whole": members,
    }  # fmt: skip
    run = _on_dask(scheduler) if scheduler else _here
    for done in run(specification, missing, threads, settings, cancelled):
        finished += done.members
        if store:
            store.write(done)
        keep(done)
        if progress is not None:
            progress(finished, members)
    if len(kept) < len(wanted):
        raise RunCancelled(
            f"Cancelled after {finished} of {members} members.",
            remedy="The same call with the same folder goes on from there." if folder else "",
        )
    return joined(
        specification,
        list(kept.values()),
        seed=seed,
        back_end=back_end,
        tallied=total.place_tallies,
    )


Parts = Iterator[Part]
Runner = Callable[
    [Specification, Sequence[tuple[int, int]], int | None, dict[str, Any], Callable[[], bool]],
    Parts,
]


def _here(
    specification: Specification,
    missing: Sequence[tuple[int, int]],
    threads: int | None,
    settings: dict[str, Any],
    cancelled: Callable[[], bool],
) -> Parts:
    for first, members in missing:
        if cancelled():
            return
        yield run_part(specification, first=first, members=members, threads=threads, **settings)


def _on_dask(address: str) -> Runner:
    """Return a runner on the cluster whose scheduler listens at `address`."""
    try:
        import distributed  # optional: the extra "ensembles"
    except ImportError as error:
        raise EngineError(
            "Dask is not installed.", where="scheduler", remedy="pip install 'yipan[ensembles]'."
        ) from error

    dask: Any = distributed  # it has no types

    def run(
        specification: Specification,
        missing: Sequence[tuple[int, int]],
        threads: int | None,
        settings: dict[str, Any],
        cancelled: Callable[[], bool],
    ) -> Parts:
        with dask.Client(address, set_as_default=False) as client:
            sent = [
                client.submit(
                    run_part, specification, first=first, members=members, threads=threads or 1,
                    retries=RETRIES, pure=False, **settings,
                )
                for first, members in missing
            ]  # fmt: skip
            for future in dask.as_completed(sent, loop=client.loop):
                yield future.result()
                if cancelled():
                    client.cancel(sent)
                    return

    return run


def _digest(spec: Specification, seed: int, back_end: str, summaries: Sequence[str]) -> str:
    """Return what distinguishes a run, so that parts of another are never taken for its own."""
    held = [pickle.dumps(getattr(spec, f.name), protocol=4) for f in fields(spec)]
    settings = repr((seed, back_end, tuple(summaries))).encode()
    return hashlib.sha256(b"".join([*held, settings])).hexdigest()[:16]


TABLES = ("daily", "place_sum", "place_totals", "place_peaks", "place_tallies")
"""What of a part is kept on disk."""


class _Store:
    """Finished parts of one run in a folder, one file each."""

    def __init__(self, folder: Path, digest: str) -> None:
        self.folder = folder / f"run-{digest}"
        self.folder.mkdir(parents=True, exist_ok=True)

    def path(self, first: int, members: int) -> Path:
        return self.folder / f"members-{first}-{members}.npz"

    def write(self, part: Part) -> None:
        tables = {
            f"{table}/{measure}": values
            for table in TABLES
            for measure, values in getattr(part, table).items()
        }
        goal = self.path(part.first, part.members)
        half = goal.with_suffix(".half.npz")
        np.savez_compressed(half, **tables)
        half.replace(goal)  # whole or not at all

    def read(self, first: int, members: int) -> Part | None:
        path = self.path(first, members)
        if not path.exists():
            return None
        tables: dict[str, dict[str, Any]] = {table: {} for table in TABLES}
        with np.load(path) as held:
            for name in held.files:
                table, measure = name.split("/")
                tables[table][measure] = held[name]
        return Part(first, members, **tables)


def write_zarr(
    specification: Specification,
    path: Path,
    *,
    members: int,
    seed: int,
    back_end: BackEnd = "auto",
    part: int = PART,
) -> None:
    """Write every count of every member to a Zarr store that xarray opens, part by part.

    One variable a measure, with the dimensions member, day and place; persons. Memory holds one part.
    """
    try:
        import xarray as xr  # optional: the extra "ensembles"
    except ImportError as error:
        raise EngineError(
            "xarray is not installed.", where="zarr", remedy="pip install 'yipan[ensembles]'."
        ) from error
    simulate = simulator(specification, seed=seed, back_end=back_end)
    for first in range(0, members, part):
        numbers = range(first, min(first + part, members))
        counts = np.stack([simulate(m) for m in numbers])
        held = xr.Dataset(
            {m: (("member", "day", "place"), counts[:, k]) for k, m in enumerate(MEASURES)},
            coords={"member": list(numbers), "place": list(specification.places)},
            attrs={"seed": seed, "back_end": back_end, "unit": "persons"},
        )
        held.to_zarr(path, mode="w" if first == 0 else "a", append_dim="member" if first else None)
