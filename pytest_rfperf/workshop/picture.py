"""The picture of the five tasks: a column a task, a row a size, with what the detector finds and what it misses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from pytest_rfperf.core.boxes import iou_matrix
from pytest_rfperf.reference import SIZES, TASKS, artifact
from pytest_rfperf.session.facts import Case
from pytest_rfperf.workshop.bundled import TARGET, session_on_tasks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_rfperf.session.inventory import Progress
    from pytest_rfperf.session.session import Session

    Boxes = NDArray[np.float64]
    Pixels = NDArray[np.uint8]

_SURE = 0.3
_OVERLAP = 0.5
_IMAGE = 2
_RIGHT, _WRONG, _MISSED = (80, 220, 60), (40, 40, 240), (0, 210, 255)
"""Colours in BGR."""
_GAP_PX, _TITLE_PX = 6, 30
_QUALITY = 88


def picture(progress: Progress) -> bytes:
    """Draw one image a task, as JPEG.

    Found objects are green, found nothings red, missed objects yellow: with a score of 0.3 or more, an overlap of
    0.5 or more, and the class right.
    """
    session = session_on_tasks({size: artifact(size) for size in SIZES}, progress)
    try:
        rows = [np.hstack([_framed(_panel(session, size, task)) for task in TASKS]) for size in SIZES]
    finally:
        session.close()
    titles = [_title(size, rows[0].shape[1]) for size in SIZES]
    sheet = np.vstack([part for pair in zip(titles, rows, strict=True) for part in pair])
    _, encoded = cv2.imencode(".jpg", sheet, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return encoded.tobytes()


def _panel(session: Session, size: str, task: str) -> Pixels:
    bench = session.bench(Case(size, TARGET, task))
    dataset, content = bench.dataset, bench.dataset.images[_IMAGE].path.read_bytes()
    found = bench.detector.detect(content)[0]
    names = [category.name for category in dataset.categories]
    labels = np.array([bench.detector.labels[label] for label in found.labels])
    shown = (found.scores >= _SURE) & np.isin(labels, names)
    rows = dataset.truth.images == _IMAGE
    truth = dataset.truth.boxes_xywh[rows].copy()
    truth[:, 2:] += truth[:, :2]
    of_truth = np.array(names)[dataset.truth.categories[rows]]
    overlap = iou_matrix(found.boxes[shown], truth)
    fits = (overlap >= _OVERLAP) & (labels[shown][:, None] == of_truth)
    pixels: Any = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    _draw(pixels, truth[~fits.any(axis=0)], _MISSED)
    _draw(pixels, found.boxes[shown][~fits.any(axis=1)], _WRONG)
    _draw(pixels, found.boxes[shown][fits.any(axis=1)], _RIGHT)
    return pixels  # type: ignore[no-any-return]


def _draw(pixels: Pixels, boxes: Boxes, colour: tuple[int, int, int]) -> None:
    for x0, y0, x1, y1 in np.rint(boxes).astype(int).tolist():
        cv2.rectangle(pixels, (x0, y0), (x1, y1), colour, 1)


def _framed(pixels: Pixels) -> Pixels:
    return cv2.copyMakeBorder(pixels, 0, _GAP_PX, 0, _GAP_PX, cv2.BORDER_CONSTANT, value=(255, 255, 255))  # type: ignore[return-value]


def _title(size: str, width: int) -> Pixels:
    strip = np.full((_TITLE_PX, width, 3), 255, dtype=np.uint8)
    text = f"{size}: found green, missed yellow, found nothing red"
    cv2.putText(strip, text, (4, 21), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (30, 30, 30), 1, cv2.LINE_AA)
    return strip
