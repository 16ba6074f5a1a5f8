"""What the plugin adds to `pytest --co`, beside pytest-benchmark, in alternating runs.

pytest suites/bench/test_plugin_cost.py -s
"""

from __future__ import annotations

import subprocess
import sys
from statistics import median
from time import perf_counter

ROUNDS = 25
BAR = 0.75
OTHERS = [f"-pno:{name}" for name in ("xdist", "hypothesispytest", "timeout", "cacheprovider")]
ARMS = {
    "neither": ["-pno:rfperf", "-pno:benchmark"],
    "pytest-benchmark": ["-pno:rfperf"],
    "pytest-rfperf": ["-pno:benchmark"],
}


def test_plugin_cost(tmp_path, record_property):
    (tmp_path / "test_small.py").write_text("".join(f"def test_{i}(): ...\n" for i in range(20)))
    seconds = {name: [] for name in ARMS}
    for _ in range(ROUNDS):
        for name, options in ARMS.items():
            command = [sys.executable, "-m", "pytest", "--co", "-q", *OTHERS, *options]
            begin = perf_counter()
            subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
            seconds[name].append(perf_counter() - begin)
    added = {
        name: median(with_it - without for with_it, without in zip(seconds[name], seconds["neither"], strict=True))
        * 1e3
        for name in ("pytest-benchmark", "pytest-rfperf")
    }
    ratio = added["pytest-rfperf"] / added["pytest-benchmark"]
    record_property("ratio", ratio)
    print(
        f"\npytest --co: pytest-rfperf adds {added['pytest-rfperf']:.1f} ms, pytest-benchmark "
        f"{added['pytest-benchmark']:.1f} ms: ratio {ratio:.2f} (bar {BAR})"
    )
    assert ratio <= BAR
