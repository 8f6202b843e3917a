"""What is compiled is kept under a name that changes with every source it was made from."""

from __future__ import annotations

from pathlib import Path

import pytest

from yipan.engines.epidemic import compiled as compiling

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
    monkeypatch.setattr(compiling.platformdirs, "user_cache_dir", lambda _name: str(blocked))
    compiling.cache_folder.cache_clear()
    try:
        assert compiling.cache_folder() is None
        double = compiling.compiled(lambda x: 2 * x)
        assert double(21) == 42
    finally:
        compiling.cache_folder.cache_clear()
