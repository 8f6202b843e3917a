"""The one tree of errors; each class a person can meet has a stable code.

The letter of a code names the room: K kernel, B places (the board), S access (security),
R report, A assess, P plan, O order, E engines, W web. `docs/reference/errors.md` is
generated from this tree and compared in `check`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar


class YipanError(Exception):
    """Anything that can be told to a person: what was wrong, where it stood, what would be right."""

    code: ClassVar[str] = "K000"
    status: ClassVar[int] = 400  # HTTP status when it leaves through the web

    def __init__(self, message: str, *, where: str = "", remedy: str = "") -> None:
        super().__init__(message)
        self.message = str(message)
        self.where = str(where)
        self.remedy = str(remedy)

    def __str__(self) -> str:
        place = f" [{self.where}]" if self.where else ""
        cure = f" {self.remedy}" if self.remedy else ""
        return f"{self.code}{place} {self.message}{cure}"

    def as_dict(self) -> dict[str, str]:
        """Return the error as the API sends it."""
        return {
            "code": self.code,
            "message": self.message,
            "where": self.where,
            "remedy": self.remedy,
        }


class ConfigurationError(YipanError):
    """A setting is missing or malformed."""

    code = "K001"
    status = 500


class NotFound(YipanError):
    """What was asked for does not exist, or is outside what the person may see."""

    code = "K004"
    status = 404


class Conflict(YipanError):
    """The state of the thing does not allow this act now."""

    code = "K009"
    status = 409


class Malformed(YipanError):
    """The input could not be read as what it should be."""

    code = "K022"
    status = 422


def error_classes(root: type[YipanError] = YipanError) -> Iterator[type[YipanError]]:
    """Yield every error class below `root`, itself first; modules must be imported already."""
    yield root
    for child in sorted(root.__subclasses__(), key=lambda c: (c.code, c.__name__)):
        yield from error_classes(child)
