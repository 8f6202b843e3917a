"""Wherever and in whatever parts an ensemble runs, its bytes are the same."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest

from unit.epidemic.worlds import three_towns
from yipan.engines.epidemic.ensemble import Ensemble, joined, run_ensemble, run_part
from yipan.engines.epidemic.executors import run_in_parts, write_zarr
from yipan.engines.errors import RunCancelled, ShapeMismatch

SPEC = three_towns(days=25)


def same(a: Ensemble, b: Ensemble) -> bool:
    tables = ("daily", "place_mean", "place_totals", "place_peaks")
    return all(
        getattr(a, t)[m].tobytes() == getattr(b, t)[m].tobytes()
        for t in tables
        for m in getattr(a, t)
    )


def test_parts_join_to_the_same_bytes() -> None:
    whole = run_ensemble(SPEC, members=23, seed=1)
    assert same(whole, run_in_parts(SPEC, members=23, seed=1, part=5))
    assert not same(whole, run_in_parts(SPEC, members=23, seed=2, part=5))


def test_a_missing_part_is_noticed() -> None:
    parts = [run_part(SPEC, first=f, members=2, seed=1) for f in (0, 4)]
    with pytest.raises(ShapeMismatch, match="Member 2"):
        joined(SPEC, parts, seed=1, back_end="auto")


def test_a_cancelled_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    done: list[int] = []
    with pytest.raises(RunCancelled, match="10 of 20"):
        run_in_parts(
            SPEC, members=20, seed=1, part=5, folder=tmp_path,
            progress=lambda n, _all: done.append(n), cancelled=lambda: len(done) == 2,
        )  # fmt: skip
    again: list[int] = []
    result = run_in_parts(
        SPEC, members=20, seed=1, part=5, folder=tmp_path, progress=lambda n, _all: again.append(n)
    )
    assert again == [10, 15, 20]
    assert same(result, run_ensemble(SPEC, members=20, seed=1))


def test_another_specification_takes_nothing_from_a_folder(tmp_path: Path) -> None:
    run_in_parts(SPEC, members=5, seed=1, part=5, folder=tmp_path)
    other = three_towns(days=25, dispersion=0.5)
    seen: list[int] = []
    run_in_parts(
        other, members=5, seed=1, part=5, folder=tmp_path, progress=lambda n, _: seen.append(n)
    )
    assert seen == [5]
    assert len(list(tmp_path.iterdir())) == 2


def test_a_progress_that_raises_ends_the_run() -> None:
    def stop(done: int, _all: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_ensemble(SPEC, members=500, seed=1, threads=2, progress=stop)


def test_every_count_can_be_kept_as_labelled_arrays(tmp_path: Path) -> None:
    xr = pytest.importorskip("xarray")
    pytest.importorskip("zarr")
    write_zarr(SPEC, tmp_path / "all.zarr", members=5, seed=1, part=2)
    held = xr.open_zarr(tmp_path / "all.zarr")
    assert held["deaths"].dims == ("member", "day", "place")
    by_member = held["infections"].sum(["day", "place"]).to_numpy()
    assert (by_member == run_ensemble(SPEC, members=5, seed=1).total("infections")).all()


@pytest.mark.slow
def test_a_killed_worker_changes_nothing() -> None:
    distributed = pytest.importorskip("distributed")
    whole = run_ensemble(SPEC, members=40, seed=1)
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster:
        killed: list[int] = []

        def kill_one(_done: int, _all: int) -> None:
            if not killed:
                killed.append(next(iter(cluster.workers.values())).process.process.pid)
                os.kill(killed[0], signal.SIGKILL)

        result = run_in_parts(
            SPEC, members=40, seed=1, part=4, scheduler=cluster.scheduler_address, progress=kill_one
        )
    assert killed
    assert same(whole, result)
    assert np.isfinite(result.place_mean["infections"]).all()
