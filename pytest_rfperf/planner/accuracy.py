"""Plans of gates on accuracy."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from pytest_rfperf.core.forecast import USUAL_POWER
from pytest_rfperf.core.planning import LEAST_IMAGES, MARGINS, PAIRED_GAIN, images_for, images_power
from pytest_rfperf.core.resampling import CERTAINTY
from pytest_rfperf.gates.gate import BASELINE
from pytest_rfperf.planner.rows import GatePlan, MarginPlan, Share

if TYPE_CHECKING:
    from pytest_rfperf.data.estimate import Resampled
    from pytest_rfperf.gates.accuracy_regression import AccuracyRegression
    from pytest_rfperf.gates.min_map import MinMap
    from pytest_rfperf.gates.same_detections import SameDetections
    from pytest_rfperf.planner.known import BaselineKnown

_UNKNOWN = "how much it varies with the images is unknown: a recorded baseline with its .records tells"


def planned_accuracy(gate: MinMap, row: GatePlan, known: BaselineKnown, share: Share) -> GatePlan:  # noqa: ARG001 - as all are called
    """The plan of a least average precision."""
    row = _on_all_images(row, known)
    if gate.certainty is None:
        return _by_value(row, known)
    if row.never:
        return row
    deviation = known.deviation(gate)
    if deviation is None:
        return msgspec.structs.replace(row, remark=_UNKNOWN)
    found = replace(deviation.found, certainty=gate.certainty)
    return _by_evidence(msgspec.structs.replace(row, basis=deviation.said), found, gate.ap, known)


def planned_regression(gate: AccuracyRegression, row: GatePlan, known: BaselineKnown, share: Share) -> GatePlan:  # noqa: ARG001 - as all are called
    """The plan of a comparison with the recorded accuracy."""
    row = _on_all_images(row, known)
    if not _has_records(known):
        return _without_records(row, known)
    if row.never:
        return row
    deviation = known.deviation(None)
    if deviation is None:
        return msgspec.structs.replace(row, remark=_UNKNOWN)
    paired = replace(deviation.found, sd=deviation.found.sd / PAIRED_GAIN**0.5, certainty=CERTAINTY)
    basis = f"{deviation.said}; assumed: pairing is worth {PAIRED_GAIN} times the images"
    limit = max(0.0, deviation.found.value - gate.map)
    return _by_evidence(msgspec.structs.replace(row, basis=basis), paired, limit, known)


def planned_same(gate: SameDetections, row: GatePlan, known: BaselineKnown, share: Share) -> GatePlan:  # noqa: ARG001 - as all are called
    """The plan of looking for the recorded detections: a pass over all images, and no chance in the verdict."""
    row = _on_all_images(row, known)
    return _by_value(row, known) if _has_records(known) else _without_records(row, known)


def _has_records(known: BaselineKnown) -> bool:
    return any(run.accuracy is not None and run.accuracy.records_sha256 for run in known.runs)


def _without_records(row: GatePlan, known: BaselineKnown) -> GatePlan:
    """What is compared with a baseline that is not there: never decided, unless this run becomes it."""
    if known.settings.record:
        return msgspec.structs.replace(row, never=False, remark="recording: this run becomes the baseline")
    why = f"{known.problem or f'no {BASELINE} with match records for {known.case}'}; run pytest --rfperf-record"
    return msgspec.structs.replace(row, never=True, remark=why)


def _on_all_images(row: GatePlan, known: BaselineKnown) -> GatePlan:
    """All images of the dataset, and whether they can be too few whatever is on them."""
    images = known.images
    row = msgspec.structs.replace(row, unit="images", images=images)
    if images is None or images >= LEAST_IMAGES:
        return msgspec.structs.replace(row, least=LEAST_IMAGES)
    why = f"{images} images are too few for limits, whatever is on them; {LEAST_IMAGES} are the least"
    return msgspec.structs.replace(row, least=LEAST_IMAGES, never=True, remark=why)


def _by_value(row: GatePlan, known: BaselineKnown) -> GatePlan:
    images = "all images" if row.images is None else f"all {row.images} images"
    margins = [MarginPlan(margin, row.images, _seconds(row, known), None) for margin in MARGINS]
    remark = f"decided by the value: {images}"
    return msgspec.structs.replace(row, least=row.images, margins=margins, never=False, remark=remark)


def _by_evidence(row: GatePlan, found: Resampled, limit: float, known: BaselineKnown) -> GatePlan:
    """Power with the images there are, and how many more would do."""
    if found.sd == float("inf"):
        why = f"{found.images} images, or those with objects, are too few for limits; add images with objects"
        return msgspec.structs.replace(row, never=True, remark=why)
    seconds = _seconds(row, known)
    margins = [
        MarginPlan(margin, images_for(found, margin * limit), seconds, images_power(found, margin * limit))
        for margin in MARGINS
    ]
    first = margins[0]
    remark = ""
    if first.power is not None and first.power < USUAL_POWER:
        needed = (
            "no number of images does"
            if first.needed is None
            else f"{USUAL_POWER:.0%} take about {first.needed} images like these"
        )
        remark = (
            f"decides at {first.margin:.0%} ({first.margin * limit:.3g} of AP) in {first.power:.0%} of draws; {needed}"
        )
    return msgspec.structs.replace(row, margins=margins, remark=remark)


def _seconds(row: GatePlan, known: BaselineKnown) -> float | None:
    each_s = known.image_s
    return None if each_s is None or row.images is None else each_s * row.images
