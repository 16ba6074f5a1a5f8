"""Graphs that are slower than another by a known share: real work is added, and its result times zero to the input."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import onnx
from error_rates.onnx_sessions import in_turns
from onnx import helper, numpy_helper

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WIDTH = 64
"""One row of extra work is a vector of this length times a square matrix, twice."""
START_ROWS = 400
ROUNDS = 6
CLOSE = 0.0015
SESSIONS = 6
PAIRS = 400


class Calibrated(NamedTuple):
    """A graph takes `ratio` times as long as the plain one by CPU time; `error` is the standard error of that."""

    ratio: float
    error: float
    rows: int


def calibrate(plain: Path, path: Path, ratio: float, say: Callable[[str], None]) -> Calibrated:
    """Write a graph that takes `ratio` times as long as `plain`, to within 0.15 points where the host lets it."""
    rows = START_ROWS
    tried = []
    for _ in range(ROUNDS):
        write_slower(plain, path, rows)
        tried.append(Calibrated(*cpu_ratio(path, plain), rows))
        say(f"{rows} extra rows: {tried[-1].ratio:.4f} times as long, asked {ratio:g}")
        if abs(tried[-1].ratio - ratio) < CLOSE:
            break
        rows = max(1, round(rows * (ratio - 1) / max(1e-3, tried[-1].ratio - 1)))
    best = min(tried, key=lambda one: abs(one.ratio - ratio))
    write_slower(plain, path, best.rows)
    return best


def cpu_ratio(path: Path, plain: Path, sessions: int = SESSIONS, pairs: int = PAIRS) -> tuple[float, float]:
    """How many times as long one file takes as the other by CPU time, over fresh sessions, and the standard error."""
    found = []
    for number in range(sessions):
        loop = in_turns(path, plain, seed=number, second_first=bool(number % 2))
        run = loop.extend(lambda run: run.pairs >= pairs, 60.0, lambda run: None)
        found.append(float(np.median(run.first.cpu_ns / run.second.cpu_ns)))
    return float(np.mean(found)), float(np.std(found, ddof=1) / len(found) ** 0.5)


def write_slower(plain: Path, path: Path, rows: int) -> None:
    """Write `plain` with a branch of two matrix products of `rows` rows; the answers stay the same to the bit."""
    model = onnx.load(str(plain))
    graph, name = model.graph, model.graph.input[0].name
    for node in graph.node:
        node.input[:] = ["extra_input" if one == name else one for one in node.input]
    nodes = [*_branch(name), *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    graph.initializer.extend(numpy_helper.from_array(value, key) for key, value in _constants(rows).items())
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def _branch(name):
    """From one pixel, so that nothing of it is constant, over the products to the input, times zero."""
    return [
        helper.make_node("Slice", [name, "extra_begin", "extra_end"], ["extra_pixel"]),
        helper.make_node("Reshape", ["extra_pixel", "extra_shape"], ["extra_seed"]),
        helper.make_node("Add", ["extra_rows", "extra_seed"], ["extra_grown"]),
        helper.make_node("MatMul", ["extra_grown", "extra_square"], ["extra_once"]),
        helper.make_node("MatMul", ["extra_once", "extra_square"], ["extra_twice"]),
        helper.make_node("ReduceMean", ["extra_twice"], ["extra_mean"], axes=[0, 1], keepdims=1),
        helper.make_node("Mul", ["extra_mean", "extra_zero"], ["extra_nothing"]),
        helper.make_node("Add", [name, "extra_nothing"], ["extra_input"]),
    ]


def _constants(rows):
    random = np.random.default_rng(1)
    return {
        "extra_begin": np.zeros(4, dtype=np.int64),
        "extra_end": np.ones(4, dtype=np.int64),
        "extra_shape": np.ones(2, dtype=np.int64),
        "extra_rows": random.normal(0, 1, (rows, WIDTH)).astype(np.float32),
        "extra_square": (random.normal(0, 1, (WIDTH, WIDTH)) / WIDTH).astype(np.float32),
        "extra_zero": np.zeros((1, 1), dtype=np.float32),
    }
