"""What every gate has: arguments that are checked when it is made, a key, and a judgement."""

from __future__ import annotations

import importlib
import math
from dataclasses import MISSING, dataclass, fields, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from pytest_rfperf.errors import UsageError
from pytest_rfperf.gates.catalogue import CLASSES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from pytest_rfperf.core.average_precision import PrecisionRecall
    from pytest_rfperf.core.records import MatchRecords
    from pytest_rfperf.core.resampling import Part
    from pytest_rfperf.data.coco import CocoResults
    from pytest_rfperf.data.estimate import Resampled
    from pytest_rfperf.data.runs import AccuracyRun, ColdStart, LatencyRun, LoadShape, MemoryUse, PairedRun
    from pytest_rfperf.data.verdict import Verdict

BASELINE = "baseline"
"""What a gate calls the recorded reference where it could also name a model."""
CAP_OPTION, SUITE_CAP_OPTION = "--rfperf-cap", "--rfperf-suite-cap"
_MEANT = {
    "confidence": "score_floor",
    "conf": "score_floor",
    "threshold": "score_floor",
    "iou_thr": "iou",
    "iou_threshold": "iou",
    "max_det": "max_detections",
    "p": "percentile",
    "class_name": "category",
    "size": "area",
}


@dataclass(frozen=True, slots=True)
class Accuracy:
    """One pass over the dataset and what it comes to under one protocol."""

    run: AccuracyRun
    records: MatchRecords
    precision_recall: PrecisionRecall
    categories: tuple[str, ...]
    images: tuple[str, ...]
    """File names."""
    score_floor: float


@dataclass(frozen=True, slots=True)
class BaselineAccuracy:
    """The accuracy of a recorded run, of the same protocol as that of the bench.

    Attributes
    ----------
    said : str
        Names the run in messages.
    records : MatchRecords
    used : CocoResults
        The detections at its best score, to be drawn.
    """

    said: str
    records: MatchRecords
    used: CocoResults


class Opponent(Protocol):
    """A model that this one is measured against, both called in turns."""

    said: str
    """Names it in messages."""

    @property
    def alike(self) -> bool:
        """Whether both compute alike, one thread on the CPU, so that more CPU time is a regression."""

    def measure(self, shape: LoadShape, decided: Callable[[PairedRun], bool]) -> PairedRun:
        """Measure in turns until `decided` or the cap, this model first; goes on where the last one stopped."""

    def again(self, shape: LoadShape, decided: Callable[[PairedRun], bool]) -> PairedRun:
        """Measure anew in fresh sessions, loaded in the other order."""


@dataclass(frozen=True, slots=True)
class StoredNumbers:
    """A baseline of which only the numbers are there.

    Attributes
    ----------
    why : str
        Why its artefact cannot be measured again, and what to do about it.
    """

    why: str


class Bench(Protocol):
    """What a gate may ask for: one detector on one target and dataset, measured once and shared."""

    where: str
    """Names the bench in messages: "fast on cpu/street"."""
    alpha: float
    """Chance of a wrong FAIL that this session grants a gate."""
    beta: float
    """Chance of a wrong PASS."""
    cap_s: float
    """Seconds of measuring that this session grants a gate."""

    @property
    def cap_option(self) -> str:
        """The option that would grant more time."""

    @property
    def artifact(self) -> Path:
        """The model file."""

    def latency(self, shape: LoadShape, decided: Callable[[LatencyRun], bool]) -> LatencyRun:
        """Measure until `decided` or the cap."""

    def opponent(self, against: str) -> Opponent | StoredNumbers | None:
        """The model of that name, size or path, or the "baseline"; None where this session records the first one."""

    def stored_medians(self, shape: LoadShape) -> tuple[float, ...]:
        """Clean medians in ns of the comparable recorded runs, newest first.

        Raises
        ------
        UsageError
            If the newest run was made under another protocol or environment, naming the field and both values.
        """

    def training_s(self, name: str) -> float:
        """Wall seconds that the model of that name or size trained."""

    def accuracy(
        self, *, score_floor: float | None, max_detections: int, iou_thresholds: Sequence[float] | None
    ) -> Accuracy:
        """Run over the dataset, or reuse the pass of another gate."""

    def baseline_accuracy(self) -> BaselineAccuracy | None:
        """The newest recorded accuracy pass of this case; None where there is none and this session records one."""

    def resampled(self, accuracy: Accuracy, part: Part, *, certainty: float | None) -> Resampled:
        """Average precision over redrawn images; its deviation alone, without limits, where no certainty is given."""

    def resampled_change(self, accuracy: Accuracy, baseline: BaselineAccuracy, part: Part) -> Resampled:
        """What the accuracy is more than the baseline's, over the same redrawn images."""

    def cold_starts(self, decided: Callable[[Sequence[ColdStart]], bool], most: int) -> Sequence[ColdStart]:
        """Start fresh processes until `decided`, the cap, or `most` of them."""

    def memory(self) -> MemoryUse:
        """Read the peak memory of fresh processes."""


@dataclass(frozen=True, slots=True)
class Gate:
    """The arguments of one marker; subclasses are frozen dataclasses that check themselves."""

    name: ClassVar[str]
    key_fields: ClassVar[tuple[str, ...]] = ()
    needs_model: ClassVar[bool] = True
    needs_target: ClassVar[bool] = True
    needs_dataset: ClassVar[bool] = True

    @property
    def parts(self) -> tuple[Gate, ...]:
        """The gates that a marker comes to: most are one."""
        return (self,)

    @property
    def metric(self) -> str:
        """What a waiver calls it."""
        return self.name

    def at(self, limit: float) -> Gate:
        """The same gate with another limit, which is the first argument of every one.

        Raises
        ------
        UsageError
            If it cannot be that gate's limit.
        """
        return replace(self, **{fields(self)[0].name: limit})

    @property
    def key(self) -> tuple[Any, ...]:
        """What makes two markers of one name different expectations; of equals the closest wins."""
        return (self.name, *(getattr(self, field) for field in self.key_fields))

    def judge(self, bench: Bench) -> Verdict:
        """Measure what is needed and decide."""
        raise NotImplementedError

    def refuse(self, argument: str, why: str) -> UsageError:
        """Say what is wrong with an argument."""
        return UsageError(f"{self.name}: {argument}={getattr(self, argument)!r}: {why}")

    def check_model(self, argument: str) -> None:
        """Refuse what cannot be the name or size of a model."""
        value = getattr(self, argument)
        if not isinstance(value, str) or not value:
            raise self.refuse(argument, "expected the name or size of a model")

    def check_number(self, argument: str, low: float, high: float, *, least: bool = False) -> None:
        """Refuse an argument that is no number in (low, high], or in [low, high] with `least`."""
        value = getattr(self, argument)
        number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        if not number or not (low < value <= high or (least and value == low)):
            interval = f"{'[' if least else '('}{low:g}, {high:g}]" if high != float("inf") else f"greater than {low:g}"
            why = f"expected a number in {interval}" if high != float("inf") else f"expected a number {interval}"
            raise self.refuse(argument, why)


def more_time(bench: Bench, needed_s: float) -> str:
    """Say which option to raise, and to what where that option is the gate's own cap."""
    known = f" to {needed_s:.0f} s or more" if bench.cap_option == CAP_OPTION else ""
    return f"raise {bench.cap_option}{known}"


def gate_class(name: str) -> type[Gate]:
    """The class of a marker; importing its module."""
    module, _, attribute = CLASSES[name].partition(":")
    return getattr(importlib.import_module(module), attribute)  # type: ignore[no-any-return]


def make_gate(name: str, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> Gate:
    """Make the gate of a marker.

    Raises
    ------
    UsageError
        If an argument is unknown, missing, given twice or impossible; the message names the known ones.
    """
    kind = gate_class(name)
    parameters = fields(kind)
    known = [field.name for field in parameters]
    for keyword in keywords:
        if keyword not in known:
            near = [_MEANT[keyword]] if _MEANT.get(keyword) in known else get_close_matches(keyword, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            msg = f"{name}: unknown argument '{keyword}'; known: {', '.join(known)}{hint}"
            raise UsageError(msg)
    if arguments and parameters[0].default is not MISSING:
        msg = f"{name}: takes no positional argument; all are given by name"
        raise UsageError(msg)
    if len(arguments) > 1 or (arguments and known[0] in keywords):
        msg = f"{name}: takes one positional argument, {known[0]}; all others are given by name"
        raise UsageError(msg)
    given = dict(keywords) | dict(zip(known, arguments, strict=False))
    missing = [f.name for f in parameters if f.default is MISSING and f.name not in given]
    if missing:
        msg = f"{name}: argument '{missing[0]}' is missing; known: {', '.join(known)}"
        raise UsageError(msg)
    return kind(**given)
