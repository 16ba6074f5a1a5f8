"""What to draw of the images that lost most: truth, detections now, and those of the baseline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_rfperf.session.facts import DrawnBox, PictureFacts

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from pytest_rfperf.data.coco import CocoResults, GroundTruth
    from pytest_rfperf.data.loss import ImageLoss, Loss
    from pytest_rfperf.data.verdict import Verdict
    from pytest_rfperf.session.bench import CaseBench


def loss_pictures(bench: CaseBench, verdicts: Sequence[Verdict]) -> list[PictureFacts]:
    """A picture for each image that some failed gate names, each image once."""
    found: dict[int, PictureFacts] = {}
    for verdict in verdicts:
        for image in verdict.loss.images if verdict.loss else ():
            if image.rank not in found and verdict.loss:
                found[image.rank] = _picture(bench, verdict.loss, image)
    return list(found.values())


def _picture(bench: CaseBench, loss: Loss, image: ImageLoss) -> PictureFacts:
    run = bench.accuracy().run
    truth = bench.dataset.truth.where(_shown(bench.dataset.truth, loss, image))
    kept = run.results.where(_shown(run.results, loss, image) & (run.results.scores >= loss.score))
    old = bench.baseline.used if bench.baseline is not None and image.before is not None else None
    record = bench.dataset.images[image.rank]
    errors = _counted(image.now) if image.before is None else f"{_counted(image.before)} before, {image.now} now"
    return PictureFacts(
        name=f"{record.id}-{record.path.stem}",
        image=str(record.path),
        caption=f"{record.path.name}: {bench.where}: {errors}",
        truth=_boxes(bench, truth.boxes_xywh, truth.categories, None),
        now=_detected(bench, kept),
        before=None if old is None else _detected(bench, old.where(_shown(old, loss, image))),
    )


def _counted(errors: int) -> str:
    return "1 error" if errors == 1 else f"{errors} errors"


def _shown(columns: GroundTruth | CocoResults, loss: Loss, image: ImageLoss) -> NDArray[np.bool_]:
    """Rows of the image, and of the category where the loss is about one."""
    there: NDArray[np.bool_] = columns.images == image.rank
    return there if loss.category is None else there & (columns.categories == loss.category)


def _detected(bench: CaseBench, results: CocoResults) -> list[DrawnBox]:
    return _boxes(bench, results.boxes_xywh, results.categories, results.scores)


def _boxes(
    bench: CaseBench,
    boxes: NDArray[np.float64],
    categories: NDArray[np.int64],
    scores: NDArray[np.float64] | None,
) -> list[DrawnBox]:
    names = [bench.dataset.categories[rank].name for rank in categories]
    listed = [None] * len(names) if scores is None else scores.tolist()
    return [DrawnBox(tuple(box), name, score) for box, name, score in zip(boxes.tolist(), names, listed, strict=True)]
