"""Error rates of real calls: a copy of a graph, and graphs that are truly 5 % and 10 % slower, on a quiet and a busy host.

    cd suites/bench && python -m error_rates.live

takes about 40 minutes on two cores, which nothing else should use; `--stretch 0` leaves the peer out and takes 15. Results
go to `.rfperf/error-rates/` line by line: the same command goes on where it was stopped, and prints the table of what is there.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from error_rates.burners import burning, cores
from error_rates.live_bench import judged_budget, judged_by_means, judged_in_turns
from error_rates.onnx_sessions import FAST, SHAPE, feeds, opened
from error_rates.slower_graph import calibrate
from scipy.stats import beta
from table import machine, publish

from pytest_rfperf.core.budget import clean_mask
from pytest_rfperf.measure.clock import SystemClock
from pytest_rfperf.measure.closed_loop import ClosedLoop

FOLDER = Path(".rfperf") / "error-rates"
CHANGES = {"same": 1.0, "slower_5": 1.05, "slower_10": 1.10}
BUDGET = "budget"
LIMIT = 1.025
HEADROOM = 1.2
BUDGET_CAP_S = 10.0
CERTAINTY = 0.95


def main() -> int:
    """Calibrate once, make the runs that are missing, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=200, help="runs a cell; every other one with a busy host")
    parser.add_argument("--cap", type=float, default=3.0, help="seconds of measuring in turns")
    parser.add_argument(
        "--stretch", type=float, default=1.0, help="seconds of each run of pytest-benchmark's rule; 0 leaves it out"
    )
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where graphs and results are kept")
    parser.add_argument("--cell", action="append", choices=[*CHANGES, BUDGET], help="only these cells; all without")
    parser.add_argument("--table", action="store_true", help="only print the tables of what is there")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    try:
        truth = calibrated(asked.folder)
        if not asked.table:
            make_runs(asked, truth)
    except KeyboardInterrupt:
        say("stopped; the same command goes on from here")
        return 130
    print_tables(rows_in(asked.folder), truth)
    return 0


def say(text: str) -> None:
    """Show on standard error how far it is."""
    print(text, file=sys.stderr, flush=True)


def calibrated(folder: Path) -> dict[str, Any]:
    """Make the graphs, and measure what is true of them, before anything else runs; kept in the folder."""
    path = folder / "truth.json"
    if not path.exists():
        say("calibrating the slower graphs on this host: three minutes")
        shutil.copy(FAST, folder / "same.onnx")
        truth: dict[str, Any] = {"same": {"ratio": 1.0, "error": 0.0, "rows": 0}}
        for change, ratio in CHANGES.items():
            if change not in truth:
                truth[change] = calibrate(FAST, folder / f"{change}.onnx", ratio, say)._asdict()
        truth["p95_ms"], truth["machine"] = quiet_p95_ms(), machine()
        path.write_text(json.dumps(truth, indent=1) + "\n", encoding="utf-8")
    return json.loads(path.read_text(encoding="utf-8"))


def quiet_p95_ms() -> float:
    """The p95 of calls that had a CPU for themselves."""
    loop = ClosedLoop(opened(FAST), feeds(), SHAPE, SystemClock(), one_thread=True, seed=1)
    run = loop.extend(lambda run: run.calls >= 2000, 60.0, lambda run: None)
    clean = run.latencies_ns[clean_mask(run.latencies_ns, run.cpu_ns)]
    return float(np.quantile(clean, 0.95)) / 1e6


def make_runs(asked: argparse.Namespace, truth: dict[str, Any]) -> None:
    """Run by run through all cells, so that whatever else changes on the host touches each alike."""
    done = {(row["cell"], row["number"]) for row in rows_in(asked.folder)}
    for number, cell in product(range(asked.runs), asked.cell or (*CHANGES, BUDGET)):
        if (cell, number) not in done:
            row = one_run(asked, truth, cell, number)
            with (asked.folder / "runs.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            say(f"run {number + 1} of {asked.runs}, {cell}{', busy' if row['busy'] else ''}: {row['outcome']}")


def one_run(asked: argparse.Namespace, truth: dict[str, Any], cell: str, number: int) -> dict[str, Any]:
    """Judge once, by each rule; which one begins changes from pair to pair of runs."""
    if cell == BUDGET:
        with burning(max(1, cores() // 2)):
            found = judged_budget(FAST, HEADROOM * truth["p95_ms"], seed=number, cap_s=BUDGET_CAP_S)
        return {"cell": cell, "number": number, "busy": True} | found
    busy, candidate = bool(number % 2), asked.folder / f"{cell}.onnx"
    rules = [lambda: judged_in_turns(candidate, FAST, LIMIT, seed=number, cap_s=asked.cap)]
    if asked.stretch:
        rules.append(lambda: judged_by_means(candidate, FAST, asked.stretch))
    row: dict[str, Any] = {"cell": cell, "number": number, "busy": busy}
    with burning(cores() if busy else 0):
        for rule in rules if number // 2 % 2 else reversed(rules):
            row |= rule()
    return row


def rows_in(folder: Path) -> list[dict[str, Any]]:
    """The runs that are there; a last line that was cut short is left out, and made again."""
    path, rows = folder / "runs.jsonl", []
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                rows.append(json.loads(line))
            except json.JSONDecodeError:
                continue
    return rows


def print_tables(rows: list[dict[str, Any]], truth: dict[str, Any]) -> None:
    """What each rule said, with Clopper-Pearson limits."""
    told = [_told(cell, [row for row in rows if row["cell"] == cell], truth) for cell in CHANGES]
    header = (
        "candidate",
        "runs",
        "ours: FAIL",
        "ours: PASS",
        "ours: INCONCLUSIVE",
        "pytest-benchmark, mean:5%: fails",
        "measuring, quiet",
        "measuring, busy",
        "longest",
        "confirming",
    )
    notes = (
        "In brackets the limits of Clopper and Pearson, 95 % on each side taken alone.",
        "Every other run beside a process that spins on every core.",
        "Times: median seconds of measuring to a verdict; the longest of all; median of confirming a FAIL.",
        f"pytest-benchmark {_version()}: its own statistics and check, over two separate stretches in the same run.",
        truth["machine"],
    )
    publish("Live error rates of calls in turns", header, told, notes)
    own = [row for row in rows if row["cell"] == BUDGET]
    publish(
        "Live decisions of a p95 budget with 20 % headroom",
        ("runs", "PASS", "FAIL", "INCONCLUSIVE", "median seconds", "longest"),
        [(str(len(own)), *(_share(own, word) for word in WORDS), *_seconds(own, np.median), *_seconds(own, max))],
        (
            f"p95 {truth['p95_ms']:.2f} ms when quiet; a process spins on half of the cores; cap {BUDGET_CAP_S:g} s.",
            truth["machine"],
        ),
    )


WORDS = ("PASS", "FAIL", "INCONCLUSIVE")


def _told(cell, rows, truth):
    known = truth[cell]
    name = f"{known['ratio']:.4f} times as long (+-{known['error']:.4f})" if known["rows"] else "a copy of the baseline"
    means = [row["mean_fails"] for row in rows if "mean_fails" in row]
    halves = [[row for row in rows if row["busy"] == busy] for busy in (False, True)]
    confirmed = [row["confirmed_s"] for row in rows if row["confirmed_s"] is not None]
    return (
        name,
        str(len(rows)),
        *(_share(rows, word) for word in ("FAIL", "PASS", "INCONCLUSIVE")),
        f"{with_limits(sum(means), len(means))} of {len(means)}",
        *(_seconds(half, np.median)[0] for half in halves),
        *_seconds(rows, max),
        f"{np.median(confirmed):.2f} s" if confirmed else "-",
    )


def _share(rows, word):
    return with_limits(sum(row["outcome"] == word for row in rows), len(rows))


def _seconds(rows, what):
    return (f"{what([row['measured_s'] for row in rows]):.2f} s" if rows else "-",)


def with_limits(count: int, runs: int) -> str:
    """A count with the one-sided Clopper-Pearson limits of its rate."""
    if not runs:
        return "-"
    low = beta.ppf(1 - CERTAINTY, count, runs - count + 1) if count else 0.0
    high = beta.ppf(CERTAINTY, count + 1, runs - count) if count < runs else 1.0
    return f"{count} ({low:.1%}..{high:.1%})"


def _version():
    from importlib.metadata import version

    return version("pytest-benchmark")


if __name__ == "__main__":
    sys.exit(main())
