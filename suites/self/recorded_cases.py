"""Cases whose figures are those of their own samples and match records, as a session leaves them."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from fakes import accuracy_facts, case_facts, latency_run, verdict_facts
from passes import uneven_accuracy

from pytest_rfperf.baselines.recording import Recording
from pytest_rfperf.report.files import write_json
from pytest_rfperf.report.summary import Summary
from pytest_rfperf.session.baselines import packed_records
from pytest_rfperf.session.recorder import coco_values, latency_facts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pytest_rfperf.baselines.recording import FailedTest
    from pytest_rfperf.session.facts import CaseFacts

RUN = "20240501T120000-abc123"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
LOST = "AP 0.3000, -0.2000 (limits -0.25..-0.15, each 95%) from the baseline"


def sound_case(*, seed: int = 0, **changes: Any) -> CaseFacts:
    """Facts of fast on cpu/street with 100 calls and 50 images, whatever a seed makes of them."""
    accuracy = uneven_accuracy(seed=seed)
    latencies = np.random.default_rng(seed).integers(8_000_000, 12_000_000, 100)
    usual = {
        "latency": [latency_facts(latency_run(latencies), {"runtime": "fake 1.0"})],
        "accuracy": accuracy_facts(
            values=coco_values(accuracy),
            model={"labels": "car, disc"},
            records=base64.b64encode(packed_records(accuracy)).decode(),
        ),
        "verdicts": [verdict_facts()],
    }
    return case_facts(**(usual | changes))


def regressed(outcome: str = "FAIL", message: str = LOST, **changes: Any) -> CaseFacts:
    """The same of a model that the regression gate did not pass."""
    half = "map" if message.startswith("AP ") else "latency"
    verdict = verdict_facts(outcome, gate="no_regression", metric=f"no_regression.{half}", message=message, unit="")
    return sound_case(seed=1, verdicts=[verdict_facts(), verdict], **changes)


def left_facts(
    path: Path, *cases: CaseFacts, failed: Sequence[FailedTest] = (), status: int = 1, run: str = RUN
) -> Path:
    """Write what a session that recorded leaves behind."""
    summary = Summary(cases=list(cases), rows=[], notes=[], bound="")
    write_json(summary, path, exit_status=status, recording=Recording(run, COMMIT, list(failed)))
    return path


def with_figures(case: CaseFacts, **changes: Any) -> CaseFacts:
    """The case with other figures of its one latency run."""
    return msgspec.structs.replace(case, latency=[msgspec.structs.replace(case.latency[0], **changes)])
