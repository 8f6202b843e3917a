"""One-time codes and tokens: made from the system's randomness, shown once, kept as digests."""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

# Crockford's base 32: no letter that a person mistakes for another when reading it aloud.
ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_MISREAD: Final = str.maketrans("OIL", "011")


def new_code() -> str:
    """Return a fresh code of 80 bits in four groups, `7K2M-…`; guessing one is hopeless."""
    letters = "".join(secrets.choice(ALPHABET) for _ in range(16))
    return "-".join(letters[i : i + 4] for i in range(0, 16, 4))


def digest(code: str) -> str:
    """Return what is kept of a code; however it was typed (case, spaces, O for 0), it is the same.

    A plain digest is enough: 80 random bits cannot be tried through.

    >>> digest("7k2m 0000 1111-abcd") == digest("7K2M-OOOO-ILIL-ABCD")
    True
    """
    plain = "".join(c for c in code.upper() if c.isalnum()).translate(_MISREAD)
    return hashlib.sha256(f"yipan code {plain}".encode()).hexdigest()


def new_token() -> str:
    """Return a fresh bearer token of 256 bits."""
    return f"yipan_{secrets.token_urlsafe(32)}"


def token_digest(token: str) -> str:
    """Return what is kept of a bearer token."""
    return hashlib.sha256(f"yipan token {token}".encode()).hexdigest()


def bearer_digest(authorization: str) -> str | None:
    """Return the digest of the token in an `Authorization` header, None where it holds none."""
    scheme, _space, token = authorization.partition(" ")
    return token_digest(token.strip()) if scheme == "Bearer" and token.strip() else None
