"""The recorded accuracy that a bench is judged against, and how records are kept for the next time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pytest_rfperf.core.operating_point import best_f1
from pytest_rfperf.errors import StoreError
from pytest_rfperf.gates.gate import BaselineAccuracy
from pytest_rfperf.session.accuracy_protocol import accuracy_protocol, model_protocol
from pytest_rfperf.session.old_models import incomparable
from pytest_rfperf.store.baseline import read_baseline, shown_path
from pytest_rfperf.store.kept_records import read_records
from pytest_rfperf.store.match_records import pack_records, unpack_records
from pytest_rfperf.store.protocol import AccuracyRunOf, accuracy_difference

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
        If there is none and none is being recorded, or it cannot be read.
    UsageError
        If it was made under another protocol, naming the field and both values.
    """
    settings, path = bench.session.settings, bench.baseline_path
    baseline = read_baseline(path)
    run = baseline.run_of_records if baseline else None
    if run is None or run.accuracy is None:
        if settings.record:
            return None
        shown = shown_path(path, settings.root)
        found = f"{shown} holds no match records (an earlier version wrote it)" if baseline else "no baseline"
        msg = f"{found} for {bench.where}; run pytest --rfperf-record and commit {shown} and the .records beside it"
        raise StoreError(msg)
    why = _difference(bench, run)
    if why:
        raise incomparable(bench, why)
    try:
        return _read(bench, path, run)
    except StoreError as error:
        if not settings.record:
            raise
        bench.session.notes.append(f"{bench.where}: this run is recorded without a comparison: {error}")
        return None


def _difference(bench: CaseBench, run: StoredRun) -> str | None:
    protocol, model = accuracy_protocol(bench, bench.accuracy()), model_protocol(bench)
    environment = bench.session.environment(bench.case.target or "").stable
    return accuracy_difference(run, AccuracyRunOf(protocol, model, environment, bench.model.sha256))


def _read(bench: CaseBench, path: Path, run: StoredRun) -> BaselineAccuracy:
    content, where = read_records(path, run.accuracy.records_sha256 if run.accuracy else "")
    records, used = unpack_records(content, where)
    if not _of_one_truth(records, bench.accuracy()):
        msg = f"{where} is not of the dataset that {path.name} names; restore it from version control, or record anew"
        raise StoreError(msg)
    said = f"the baseline of {run.recorded[:10]} ({run.artifact}, sha256 {run.artifact_sha256[:_SHOWN]})"
    return BaselineAccuracy(said, records, used)


def packed_records(accuracy: Accuracy) -> bytes:
    """Match records and the detections at the best score, as a file."""
    results = accuracy.run.results
    return pack_records(accuracy.records, results.where(results.scores >= best_f1(accuracy.records).score))


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
