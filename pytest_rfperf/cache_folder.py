"""Where files are kept that can be made again: artefacts by hash, pictures of the bundled tasks."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_cache_path

VARIABLE = "RFPERF_CACHE"
"""The environment variable that names another folder."""


def cache_folder() -> Path:
    """The folder of the user's cache, or the one that RFPERF_CACHE names."""
    named = os.environ.get(VARIABLE)
    return Path(named).expanduser() if named else user_cache_path("rfperf", appauthor=False)
