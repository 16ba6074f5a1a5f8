"""Two sizes side by side on every selected target and dataset: the smallest and the largest that are configured."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_rfperf.session.compare import Compare


def test_sizes(compare: Compare) -> None:
    """Accuracy on every image; speed in turns, with the network of a remote target and without."""
    sizes = compare()
    sizes.gain(iou=0.5)
    sizes.slow_down()
    sizes.slow_down(scope="model-only", cap_s=1.5)
