"""What a session found out, as plain values: they travel from workers to the controller and into files."""

from __future__ import annotations

from typing import NamedTuple

import msgspec


class Case(NamedTuple):
    """What a test is about; None for a part that none of its gates and fixtures needs."""

    model: str | None = None
    target: str | None = None
    dataset: str | None = None

    def __str__(self) -> str:
        """Name the case as messages do: fast on cpu/street."""
        place = "/".join(part for part in (self.target, self.dataset) if part)
        return f"{self.model} on {place}" if place else self.model or "this test"


class LatencyFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A latency run; milliseconds, null where a percentile is a failed request.

    `clean_p50_ms` is the median of the calls that had a CPU for themselves, see `core.budget.clean_median`.
    """

    shape: str
    calls: int
    failed: int
    p50_ms: float | None
    p95_ms: float | None
    successes_p95_ms: float | None
    duration_s: float
    warm_up_calls: int
    warm_up_steady: bool
    first_call_ms: float | None
    stages_ms: dict[str, float]
    signals: dict[str, float | None]
    protocol: dict[str, str]
    samples: str
    clean_p50_ms: float | None = None


class AccuracyFacts(msgspec.Struct, frozen=True, kw_only=True):
    """An accuracy pass: the twelve COCO values by name, -1 where undefined; counts are means over images.

    `core` is the tier of the metric core that ran; `records` are the match records as base64, where the session
    records baselines.
    """

    images: int
    values: dict[str, float]
    duration_s: float
    outside_classes: int
    protocol: dict[str, str]
    predictions_per_image: float = 0.0
    objects_per_image: float = 0.0
    model: dict[str, str] = {}
    core: str = ""
    records: str = ""


class EstimateFacts(msgspec.Struct, frozen=True):
    """A figure with its 95 % interval; null where the sample leaves a limit open."""

    value: float
    low: float | None
    high: float | None


class ComparisonFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Two models on one target and dataset.

    `gains` are differences of average precision by name, larger less smaller; `slow_downs` are ratios of service
    times by scope, larger over smaller; `small_ms` and `large_ms` are percentiles by name, such as "end-to-end p95".
    """

    small: str
    large: str
    target: str
    dataset: str
    images: int = 0
    small_ap: dict[str, float] = {}
    large_ap: dict[str, float] = {}
    gains: dict[str, EstimateFacts] = {}
    slow_downs: dict[str, EstimateFacts] = {}
    pairs: dict[str, int] = {}
    small_ms: dict[str, EstimateFacts] = {}
    large_ms: dict[str, EstimateFacts] = {}


class VerdictFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict as text and numbers; measured is null where it is infinite or nothing was measured."""

    gate: str
    outcome: str
    measured: float | None
    limit: float
    unit: str
    message: str
    details: list[str] = []
    metric: str = ""


class DrawnBox(msgspec.Struct, frozen=True):
    """A box to draw: xywh in pixels of the image, its class, and the score of a detection."""

    xywh: tuple[float, float, float, float]
    name: str
    score: float | None = None


class PictureFacts(msgspec.Struct, frozen=True, kw_only=True):
    """An image in which a model lost accuracy: `image` is its file, `name` tells it from all others of the dataset.

    `before` are the baseline's detections, null without a baseline.
    """

    name: str
    image: str
    caption: str
    truth: list[DrawnBox]
    now: list[DrawnBox]
    before: list[DrawnBox] | None


class CaseFacts(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of one case after one test; `detections` are COCO results as JSON, where asked for.

    `pictures` are of the images that lost most, where a gate on accuracy failed.
    """

    test: str
    model: str
    size: str
    target: str
    dataset: str
    artifact: str
    artifact_sha256: str
    environment: dict[str, str] = {}
    latency: list[LatencyFacts] = []
    accuracy: AccuracyFacts | None = None
    others: dict[str, float] = {}
    verdicts: list[VerdictFacts] = []
    notes: list[str] = []
    detections: str = ""
    pictures: list[PictureFacts] = []


class ReportFacts(msgspec.Struct, frozen=True):
    """What one test found out: the cases that it measured and the models that it compared."""

    cases: list[CaseFacts]
    comparisons: list[ComparisonFacts] = []


def as_expected(case: CaseFacts) -> CaseFacts:
    """The facts of a test that was expected to fail: its failing verdicts count for nothing."""
    verdicts = [
        verdict if verdict.outcome != "FAIL" else msgspec.structs.replace(verdict, outcome="XFAIL")
        for verdict in case.verdicts
    ]
    return msgspec.structs.replace(case, verdicts=verdicts)
