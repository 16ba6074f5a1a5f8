"""How a command ends where it does not end with 0 or with pytest's own code."""

from __future__ import annotations

FAILED = 1
"""A verdict, a claim or a comparison is not what it should be."""
USAGE = 2
"""What was asked cannot be done; the message says why."""
INTERRUPTED = 130
"""Ctrl-C."""
