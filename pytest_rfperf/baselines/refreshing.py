"""`rfperf baselines refresh`: the old artefacts measured again here, after an intended change of what is comparable."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from pytest_rfperf.baselines.provenance import commit_of, person, session_id
from pytest_rfperf.baselines.storing import Entry, write_case
from pytest_rfperf.data.runs import LoadShape
from pytest_rfperf.errors import StoreError, UsageError
from pytest_rfperf.session.facts import Case
from pytest_rfperf.session.old_models import BASELINE, configured_artifact
from pytest_rfperf.session.recorder import case_facts
from pytest_rfperf.session.session import Session
from pytest_rfperf.store.artifacts import sha256_of
from pytest_rfperf.store.baseline import baseline_path, write_runs
from pytest_rfperf.store.old_artifacts import OldArtifact, from_cache
from pytest_rfperf.store.protocol import AccuracyRunOf, accuracy_difference, difference
from pytest_rfperf.store.seal import seal_fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_rfperf.config import ModelSettings, Settings
    from pytest_rfperf.session.facts import CaseFacts
    from pytest_rfperf.session.inventory import Progress
    from pytest_rfperf.store.baseline import Baseline, StoredRun

_LATENCY_S = 3.0
_SHOWN = 12
VERDICT = "refreshed: no gate was judged"


def refresh(baseline: Baseline, settings: Settings, progress: Progress, now: str) -> list[str]:
    """Measure the artefact of a baseline again as its newest run did, and write that in front.

    Parameters
    ----------
    baseline : Baseline
    settings : Settings
        Of the project.
    progress : Progress
    now : str
        Date and time, for the record.

    Returns
    -------
    list of str
        What was written, and what differs from the newest run: protocol, environment and figures.

    Raises
    ------
    StoreError
        If its artefact is nowhere, or nothing was recorded.
    UsageError
        If its model, target or dataset is configured no more.
    """
    case = Case(baseline.model, baseline.target, baseline.dataset)
    _require_configured(case, settings)
    if not baseline.runs:
        msg = f"the baseline of {case} holds no run; delete it and record anew: pytest --rfperf-record"
        raise StoreError(msg)
    stored = baseline.runs[0]
    found = _artifact(baseline, settings, progress)
    facts = _measured(case, stored, _with_artifact(settings, baseline.model, found), progress)
    dropped = _drop_edited(baseline, settings)
    why = f"measured again in place of {stored.run}"
    entry = Entry(now, person(settings.root), session_id(now), commit_of(settings), reason=why)
    written = write_case(facts, settings, entry)
    lines = [*dropped, *_changes(stored, facts)]
    return [written.replace("recorded:", "refreshed:", 1), *(f"  {line}" for line in lines)]


def _drop_edited(baseline: Baseline, settings: Settings) -> list[str]:
    """Take runs out of the file that were edited by hand, now that others take their place; a line for each."""
    edited = [run for run in baseline.runs if seal_fault(run, baseline.names)]
    if edited:
        folder = settings.path(settings.run.baselines)
        path = baseline_path(folder, baseline.target, baseline.dataset, baseline.model)
        write_runs(path, baseline.names, [run for run in baseline.runs if run not in edited])
    return [f"dropped the run of {run.recorded}, which was edited by hand" for run in edited]


def _require_configured(case: Case, settings: Settings) -> None:
    for kind, name, known in (
        ("model", case.model, settings.models),
        ("target", case.target, settings.targets),
        ("dataset", case.dataset, settings.datasets),
    ):
        if name not in known:
            listed = ", ".join(known) or "none"
            msg = f"the baseline of {case} names the {kind} '{name}', which {settings.source} does not; known: {listed}"
            raise UsageError(msg)


def _artifact(baseline: Baseline, settings: Settings, progress: Progress) -> OldArtifact:
    """The artefact of the configuration, else the copy that recording kept, else the model's own file if it is that."""
    keys, stored = settings.models[baseline.model], baseline.runs[0]
    if keys.baseline is not None:
        return configured_artifact(keys.baseline, settings, progress.show)
    found = from_cache(stored.artifact_sha256)
    if found is not None:
        return found
    own = settings.path(keys.artifact)
    if own.is_file() and sha256_of(own) == stored.artifact_sha256:
        return OldArtifact(own, stored.artifact_sha256, keys.artifact)
    msg = (
        f"the artefact of the baseline ({stored.artifact}, sha256 {stored.artifact_sha256[:_SHOWN]}) is not in the "
        f"cache of this machine; set models.{baseline.model}.baseline to 'git:REF:path', a path or {{url, sha256}}"
    )
    raise StoreError(msg)


def _with_artifact(settings: Settings, model: str, found: OldArtifact) -> Settings:
    keys: ModelSettings = msgspec.structs.replace(settings.models[model], artifact=str(found.path))
    return msgspec.structs.replace(settings, models=settings.models | {model: keys}, record=True)


def _measured(case: Case, stored: StoredRun, settings: Settings, progress: Progress) -> CaseFacts:
    """Measure what the stored run did: each shape of latency for as many calls, and accuracy."""
    session = Session(settings, progress)
    try:
        bench = session.bench(case)
        for run in stored.latency:
            shape = LoadShape.named(run.shape)
            if shape is not None:
                bench.latency(shape, _as_many(run.calls))
        if stored.accuracy is not None:
            bench.accuracy()
        facts = case_facts(bench, BASELINE, ())
    finally:
        session.close()
    name = stored.artifact if facts.artifact_sha256 == stored.artifact_sha256 else facts.artifact
    return msgspec.structs.replace(facts, artifact=name)


def _as_many(calls: int) -> Callable[[object], bool]:
    def decided(run: object) -> bool:
        return run.calls >= calls and run.duration_s >= _LATENCY_S  # type: ignore[attr-defined, no-any-return]

    return decided


def _changes(stored: StoredRun, facts: CaseFacts) -> list[str]:
    """Each field in which the new run differs from the one before, with both values."""
    keys = sorted(stored.environment.keys() | facts.environment.keys())
    lines = [difference(_only(stored.environment, key), _only(facts.environment, key)) for key in keys]
    if facts.accuracy is not None and stored.accuracy is not None:
        accuracy = facts.accuracy
        now = AccuracyRunOf(accuracy.protocol, accuracy.model, stored.environment, facts.artifact_sha256)
        lines.append(accuracy_difference(stored, now))
        lines.append(f"AP was {stored.accuracy.values['AP']:.4f}, now {accuracy.values['AP']:.4f}")
    runs = {run.shape: run for run in facts.latency}
    for earlier in stored.latency:
        run = runs.get(earlier.shape)
        if run is not None:
            lines.append(difference(earlier.protocol, run.protocol))
            lines.append(f"{run.shape} p50 was {_ms(earlier.p50_ms)}, now {_ms(run.p50_ms)}")
    return list(dict.fromkeys(line for line in lines if line))


def _only(environment: dict[str, str], key: str) -> dict[str, str]:
    return {key: environment[key]} if key in environment else {}


def _ms(value: float | None) -> str:
    return "infinite" if value is None else f"{value:.3g} ms"
