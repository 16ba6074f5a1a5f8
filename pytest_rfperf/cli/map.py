"""rfperf map."""

from __future__ import annotations

import hashlib
import math
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click
import msgspec

from pytest_rfperf import __version__
from pytest_rfperf.cli.exit_codes import FAILED, INTERRUPTED
from pytest_rfperf.cli.progress import stderr_progress
from pytest_rfperf.core.matching import IOU_THRESHOLDS
from pytest_rfperf.core.tier import tier
from pytest_rfperf.datasets.coco_file import CocoFile, ImageId, read_coco_file
from pytest_rfperf.datasets.coco_results import ResultsFile, read_coco_results
from pytest_rfperf.errors import UsageError
from pytest_rfperf.report.coco_table import category_lines, category_rows, summary
from pytest_rfperf.workshop.coco_check import Check, check, check_lines
from pytest_rfperf.workshop.coco_map import Evaluation, MapProtocol, evaluate, evaluation_facts
from pytest_rfperf.workshop.pycocotools_run import require_pycocotools, run_pycocotools

if TYPE_CHECKING:
    from typing import Self

_HELP = """Evaluate COCO detections: mean average precision, bit for bit that of pycocotools.

GT.json holds COCO annotations. DT.json is a list of rows, each with image_id, category_id, bbox as
[left, top, width, height] in pixels, and score.

\b
  rfperf map instances_val2017.json detections.json
  rfperf map gt.json dt.json --json > map.json
  rfperf map gt.json dt.json --check pycocotools
  rfperf map gt.json dt.json --iou 0.5 --category person --max-detections 300

Ends with 1 where --check finds a difference, and with 2 where a file cannot be evaluated.
"""
_LIMITS = (1, 10, 100)
_MOST_THRESHOLDS = 64
_SHOWN_IDS = 10
_TICK_S = 0.2
_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


class _Outcome(NamedTuple):
    file: CocoFile[ImageId]
    found: ResultsFile
    evaluation: Evaluation
    check: Check | None


def _finite(_: click.Context, option: click.Parameter, value: float | tuple[float, ...] | None) -> Any:  # noqa: ANN401 - as given
    if any(not math.isfinite(each) for each in (value if isinstance(value, tuple) else (value or 0.0,))):
        msg = "expected a finite number"
        raise click.BadParameter(msg, param=option)
    return value


@click.command("map", help=_HELP)
@click.argument("truth", metavar="GT.json", type=_FILE)
@click.argument("results", metavar="DT.json", type=_FILE)
@click.option("--iou", "ious", multiple=True, type=click.FloatRange(0, 1), callback=_finite,
              help="An IoU threshold; again for more. COCO's ten, 0.50 to 0.95, without.")  # fmt: skip
@click.option("--max-detections", "most", type=click.IntRange(1, 2**31 - 1), default=_LIMITS[-1], show_default=True,
              help="The surest detections of an image and category that take part.")  # fmt: skip
@click.option("--score-floor", "floor", type=float, callback=_finite, help="Leave out detections that score lower.")
@click.option("--category", "categories", multiple=True, metavar="NAME", help="Only this category; again for more.")
@click.option("--no-classes", is_flag=True, help="Print the twelve lines alone.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object in full precision, for programs.")
@click.option("--check", "checker", type=click.Choice(["pycocotools"]),
              help="Evaluate with it too, and compare every bit; ends with 1 where one differs.")  # fmt: skip
def command(  # noqa: PLR0913 - one an option
    *,
    truth: Path,
    results: Path,
    ious: tuple[float, ...],
    most: int,
    floor: float | None,
    categories: tuple[str, ...],
    no_classes: bool,
    as_json: bool,
    checker: str | None,
) -> None:
    """Evaluate COCO detections: mean average precision, bit for bit that of pycocotools."""
    protocol = _protocol(ious, most, floor, categories)
    _require(checker)
    with _Stages() as stages:
        outcome = _outcome(truth, results, protocol, stages, checked=bool(checker))
        text = _json(outcome, truth, results) if as_json else "\n".join(_lines(outcome, classes=not no_classes))
    for note in _notes(outcome):
        click.echo(f"note: {note}", err=True)
    click.echo(text)
    if outcome.check and not outcome.check.identical:
        raise SystemExit(FAILED)


class _Stages:
    """Shows the stage that runs, also while one call takes long; Ctrl-C ends the command with 130."""

    def __init__(self) -> None:
        self._progress, self._what = stderr_progress(), "starting"
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._tick, daemon=True)

    def show(self, what: str) -> None:
        """Say what runs now."""
        self._what = what

    def _tick(self) -> None:
        while not self._ended.wait(_TICK_S):
            self._progress.show(self._what)

    def __enter__(self) -> Self:
        self._progress.show(self._what)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self._progress.done()
        if kind is KeyboardInterrupt:
            click.echo("stopped", err=True)
            raise SystemExit(INTERRUPTED) from None


def _protocol(ious: tuple[float, ...], most: int, floor: float | None, categories: tuple[str, ...]) -> MapProtocol:
    if len(set(ious)) > _MOST_THRESHOLDS:
        msg = f"--iou: {len(set(ious))} thresholds; at most {_MOST_THRESHOLDS}"
        raise UsageError(msg)
    limits = (*(limit for limit in _LIMITS[:-1] if limit < most), most)
    return MapProtocol(tuple(sorted(set(ious))) or IOU_THRESHOLDS, limits, floor, categories)


def _require(checker: str | None) -> None:
    """See to what would fail only after a long run."""
    tier()
    if checker:
        require_pycocotools()


def _outcome(truth: Path, results: Path, protocol: MapProtocol, stages: _Stages, *, checked: bool) -> _Outcome:
    stages.show(f"reading {truth.name}")
    file = read_coco_file(truth, ImageId)
    found = read_coco_results(results, file.image_ids, file.category_ids, show=stages.show)
    evaluation = evaluate(file, found, protocol, stages.show)
    if not checked:
        return _Outcome(file, found, evaluation, None)
    ids = [category.id for category in evaluation.categories]
    theirs = run_pycocotools(truth, results, protocol, ids, stages.show)
    return _Outcome(file, found, evaluation, check(evaluation, theirs))


def _lines(outcome: _Outcome, *, classes: bool) -> list[str]:
    evaluation = outcome.evaluation
    lines = [line.text for line in summary(evaluation.tensors)]
    if classes:
        names = [category.name for category in evaluation.categories]
        lines += ["", *category_lines(category_rows(evaluation.tensors, names, evaluation.objects))]
    if outcome.check:
        lines += ["", *check_lines(outcome.check)]
    return lines


def _notes(outcome: _Outcome) -> list[str]:
    unknown, notes = outcome.found.unknown_categories, []
    if unknown:
        ids = ", ".join(map(str, list(unknown)[:_SHOWN_IDS])) + (", ..." if len(unknown) > _SHOWN_IDS else "")
        notes.append(
            f"{sum(unknown.values()):,} rows of categories that the ground truth does not have take no part: {ids}"
        )
    if not sum(outcome.evaluation.objects):
        notes.append("no object counts, so that every value is -1")
    return notes


def _json(outcome: _Outcome, truth: Path, results: Path) -> str:
    facts = evaluation_facts(outcome.evaluation, outcome.file, outcome.found)
    facts |= {
        "tier": tier(),
        "rfperf": __version__,
        "files": {
            "truth": {"path": str(truth), "sha256": _sha256(truth)},
            "results": {"path": str(results), "sha256": _sha256(results)},
        },
    }
    if outcome.check:
        facts["check"] = msgspec.to_builtins(outcome.check) | {"identical": outcome.check.identical}
    return msgspec.json.format(msgspec.json.encode(facts), indent=2).decode()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
