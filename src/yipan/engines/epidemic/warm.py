"""Compile the engine before anybody waits for it: `python -m yipan.engines.epidemic.warm`."""

from yipan.engines.epidemic.ensemble import run_ensemble
from yipan.engines.epidemic.examples import one_town


def warm() -> None:
    """Run one small epidemic that grows from events into cells and dies down to events again.

    What is compiled stays in the cache on disk until the engine's source changes.
    """
    run_ensemble(one_town(people=20_000, days=150), members=1, seed=1)


if __name__ == "__main__":
    warm()
