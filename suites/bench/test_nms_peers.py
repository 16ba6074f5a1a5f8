"""Non-maximum suppression beside its peers, class-aware and agnostic, in alternating runs of one process.

    pip install 'pytest-rfperf[bench]'
    pytest suites/bench/test_nms_peers.py -s

RFPERF_BENCH_TABLE names a Markdown file whose tables are replaced.
"""

from __future__ import annotations

from statistics import median

import pytest
from clouds import cloud
from contest import Contestant, contest, peers_named
from entrants import own, tiers
from peers import rfperf
from table import machine, milliseconds, publish, with_version

CLOUDS = {100: (12, 0.6), 1_000: (40, 0.6), 8_400: (60, 0.25), 25_200: (80, 0.25)}
"""Boxes: objects, and the part of the boxes that is about one. 8,400 and 25,200 are whole outputs at 640 px."""
PEERS = {
    "lsnms": "lsnms",
    "torchvision": "torchvision",
    "onnxruntime": "onnxruntime",
    "opencv": "opencv-python-headless",
    "plain-numpy": "plain numpy loop",
}
THRESHOLD = 0.5
ROUNDS = 41
BAR = 2.0

pytestmark = pytest.mark.timeout(1800)


@pytest.mark.parametrize("class_aware", [True, False], ids=["class-aware", "agnostic"])
def test_suppression(class_aware):
    missing, fastest, found = {}, {}, {}
    for count, (objects, near) in CLOUDS.items():
        drawn = cloud(count, objects=objects, near=near)
        entered, missing = entrants(drawn, drawn.labels if class_aware else None)
        contest(entered, rounds=ROUNDS, budget_s=5.0)
        found[count] = entered
        fastest[count] = least_ratio(entered)
    title = f"Non-maximum suppression, {'class-aware, 80 classes' if class_aware else 'agnostic'}, IoU {THRESHOLD}"
    header = ("suppression", *(f"{count:,} boxes" for count in CLOUDS))
    publish(title, header, rows(found, missing), notes(found, fastest))
    assert all(kept_differently(one, entered) == 0 for entered in found.values() for one in entered if one.ours)
    if "c" not in tiers():
        pytest.skip("the C tier is not here: its bar was not judged")
    assert all(ratio >= BAR for ratio, _ in fastest.values()), fastest


def entrants(drawn, labels):
    offered = peers_named(PEERS, "suppress")
    entered = [own(tier, "arrays", rfperf.suppress(drawn, THRESHOLD, labels)) for tier in tiers()]
    for name, prepare in offered.items():
        if callable(prepare):
            shown = with_version(PEERS[name])
            entered.append(Contestant(shown, "arrays", prepare(drawn, THRESHOLD, labels)))
    return entered, {PEERS[name]: reason for name, reason in offered.items() if not callable(reason)}


def least_ratio(entered):
    """How many times as long the fastest peer takes as our fastest tier, and which that is."""
    ours = [one for one in entered if one.ours][-1]
    return min((one.times(ours), one.name) for one in entered if not one.ours)


def kept_differently(one, entered):
    """Boxes that this one or our numpy tier keeps, and the other does not."""
    return len(set(map(int, one.answer)) ^ set(map(int, entered[0].answer)))


def rows(found, missing):
    for column in zip(*found.values(), strict=True):
        cells = (cell(one, entered) for one, entered in zip(column, found.values(), strict=True))
        yield (column[0].name, *cells)
    for name, reason in missing.items():
        yield (name, reason, *["-"] * (len(found) - 1))


def cell(one, entered):
    """CPU time, the ratio to our fastest tier, and what is kept differently."""
    ours = [other for other in entered if other.ours][-1]
    odd = kept_differently(one, entered)
    text = f"{milliseconds(median(one.cpu_s))} ms"
    if one is not ours:
        text += f", {one.times(ours):.1f}x"
    return f"{text}, {odd} kept otherwise" if odd else text


def notes(found, fastest):
    ours = [one for one in next(iter(found.values())) if one.ours][-1]
    kept = ", ".join(f"{len(entered[0].answer):,} of {count:,}" for count, entered in found.items())
    yield f"CPU time, one thread each; x: times as long as {ours.name}. Kept: {kept}."
    odd = sum(kept_differently(one, entered) for entered in found.values() for one in entered)
    kept_alike = "every peer keeps the same boxes" if not odd else "boxes kept otherwise are counted in the cell"
    yield f"Peers get their own format beforehand, ours is float64; {kept_alike}."
    for count, (ratio, name) in fastest.items():
        bar = f" (bar {BAR:g})" if "c" in tiers() else ""
        yield f"At {count:,} boxes the fastest peer, {name}, takes {ratio:.2f} times as long{bar}."
    if "c" not in tiers():
        yield "Our C tier is not here."
    yield machine()
