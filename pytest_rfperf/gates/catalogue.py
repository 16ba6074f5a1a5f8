"""The markers by name: enough to register them without importing a gate."""

from __future__ import annotations

SIGNATURES: dict[str, str] = {
    "cold_start_budget": "cold_start_budget(s): a fresh process makes its first detections within s seconds (median)",
    "latency_budget": (
        "latency_budget(ms, *, percentile=95, scope='end-to-end', pace='back-to-back'): the percentile of the "
        "service time stays within ms milliseconds"
    ),
    "latency_ratio": (
        "latency_ratio(max, *, against, percentile=50, scope='end-to-end'): the median of paired service times, or a "
        "percentile of each side's, is at most max times that of `against`: a model, a size, a path, or 'baseline'; "
        "measured in turns"
    ),
    "memory_budget": "memory_budget(mb): the detector adds at most mb megabytes (10^6 bytes) of resident memory",
    "min_ap": (
        "min_ap(ap, *, category=None, area=None, iou=None, certainty=None, score_floor=None, max_detections=100): "
        "least average precision of one class or one range of object sizes"
    ),
    "min_map": (
        "min_map(ap, *, iou=None, certainty=None, score_floor=None, max_detections=100): least mean average precision; "
        "iou=None is COCO's mean over 0.50 to 0.95; certainty=0.95 asks it of images like these, not of these alone"
    ),
    "model_size_budget": "model_size_budget(mb): the model file takes at most mb megabytes (10^6 bytes)",
    "no_regression": (
        "no_regression(*, latency=None, map=None): the median service time is not longer than that of the baseline's "
        "artefact by more than latency (0.025 is 2.5 %), measured in turns; average precision is not lower than the "
        "recorded baseline's by more than map, judged over redrawn images"
    ),
    "same_detections": (
        "same_detections(as_, *, score=0.05, share=0.995): of the detections that the baseline recorded "
        "(as_='baseline'), this share is made again: in the same image, of the same class, matched alike, the score "
        "within `score`"
    ),
    "training_ratio": (
        "training_ratio(max, *, small='fast', large='accurate'): the large size trained at most max times as long as "
        "the small one, by the models' metadata or training-s"
    ),
}
"""Name to the line that `pytest --markers` shows."""

SELECTORS: dict[str, str] = {
    "sizes": "sizes(*names): the test runs only for models of these names or sizes",
    "waiver": (
        "waiver(metric, *, ceiling, expires, owner, issue, reason): where the gate `metric` of the test fails, it is "
        "judged at `ceiling` in place of its own limit, until the day `expires`; "
        "no_regression.latency and no_regression.map are two metrics"
    ),
}
"""The same for markers that judge nothing, but say what a test runs on or how its gates are judged."""

CLASSES: dict[str, str] = {
    "cold_start_budget": "pytest_rfperf.gates.cold_start_budget:ColdStartBudget",
    "latency_budget": "pytest_rfperf.gates.latency_budget:LatencyBudget",
    "latency_ratio": "pytest_rfperf.gates.latency_ratio:LatencyRatio",
    "memory_budget": "pytest_rfperf.gates.memory_budget:MemoryBudget",
    "min_ap": "pytest_rfperf.gates.min_ap:MinAp",
    "min_map": "pytest_rfperf.gates.min_map:MinMap",
    "model_size_budget": "pytest_rfperf.gates.model_size_budget:ModelSizeBudget",
    "no_regression": "pytest_rfperf.gates.no_regression:NoRegression",
    "same_detections": "pytest_rfperf.gates.same_detections:SameDetections",
    "training_ratio": "pytest_rfperf.gates.training_ratio:TrainingRatio",
}
"""Name to the class of the gate."""
