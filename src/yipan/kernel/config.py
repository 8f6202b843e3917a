"""One typed configuration, one prefix (`YIPAN_`), read once, refused if malformed."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from platformdirs import user_data_path
from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from yipan.kernel.errors import ConfigurationError


class Config(BaseSettings):
    """Everything an operator may set; each field is documented in docs/reference/settings.md."""

    model_config = SettingsConfigDict(env_prefix="YIPAN_", extra="ignore", frozen=True)

    home: Path = Field(
        default_factory=lambda: user_data_path("yipan"),
        description="The one folder that holds all state: database, key, boundaries, backups.",
    )
    database_url: str = Field(
        default="",
        description="PostgreSQL address (postgresql://user@host:port/name); empty means SQLite in YIPAN_HOME.",
    )
    secret_key: str = Field(
        default="",
        description="Key for sessions and tokens; empty means one is made once and kept in YIPAN_HOME/secret.key.",
    )
    identity_keys: Path | None = Field(
        default=None,
        description=(
            "File with the keys that open persons' identifiers; empty means YIPAN_HOME/identity.keys. "
            "No backup holds it: keep a copy apart from the database's."
        ),
    )
    allowed_hosts: str = Field(
        default="127.0.0.1,localhost,[::1]",
        description="Host names this server answers to, separated by commas.",
    )
    secure_cookies: bool = Field(
        default=False,
        description="Send cookies over TLS only, and HSTS; set it wherever TLS stands in front.",
    )
    trusted_proxies: int = Field(
        default=0,
        ge=0,
        le=9,
        description=(
            "How many proxies stand in front; the sender's address is taken from the "
            "X-Forwarded-For that they write, and from nobody else's."
        ),
    )
    language: str = Field(
        default="zh-hans",
        pattern="^(zh-hans|en)$",
        description="Language shown before a person chooses one.",
    )
    email_url: str = Field(
        default="",
        description="SMTP address for password recovery (smtp://user:password@host:port); empty: recovery by code only.",
    )
    email_from: str = Field(
        default="yipan@localhost",
        description="Sender of the orders that leave by e-mail.",
    )
    sms_url: str = Field(
        default="",
        description="Address of the text-message gateway (docs/reference/order-channels.md); empty: no texts.",
    )
    sms_token: str = Field(default="", description="Bearer token that the gateway asks for.")
    public_url: str = Field(
        default="",
        description="Address under which people reach this console, put into messages; empty: none is.",
    )
    upload_limit_mib: int = Field(
        default=20, ge=1, le=1024, description="Largest file accepted at the door, in MiB."
    )

    def signing_key(self) -> str:
        """Return the secret key, making and keeping one in YIPAN_HOME on first use."""
        if self.secret_key:
            return self.secret_key
        path = self.home / "secret.key"
        if not path.exists():
            self.home.mkdir(parents=True, exist_ok=True)
            # Two workers may start at once: the key appears whole, and the first one stays.
            fresh = self.home / f"secret.key.{os.getpid()}"
            fresh.touch(mode=0o600)
            fresh.write_text(secrets.token_urlsafe(50), encoding="ascii")
            with suppress(FileExistsError):
                os.link(fresh, path)
            fresh.unlink()
        return path.read_text(encoding="ascii").strip()


@lru_cache(maxsize=1)
def config() -> Config:
    """Return the configuration of this process.

    Raises ConfigurationError (K001) naming each malformed variable.
    """
    try:
        return Config()
    except ValidationError as fault:
        lines = "; ".join(
            f"YIPAN_{'_'.join(str(p) for p in e['loc']).upper()}: {e['msg']}"
            for e in fault.errors()
        )
        raise ConfigurationError(
            lines, where="environment", remedy="See docs/reference/settings.md."
        ) from fault
