"""Texts for the terminal, from the same catalogues as the pages, without starting Django."""

from __future__ import annotations

import gettext as catalogues
import os
from functools import lru_cache
from pathlib import Path

LOCALE = Path(__file__).parent / "locale"


def terminal_language() -> str:
    """Return `zh_Hans` or `en`: YIPAN_LANGUAGE where set, otherwise the terminal's own language."""
    chosen = os.environ.get("YIPAN_LANGUAGE") or next(
        (os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), ""
    )
    return "zh_Hans" if chosen.lower().startswith("zh") else "en"


@lru_cache(maxsize=2)
def _catalogue(language: str) -> catalogues.NullTranslations:
    return catalogues.translation("django", LOCALE, [language], fallback=True)


def terminal_text(message: str) -> str:
    """Return `message` in the terminal's language (English where no catalogue has been built)."""
    return _catalogue(terminal_language()).gettext(message)
