from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OrderConfig(AppConfig):
    name = "yipan.order"
    label = "order"

    def ready(self) -> None:
        """Give the audit its words for what happens to orders."""
        from yipan.access.audit import name_events  # models are not ready before this
        from yipan.report.field.parts import NIL, offer

        offer(
            "orders",
            bundle="order:bundle",
            act=("order:act", NIL, "acknowledge"),
            delivery=("order:delivery", NIL),
            inbox="order:inbox",
            offline="order:offline",
        )
        name_events(
            {
                "order.drafted": _("order drafted"),
                "order.issued": _("order issued"),
                "order.released": _("order released"),
                "order.undone": _("order taken back before it left"),
                "order.withdrawn": _("order withdrawn"),
                "delivery.delivered": _("order delivered"),
                "delivery.acknowledged": _("order acknowledged"),
                "delivery.accepted": _("order accepted"),
                "delivery.returned": _("order given back"),
                "delivery.insisted": _("returned order given again"),
                "delivery.started": _("work on an order begun"),
                "delivery.claimed_done": _("order reported done"),
                "delivery.verified": _("order verified"),
                "delivery.reopened": _("order found not done"),
                "delivery.closed": _("order closed"),
                "delivery.reassigned": _("order given to another unit"),
                "order.countersigned": _("order signed by a second hand"),
                "order.superseded": _("order replaced by its next version"),
                "order.annexed": _("annex attached to an order"),
                "delivery.extended": _("more time given"),
                "delivery.assisted": _("help sent"),
                "delivery.escalated": _("late order brought before an office above"),
                "minutes.taken": _("decisions of a meeting taken in"),
                "minutes.settled": _("decisions of a meeting made into orders"),
                "duty.shift_added": _("shift added"),
                "duty.handed_over": _("shift handed over"),
                "duty.contact_set": _("contact set"),
                "duty.contact_dropped": _("contact dropped"),
                "duty.called": _("telephone call logged"),
                "duty.hours_set": _("duty hours set"),
                "duty.outage_declared": _("outage declared"),
                "duty.outage_ended": _("outage ended"),
                "delivery.superseded": _("order superseded"),
                "delivery.cancelled": _("order cancelled"),
            }
        )
