"""Property tests for suppression and average precision of your own: needs the extra `test`.

`assert_nms_contract(my_nms)` and `assert_map_contract(my_map)` draw cases with Hypothesis, check every property that
a correct function has, and fail with the smallest case that breaks one. `strategies` holds what they draw from.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_rfperf.testing import strategies as strategies
    from pytest_rfperf.testing.cases import CocoCase as CocoCase
    from pytest_rfperf.testing.cases import SuppressionCase as SuppressionCase
    from pytest_rfperf.testing.map_contract import assert_map_contract as assert_map_contract
    from pytest_rfperf.testing.map_rules import MapRules as MapRules
    from pytest_rfperf.testing.nms_contract import assert_nms_contract as assert_nms_contract
    from pytest_rfperf.testing.nms_rules import NmsRules as NmsRules

_PLACES = {
    "CocoCase": "cases",
    "MapRules": "map_rules",
    "NmsRules": "nms_rules",
    "SuppressionCase": "cases",
    "assert_map_contract": "map_contract",
    "assert_nms_contract": "nms_contract",
}

__all__ = ["strategies", *sorted(_PLACES)]  # noqa: PLE0604 - sorted names


def __getattr__(name: str) -> object:
    """Import a public name at its first use, so that hypothesis is needed no sooner."""
    if name in _PLACES:
        return getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)
    if name == "strategies":
        return importlib.import_module(f"{__name__}.strategies")
    msg = f"module {__name__!r} has no attribute {name!r}; it has {', '.join(sorted(__all__))}"
    raise AttributeError(msg)
