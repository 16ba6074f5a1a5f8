"""The recorded accuracy that a bench is judged against, and how records are kept for the next time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pytest_rfperf.core.operating_point import best_f1
from pytest_rfperf.errors import StoreError, UsageError
from pytest_rfperf.gates.gate import BaselineAccuracy
from pytest_rfperf.session.accuracy_protocol import accuracy_protocol, model_protocol
from pytest_rfperf.store.baseline import baseline_path, read_baseline
from pytest_rfperf.store.kept_records import read_records
from pytest_rfperf.store.match_records import pack_records, unpack_records
from pytest_rfperf.store.protocol import difference

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_rfperf.core.records import MatchRecords
    from pytest_rfperf.gates.gate import Accuracy
    from pytest_rfperf.session.bench import CaseBench
    from pytest_rfperf.store.baseline import StoredRun

_SHOWN = 12


def baseline_accuracy(bench: CaseBench) -> BaselineAccuracy | None:
    """The newest recorded accuracy pass of a case; None where there is none and this session records one.

    Raises
    ------
    StoreError
        If there is none and none is being recorded, or it cannot be read or is not of this dataset.
    UsageError
        If it was made under another protocol, naming the field and both values.
    """
    case, settings = bench.case, bench.session.settings
    path = baseline_path(settings.path(settings.run.baselines), case.target or "", case.dataset or "", case.model or "")
    run = _newest(path)
    if run is None or run.accuracy is None:
        if settings.record:
            return None
        msg = f"no baseline for {bench.where}; run pytest --rfperf-record and commit {_shown(path, settings.root)}"
        raise StoreError(msg)
    why = difference(run.accuracy.protocol, accuracy_protocol(bench, bench.accuracy()))
    if run.artifact_sha256 == bench.model.sha256:
        why = why or difference(run.accuracy.model, model_protocol(bench))
    if why:
        msg = (
            f"the baseline of {bench.where} is not comparable: {why}; undo the change, or record anew with "
            f"pytest --rfperf-record after removing {_shown(path, settings.root)}"
        )
        raise UsageError(msg)
    content, where = read_records(path, run.accuracy.records_sha256)
    records, used = unpack_records(content, where)
    shape = (records.category_count, records.iou_thresholds, records.areas)
    ours = bench.accuracy().records
    fits = shape == (ours.category_count, ours.iou_thresholds, ours.areas)
    if not fits or records.image_count > len(bench.dataset.images):
        msg = f"{where} is not of the dataset that {path.name} names; restore it from version control, or record anew"
        raise StoreError(msg)
    if not _of_one_truth(records, bench.accuracy()):
        msg = f"{where} holds match records of other objects or categories; restore it, or record anew"
        raise StoreError(msg)
    said = f"the baseline of {run.recorded[:10]} ({run.artifact}, sha256 {run.artifact_sha256[:_SHOWN]})"
    return BaselineAccuracy(said, records, used)


def packed_records(accuracy: Accuracy) -> bytes:
    """Match records and the detections at the best score, as a file."""
    results = accuracy.run.results
    return pack_records(accuracy.records, results.where(results.scores >= best_f1(accuracy.records).score))


def _newest(path: Path) -> StoredRun | None:
    baseline = read_baseline(path)
    runs = baseline.runs if baseline else []
    return next((run for run in runs if run.accuracy is not None and run.accuracy.records_sha256), None)


def _of_one_truth(records: MatchRecords, accuracy: Accuracy) -> bool:
    """Whether records of a file are of the objects that were matched now, and by the same rule."""
    now, images = accuracy.records, accuracy.run.images
    columns = ("object_edges", "object_images", "counting")
    return (
        records.iou_thresholds == now.iou_thresholds
        and records.area_ranges == now.area_ranges
        and records.image_count <= images
        and all(np.array_equal(getattr(records, name), getattr(now, name)) for name in columns)
    )


def _shown(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
