"""What the surveillance engines and their verbs refuse, beside what every engine refuses."""

from __future__ import annotations

from yipan.engines.errors import EngineError


class MalformedTable(EngineError):
    """A plain file of counts lacks a column or a row, or a cell cannot be what it should be."""

    code = "E831"


class UnreadableTable(EngineError):
    """A plain file is missing, empty, or not written in UTF-8."""

    code = "E832"
