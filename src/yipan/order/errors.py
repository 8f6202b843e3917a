"""What can go wrong with orders; codes O4xx."""

from __future__ import annotations

from yipan.kernel.errors import YipanError


class OrderError(YipanError):
    """Something about an order or its delivery does not allow this."""

    code = "O400"
    status = 400


class WrongOrderState(OrderError):
    """The order is not in a state from which this act leads on."""

    code = "O401"
    status = 409


class WrongDeliveryState(OrderError):
    """The delivery is not in a state from which this act leads on."""

    code = "O402"
    status = 409


class UndoOver(OrderError):
    """The time for undoing has passed: the order has left and can only be withdrawn."""

    code = "O403"
    status = 409


class KeyTaken(OrderError):
    """This client key was used for another act."""

    code = "O404"
    status = 409


class OwnWork(OrderError):
    """Nobody verifies what they themselves reported done."""

    code = "O405"
    status = 403


class NotAbove(OrderError):
    """Only an office above the accountable unit may do this."""

    code = "O406"
    status = 403


class ReasonMissing(OrderError):
    """A return, a withdrawal or a reopening needs its reason."""

    code = "O407"
    status = 422


class ReturnOver(OrderError):
    """A delivery is returned once, within 30 minutes of its acknowledgement, before acceptance."""

    code = "O408"
    status = 409


class OutsideSubtree(OrderError):
    """An order can reach only units below its issuer."""

    code = "O409"
    status = 403


class Unfit(OrderError):
    """The draft lacks something that an order must have."""

    code = "O410"
    status = 422


class NobodyToReceive(OrderError):
    """The targets name no unit that is in being."""

    code = "O411"
    status = 422


class NothingOrdered(OrderError):
    """The signed option orders nothing that a matter carries."""

    code = "O412"
    status = 422


class UnknownAct(OrderError):
    """There is no such act."""

    code = "O413"
    status = 404


class Duplicate(OrderError):
    """A like order went to the same unit within 72 hours; it may be sent again with a reason."""

    code = "O414"
    status = 409


class SecondSignatureMissing(OrderError):
    """A P0 leaves only with a second signature."""

    code = "O415"
    status = 409


class SameHand(OrderError):
    """The two signatures of a P0 come from two people."""

    code = "O416"
    status = 403


class AnnexRefused(OrderError):
    """A local annex can neither shorten a deadline nor ask for data."""

    code = "O417"
    status = 422


class Shortens(OrderError):
    """An extension gives more time, never less."""

    code = "O418"
    status = 422


class NotShown(OrderError):
    """The test by which the order is closed is not met yet."""

    code = "O419"
    status = 409


class DutyRefused(OrderError):
    """Duty hours, an outage, a shift or a contact could not be kept as given."""

    code = "O420"
    status = 422


class Unreadable(OrderError):
    """A list of decisions could not be read."""

    code = "O421"
    status = 422
