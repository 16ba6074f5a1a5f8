"""What a suppression function does with rows of NaN: it refuses them, or keeps the others right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pytest_rfperf.testing.nms_properties import ANSWERS, check_kept
from pytest_rfperf.testing.property_run import Broken

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_rfperf.testing.cases import SuppressionCase
    from pytest_rfperf.testing.nms_properties import SuppressionUnderTest

    Bools = NDArray[np.bool_]
    Ints = NDArray[np.int64]

NAN_SCORE = "a NaN score goes after every number"
NAN_BOX = "a NaN box is never kept"
NAN_ALONE = "a row with NaN changes nothing for the others"


def check_nan(test: SuppressionUnderTest, case: SuppressionCase) -> None:
    """Check a case with NaN in some row: an error is a good answer, and so is one that the row cannot disturb."""
    try:
        kept = test.kept(case)
    except Broken as broken:
        if broken.name == ANSWERS:
            return
        raise
    nan_score: Bools = np.isnan(case.scores)
    nan_box: Bools = np.logical_or.reduce(np.isnan(case.boxes), axis=1)
    _check_others(test, case, kept, np.flatnonzero(~nan_score & ~nan_box))
    if nan_box[kept].any():
        raise Broken(NAN_BOX, f"box {kept[nan_box[kept]][0]} is kept", returned=kept.tolist(), expected="an error")
    _check_goes_last(test, case, kept, nan_score[kept])


def _check_others(test: SuppressionUnderTest, case: SuppressionCase, kept: Ints, sound: Ints) -> None:
    others = kept[np.isin(kept, sound)]
    part = case.part(sound)
    try:
        check_kept(test, part, np.searchsorted(sound, others))
    except Broken:
        expected = sound[test.rules.example(part)].tolist()
        because = "the rows without NaN do not get the answer that they get alone"
        wanted = f"{expected} of these rows, or an error"
        raise Broken(NAN_ALONE, because, returned=kept.tolist(), expected=wanted) from None


def _check_goes_last(test: SuppressionUnderTest, case: SuppressionCase, kept: Ints, late: Bools) -> None:
    must, _ = test.rules.decisions(case)
    beaten = must[np.ix_(kept[~late], kept[late])]
    if beaten.any():
        box = kept[late][beaten.any(axis=0)][0]
        raise test.broken(NAN_SCORE, f"box {box} is kept beside a box of its class that suppresses it", case, kept)
    if test.rules.order == "score" and (late[:-1] & ~late[1:]).any():
        raise test.broken(NAN_SCORE, "a box with a NaN score comes before one with a number", case, kept)
