"""The seal of a run: a hash over all else, and what a run tells of an edit."""

from __future__ import annotations

import hashlib
import json

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_rfperf.core.percentiles import percentile
from pytest_rfperf.data.runs import FAILED_NS
from pytest_rfperf.store.baseline import StoredLatency, StoredRun
from pytest_rfperf.store.samples import pack
from pytest_rfperf.store.seal import figure_faults, seal_fault, seal_of

NAMES = ("fast", "cpu", "street")
LATENCIES = [8_000_000, 9_000_000, 10_000_000, 12_500_000]


def latency(latencies=LATENCIES, **changes):
    values = np.array(latencies, dtype=np.int64)
    usual = {
        "shape": "end-to-end",
        "calls": len(values),
        "failed": int((values == FAILED_NS).sum()),
        "p50_ms": percentile(values, 50) / 1e6 if len(values) else None,
        "p95_ms": percentile(values, 95) / 1e6 if len(values) else None,
        "protocol": {"größe": "1"},
        "samples": pack(values),
    }
    return StoredLatency(**(usual | changes))


def stored(**changes):
    usual = {
        "recorded": "2024-05-01T12:00:00+00:00",
        "artifact": "fast.onnx",
        "artifact_sha256": hashlib.sha256(b"fast").hexdigest(),
        "environment": {"cpu": "fake"},
        "verdicts": ["min_map: AP 0.5 >= 0.4"],
        "latency": [latency()],
        "others": {"memory MB": 1 / 3},
    }
    return StoredRun(**(usual | changes))


def sealed(run, names=NAMES):
    return msgspec.structs.replace(run, seal=seal_of(run, names))


def test_a_seal_is_the_hash_of_sorted_compact_json_without_the_seal():
    """Anybody can compute it again, in any language."""
    content = msgspec.to_builtins(stored())
    del content["seal"]
    text = json.dumps([NAMES, content], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert seal_of(stored(), NAMES) == hashlib.sha256(text.encode()).hexdigest()


def test_a_run_that_was_left_alone_tells_of_no_edit():
    assert seal_fault(sealed(stored()), NAMES) == ""


def test_every_field_of_a_run_is_under_its_seal():
    run = sealed(stored())
    changed = {"environment": {}, "verdicts": [], "latency": [], "others": {}, "accuracy": None}
    for field in set(run.__struct_fields__) - {"seal", "accuracy"}:
        other = msgspec.structs.replace(run, **{field: changed.get(field, "0" * 64)})
        assert seal_fault(other, NAMES).startswith(f"its seal was {run.seal[:12]}, its content gives "), field


@pytest.mark.parametrize("names", [("other", "cpu", "street"), ("fast", "gpu", "street"), ("fast", "cpu", "pills")])
def test_a_run_of_another_file_does_not_fit(names):
    assert seal_fault(sealed(stored()), names) != ""


def test_a_missing_seal_is_said_to_be_missing():
    assert seal_fault(stored(), NAMES).startswith("its seal was missing, its content gives ")


@pytest.mark.parametrize(
    ("field", "value", "was"),
    [("calls", 5, 4), ("failed", 1, 0), ("p50_ms", 8.5, 9.0), ("p95_ms", 12.0, 12.5), ("p95_ms", None, 12.5)],
)
def test_an_edited_figure_is_named_with_both_values(field, value, was):
    run = sealed(stored())
    edited = msgspec.structs.replace(run, latency=[msgspec.structs.replace(run.latency[0], **{field: value})])
    assert seal_fault(edited, NAMES) == f"{field} of latency 'end-to-end' is {value}, its samples give {was}"


def test_edited_samples_contradict_the_figures():
    run = sealed(stored())
    other = pack(np.array(LATENCIES, dtype=np.int64) + 1_000_000)
    edited = msgspec.structs.replace(run, latency=[msgspec.structs.replace(run.latency[0], samples=other)])
    assert seal_fault(edited, NAMES) == (
        "p50_ms of latency 'end-to-end' is 9.0, its samples give 10.0; "
        "p95_ms of latency 'end-to-end' is 12.5, its samples give 13.5"
    )


def test_samples_that_cannot_be_read_are_said_to_be():
    run = stored(latency=[latency(samples="AAAA")])
    (fault,) = figure_faults(run)
    assert fault.startswith("latency 'end-to-end': stored samples cannot be read: ")


def test_a_latency_without_samples_contradicts_nothing():
    assert figure_faults(stored(latency=[latency(samples="", p50_ms=1.0)])) == []


def test_failed_requests_are_infinite_in_the_figures_too():
    values = [8_000_000, FAILED_NS, FAILED_NS]
    assert figure_faults(stored(latency=[latency(values, p50_ms=None, p95_ms=None)])) == []


@given(st.lists(st.integers(1, 10**10), max_size=50))
def test_figures_of_any_samples_fit_them(latencies):
    assert figure_faults(stored(latency=[latency(latencies)])) == []
