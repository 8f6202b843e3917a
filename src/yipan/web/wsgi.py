"""The WSGI entry point that granian serves."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "yipan.kernel.settings")
application = get_wsgi_application()
_ = get_resolver().url_patterns  # read now, or the first person to ask waits for every page's code
