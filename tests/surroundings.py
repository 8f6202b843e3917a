"""The settings that tests run under: the project's own, in a folder and a language of the tests.

pytest-django reads the settings before any conftest.py, so what they are read from is set here: no
test may touch the operator's own state.
"""

from __future__ import annotations

import os
import tempfile

os.environ["YIPAN_HOME"] = tempfile.mkdtemp(prefix="yipan-tests-")
os.environ.setdefault("YIPAN_LANGUAGE", "en")

from yipan.kernel.settings import *  # noqa: F403

if DATABASES["default"]["ENGINE"] == "yipan.kernel.sqlite":  # noqa: F405
    # Said aloud: pytest-xdist knows only Django's own SQLite backend to be in memory by default.
    DATABASES["default"]["TEST"] = {"NAME": ":memory:"}  # noqa: F405
