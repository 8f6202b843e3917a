"""The probes of benchmarks/scope_probes.py, fewer of them: no way of seeing shows a row too many."""

from __future__ import annotations

import importlib.util
import random
import sys
from pathlib import Path
from types import ModuleType

import pytest
from django.db import connection

from yipan.access.rules import Action
from yipan.access.scope import Scope
from yipan.places.models import Unit

pytestmark = pytest.mark.django_db
PROGRAM = Path(__file__).parents[3] / "benchmarks" / "scope_probes.py"


@pytest.fixture(scope="module")
def probes() -> ModuleType:
    """The benchmark, as a module."""
    spec = importlib.util.spec_from_file_location("scope_probes", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # a dataclass looks its module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def small(probes: ModuleType, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A world small enough for every day."""
    monkeypatch.setattr(probes, "UNITS", 40)
    monkeypatch.setattr(probes, "PEOPLE", 12)
    return probes


@pytest.mark.parametrize("seed", [1, 20200224, 4711])
def test_no_way_of_seeing_shows_a_row_too_many(small: ModuleType, seed: int) -> None:
    rng = random.Random(seed)
    world = small.make_world(rng)
    if connection.vendor == "postgresql":
        with small.as_plain_user():
            found = small.probe(world, 400, rng)
    else:
        found = small.probe(world, 400, rng)
    assert sum(row["allowed"] for row in found.values()) > 10
    assert sum(row["leaked"] for row in found.values()) == 0
    assert sum(row["hid"] for row in found.values()) == 0


def test_a_scope_that_leaks_is_found(small: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """The probes can fail: an ancestor shown to who holds a place below it is found."""

    def upside_down(self: Scope, action: Action, unit: Unit, level: int = 0) -> bool:
        return any(
            h.unit is not None and unit.lft <= h.unit.lft and h.unit.rgt <= unit.rgt
            for h in self._holding(action, level)
        )

    monkeypatch.setattr(small, "WAYS", {"act": lambda s, a, u, n: upside_down(s, a, u, n)})
    rng = random.Random(1)
    found = small.probe(small.make_world(rng), 1500, rng)
    assert found["act"]["leaked"] > 0
    assert found["act"]["hid"] > 0
