"""Recorded calls in turns, kept in `traces/`: wall and CPU time of every call, and what was true of them.

    cd suites/bench && python -m error_rates.trace_files

records them anew on this host, in about five minutes.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from error_rates.burners import burning, cores
from table import machine

from pytest_rfperf.data.runs import HostSignals, LatencyRun, LoadShape, PairedRun, WarmUp
from pytest_rfperf.store.samples import pack, unpack

if TYPE_CHECKING:
    from numpy.typing import NDArray

FOLDER = Path(__file__).parent / "traces"
PAIRS = 2400
LOADS = {"quiet": 0.0, "half_loaded": 0.5, "loaded": 1.0}
"""Spinning processes for each core."""
RATIOS = {"same": 1.0, "slower_5": 1.05}
STORED = ("first_wall", "first_cpu", "second_wall", "second_cpu")


@dataclass(frozen=True)
class Trace:
    """Calls in turns on one host: the first side's truly take `ratio` times as long as the second's.

    Attributes
    ----------
    first_wall, first_cpu, second_wall, second_cpu : (N,) int64
        In ns, in the order of the pairs.
    """

    load: str
    change: str
    ratio: float
    host: str
    first_wall: NDArray[np.int64]
    first_cpu: NDArray[np.int64]
    second_wall: NDArray[np.int64]
    second_cpu: NDArray[np.int64]

    @property
    def pairs(self) -> int:
        """How many pairs there are."""
        return len(self.first_wall)

    def begun_at(self, start: int) -> Trace:
        """The same calls, begun elsewhere: what comes before `start` follows after the end."""
        return replace(self, **{name: np.roll(getattr(self, name), -start) for name in STORED})

    def run(self, pairs: int) -> PairedRun:
        """The first `pairs` of them as a measurement has them."""
        sides = ((self.first_wall, self.first_cpu), (self.second_wall, self.second_cpu))
        return PairedRun(*(latency_run(wall[:pairs], cpu[:pairs]) for wall, cpu in sides))


def latency_run(wall, cpu):
    """Calls that were made back to back, as a measurement has them."""
    return LatencyRun(LoadShape("model-only"), wall, cpu, [], WarmUp(0, 0.0, True, 0), HostSignals(), wall.sum() / 1e9)


def load_traces() -> list[Trace]:
    """Every trace that is kept."""
    return [_read(path) for path in sorted(FOLDER.glob("*.json"))]


def _read(path):
    stored = json.loads(path.read_text(encoding="utf-8"))
    return Trace(**{key: unpack(value) if key in STORED else value for key, value in stored.items()})


def _write(trace):
    values = {key: pack(value) if key in STORED else value for key, value in vars(trace).items()}
    path = FOLDER / f"{trace.load}_{trace.change}.json"
    path.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Make the slower graph, and record each load with each change."""
    from error_rates.onnx_sessions import FAST, in_turns
    from error_rates.slower_graph import calibrate

    with tempfile.TemporaryDirectory() as folder:
        paths = {change: Path(folder) / f"{change}.onnx" for change in RATIOS}
        shutil.copy(FAST, paths["same"])
        truth = {"same": 1.0, "slower_5": calibrate(FAST, paths["slower_5"], RATIOS["slower_5"], print).ratio}
        for load, share in LOADS.items():
            for change, path in paths.items():
                with burning(round(share * cores())):
                    loop = in_turns(path, FAST, seed=5)
                    run = loop.extend(lambda run: run.pairs >= PAIRS, 600.0, lambda run: None)
                sides = {}
                for name, side in (("first", run.first), ("second", run.second)):
                    sides |= {f"{name}_wall": side.latencies_ns[:PAIRS], f"{name}_cpu": side.cpu_ns[:PAIRS]}
                _write(Trace(load, change, truth[change], machine(), **sides))
                print(f"{load}, {change}: {PAIRS} pairs, {run.duration_s:.0f} s")


if __name__ == "__main__":
    main()
