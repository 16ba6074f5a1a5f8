"""What tests and configurations carry for this plugin; light, since every project imports it."""

from __future__ import annotations

from typing import Any

import pytest

PREFIX = "_rfperf_"
"""Of the private fixtures that carry the parts of a case."""
CONTROLLER = "rfperf-controller"
"""The name under which the controller is registered."""
PARTS = ("model", "target", "dataset")
COMPARE = PREFIX + "compare"
MEASURING = (PREFIX + "measure", COMPARE)
"""Fixtures of tests that find something out, with or without a gate."""

SHORT_OPTION_TAKEN = pytest.StashKey[bool]()
SETTINGS: pytest.StashKey[Any] = pytest.StashKey()
SESSION: pytest.StashKey[Any] = pytest.StashKey()
GATE_COUNT = pytest.StashKey[int]()
MARK_COUNT = pytest.StashKey[int]()
"""Of the markers that were turned into gates when a test was collected."""
GATES: pytest.StashKey[list[Any]] = pytest.StashKey()
PROBLEM = pytest.StashKey[str]()
FACTS = pytest.StashKey[str]()
UNDECIDED = pytest.StashKey[str]()
WAIVED = "rfperf_waived"
"""The property of a test that a waiver kept from failing."""
