"""The markers as decorators: the same objects as pytest.mark.NAME, with their arguments spelt out for editors.

Arguments are checked when tests are collected, where a wrong one can be named together with its test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from datetime import date
    from typing import Literal

    Scope = Literal["end-to-end", "model-only"]
    Area = Literal["small", "medium", "large"]

    def cold_start_budget(s: float) -> pytest.MarkDecorator:
        """A fresh process makes its first detections within `s` seconds, in the median."""

    def latency_budget(
        ms: float, *, percentile: float = 95, scope: Scope = "end-to-end", pace: str = "back-to-back"
    ) -> pytest.MarkDecorator:
        """The percentile of the service time stays within `ms` milliseconds."""

    def latency_ratio(
        max: float,  # noqa: A002 - the word that users write
        *,
        against: str,
        percentile: float = 50,
        scope: Scope = "end-to-end",
    ) -> pytest.MarkDecorator:
        """The median, or a percentile, of service times is at most `max` times that of `against`.

        That is a model, a size, a path, or "baseline".
        """

    def memory_budget(mb: float) -> pytest.MarkDecorator:
        """The detector adds at most `mb` megabytes of resident memory."""

    def min_ap(  # noqa: PLR0913 - a marker takes what it takes
        ap: float,
        *,
        category: str | None = None,
        area: Area | None = None,
        iou: float | None = None,
        certainty: float | None = None,
        score_floor: float | None = None,
        max_detections: int = 100,
    ) -> pytest.MarkDecorator:
        """Least average precision of one class or one range of object sizes."""

    def min_map(
        ap: float,
        *,
        iou: float | None = None,
        certainty: float | None = None,
        score_floor: float | None = None,
        max_detections: int = 100,
    ) -> pytest.MarkDecorator:
        """Least mean average precision over the dataset."""

    def model_size_budget(mb: float) -> pytest.MarkDecorator:
        """The model file takes at most `mb` megabytes."""

    def no_regression(
        *,
        latency: float | None = None,
        map: float | None = None,  # noqa: A002 - the word that users write
    ) -> pytest.MarkDecorator:
        """Neither slower than the baseline's artefact by more than `latency`, nor less accurate by more than `map`."""

    def same_detections(as_: str, *, score: float = 0.05, share: float = 0.995) -> pytest.MarkDecorator:
        """The recorded detections of `as_`, the "baseline", are made again but for a share of 1 - `share`."""

    def sizes(*names: str) -> pytest.MarkDecorator:
        """The test runs only for models of these names or sizes."""

    def training_ratio(
        max: float,  # noqa: A002 - the word that users write
        *,
        small: str = "fast",
        large: str = "accurate",
    ) -> pytest.MarkDecorator:
        """The large size trained at most `max` times as long as the small one."""

    def waiver(
        metric: str, *, ceiling: float, expires: date | str, owner: str, issue: str, reason: str
    ) -> pytest.MarkDecorator:
        """Where the gate `metric` fails, it is judged at `ceiling` in place of its limit, until the day `expires`."""


def __getattr__(name: str) -> pytest.MarkDecorator:
    """Take the marker from pytest."""
    from pytest_rfperf.gates.catalogue import SELECTORS, SIGNATURES  # noqa: PLC0415 - this module stays as light as pytest

    if name not in SIGNATURES and name not in SELECTORS:
        raise AttributeError(name)
    return getattr(pytest.mark, name)  # type: ignore[no-any-return]
