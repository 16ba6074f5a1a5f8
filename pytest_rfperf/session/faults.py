"""What `rfperf mutate` makes a detector do wrong, silently: no field of any protocol changes.

A fault is put between the detector that a target opened and all that measures it, on the side of the model that is
judged alone. Fresh processes (cold starts, memory) are started by the target itself, where no fault reaches them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal, NamedTuple, cast

import numpy as np

from pytest_rfperf.config import convert_options
from pytest_rfperf.errors import DatasetError, UsageError
from pytest_rfperf.registry import find
from pytest_rfperf.session.datasets import category_of_label
from pytest_rfperf.session.wrong_detectors import (
    MORE,
    Faulty,
    FaultySide,
    OtherColours,
    dropping,
    longer,
    stale,
    swapping,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_rfperf.data.model import ModelSignature
    from pytest_rfperf.protocols import Decoder, Detector, Model
    from pytest_rfperf.session.inventory import Inventory
    from pytest_rfperf.session.wrong_detectors import Answer

Fault = Literal["slow", "spike", "dropped", "swapped", "bgr", "fallback", "stale"]
FAULTS: dict[Fault, str] = {
    "slow": "10 % slower",
    "spike": "2 % of calls take five times as long",
    "dropped": "1 % of boxes are missing",
    "swapped": "two classes are exchanged",
    "bgr": "red and blue are exchanged",
    "fallback": "silent CPU fallback: three times as long",
    "stale": "each tenth call answers what the last one did",
}
CPU, TARGETS = "CPUExecutionProvider", "rfperf.targets"


def fault_named(name: str) -> Fault:
    """The fault of a name.

    Raises
    ------
    UsageError
        If there is none, naming the known ones.
    """
    if name not in FAULTS:
        msg = f"--rfperf-fault={name}: known: {', '.join(FAULTS)}"
        raise UsageError(msg)
    return name


def faulty_model(model: Model, fault: str) -> Model:
    """The model as a target receives it; the same where its fault is none of preparation."""
    if fault_named(fault) != "bgr":
        return model

    def bind(signature: ModelSignature) -> Decoder:
        return cast("Decoder", OtherColours(model.bind(signature)))

    return replace(model, bind=bind)


class Opened(NamedTuple):
    """How a detector came to be: its model, the name of the target, and whether it takes turns with another."""

    model: Model
    target: str
    in_turns: bool = False


def faulty_detector(detector: Detector, opened: Opened, inventory: Inventory) -> Detector:
    """The detector with the fault of the session; the same where the fault lies elsewhere."""
    fault = fault_named(inventory.settings.fault)
    if fault == "bgr":
        return detector
    if hasattr(detector, "timed"):
        return cast("Detector", FaultySide(detector, fault))
    on_cpu = _on_cpu(opened, inventory) if fault == "fallback" else None
    if on_cpu is not None:
        return cast("Detector", Faulty(detector, on_cpu.detect, on_cpu.run, also=on_cpu))
    return cast("Detector", Faulty(detector, *_calls(detector, fault, opened, inventory)))


def _calls(detector: Detector, fault: Fault, opened: Opened, inventory: Inventory) -> tuple[Answer, Answer]:
    """The two calls with the fault; only time and staleness show in a call that gives tensors."""
    if fault == "dropped":
        return dropping(detector.detect), detector.run
    if fault == "swapped":
        return swapping(detector.detect, swapped_labels(detector.labels, inventory, opened.model.name)), detector.run
    if fault == "stale":
        return stale(detector.detect), stale(detector.run)
    return longer(detector.detect, MORE[fault]()), longer(detector.run, MORE[fault]())


def swapped_labels(labels: Sequence[str], inventory: Inventory, model: str) -> list[tuple[int, int]]:
    """The two most frequent classes of each selected dataset, by the model's labels, each label once at most.

    A dataset of one class exchanges it with the first label that is another; without a dataset they are the first two.
    """
    pairs: list[tuple[int, int]] = []
    for name in inventory.settings.chosen_datasets:
        free = [rank for rank in range(len(labels)) if not any(rank in pair for pair in pairs)]
        frequent = [rank for rank in _frequent(labels, inventory, (model, name)) if rank in free]
        chosen = [*frequent, *(rank for rank in free if rank not in frequent)][:2]
        if frequent and len(chosen) == 2:  # noqa: PLR2004 - a pair
            pairs.append((chosen[0], chosen[1]))
    return pairs or [(0, 1)][: len(labels) - 1]


def _frequent(labels: Sequence[str], inventory: Inventory, names: tuple[str, str]) -> list[int]:
    """The model's labels that a dataset annotates, the most frequent first; none where the two do not fit."""
    dataset = inventory.dataset(names[1])
    try:
        categories = category_of_label(labels, dataset, inventory.settings.datasets[names[1]], names)
    except DatasetError:
        return []
    counts = np.bincount(dataset.truth.categories, minlength=len(dataset.categories))
    known = [rank for rank, category in enumerate(categories) if category >= 0 and counts[category]]
    return sorted(known, key=lambda rank: -int(counts[categories[rank]]))


def _on_cpu(opened: Opened, inventory: Inventory) -> Detector | None:
    """The model where ONNX Runtime would fall back to; None where the target asks for the CPU itself."""
    settings = inventory.settings
    keys = settings.targets[opened.target]
    if keys.keys.get("providers", [CPU])[0] == CPU:
        return None
    adapter = find(TARGETS, keys.kind).load()
    asked = {key: value for key, value in keys.keys.items() if key != "provider-options"} | {"providers": [CPU]}
    target = adapter(
        opened.target, convert_options(asked, adapter.options, f"targets.{opened.target}", settings.source)
    )
    if opened.in_turns and hasattr(target, "for_turns"):
        target = target.for_turns()
    return cast("Detector", target.open(opened.model))
