"""What is compiled is kept under a name that changes with every source it was made from."""

from __future__ import annotations

from pathlib import Path

import pytest

from yipan.engines import kept
from yipan.engines.epidemic import compiled as compiling
from yipan.engines.surveillance import compiled as surveying

FOLDER = Path(compiling.__file__).parent


def test_every_module_with_compiled_functions_is_in_the_digest() -> None:
    using = {
        p.stem
        for p in FOLDER.glob("*.py")
        if {"@compiled", "@leaf"} & set(p.read_text(encoding="utf-8").splitlines())
    }
    assert {"cells", "events", "samplers", "streams"} <= using
    assert using <= set(compiling.SOURCES)
    assert all((FOLDER / f"{name}.py").exists() for name in compiling.SOURCES)


def test_without_a_folder_of_ones_own_nothing_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder", encoding="utf-8")
    monkeypatch.setattr(kept.platformdirs, "user_cache_dir", lambda _name: str(blocked))
    compiling.cache_folder.cache_clear()
    try:
        assert compiling.cache_folder() is None
        double = compiling.compiled(lambda x: 2 * x)
        assert double(21) == 42
    finally:
        compiling.cache_folder.cache_clear()


def test_the_name_changes_with_every_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept.platformdirs, "user_cache_dir", lambda _name: str(tmp_path / "own"))
    sources = [tmp_path / "a.py", tmp_path / "b.py"]
    for path in sources:
        path.write_text("x = 1", encoding="utf-8")
    first = kept.cache_folder(sources)
    assert first is not None
    assert kept.cache_folder(sources) == first
    sources[1].write_text("x = 2", encoding="utf-8")
    assert kept.cache_folder(sources) != first


def test_surveillance_keeps_its_code_by_its_sources_too() -> None:
    before = surveying.cache_folder()
    assert before is None or before.parent.name == "compiled"
    assert before != compiling.cache_folder()
