"""A pytest plugin: the C tier is loaded from the folder that RFPERF_SANITISED names. See sanitise.py."""

from __future__ import annotations

import os

import pytest

from pytest_rfperf.core import native

FOLDER = os.environ["RFPERF_SANITISED"]
native.__path__.insert(0, FOLDER)


def pytest_report_header():
    from pytest_rfperf.core.native.library import library

    found = library()
    if found is None or not found._name.startswith(FOLDER):
        pytest.exit(f"the C tier was loaded from {getattr(found, '_name', None)}, not from {FOLDER}", returncode=3)
    return f"C tier: {found._name}"
