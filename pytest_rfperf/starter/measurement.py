"""A short look at what was chosen: does it open, do its classes fit, and how well and how fast does it detect here."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from pytest_rfperf.core.ratios import median_ratio, paired_ratios
from pytest_rfperf.data.runs import LoadShape
from pytest_rfperf.errors import DatasetError, ModelError
from pytest_rfperf.session.datasets import category_of_label
from pytest_rfperf.session.facts import Case
from pytest_rfperf.session.recorder import accuracy_facts, latency_facts_of
from pytest_rfperf.session.session import Session
from pytest_rfperf.starter.choice import Choice

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_rfperf.protocols import Dataset
    from pytest_rfperf.session.inventory import Progress

_LATENCY_S = 2.0


class Figures(msgspec.Struct, frozen=True):
    """What one model came to.

    Attributes
    ----------
    ap : float
        COCO's mean average precision.
    p95_ms : float or None
        Of the end-to-end service time; None where calls failed.
    ratio : float or None
        Median of paired service times, this model's over the largest one's; None for the largest.
    """

    ap: float
    p95_ms: float | None
    ratio: float | None


class Measured(msgspec.Struct, frozen=True):
    """Figures by model, and what they are figures of, in words: where, when, on how many images."""

    figures: dict[str, Figures]
    where: str


class Opened(msgspec.Struct, frozen=True):
    """That everything opens.

    Attributes
    ----------
    choice : Choice
        With labels, where the models do not name their classes and those of the dataset fit.
    guesses : tuple of str
        One line each.
    dataset : str
        How many images, objects and classes, in words.
    """

    choice: Choice
    guesses: tuple[str, ...]
    dataset: str


def open_all(choice: Choice, progress: Progress) -> Opened:
    """Open every model and the dataset, and match their classes by name.

    A model that does not name its classes is taken to have those of the dataset in their order, where the usual
    lists do not fit.

    Raises
    ------
    RfperfError
        What a gate would say of the same files.
    """
    progress.show(f"reading {choice.data}")
    session = Session(choice.settings, progress)
    dataset = session.dataset(choice.dataset)
    guesses = list(session.notes)
    for name in choice.models:
        progress.show(f"opening {choice.models[name].artifact}")
        choice, notes = _opened(choice, name, dataset, progress)
        guesses += notes
    progress.done()
    return Opened(choice, tuple(guesses), _words(dataset))


def measure(choice: Choice, progress: Progress) -> Measured:
    """Run every model over the dataset once, then time it for two seconds, against the largest in turns."""
    session = Session(choice.settings, progress)
    try:
        largest = list(choice.models)[-1]
        figures = {name: _figures(session, choice, name, largest) for name in choice.models}
        images = len(session.dataset(choice.dataset).images)
        facts = session.environment(choice.target).stable
    finally:
        session.close()
    day = dt.datetime.now(tz=dt.UTC).date()
    where = f"{images} images of {choice.dataset}, {day:%Y-%m-%d}, target {choice.target}, {_machine(facts)}"
    return Measured(figures, where)


def _figures(session: Session, choice: Choice, name: str, largest: str) -> Figures:
    bench = session.bench(Case(name, choice.target, choice.dataset))
    ap = accuracy_facts(bench, bench.accuracy()).values["AP"]
    run = bench.latency(LoadShape(), lambda run: run.duration_s >= _LATENCY_S, _LATENCY_S)
    ratio = None
    if name != largest:
        pair = session.pair(bench.case, largest)
        pairs = pair.measure(LoadShape(), lambda run: run.duration_s >= _LATENCY_S, _LATENCY_S)
        ratio = median_ratio(paired_ratios(pairs)).value
    return Figures(ap, latency_facts_of(bench, run).p95_ms, ratio)


def _opened(choice: Choice, name: str, dataset: Dataset, progress: Progress) -> tuple[Choice, list[str]]:
    """The choice with labels that make the model and the dataset fit, and the guesses behind that."""
    failures: list[ModelError | DatasetError] = []
    for attempt, guess in _attempts(choice, name, dataset):
        session = Session(attempt.settings, progress)
        try:
            labels = session.detector(name, choice.target).labels
            keys = attempt.settings.datasets[choice.dataset]
            category_of_label(labels, dataset, keys, (name, choice.dataset))
        except (ModelError, DatasetError) as error:
            failures.append(error)
            guessed = any(note.startswith(f"models.{name}: labels") for note in session.notes)
            if isinstance(error, DatasetError) and not guessed:
                break  # the file names its classes itself
        else:
            return attempt, [*session.notes, *guess]
        finally:
            session.close()
    msg = f"{failures[0]}; here: --decoder MODEL=NAME, --labels MODEL=LIST"
    raise type(failures[0])(msg) from failures[0]


def _attempts(choice: Choice, name: str, dataset: Dataset) -> Iterator[tuple[Choice, list[str]]]:
    """The choice as it is, then with the dataset's classes as the model's, all or those with objects."""
    yield choice, []
    if choice.models[name].labels is not None:
        return
    for kept in (range(len(dataset.categories)), np.unique(dataset.truth.categories)):
        labels = tuple(dataset.categories[int(rank)].name for rank in kept)
        model = msgspec.structs.replace(choice.models[name], labels=labels)
        guess = f"models.{name}: labels = the {len(labels)} classes of {choice.dataset}, in the order of their ids"
        yield msgspec.structs.replace(choice, models={**choice.models, name: model}), [guess]


def _machine(facts: dict[str, str]) -> str:
    cores = facts.get("visible cores")
    return facts.get("cpu", "this machine") + (f", {cores} cores" if cores else "")


def _words(dataset: Dataset) -> str:
    annotated = len(np.unique(dataset.truth.categories))
    return (
        f"{len(dataset.images)} images, {len(dataset.truth.categories)} objects, "
        f"{annotated} of {len(dataset.categories)} classes annotated"
    )
