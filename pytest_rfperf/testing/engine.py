"""Hypothesis, or one clear error where it is not installed."""

from __future__ import annotations

from pytest_rfperf.errors import UsageError

try:
    import hypothesis
    from hypothesis import errors, strategies
except ImportError as missing:
    _MESSAGE = "pytest_rfperf.testing needs hypothesis; run pip install 'pytest-rfperf[test]'"
    raise UsageError(_MESSAGE) from missing

__all__ = ["errors", "hypothesis", "strategies"]
