"""The one typed API: every room's verbs under /api/, described as OpenAPI 3.1 at /api/openapi.json.

There is no page of documentation: its scripts would come from elsewhere. The description itself is the
reference.
"""

from __future__ import annotations

from ninja import NinjaAPI

from yipan import __version__
from yipan.access.api import AUTH
from yipan.access.api import router as access
from yipan.access.api_door import tell_refusals
from yipan.assess.api import router as assess
from yipan.order.api import router as order
from yipan.places.api import router as places
from yipan.plan.api import router as plan
from yipan.report.api import router as report
from yipan.web.board.api import router as board

api = NinjaAPI(
    title="Yipan",
    version=__version__,
    description="One board for an epidemic: report, assess, plan, order. Each read is scoped by role and place.",
    docs_url=None,
    urls_namespace="api",
)
tell_refusals(api)
api.add_router("", access)
api.add_router("/board", board)
api.add_router("/places", places, auth=AUTH)
api.add_router("/report", report)
api.add_router("/assess", assess)
api.add_router("/plan", plan)
api.add_router("/orders", order)
