"""pycocotools on two files, as far as possible as it comes, and what it cannot be given as it stands.

The files are read with Python's own json, so that nothing of ours has touched a number.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_rfperf.errors import DatasetError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from pytest_rfperf.workshop.coco_map import MapProtocol

    Row = dict[str, Any]
    Show = Callable[[str], object]

_EVERY = 1000
_KEYS = ("image_id", "category_id", "bbox", "score")


@dataclass(frozen=True, slots=True)
class PycocotoolsRun:
    """What pycocotools says.

    Attributes
    ----------
    version : str
    tensors : dict
        precision, scores and recall, as in `PrecisionRecall`.
    values, text : sequence
        The twelve values and their lines; empty where the protocol is not COCO's own.
    ignored_only : int
        Annotations that set `ignore` and not `iscrowd`: stock pycocotools lets them count.
    with_id_0 : int
        Annotations with id 0: stock pycocotools takes a match with one for none.
    completed : int
        Annotations that lack `iscrowd` or `area`, without which pycocotools stops; they were given 0, and
        width x height.
    """

    version: str
    tensors: dict[str, NDArray[np.float64]]
    values: Sequence[float]
    text: Sequence[str]
    ignored_only: int
    with_id_0: int
    completed: int

    @property
    def stock(self) -> bool:
        """Whether it ran as it comes: else `ignore` was kept, and annotations were numbered from 1."""
        return not (self.ignored_only or self.with_id_0)


def require_pycocotools() -> None:
    """See that it is installed.

    Raises
    ------
    UsageError
        Naming the extra that brings it.
    """
    if importlib.util.find_spec("pycocotools") is None:
        msg = "--check=pycocotools needs pycocotools; run pip install 'pytest-rfperf[test]'"
        raise UsageError(msg)


def run_pycocotools(
    truth: Path, results: Path, protocol: MapProtocol, category_ids: Sequence[int], show: Show
) -> PycocotoolsRun:
    """Evaluate two files that have been found sound.

    Parameters
    ----------
    truth, results : Path
    protocol : MapProtocol
    category_ids : sequence of int
        The categories that take part.
    show : callable
        Told how far it is.

    Raises
    ------
    UsageError
        If pycocotools is not installed.
    DatasetError
        If a file cannot be read any more.
    """
    require_pycocotools()
    show("pycocotools: reading")
    dataset, rows = _read(truth), _read(results)
    chosen = [row for row in dataset["annotations"] if row["category_id"] in set(category_ids)]
    ignored_only = sum(bool(row.get("ignore")) and not row.get("iscrowd") for row in chosen)
    with_id_0 = sum(row["id"] == 0 for row in chosen)
    completed = sum(_complete(row) for row in dataset["annotations"])
    if ignored_only or with_id_0:
        for number, row in enumerate(dataset["annotations"], start=1):
            row["id"] = number
    floor = -np.inf if protocol.score_floor is None else protocol.score_floor
    rows = [{key: row[key] for key in _KEYS} for row in rows if row["score"] >= floor]
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        run = _loaded(dataset, rows, show, keep_ignore=bool(ignored_only))
        run.params.catIds = list(category_ids)
        run.params.iouThrs = np.array(protocol.iou_thresholds)
        run.params.maxDets = list(protocol.max_detections)
        run.evaluate()
        show("pycocotools: accumulating")
        run.accumulate()
        before = len(printed.getvalue())
        if protocol.standard:
            run.summarize()
    return PycocotoolsRun(
        version=_version(),
        tensors={name: run.eval[name] for name in ("precision", "scores", "recall")},
        values=list(run.stats),
        text=printed.getvalue()[before:].splitlines(),
        ignored_only=ignored_only,
        with_id_0=with_id_0,
        completed=completed,
    )


def _version() -> str:
    from importlib.metadata import version  # noqa: PLC0415 - takes longer to import than small files to evaluate

    return version("pycocotools")


def _read(path: Path) -> Any:  # noqa: ANN401 - any JSON
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        msg = f"{path}: could be read before, and now cannot: {error}"
        raise DatasetError(msg) from error


def _complete(row: Row) -> bool:
    """Give a row the keys that pycocotools needs; whether one was missing."""
    missing = "iscrowd" not in row or row.get("area") is None
    row.setdefault("iscrowd", 0)
    if row.get("area") is None:
        row["area"] = row["bbox"][2] * row["bbox"][3]
    return missing


def _loaded(dataset: Row, rows: list[Row], show: Show, *, keep_ignore: bool) -> Any:  # noqa: ANN401 - pycocotools has no types
    from pycocotools.coco import COCO  # noqa: PLC0415 - optional
    from pycocotools.cocoeval import COCOeval  # noqa: PLC0415 - optional

    class Evaluation(COCOeval):  # type: ignore[misc]
        """COCOeval that says how far it is and, where asked to, lets `ignore` stand beside `iscrowd`."""

        calls = 0

        def _prepare(self) -> None:
            ignored = {row["id"] for row in self.cocoGt.dataset["annotations"] if row.get("ignore")}
            super()._prepare()
            for group in self._gts.values() if keep_ignore else ():
                for row in group:
                    row["ignore"] = row["ignore"] or row["id"] in ignored

        def evaluateImg(self, *which: Any) -> Any:  # noqa: ANN401, N802 - pycocotools' name
            self.calls += 1
            if self.calls % _EVERY == 0:
                total = len(self.params.imgIds) * len(self.params.catIds) * len(self.params.areaRng)
                show(f"pycocotools: evaluating, {self.calls / total:.0%}")
            return super().evaluateImg(*which)

    truth = COCO()
    truth.dataset = {"info": {}} | dataset
    truth.createIndex()
    # loadRes looks at the first row, and there need not be one.
    found = truth.loadRes(rows) if rows else COCO()
    if not rows:
        found.dataset = dataset | {"annotations": []}
        found.createIndex()
    return Evaluation(truth, found, "bbox")
