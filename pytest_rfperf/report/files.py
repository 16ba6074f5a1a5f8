"""Files that a session leaves: the facts as JSON, a job summary, detections as COCO results."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from pytest_rfperf.errors import StoreError
from pytest_rfperf.report.summary import markdown_lines
from pytest_rfperf.store.atomic import write_atomically
from pytest_rfperf.store.baseline import baseline_path

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_rfperf.baselines.recording import Recording
    from pytest_rfperf.report.summary import Summary
    from pytest_rfperf.session.facts import CaseFacts

FOLDER = ".rfperf"
"""Where a session leaves what is not for version control."""
SCHEMA = 1
SUMMARY_VARIABLE = "GITHUB_STEP_SUMMARY"


def write_json(summary: Summary, path: Path, *, exit_status: int, recording: Recording | None = None) -> None:
    """Write all facts of a session, for programs; the folder .rfperf keeps itself out of version control.

    A session that records leaves its match records too, so that it can be accepted later.

    Raises
    ------
    StoreError
        If the file cannot be written.
    """
    cases = [_without_bulk(case, records=recording is not None) for case in summary.cases]
    content: dict[str, Any] = {
        "schema": SCHEMA,
        "exit_status": exit_status,
        "cases": cases,
        "comparisons": summary.comparisons,
        "notes": summary.notes,
    }
    if recording is not None:
        content["recording"] = recording
    encoded = msgspec.json.encode(content, order="sorted")
    write_atomically(path, msgspec.json.format(encoded, indent=1) + b"\n")
    if path.parent.name == FOLDER:
        keep_unversioned(path.parent)


def keep_unversioned(folder: Path) -> None:
    """Let a folder keep itself out of version control."""
    ignored = folder / ".gitignore"
    if not ignored.exists():
        write_atomically(ignored, b"*\n")


def _without_bulk(case: CaseFacts, *, records: bool) -> CaseFacts:
    """Facts without what goes into files of its own."""
    accuracy = case.accuracy if records else case.accuracy and msgspec.structs.replace(case.accuracy, records="")
    return msgspec.structs.replace(case, detections="", pictures=[], accuracy=accuracy)


def append_job_summary(summary: Summary, environment: Mapping[str, str]) -> None:
    """Append Markdown to the file that GitHub Actions names; nothing elsewhere.

    Raises
    ------
    StoreError
        If the file is named and cannot be written.
    """
    place = environment.get(SUMMARY_VARIABLE)
    if not place:
        return
    try:
        with Path(place).open("a", encoding="utf-8") as file:
            file.write("\n".join(markdown_lines(summary)) + "\n")
    except OSError as error:
        msg = f"{SUMMARY_VARIABLE}={place} cannot be written: {error.strerror or error}"
        raise StoreError(msg) from error


def write_detections(summary: Summary, folder: Path) -> list[Path]:
    """Write the detections that facts carry as COCO results, `<target>/<dataset>/<model>.json` below a folder.

    Raises
    ------
    StoreError
        If a file cannot be written.
    """
    written = []
    for case in summary.cases:
        if case.detections:
            path = baseline_path(folder, case.target, case.dataset, case.model)
            write_atomically(path, case.detections.encode())
            written.append(path)
    return written
