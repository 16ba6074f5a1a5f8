"""`rfperf baselines refresh`: the old artefacts measured again here, after an intended change of what is comparable."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from pytest_rfperf.baselines.provenance import commit_of, person, session_id
from pytest_rfperf.baselines.recording import has_figures
from pytest_rfperf.baselines.storing import Entry, write_case
from pytest_rfperf.config import UrlArtifact
from pytest_rfperf.data.runs import LoadShape
from pytest_rfperf.errors import StoreError, UsageError
from pytest_rfperf.gates.gate import BASELINE
from pytest_rfperf.session.facts import Case
from pytest_rfperf.session.old_models import configured_artifact
from pytest_rfperf.session.recorder import case_facts
from pytest_rfperf.session.session import Session
from pytest_rfperf.store.artifacts import sha256_of
from pytest_rfperf.store.old_artifacts import OldArtifact, from_cache
from pytest_rfperf.store.protocol import AccuracyRunOf, accuracy_difference, difference
from pytest_rfperf.store.seal import seal_fault
from pytest_rfperf.store.url_artifact import shown_url

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_rfperf.config import ModelSettings, Settings
    from pytest_rfperf.data.runs import LatencyRun
    from pytest_rfperf.session.facts import CaseFacts
    from pytest_rfperf.session.inventory import Progress
    from pytest_rfperf.store.baseline import Baseline, StoredLatency, StoredRun

_IN_TURNS = ", in turns with "
_LATENCY_S = 3.0
_SHOWN = 12


def refresh(baseline: Baseline, settings: Settings, progress: Progress, now: str) -> list[str]:
    """Measure the artefact of a baseline again as its runs did, and write that in front.

    What is measured is all that the runs hold whose seals fit, and the artefact is that of the newest of them. Runs
    that were edited by hand go.

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
        What was written, and what differs from before: protocol, environment and figures.

    Raises
    ------
    StoreError
        If its artefact is nowhere, or nothing was recorded that could be measured again.
    UsageError
        If its model, target or dataset is configured no more.
    """
    case = Case(baseline.model, baseline.target, baseline.dataset)
    _require_configured(case, settings)
    edited = [run for run in baseline.runs if seal_fault(run, baseline.names)]
    healthy = [run for run in baseline.runs if run not in edited]
    stored = _gathered(healthy or edited)
    if stored is None:
        msg = (
            f"the baseline of {case} holds nothing to measure again; delete it and record anew: pytest --rfperf-record"
        )
        raise StoreError(msg)
    found = _artifact(baseline.model, healthy, settings, progress)
    facts = _measured(case, stored, _with_artifact(settings, baseline.model, found), progress)
    if not has_figures(facts):
        msg = f"nothing could be measured of {case}; the baseline stays as it is"
        raise StoreError(msg)
    facts = msgspec.structs.replace(facts, artifact=_name_of(found, healthy, settings.models[baseline.model]))
    why = f"measured again in place of {stored.run}"
    entry = Entry(now, person(settings.root), session_id(now), commit_of(settings), reason=why)
    written = write_case(facts, settings, entry, artifact=found.path, without=edited)
    dropped = [f"dropped the run of {run.recorded}, which was edited by hand" for run in edited]
    lines = [*dropped, *_changes(stored, facts)]
    return [written.replace("recorded:", "refreshed:", 1), *(f"  {line}" for line in lines)]


def _gathered(runs: Sequence[StoredRun]) -> StoredRun | None:
    """The newest run with the newest latency of each plain shape and the newest accuracy of all; None without either.

    A run in turns with another file is one of its plain shape: the other file may be gone.
    """
    latency: dict[str, StoredLatency] = {}
    for one in (one for run in runs for one in run.latency):
        shape = one.shape.partition(_IN_TURNS)[0]
        if LoadShape.named(shape) is not None and shape not in latency:
            protocol = {key: value for key, value in one.protocol.items() if key != "in turns with"}
            latency[shape] = msgspec.structs.replace(one, shape=shape, protocol=protocol)
    accuracy = next((run.accuracy for run in runs if run.accuracy is not None), None)
    if not latency and accuracy is None:
        return None
    return msgspec.structs.replace(runs[0], latency=list(latency.values()), accuracy=accuracy)


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


def _artifact(name: str, healthy: Sequence[StoredRun], settings: Settings, progress: Progress) -> OldArtifact:
    """The artefact of the configuration, else the copy that recording kept, else the model's own file if it is that."""
    keys = settings.models[name]
    if keys.baseline is not None:
        return configured_artifact(keys.baseline, settings, progress.show)
    set_it = f"set models.{name}.baseline to 'git:REF:path', a path or {{url, sha256}}"
    if not healthy:
        msg = f"every run was edited by hand, so that none tells which artefact it was; {set_it}"
        raise StoreError(msg)
    stored = healthy[0]
    found = from_cache(stored.artifact_sha256)
    if found is not None:
        return found
    own = settings.path(keys.artifact)
    if own.is_file() and sha256_of(own) == stored.artifact_sha256:
        return OldArtifact(own, stored.artifact_sha256, keys.artifact)
    msg = (
        f"the artefact of the baseline ({stored.artifact}, sha256 {stored.artifact_sha256[:_SHOWN]}) is not in the "
        f"cache of this machine; {set_it}"
    )
    raise StoreError(msg)


def _name_of(found: OldArtifact, healthy: Sequence[StoredRun], keys: ModelSettings) -> str:
    """The name that a run has for the same bytes, else that of the configured file: a copy has none of its own."""
    stored = next((run.artifact for run in healthy if run.artifact_sha256 == found.sha256), None)
    source = keys.artifact if keys.baseline is None else keys.baseline
    if isinstance(source, UrlArtifact):
        source = shown_url(source.url)
    return stored or re.split(r"[/\\:]", source)[-1] or found.path.name


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
        return case_facts(bench, BASELINE, ())
    finally:
        session.close()


def _as_many(calls: int) -> Callable[[LatencyRun], bool]:
    return lambda run: run.calls >= calls and run.duration_s >= _LATENCY_S


def _changes(stored: StoredRun, facts: CaseFacts) -> list[str]:
    """Each field in which the new run differs from the one before, with both values."""
    keys = sorted(stored.environment.keys() | facts.environment.keys())
    lines = [difference(_only(stored.environment, key), _only(facts.environment, key)) for key in keys]
    if facts.accuracy is not None and stored.accuracy is not None:
        accuracy = facts.accuracy
        now = AccuracyRunOf(accuracy.protocol, accuracy.model, stored.environment, facts.artifact_sha256)
        lines.append(accuracy_difference(stored, now))
        lines.append(f"AP was {_ap(stored.accuracy.values)}, now {_ap(accuracy.values)}")
    runs = {run.shape: run for run in facts.latency}
    for earlier in stored.latency:
        run = runs.get(earlier.shape)
        if run is not None:
            lines.append(difference(earlier.protocol, run.protocol))
            lines.append(f"{run.shape} p50 was {_ms(earlier.p50_ms)}, now {_ms(run.p50_ms)}")
    return list(dict.fromkeys(line for line in lines if line))


def _only(environment: dict[str, str], key: str) -> dict[str, str]:
    return {key: environment[key]} if key in environment else {}


def _ap(values: dict[str, float]) -> str:
    return f"{values['AP']:.4f}" if "AP" in values else "not recorded"


def _ms(value: float | None) -> str:
    return "infinite" if value is None else f"{value:.3g} ms"
