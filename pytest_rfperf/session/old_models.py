"""The model that latency is measured against: the baseline's artefact, wherever it lies, or any other file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_rfperf.data.runs import FAILED_NS
from pytest_rfperf.errors import RfperfError, StoreError, UsageError
from pytest_rfperf.gates.gate import StoredNumbers
from pytest_rfperf.session.models import make_model
from pytest_rfperf.store.baseline import read_baseline, shown_path
from pytest_rfperf.store.old_artifacts import OldArtifact, from_cache, from_git, from_path, from_url
from pytest_rfperf.store.protocol import difference, latency_difference

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_rfperf.config import Settings, UrlArtifact
    from pytest_rfperf.data.runs import LoadShape
    from pytest_rfperf.protocols import Model
    from pytest_rfperf.session.bench import CaseBench
    from pytest_rfperf.store.baseline import StoredRun

_GIT = "git:"
_SHOWN = 12


def stored_runs(bench: CaseBench) -> list[StoredRun]:
    """The recorded runs of a case, newest first; none where nothing was recorded."""
    baseline = read_baseline(bench.baseline_path)
    return baseline.runs if baseline else []


def incomparable(bench: CaseBench, why: str) -> UsageError:
    """The one error for a baseline of another protocol: the field, both values, and what to do."""
    shown = shown_path(bench.baseline_path, bench.session.settings.root)
    msg = (
        f"the baseline of {bench.where} is not comparable: {why} ({shown}); undo the change, or where it is intended "
        f"measure the old artefact again: rfperf baselines refresh"
    )
    return UsageError(msg)


def baseline_artifact(bench: CaseBench, say: Callable[[str], None]) -> OldArtifact | StoredNumbers | None:
    """The baseline's artefact: that of the configuration, else the copy that recording kept.

    Returns
    -------
    OldArtifact, StoredNumbers or None
        Numbers alone where a run was recorded whose artefact is not here; None where there is no baseline yet and this
        session records one.

    Raises
    ------
    StoreError
        If there is no baseline and none is being recorded, or its artefact cannot be read.
    UsageError
        If the artefact of the configuration is none that was recorded, naming both hashes.
    """
    settings, name, runs = bench.session.settings, bench.model.name, stored_runs(bench)
    source = settings.models[name].baseline
    if source is not None:
        try:
            found = configured_artifact(source, settings, say)
        except RfperfError as error:
            msg = f"models.{name}.baseline: {error}"
            raise type(error)(msg) from error
        _require_recorded(found, runs, bench)
        return found
    if not runs:
        if settings.record:
            return None
        msg = (
            f"no baseline for {bench.where}; run pytest --rfperf-record, or set models.{name}.baseline to "
            f"'git:REF:path' or a path"
        )
        raise StoreError(msg)
    return _recorded(bench, runs[0])


def configured_artifact(source: str | UrlArtifact, settings: Settings, say: Callable[[str], None]) -> OldArtifact:
    """The artefact that `models.NAME.baseline` names."""
    if not isinstance(source, str):
        return from_url(source.url, source.sha256, say)
    return from_git(source, settings.root) if source.startswith(_GIT) else from_path(source, settings.root)


def _require_recorded(found: OldArtifact, runs: Sequence[StoredRun], bench: CaseBench) -> None:
    """Refuse another file under the name of the one whose figures were recorded."""
    if not runs or any(run.artifact_sha256 == found.sha256 for run in runs):
        return
    before, now = runs[0].artifact_sha256[:_SHOWN], found.sha256[:_SHOWN]
    raise incomparable(bench, f"artifact sha256 was {before}, now {now} ({found.said})")


def _recorded(bench: CaseBench, run: StoredRun) -> OldArtifact | StoredNumbers:
    model = bench.model
    said = f"the baseline of {run.recorded[:10]} ({run.artifact}, sha256 {run.artifact_sha256[:_SHOWN]})"
    found = from_cache(run.artifact_sha256)
    if found is not None:
        return found._replace(said=said)
    if model.sha256 == run.artifact_sha256:
        return OldArtifact(model.artifact, model.sha256, said)
    why = (
        f"the artefact of {said} is not in the cache of this machine; set models.{model.name}.baseline to "
        f"'git:REF:path', a path or {{url, sha256}}"
    )
    return StoredNumbers(why)


def other_model(bench: CaseBench, found: OldArtifact, name: str) -> Model:
    """Another file as a model, read by the keys of the bench's own."""
    session = bench.session
    return make_model(bench.model.name, session.settings, session.note, artifact=found.path, as_name=name)


def model_at(bench: CaseBench, path: str) -> tuple[Model, str] | None:
    """The model of a file that a marker names, and how messages call it; None where there is no such file."""
    settings = bench.session.settings
    if not settings.path(path).is_file():
        return None
    found = from_path(path, settings.root)
    return other_model(bench, found, path), found.said


def stored_medians(bench: CaseBench, shape: LoadShape, protocol: dict[str, str]) -> tuple[float, ...]:
    """Clean medians in ns of the recorded runs of the newest one's artefact, as far as they are comparable.

    Raises
    ------
    UsageError
        If the newest run was made under another protocol or environment.
    """
    environment = bench.session.environment(bench.case.target or "").stable
    runs = stored_runs(bench)
    medians, seen = [], False
    for stored in (run for run in runs if run.artifact_sha256 == runs[0].artifact_sha256):
        latency = next((one for one in stored.latency if one.shape == str(shape)), None)
        if latency is None:
            continue
        same_file = stored.artifact_sha256 == bench.model.sha256
        why = latency_difference(latency.protocol, protocol, same_file=same_file)
        why = why or difference(stored.environment, environment)
        if why and not seen:
            raise incomparable(bench, why)
        seen = True
        if not why and latency.clean_p50_ms is not None:
            medians.append(latency.clean_p50_ms * 1e6)
    return tuple(median for median in medians if median < FAILED_NS)
