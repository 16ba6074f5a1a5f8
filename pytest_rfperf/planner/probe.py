"""A short look at a detector: about a second of calls, a pair of models in turns, up to 16 images, one fresh start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pytest_rfperf.core.matching import match
from pytest_rfperf.core.ratios import paired_ratios
from pytest_rfperf.core.resampling import resampled_ap
from pytest_rfperf.errors import DatasetError
from pytest_rfperf.gates.gate import StoredNumbers
from pytest_rfperf.measure.accuracy import accuracy_pass
from pytest_rfperf.planner.known import BaselineKnown, Deviation, Opposed, Seen, as_times, part_of, scaled, seen_of
from pytest_rfperf.session.datasets import category_of_label

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_rfperf.core.records import MatchRecords
    from pytest_rfperf.data.coco import GroundTruth
    from pytest_rfperf.data.dataset import ImageRecord
    from pytest_rfperf.data.runs import LoadShape
    from pytest_rfperf.gates.gate import Opponent
    from pytest_rfperf.gates.min_map import MinMap
    from pytest_rfperf.protocols import Dataset
    from pytest_rfperf.session.bench import CaseBench
    from pytest_rfperf.session.facts import Case
    from pytest_rfperf.session.session import Session

PROBE_S = 1.0
_MOST_IMAGES = 16


class _LookedAt(NamedTuple):
    records: MatchRecords
    images: int
    image_s: float


class ProbeKnown(BaselineKnown):
    """What a probe finds out, and the baseline where a probe is too short for it.

    Parameters
    ----------
    session : Session
    case : Case
    """

    def __init__(self, session: Session, case: Case) -> None:
        """Open nothing yet."""
        super().__init__(session.settings, case)
        self._bench: CaseBench = session.bench(case)
        self._looked_at: _LookedAt | None = None

    def seen(self, shape: LoadShape) -> Seen | None:
        """About a second of calls after a warm-up, made once."""
        run = self._bench.latency(shape, lambda run: run.duration_s >= PROBE_S, PROBE_S)
        return seen_of(as_times(run.latencies_ns), shape, f"probe, {run.calls} calls")

    def opposed(self, against: str, shape: LoadShape) -> Opposed:
        """About a second of both in turns; what is recorded where only that is there."""
        opponent = self._bench.opponent(against)
        if opponent is None:
            return Opposed(remark="recording: there is no baseline yet, and this run becomes it")
        if isinstance(opponent, StoredNumbers):
            return Opposed(each_s=self._each_s(shape), remark=opponent.why, medians=self._bench.stored_medians(shape))
        return _in_turns(opponent, shape)

    @property
    def images(self) -> int | None:
        """Images of the dataset."""
        return len(self._bench.dataset.images)

    @property
    def image_s(self) -> float | None:
        """Seconds an image, of the few that were looked at."""
        return self._few().image_s

    @property
    def start_s(self) -> float | None:
        """Seconds of one fresh process."""
        return self._bench.cold_starts(lambda _starts: True, 1)[0].duration_ns / 1e9

    @property
    def categories(self) -> tuple[str, ...]:
        """Names of the classes."""
        return tuple(category.name for category in self._bench.dataset.categories)

    def deviation(self, gate: MinMap | None) -> Deviation | None:
        """By the baseline's records; without any, by the images that were looked at, as if all were like them."""
        recorded = super().deviation(gate)
        if recorded is not None:
            return recorded
        few = self._few()
        part = part_of(gate, few.records, self.categories)
        if part is None:
            return None
        found = resampled_ap(few.records, few.images, part, certainty=None)
        return Deviation(scaled(found, len(self._bench.dataset.images)), f"probe, {few.images} images")

    def _each_s(self, shape: LoadShape) -> float | None:
        seen = self.seen(shape)
        return None if seen is None else seen.each_s

    def _few(self) -> _LookedAt:
        """Up to 16 images spread over the dataset, evaluated once."""
        if self._looked_at is None:
            bench, case = self._bench, self.case
            few = few_images(bench.dataset, _MOST_IMAGES)
            keys, names = bench.session.settings.datasets[case.dataset or ""], (case.model or "", case.dataset or "")
            with bench.session.measuring(f"{bench.where}: accuracy") as say:
                say("opening")
                known = category_of_label(bench.detector.labels, bench.dataset, keys, names)
                run = accuracy_pass(
                    bench.detector, few, known, bench.session.clock, lambda n, of: say(f"{n}/{of} images")
                )
            try:
                records = match(few.truth, run.results, len(self.categories))
            except ValueError as error:
                msg = f"{bench.where} cannot be evaluated: {error}"
                raise DatasetError(msg) from error
            self._looked_at = _LookedAt(records, run.images, run.duration_s / max(1, run.images))
        return self._looked_at


@dataclass(frozen=True)
class FewImages:
    """Some images of a dataset, and what is in them."""

    whole: Dataset
    images: Sequence[ImageRecord]
    truth: GroundTruth

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the whole dataset has
        """Take the rest from the whole."""
        return getattr(self.whole, name)


def few_images(dataset: Dataset, most: int) -> Dataset:
    """At most that many images, evenly spread over a dataset."""
    count = len(dataset.images)
    ranks = np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))
    kept = dataset.truth.where(np.isin(dataset.truth.images, ranks))
    moved = type(kept)(
        np.searchsorted(ranks, kept.images), kept.categories, kept.boxes_xywh, kept.areas, kept.crowd, kept.ignore
    )
    few: Any = FewImages(dataset, [dataset.images[rank] for rank in ranks], moved)
    return few  # type: ignore[no-any-return]


def _in_turns(opponent: Opponent, shape: LoadShape) -> Opposed:
    run = opponent.measure(shape, lambda run: run.duration_s >= PROBE_S)
    ratios = paired_ratios(run)
    usable = np.isfinite(ratios) & (ratios > 0)
    if not usable.any():
        return Opposed(each_s=run.duration_s / max(1, run.pairs))
    return Opposed(
        np.log(ratios[usable]),
        run.duration_s / run.pairs,
        as_times(run.second.latencies_ns),
        f"probe, {run.pairs} pairs",
        float(np.median(ratios)),
    )
