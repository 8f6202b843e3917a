"""Settings are read once, refused by name where malformed, and the key is made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from yipan.kernel.config import Config, config
from yipan.kernel.errors import ConfigurationError


def test_the_key_is_made_once_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    here = Config(home=tmp_path / "state")
    key = here.signing_key()
    assert len(key) >= 50
    assert Config(home=tmp_path / "state").signing_key() == key
    assert (tmp_path / "state" / "secret.key").stat().st_mode & 0o077 == 0
    assert [p.name for p in (tmp_path / "state").iterdir()] == ["secret.key"]


def test_a_key_that_is_given_is_not_written_down(tmp_path: Path) -> None:
    assert Config(home=tmp_path, secret_key="given").signing_key() == "given"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("YIPAN_LANGUAGE", "klingon"),
        ("YIPAN_UPLOAD_LIMIT_MIB", "0"),
        ("YIPAN_TRUSTED_PROXIES", "many"),
        ("YIPAN_SECURE_COOKIES", "perhaps"),
    ],
)
def test_a_malformed_setting_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    config.cache_clear()
    try:
        with pytest.raises(ConfigurationError, match=name) as refused:
            config()
        assert refused.value.code == "K001"
    finally:
        config.cache_clear()
