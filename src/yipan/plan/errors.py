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
