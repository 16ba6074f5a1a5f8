"""What a suppression function may decide in its own way, and what each decision allows and demands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pytest_rfperf.core.boxes import iou_matrix
from pytest_rfperf.core.nms import nms
from pytest_rfperf.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_rfperf.testing.cases import SuppressionCase

    Bools = NDArray[np.bool_]

_CHOICES = {
    "at_equality": ("keep", "suppress"),
    "ties": ("lowest", "any"),
    "order": ("score", "any"),
    "not_finite": ("guarded", "untested"),
    "dtype": ("float64", "float32"),
}
_FLOAT32_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class NmsRules:
    """The legal choices of one suppression function; the defaults are those of `pytest_rfperf.core.nms`.

    Attributes
    ----------
    at_equality : {"keep", "suppress"}
        What becomes of a box that overlaps by exactly the threshold. With "suppress" no threshold of 0 is asked for.
    ties : {"lowest", "any"}
        Which of equal scores goes first: the lowest index, or any of them.
    order : {"score", "any"}
        Whether kept indices come by descending score.
    not_finite : {"guarded", "untested"}
        "guarded": a NaN score is refused, dropped or goes last; a NaN box is refused or dropped.
    dtype : {"float64", "float32"}
        Of the boxes and scores that are handed over. float32 holds every coordinate that is drawn.
    tolerance : float, optional
        An overlap that lies no further than this from the threshold may go either way. 0 for float64 and 1e-6 for
        float32 unless given.

    Raises
    ------
    UsageError
        For a value that is none of those above.
    """

    at_equality: str = "keep"
    ties: str = "lowest"
    order: str = "score"
    not_finite: str = "guarded"
    dtype: str = "float64"
    tolerance: float | None = None

    def __post_init__(self) -> None:
        """Refuse an unknown choice by name."""
        for name, known in _CHOICES.items():
            value = getattr(self, name)
            if value not in known:
                msg = f"NmsRules: {name}={value!r}; choose {' or '.join(map(repr, known))}"
                raise UsageError(msg)
        if self.tolerance is not None and not 0 <= self.tolerance < 1:
            msg = f"NmsRules: tolerance={self.tolerance!r} lies outside [0, 1)"
            raise UsageError(msg)

    @property
    def slack(self) -> float:
        """The tolerance that holds."""
        if self.tolerance is not None:
            return self.tolerance
        return _FLOAT32_TOLERANCE if self.dtype == "float32" else 0.0

    def applies_to(self, case: SuppressionCase) -> bool:
        """Whether these rules say what a case should give."""
        return self.at_equality == "keep" or case.iou_threshold > 0

    def handed_over(self, case: SuppressionCase) -> SuppressionCase:
        """The case as the function sees it: boxes and scores in the dtype, still written as float64 here."""
        boxes, scores = (values.astype(self.dtype).astype(np.float64) for values in (case.boxes, case.scores))
        return case._replace(boxes=boxes, scores=scores)

    def decisions(self, case: SuppressionCase) -> tuple[Bools, Bools]:
        """Which boxes must, and which may, suppress which: two (N, N) bool matrices, blind to order."""
        overlap = iou_matrix(case.boxes, case.boxes)
        limit = self._limit(case.iou_threshold)
        rivals = case.labels[:, None] == case.labels
        np.fill_diagonal(rivals, val=False)
        must = rivals & (overlap > limit + self.slack)
        may = rivals & (overlap > max(limit - self.slack, 0.0))
        return must, may

    def example(self, case: SuppressionCase) -> NDArray[np.int64]:
        """One legal answer: the exact one."""
        return nms(case.boxes, case.scores, self._limit(case.iou_threshold), case.labels)

    def _limit(self, iou_threshold: float) -> float:
        """The greatest overlap that is kept."""
        return iou_threshold if self.at_equality == "keep" else float(np.nextafter(iou_threshold, 0))
