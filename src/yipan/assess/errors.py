"""What can be wrong with asking for an assessment, each with its code and remedy."""

from __future__ import annotations

from yipan.kernel.errors import Malformed, NotFound, YipanError


class AssessError(YipanError):
    """Something about an assessment could not be done."""

    code = "A200"


class NotYet(AssessError):
    """An assessment was asked for a moment that has not come on the incident's clock."""

    code = "A201"
    status = 422


class NothingAssessed(NotFound):
    """There is no assessment at or before the moment shown."""

    code = "A202"


class PackUnknown(Malformed):
    """A tier pack was named that is not shipped."""

    code = "A203"


class BeforeFirstDay(AssessError):
    """An assessment was asked for a moment at which no data day of the incident was known."""

    code = "A204"
    status = 422


class JudgedAlready(AssessError):
    """An alarm was judged by somebody else in the meantime."""

    code = "A205"
    status = 409


class VerdictWithoutReason(Malformed):
    """A false alarm was declared without saying why."""

    code = "A206"


class HubRowsMalformed(AssessError):
    """Model output would not be what forecast hubs read: it is not written."""

    code = "A207"
    status = 500
