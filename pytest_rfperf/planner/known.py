"""What is known of a case before it is measured: from its baseline alone, or from a short look at the detector."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pytest_rfperf.config import convert_options
from pytest_rfperf.core.planning import adjacent_log_ratios
from pytest_rfperf.core.resampling import Part, resampled_ap
from pytest_rfperf.data.runs import FAILED_NS, LoadShape
from pytest_rfperf.errors import RfperfError, StoreError
from pytest_rfperf.gates.gate import BASELINE
from pytest_rfperf.registry import find
from pytest_rfperf.session.datasets import GROUP
from pytest_rfperf.store.artifacts import kept_copy
from pytest_rfperf.store.baseline import baseline_path, read_baseline, shown_path
from pytest_rfperf.store.kept_records import read_records
from pytest_rfperf.store.match_records import unpack_records
from pytest_rfperf.store.samples import unpack

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from pytest_rfperf.config import Settings
    from pytest_rfperf.core.records import MatchRecords
    from pytest_rfperf.data.estimate import Resampled
    from pytest_rfperf.gates.min_map import MinMap
    from pytest_rfperf.session.facts import Case
    from pytest_rfperf.store.baseline import StoredRun

    Floats = NDArray[np.float64]

_NEAR = 1e-9


class Seen(NamedTuple):
    """Calls that were seen.

    Attributes
    ----------
    times : (N,) float64
        Latencies in ns in the order of the calls, infinite where failed.
    each_s : float
        Mean seconds a call takes, its gap included.
    said : str
        Where they are from.
    """

    times: Floats
    each_s: float
    said: str


class Opposed(NamedTuple):
    """What is known of another model that takes turns with this one.

    Attributes
    ----------
    log_ratios : (N,) float64 or None
        Logarithms of paired ratios in order.
    each_s : float or None
        Seconds a pair takes.
    times : (N,) float64 or None
        Latencies of one of the two, for their tail.
    said : str
        Where that is from; empty where nothing is known.
    ratio : float or None
        The median ratio that was seen between these two very models.
    never : str
        Why no verdict can come, and what to do.
    remark : str
    medians : tuple of float or None
        Of recorded runs, where numbers alone decide.
    """

    log_ratios: Floats | None = None
    each_s: float | None = None
    times: Floats | None = None
    said: str = ""
    ratio: float | None = None
    never: str = ""
    remark: str = ""
    medians: tuple[float, ...] | None = None


class Deviation(NamedTuple):
    """How much an average precision varies with the images, and where that is from."""

    found: Resampled
    said: str


class BaselineKnown:
    """What the baseline of a case says; nothing but files of baselines is read.

    Parameters
    ----------
    settings : Settings
    case : Case
    """

    def __init__(self, settings: Settings, case: Case) -> None:
        """Read the baseline, if there is one that can be read."""
        self.settings, self.case = settings, case
        self.runs: list[StoredRun] = []
        self.problem = ""
        try:
            baseline = read_baseline(self.path)
            self.runs = baseline.runs if baseline else []
        except StoreError as error:
            self.problem = str(error)
        self._records: MatchRecords | None = None

    @property
    def path(self) -> Path:
        """Where the baseline of the case lies."""
        settings, case = self.settings, self.case
        folder = settings.path(settings.run.baselines)
        return baseline_path(folder, case.target or "", case.dataset or "", case.model or "")

    def seen(self, shape: LoadShape) -> Seen | None:
        """The calls of the newest recorded run of that shape; None where none has raw samples."""
        for run in self.runs:
            for latency in run.latency:
                if latency.shape == str(shape) and latency.samples:
                    times = as_times(unpack(latency.samples))
                    return seen_of(times, shape, f"baseline of {run.recorded[:10]}, {len(times)} calls")
        return None

    def opposed(self, against: str, shape: LoadShape) -> Opposed:
        """What the baseline says of pairs: neighbouring calls stand for them."""
        own = self.seen(shape)
        known = Opposed() if own is None else Opposed(adjacent_log_ratios(own.times), None, own.times, own.said)
        if against == BASELINE:
            known = known._replace(each_s=None if own is None else 2 * own.each_s)
            return known if self.settings.models[self.case.model or ""].baseline else self._recorded(known, shape)
        if self.settings.path(against).is_file() and against not in self.settings.models:
            return known
        other = BaselineKnown(self.settings, self.case._replace(model=self.settings.model_named(against))).seen(shape)
        return known if own is None or other is None else known._replace(each_s=own.each_s + other.each_s)

    @property
    def images(self) -> int | None:
        """Images of the dataset, by the newest accuracy pass, else by the configuration; None where unknown."""
        counts = [run.accuracy.images for run in self.runs if run.accuracy is not None]
        return counts[0] if counts else _configured_images(self.settings, self.case.dataset or "")

    @property
    def image_s(self) -> float | None:
        """Seconds that an image of an accuracy pass takes, about those of a call."""
        seen = self.seen(LoadShape())
        return None if seen is None else seen.each_s

    @property
    def start_s(self) -> float | None:
        """Median seconds of a fresh process."""
        return next((run.others["cold start s"] for run in self.runs if "cold start s" in run.others), None)

    def deviation(self, gate: MinMap | None) -> Deviation | None:
        """How much the baseline's average precision varies with the images; of the whole dataset without a gate.

        Raises
        ------
        StoreError
            If its match records cannot be read.
        """
        run = next((run for run in self.runs if run.accuracy is not None and run.accuracy.records_sha256), None)
        if run is None or run.accuracy is None:
            return None
        if self._records is None:
            self._records, _ = unpack_records(*read_records(self.path, run.accuracy.records_sha256))
        part = part_of(gate, self._records, self.categories)
        if part is None:
            return None
        found = resampled_ap(self._records, run.accuracy.images, part, certainty=None)
        return Deviation(found, f"match records of {run.recorded[:10]}")

    @property
    def categories(self) -> tuple[str, ...]:
        """Names of the classes; a baseline has none."""
        return ()

    def _recorded(self, known: Opposed, shape: LoadShape) -> Opposed:
        """Whether a recorded artefact is here to be measured again."""
        settings, name = self.settings, self.case.model
        if not self.runs:
            if settings.record:
                return known._replace(remark="recording: there is no baseline yet, and this run becomes it")
            why = self.problem or f"no baseline for {self.case} ({shown_path(self.path, settings.root)})"
            remedy = f"run pytest --rfperf-record, or set models.{name}.baseline to 'git:REF:path' or a path"
            return known._replace(never=f"{why}; {remedy}")
        if kept_copy(self.runs[0].artifact_sha256).is_file():
            return known
        medians = self.medians(shape)
        remark = (
            f"the baseline's artefact is not in the cache: unless the model file is still that one, numbers alone "
            f"decide, from 5 recorded runs on (there are {len(medians)}); set models.{name}.baseline"
        )
        return known._replace(remark=remark)

    def medians(self, shape: LoadShape) -> tuple[float, ...]:
        """Clean medians in ms of the recorded runs of the newest artefact."""
        newest = self.runs[0].artifact_sha256 if self.runs else ""
        same = [latency for run in self.runs if run.artifact_sha256 == newest for latency in run.latency]
        found = [latency.clean_p50_ms for latency in same if latency.shape == str(shape)]
        return tuple(median for median in found if median is not None)


def as_times(latencies_ns: NDArray[np.int64]) -> Floats:
    """Latencies as floats, infinite where failed."""
    times = latencies_ns.astype(np.float64)
    times[latencies_ns == FAILED_NS] = np.inf
    return times


def seen_of(times: Floats, shape: LoadShape, said: str) -> Seen | None:
    """Calls with their mean; None where none was answered."""
    answered = times[np.isfinite(times)]
    return Seen(times, (float(answered.mean()) + shape.pace_ns) / 1e9, said) if len(answered) else None


def part_of(gate: MinMap | None, records: MatchRecords, categories: tuple[str, ...]) -> Part | None:
    """What of a dataset a gate asks about; None where records or names do not tell."""
    if gate is None:
        return Part()
    area, category = getattr(gate, "area", None), getattr(gate, "category", None)
    if gate.iou is not None and all(abs(gate.iou - one) > _NEAR for one in records.iou_thresholds):
        return None
    if category is not None and category not in categories:
        return None
    return Part(gate.iou, area or "all", None if category is None else categories.index(category))


def scaled(found: Resampled, images: int) -> Resampled:
    """A deviation as that many images would have it."""
    if not found.images or not math.isfinite(found.sd):
        return found
    return replace(found, sd=found.sd * math.sqrt(found.images / images), images=images)


def _configured_images(settings: Settings, name: str) -> int | None:
    """Images that the keys of a dataset ask for, where its format takes their number."""
    keys = settings.datasets.get(name)
    if keys is None or keys.format is None:
        return None
    try:
        adapter = find(GROUP, keys.format).load()
        images = getattr(
            convert_options(keys.keys, adapter.options, f"datasets.{name}", settings.source), "images", None
        )
    except RfperfError:
        return None
    return images if isinstance(images, int) else None
