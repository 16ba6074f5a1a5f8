"""The published table: the bundled pair on the part `test`, 300 images a task, which nothing was chosen by.

pytest suites/bench/test_reference_table.py -s
"""

from __future__ import annotations

import pytest

from pytest_rfperf.core.resampling import ap_difference
from pytest_rfperf.plugin.progress import Silent
from pytest_rfperf.reference import SIZES, TASKS, artifact
from pytest_rfperf.session.facts import Case
from pytest_rfperf.workshop.bundled import TARGET, session_on_tasks

IMAGES = 300
SATURATED, MIDDLING = 0.96, (0.55, 0.75)


@pytest.mark.timeout(1200)
def test_the_test_part(record_property):
    session = session_on_tasks({size: artifact(size) for size in SIZES}, Silent(), part="test", images=IMAGES)
    print(
        "\n| task | fast AP50 | AP | accurate AP50 | AP | difference of AP50 (95 % interval) |\n|---|---|---|---|---|---|"
    )
    stands, gains = {}, {}
    for task in TASKS:
        fast, accurate = (session.bench(Case(size, TARGET, task)).accuracy() for size in SIZES)
        gains[task] = ap_difference(fast.records, accurate.records, IMAGES, iou=0.5)
        cells = [f"{found.precision_recall.ap(iou=iou):.3f}" for found in (fast, accurate) for iou in (0.5, None)]
        stands[task] = fast.precision_recall.ap(iou=0.5)
        gain = gains[task]
        print(f"| {task} | {' | '.join(cells)} | {gain.value:+.3f} ({gain.low:+.3f} to {gain.high:+.3f}) |")
        record_property(task, stands[task])
    session.close()
    middling = [task for task, value in stands.items() if MIDDLING[0] <= value <= MIDDLING[1]]
    assert sum(value > SATURATED for value in stands.values()) >= 2
    assert len(middling) >= 2
    assert all(gains[task].low > 0 for task in middling)
