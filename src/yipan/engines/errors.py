"""What an engine refuses, each with its code; engines speak English, the pages that call them translate."""

from __future__ import annotations

from typing import ClassVar

from yipan.kernel.errors import YipanError


class EngineError(YipanError):
    """An engine was given something it cannot compute with."""

    code: ClassVar[str] = "E800"
    status: ClassVar[int] = 422


class ShapeMismatch(EngineError):
    """An array has another shape than the other arrays require."""

    code = "E801"


class OutOfRange(EngineError):
    """A number is negative, not finite, or outside the range its meaning allows."""

    code = "E802"


class UnknownPlace(EngineError):
    """An array speaks of a place the specification does not have."""

    code = "E803"


class ZeroPopulation(EngineError):
    """A place or an age group with contacts has nobody in it."""

    code = "E804"


class ControlOutOfRange(EngineError):
    """A control is outside [0, 1]: controls may only remove contacts."""

    code = "E805"


class NotRowStochastic(EngineError):
    """The shares of time a place's people spend somewhere do not add up to one."""

    code = "E806"


class MalformedTierPack(EngineError):
    """A pack of tier rules does not follow the condition language."""

    code = "E807"


class MalformedParameters(EngineError):
    """A parameter file lacks a figure, its unit or its source."""

    code = "E808"


class TooFewObservations(EngineError):
    """There is not enough information to estimate what was asked."""

    code = "E809"
