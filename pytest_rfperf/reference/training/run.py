"""From nothing to a model file: draw, train or go on training, export with its history."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pytest_rfperf.reference.cache import task_folder
from pytest_rfperf.reference.dataset import ReferenceDataset, ReferenceOptions
from pytest_rfperf.reference.tasks import CLASSES, GENERATOR_VERSION
from pytest_rfperf.reference.training.export import onnx_bytes
from pytest_rfperf.reference.training.loop import Training
from pytest_rfperf.reference.training.recipe import RECIPE, RECIPE_VERSION, SIZES, STRIDE_PX, Recipe
from pytest_rfperf.reference.training.views import Annotated, Pool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pytest_rfperf.reference.training.loop import Trained

CHECKPOINT = "{size}.checkpoint"


@dataclass(frozen=True, slots=True)
class Order:
    """What to train: a size of `SIZES`, from which seed, on how many threads."""

    size: str
    seed: int = 0
    threads: int = 2
    recipe: Recipe = RECIPE


def train(order: Order, folder: Path, say: Callable[[str], None]) -> bytes:
    """Train, or go on from the checkpoint in the folder.

    Parameters
    ----------
    order : Order
    folder : Path
        Where the checkpoint is kept; stays there when training ends, so that a second call trains nothing.
    say : callable
        Told how things stand.

    Returns
    -------
    bytes
        The model file.

    Raises
    ------
    UsageError
        If the checkpoint is of another training.
    """
    size = SIZES[order.size]
    classes = [name for task in CLASSES.values() for name in task]
    training = Training(size, len(classes), order.recipe, order.seed, order.threads)
    checkpoint = folder / CHECKPOINT.format(size=order.size)
    if checkpoint.exists():
        training.resume(checkpoint)
    steps, begin_s = order.recipe.steps, training.spent.wall_s
    pool = Pool(_images(order.recipe.images_per_task, say), size.input_px)

    def progress(step: int, score_loss: float, box_loss: float) -> None:
        here = step - training.started_at
        left_s = (training.spent.wall_s - begin_s) / max(1, here) * (steps - step)
        say(
            f"training {order.size}: {step}/{steps} steps, losses {score_loss:.3f} and {box_loss:.3f}, "
            f"{_minutes(left_s)} left"
        )

    trained = training.run(pool, checkpoint, progress)
    return onnx_bytes(trained.network, size.input_px, len(classes), _metadata(order, trained, classes))


def _images(count: int, say: Callable[[str], None]) -> Iterator[Annotated]:
    """The training images of all tasks, one task after the other."""
    first_label = 0
    for task, names in CLASSES.items():
        task_folder(task, "train", count, lambda done, of, task=task: say(f"drawing {task}: {done}/{of} images"))  # type: ignore[misc]
        dataset = ReferenceDataset.load(task, ReferenceOptions(task, "train", count))
        truth, rows = dataset.truth, defaultdict(list)
        for row, image in enumerate(truth.images):
            rows[int(image)].append(row)
        for rank, image in enumerate(dataset.images):
            say(f"reading {task}: {rank + 1}/{count} images")
            chosen = np.array(rows[rank], dtype=np.int64)
            x, y, width, height = truth.boxes_xywh[chosen].T
            boxes = np.stack([x, y, x + width, y + height], axis=1)
            yield Annotated(image.path.read_bytes(), truth.categories[chosen] + first_label, boxes)
        first_label += len(names)


def _metadata(order: Order, trained: Trained, classes: list[str]) -> dict[str, str]:
    """What the file says of itself: the keys of an Ultralytics export, then ours."""
    input_px = SIZES[order.size].input_px
    return {
        "description": f"pytest-rfperf reference detector, size {order.size}",
        "license": "Apache-2.0",
        "names": str(dict(enumerate(classes))),
        "stride": str(STRIDE_PX),
        "imgsz": json.dumps([input_px, input_px]),
        "batch": "1",
        "task": "detect",
        "preprocess": json.dumps({"resize": "stretch"}),
        "rfperf.size": order.size,
        "rfperf.recipe_version": str(RECIPE_VERSION),
        "rfperf.generator_version": str(GENERATOR_VERSION),
        "rfperf.seed": str(order.seed),
        "rfperf.images_seen": str(order.recipe.views),
        "rfperf.training_threads": str(order.threads),
        "rfperf.training_wall_s": f"{trained.spent.wall_s:.1f}",
        "rfperf.training_cpu_s": f"{trained.spent.cpu_s:.1f}",
        "rfperf.score_loss": f"{trained.score_loss:.4f}",
        "rfperf.box_loss": f"{trained.box_loss:.4f}",
    }


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"  # noqa: PLR2004 - a minute and a half
