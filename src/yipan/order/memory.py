"""What one process remembers between requests: the most recent entries, the oldest forgotten."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final, Generic, TypeVar

MOST: Final = 60_000  # of a province's posts; about a kilobyte each

T = TypeVar("T")


class Memory(Generic[T]):
    """What one process remembers: the most recent entries, the oldest forgotten."""

    def __init__(self, most: int = MOST) -> None:
        self._kept: OrderedDict[object, T] = OrderedDict()
        self._most = most
        self._lock = threading.Lock()

    def get(self, key: object) -> T | None:
        """Return what is remembered under a key."""
        return self._kept.get(key)

    def keep(self, key: object, value: T) -> None:
        """Remember a value."""
        with self._lock:
            self._kept[key] = value
            self._kept.move_to_end(key)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)

    def forget(self, key: object) -> None:
        """Forget one key."""
        with self._lock:
            self._kept.pop(key, None)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._kept.clear()
