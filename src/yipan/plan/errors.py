"""What can go wrong with a plan; codes P3xx. An infeasible plan is an answer, not an error."""

from __future__ import annotations

from yipan.kernel.errors import YipanError


class PlanError(YipanError):
    """Something about a scenario, an option or a signature does not allow this."""

    code = "P300"
    status = 400


class MalformedAssumptions(PlanError):
    """A file of assumptions lacks a figure, its unit, its day or its source."""

    code = "P301"
    status = 422


class DiseaseUnknown(PlanError):
    """The incident's disease has no parameter set, so nothing can be computed for it."""

    code = "P302"
    status = 409


class NothingToPlan(PlanError):
    """The province lacks what a plan stands on: counties with people, contacts, value added."""

    code = "P303"
    status = 409


class AlreadySigned(PlanError):
    """A scenario has one signature; it has been given."""

    code = "P304"
    status = 409


class ReasonMissing(PlanError):
    """A signature needs a reason in words."""

    code = "P305"
    status = 422


class Superseded(PlanError):
    """A newer scenario stands; the older one can be read and no longer signed."""

    code = "P306"
    status = 409


class IncidentOver(PlanError):
    """The incident has been stood down; it takes no more plans and signatures."""

    code = "P307"
    status = 409


class TooFewMembers(PlanError):
    """An ensemble needs enough runs for its intervals to mean something."""

    code = "P308"
    status = 422


class MalformedLimits(PlanError):
    """A scenario's limit is unknown, or outside what it may be."""

    code = "P309"
    status = 422


class MalformedEdit(PlanError):
    """An edit names a county, setting, week or level that the option does not have, or changes nothing."""

    code = "P310"
    status = 422


class SearchRunning(PlanError):
    """A search for this scenario is under way; there is one at a time."""

    code = "P311"
    status = 409


class SearchStopped(PlanError):
    """A search was ended on request before it was finished."""

    code = "P312"
    status = 409


class ConfirmFirst(PlanError):
    """A signature needs the person to have confirmed a moment ago that it is them."""

    code = "P313"
    status = 403


class MalformedScenario(PlanError):
    """A file of a scenario lacks something, or says something that cannot be."""

    code = "P314"
    status = 422


class MalformedRegister(PlanError):
    """A register of enterprises, schools or returning workers has a row that cannot be read."""

    code = "P315"
    status = 422


class TooManyEdits(PlanError):
    """An option takes so many edits of its own; more make a scenario nobody can read."""

    code = "P316"
    status = 409
