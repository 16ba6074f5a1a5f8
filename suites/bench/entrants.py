"""Who takes part in the comparison of evaluators: the peers that can be had here, and this package's tiers."""

from __future__ import annotations

from functools import partial

from contest import Contestant, peers_named
from peers import rfperf
from table import with_version

from pytest_rfperf.core.tier import available, forced

PEERS = ("pycocotools", "faster-coco-eval", "hotcoco", "ultrafast-pycocotools", "vernier")
THREADED = ("faster-coco-eval", "hotcoco", "ultrafast-pycocotools")
"""Those that use every core unless told otherwise."""


def tiers():
    """The tiers that can run here."""
    return ("numpy", "c") if available() else ("numpy",)


def own(tier, starts_from, run):
    """This package as a contestant, on one tier."""
    name = f"pytest-rfperf, {'C' if tier == 'c' else tier} tier"
    return Contestant(name, starts_from, run, ours=True, within=partial(forced, tier))


def from_columns(scene, paths, names=PEERS):
    """Contestants that evaluate what is in memory, and the peers that are missing with the reason."""
    found = peers_named(names, "from_columns")
    entered = [own(tier, *way) for tier in tiers() for way in rfperf.from_columns(scene, paths).items()]
    for name, prepare in found.items():
        if callable(prepare):
            entered += [Contestant(with_version(name), *way) for way in prepare(scene, paths).items()]
    return entered, _missing(found)


def from_files(scene, paths, names=PEERS):
    """Contestants that read both files and evaluate, and the peers that are missing with the reason."""
    found = peers_named(names, "from_files")
    entered = [own(tier, "files", lambda: rfperf.from_files(*paths)) for tier in tiers()]
    for name, run in found.items():
        if callable(run):
            entered.append(Contestant(with_version(name), "files", lambda run=run: run(*paths)))
    return entered, _missing(found)


WAYS = {"columns": from_columns, "files": from_files}


def _missing(found):
    return {name: reason for name, reason in found.items() if not callable(reason)}
