"""Fail where a test was skipped although what it needs is there."""

from __future__ import annotations

import os
import sys
import xml.etree.ElementTree as ET

ALLOWED = ("not there on this system", "the claim is about")
"""Reasons that a skip may start with even in CI."""


def main(report: str) -> int:
    """Print every skip; return 1 where one of them is not allowed."""
    wrong = 0
    for case in ET.parse(report).getroot().iter("testcase"):
        for skipped in case.iter("skipped"):
            if skipped.get("type") == "pytest.xfail":
                continue
            reason = skipped.get("message") or ""
            refused = bool(os.environ.get("RFPERF_ASSETS")) and not reason.startswith(ALLOWED)
            wrong += refused
            print(f"{'NOT ALLOWED' if refused else 'skipped'}: {case.get('classname')}.{case.get('name')}: {reason}")
    print(f"{wrong} skips that are not allowed")
    return int(wrong > 0)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
