"""How often something happened among random runs, with an interval that stays honest at 0 and 1."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

from scipy.stats import norm


@dataclass(frozen=True)
class Chance:
    """How often something happened among the members, with Wilson's 95 % interval."""

    happened: int
    members: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """The observed share."""
        return self.happened / self.members

    def as_dict(self) -> dict[str, float]:
        """Return the chance as JSON keeps it."""
        return {
            "happened": self.happened,
            "members": self.members,
            "share": round(self.share, 5),
            "low": round(self.low, 5),
            "high": round(self.high, 5),
        }


def wilson(happened: int, members: int, *, level: float = 0.95) -> Chance:
    """Return a share with Wilson's score interval, which stays honest at 0 and at 1.

    Source: E. B. Wilson (1927), Journal of the American Statistical Association 22:209.

    >>> c = wilson(0, 200)
    >>> c.low, round(c.high, 4)
    (0.0, 0.0188)
    """
    z = float(norm.ppf(0.5 + level / 2))
    p, n = happened / members, members
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return Chance(
        happened,
        members,
        0.0 if happened == 0 else max(0.0, middle - half),
        1.0 if happened == members else min(1.0, middle + half),
    )
