"""`rfperf baselines accept`: a recorded session taken into the baselines later, also despite a regression."""

from __future__ import annotations

import binascii
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from pytest_rfperf.baselines.provenance import person
from pytest_rfperf.baselines.recording import REGRESSION, Recording, accepted, has_figures, obstacle, refused
from pytest_rfperf.baselines.storing import Entry, packed_records, stored_run, what_of, write_case
from pytest_rfperf.baselines.verifying import value_faults
from pytest_rfperf.errors import StoreError, UsageError
from pytest_rfperf.session.facts import CaseFacts
from pytest_rfperf.store.baseline import baseline_path, read_baseline, shown_path
from pytest_rfperf.store.seal import figure_faults

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pytest_rfperf.config import Settings

METRICS = (REGRESSION, f"{REGRESSION}.latency", f"{REGRESSION}.map")
"""The gates that a baseline may be accepted despite of."""
_RAN_THROUGH = (0, 1)
_SCHEMA = 1
"""The schema of facts that is read here."""
_MOST_BYTES = 2**30
_MOST_REASON = 500
_AGAIN = "record again: pytest --rfperf-record"


class Wish(NamedTuple):
    """The gates that may have failed, and why that is accepted; both empty for a session of which all passed."""

    despite: tuple[str, ...] = ()
    reason: str = ""


class Accepted(NamedTuple):
    """A line a case, and whether every case that has figures was recorded."""

    lines: list[str]
    complete: bool


class _Schema(msgspec.Struct):
    schema: int


class _Facts(msgspec.Struct):
    exit_status: int
    cases: list[CaseFacts]
    recording: Recording | None = None


def accept(file: Path, wish: Wish, settings: Settings, now: str) -> Accepted:
    """Record the cases of a session from the facts that it left.

    Parameters
    ----------
    file : Path
        Facts of a session that was run with --rfperf-record.
    wish : Wish
    settings : Settings
    now : str
        Date and time, for the record.

    Raises
    ------
    UsageError
        If the wish cannot be meant, or the facts are none of a session that recorded and ran through.
    StoreError
        If a file cannot be written.
    """
    _check(wish)
    facts, recording = _read(file)
    cases = [case for case in facts.cases if has_figures(case)]
    for metric in wish.despite:
        if not any(accepted(verdict, (metric,)) for case in cases for verdict in case.verdicts):
            msg = f"--despite {metric}: no such gate failed in {file}; leave it out"
            raise UsageError(msg)
    for case in cases:
        _require_sound(case, file)
    who, lines, complete = person(settings.root), [], bool(cases)
    for case in cases:
        stop = obstacle(case, recording.failed, wish.despite) or _already(case, settings, recording)
        complete = complete and not stop
        entry = Entry(now, who, recording.run, recording.commit, *_excuse(case, wish))
        lines.append(refused(case, stop) if stop else write_case(case, settings, entry))
    return Accepted(lines or [f"{file} holds no case with figures, a target and a dataset"], complete)


def _check(wish: Wish) -> None:
    for metric in wish.despite:
        if metric not in METRICS:
            msg = f"--despite {metric}: no gate that can be accepted; known: {', '.join(METRICS)}"
            raise UsageError(msg)
    if bool(wish.despite) != bool(wish.reason.strip()):
        msg = "--despite and --reason belong together: say what failed and why that is accepted"
        raise UsageError(msg)
    if len(wish.reason) > _MOST_REASON or not wish.reason.isprintable():
        msg = f"--reason: expected one line of at most {_MOST_REASON} characters"
        raise UsageError(msg)


def _read(file: Path) -> tuple[_Facts, Recording]:
    try:
        if file.stat().st_size > _MOST_BYTES:
            msg = f"{file}: larger than any facts of a session"
            raise UsageError(msg)
        content = file.read_bytes()
        _require_schema(msgspec.json.decode(content, type=_Schema).schema, file)
        facts = msgspec.json.decode(content, type=_Facts)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        msg = f"{file} cannot be read as the facts of a session: {error}; {_AGAIN}"
        raise UsageError(msg) from error
    if facts.recording is None:
        msg = f"{file} is of a session that did not record, so that match records are missing; {_AGAIN}"
        raise UsageError(msg)
    if facts.exit_status not in _RAN_THROUGH:
        msg = f"{file} is of a session that did not run through (pytest ended with {facts.exit_status}); {_AGAIN}"
        raise UsageError(msg)
    return facts, facts.recording


def _require_schema(schema: int, file: Path) -> None:
    if schema != _SCHEMA:
        msg = f"{file} has schema {schema}; this version reads facts of schema {_SCHEMA}; {_AGAIN}"
        raise UsageError(msg)


def _missing(case: CaseFacts) -> list[str]:
    """Figures that lack what they were computed from."""
    faults = [
        f"latency '{run.shape}' of {run.calls} calls has no samples"
        for run in case.latency
        if run.calls > 0 and not run.samples
    ]
    if case.accuracy is not None and case.accuracy.images > 0 and not case.accuracy.records:
        faults.append(f"accuracy over {case.accuracy.images} images has no match records")
    return faults


def _require_sound(case: CaseFacts, file: Path) -> None:
    """Refuse facts whose figures are not those of their own samples and match records, or that no file may hold."""
    try:
        records = packed_records(case)
        run = stored_run(case, Entry("", "", "", ""), records)
        msgspec.convert(msgspec.to_builtins(run), type(run))
        faults = _missing(case) + figure_faults(run)
        if records and run.accuracy is not None:
            faults += value_faults(run.accuracy, records, file.name)
    except (msgspec.ValidationError, binascii.Error, StoreError) as error:
        faults = [str(error)]
    if faults:
        msg = f"{file}: {what_of(case)}: {'; '.join(faults)}; {_AGAIN}"
        raise UsageError(msg)


def _already(case: CaseFacts, settings: Settings, recording: Recording) -> str:
    path = baseline_path(settings.path(settings.run.baselines), case.target, case.dataset, case.model)
    baseline = read_baseline(path)
    known = baseline and any(run.run == recording.run for run in baseline.runs)
    return f"{shown_path(path, settings.root)} holds this run already ({recording.run})" if known else ""


def _excuse(case: CaseFacts, wish: Wish) -> tuple[str, str]:
    """The gates of a case that failed and are accepted, with the reason; two empty texts where all passed."""
    failed = _failed(case, wish.despite)
    return (", ".join(failed), wish.reason.strip()) if failed else ("", "")


def _failed(case: CaseFacts, despite: Sequence[str]) -> list[str]:
    return sorted({verdict.metric for verdict in case.verdicts if accepted(verdict, despite)})
