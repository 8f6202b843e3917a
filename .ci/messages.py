"""Extract the texts of each room into its own zh-Hans catalogue, or check that all are translated.

    python .ci/messages.py [ROOM…]    extract: new texts come in empty, vanished ones go
    python .ci/messages.py --check    name each text that is missing, empty, doubtful or no longer used

Babel and Django's own `templatize` do the reading, so gettext's programs are not needed. Texts of the
command line and of the demonstration are in the kernel's catalogue: they are read without Django.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract
from babel.messages.pofile import read_po, write_po

SOURCE = Path(__file__).resolve().parent.parent / "src" / "yipan"
ROOMS = ("kernel", "places", "access", "report", "assess", "plan", "order", "web")
ALSO_KERNEL = ("cli", "demo")
KEYWORDS = {
    **DEFAULT_KEYWORDS,
    "gettext_lazy": None,
    "ngettext_lazy": (1, 2),
    "pgettext_lazy": ((1, "c"), 2),
}


def sources(room: str) -> Iterator[Path]:
    """Yield the Python files and templates whose texts belong to a room's catalogue."""
    roots = [SOURCE / room] + ([SOURCE / name for name in ALSO_KERNEL] if room == "kernel" else [])
    for root in roots:
        files = [root] if root.is_file() else sorted(root.rglob("*"))
        for path in files:
            page = path.suffix in (".html", ".txt") and "templates" in path.parts
            if page or (path.suffix == ".py" and "migrations" not in path.parts):
                yield path


def texts(path: Path) -> Iterator[tuple[int, Any, list[str], Any]]:
    """Yield (line, message, comments, context) of one file."""
    if path.suffix == ".py":
        content = path.read_bytes()
    else:
        from django.utils.translation.template import templatize

        content = templatize(path.read_text(encoding="utf-8"), origin=str(path)).encode()
    yield from extract("python", io.BytesIO(content), KEYWORDS, (), {"encoding": "utf-8"})


def extracted(room: str) -> Catalog:
    """Return the catalogue of a room's texts, untranslated."""
    catalogue = Catalog(domain="django", charset="utf-8", fuzzy=False)
    for path in sources(room):
        where = path.relative_to(SOURCE).as_posix()
        for _line, message, _comments, context in texts(path):
            if message:
                # No line numbers: they would change the catalogue with every edit.
                catalogue.add(message, locations=[(where, 0)], context=context)
    return catalogue


def catalogue_path(room: str) -> Path:
    """Return where a room's zh-Hans catalogue stands."""
    return SOURCE / room / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"


def read(room: str) -> Catalog:
    """Return a room's catalogue as it stands; empty where there is none yet."""
    path = catalogue_path(room)
    if not path.exists():
        return Catalog(locale="zh_Hans", domain="django", charset="utf-8")
    with path.open("rb") as stream:
        return read_po(stream, locale="zh_Hans", domain="django")


def update(room: str) -> None:
    """Bring a room's catalogue to its texts; translations of texts that stay are kept."""
    fresh = extracted(room)
    there = read(room)
    there.update(fresh, no_fuzzy_matching=True, update_creation_date=False)
    there.obsolete.clear()
    there.fuzzy = False
    path = catalogue_path(room)
    if not len(there):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as stream:
        write_po(
            stream,
            there,
            width=100,
            sort_output=True,
            ignore_obsolete=True,
            include_lineno=False,
            omit_header=False,
        )


def empty(message: Message) -> bool:
    """Return whether a translation is missing, a plural's included."""
    text = message.string
    return not (all(text) if isinstance(text, tuple | list) else text)


def faults(room: str) -> Iterator[str]:
    """Yield a line for each text of a room that is not rightly translated."""
    there = {(m.id if isinstance(m.id, str) else m.id[0], m.context): m for m in read(room) if m.id}
    wanted = {
        (m.id if isinstance(m.id, str) else m.id[0], m.context): m for m in extracted(room) if m.id
    }
    for key, message in wanted.items():
        where = ", ".join(name for name, _line in message.locations[:2])
        have = there.get(key)
        if have is None or empty(have):
            yield f"{room}: not translated: {key[0]!r} ({where})"
        elif have.fuzzy:
            yield f"{room}: doubtful (fuzzy): {key[0]!r} ({where})"
    for key in there.keys() - wanted.keys():
        yield f"{room}: no longer used: {key[0]!r}"


def main() -> int:
    rooms = [name for name in sys.argv[1:] if name != "--check"] or list(ROOMS)
    if "--check" not in sys.argv[1:]:
        for room in rooms:
            update(room)
        return 0
    found = [line for room in rooms for line in faults(room)]
    print("\n".join(found) or "message catalogues: complete")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
