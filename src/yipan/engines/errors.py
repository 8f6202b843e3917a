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


class MalformedCourse(EngineError):
    """The stages of a disease do not form a course: unknown, circular, or shares that miss one."""

    code = "E811"


class TooManySeeds(EngineError):
    """More people would be infected or immune at the start than live there."""

    code = "E812"


class TravelNotConserved(EngineError):
    """One-way travel would move more people out of a place than live there, or lose some on the way."""

    code = "E813"


class MalformedScenario(EngineError):
    """A scenario file lacks what a run needs, or says what no run understands."""

    code = "E814"


class RunCancelled(EngineError):
    """A run was cancelled before its last member; what was finished is kept."""

    code = "E815"
    status = 409
