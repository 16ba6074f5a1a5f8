"""The training loop: steps, a moving average of the weights, checkpoints that it goes on from."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import threading
import time
from collections import deque
from copy import deepcopy
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch

from pytest_rfperf.errors import UsageError
from pytest_rfperf.reference.tasks import GENERATOR_VERSION
from pytest_rfperf.reference.training.losses import losses
from pytest_rfperf.reference.training.network import Network
from pytest_rfperf.reference.training.recipe import RECIPE_VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pytest_rfperf.reference.training.recipe import Recipe, Size
    from pytest_rfperf.reference.training.views import Pool

CHECKPOINT_EVERY_S = 30.0
_LAST_STEPS = 200


@dataclass
class Spent:
    """What training has cost so far."""

    wall_s: float = 0.0
    cpu_s: float = 0.0


@dataclass(frozen=True)
class Trained:
    """A trained network, what it cost, and the mean losses of its last steps."""

    network: Network
    spent: Spent
    score_loss: float
    box_loss: float


class Training:
    """The state of a training, which can be saved after any step."""

    def __init__(self, size: Size, classes: int, recipe: Recipe, seed: int, threads: int) -> None:
        """Start from random weights of that seed."""
        torch.manual_seed(seed)
        torch.set_num_threads(threads)
        self.recipe, self.seed = recipe, seed
        self.network = Network(size, classes).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = deepcopy(self.network).eval()
        self.optimiser = torch.optim.AdamW(self.network.parameters(), lr=recipe.rate, weight_decay=recipe.decay)
        self.step = self.started_at = 0
        self.spent = Spent()
        self.recent: deque[tuple[float, float]] = deque(maxlen=_LAST_STEPS)
        self._key = {
            "size": asdict(size),
            "recipe": asdict(recipe),
            "recipe version": RECIPE_VERSION,
            "generator version": GENERATOR_VERSION,
            "seed": seed,
            "threads": threads,
            "classes": classes,
        }

    def run(self, pool: Pool, checkpoint: Path, progress: Callable[[int, float, float], None]) -> Trained:
        """Train to the end; `progress` is told the step and the two losses.

        A checkpoint is written now and then, and when the run is stopped, always between two steps.
        """
        wall, cpu = time.perf_counter(), time.process_time()
        before, saved = Spent(**asdict(self.spent)), wall
        self.network.train()
        try:
            while self.step < self.recipe.steps:
                with _whole():
                    self._advance(pool)
                now = time.perf_counter()
                self.spent = Spent(before.wall_s + now - wall, before.cpu_s + time.process_time() - cpu)
                progress(self.step, *self.recent[-1])
                if now - saved > CHECKPOINT_EVERY_S:
                    self.save(checkpoint)
                    saved = now
        except KeyboardInterrupt:
            self.save(checkpoint)
            raise
        self.save(checkpoint)
        scores, boxes = (sum(values) / len(self.recent) for values in zip(*self.recent, strict=True))
        return Trained(self.average, self.spent, scores, boxes)

    def save(self, path: Path) -> None:
        """Write the state whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            torch.save(self._state(), temporary)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint.

        Raises
        ------
        UsageError
            If it is of another training, or no checkpoint.
        """
        try:
            state = torch.load(path, weights_only=True)
        except Exception as error:
            msg = f"{path} is no checkpoint ({type(error).__name__}); delete it to train from the start"
            raise UsageError(msg) from error
        if state["key"] != self._key:
            differing = ", ".join(k for k in self._key if state["key"].get(k) != self._key[k])
            msg = f"{path} is of another training (it differs in {differing}); delete it, or choose another folder"
            raise UsageError(msg)
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step = self.started_at = state["step"]
        self.spent = Spent(**state["spent"])
        self.recent.extend(map(tuple, state["recent"]))

    def _state(self) -> dict[str, Any]:
        return {
            "key": self._key,
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "spent": asdict(self.spent),
            "recent": [list(pair) for pair in self.recent],
        }

    def _advance(self, pool: Pool) -> None:
        recipe = self.recipe
        images, objects = pool.batch(self.seed, self.step, recipe.batch)
        for group in self.optimiser.param_groups:
            group["lr"] = recipe.rate * _schedule(self.step / recipe.steps, recipe.warm_up)
        scores, sides = self.network(images)
        of_scores, of_boxes = losses(scores, sides, objects)
        self.optimiser.zero_grad()
        (of_scores + recipe.box_weight * of_boxes).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 10.0)
        self.optimiser.step()
        self.step += 1
        self.recent.append((of_scores.item(), of_boxes.item()))
        kept = min(recipe.averaging, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            ours, theirs = self.average.state_dict(), self.network.state_dict()
            for name, value in ours.items():
                if value.dtype.is_floating_point:
                    value.lerp_(theirs[name], 1 - kept)


@contextlib.contextmanager
def _whole() -> Iterator[None]:
    """Let Ctrl-C wait for the end of a step, whose state is neither that before nor that after."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    asked: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _frame: asked.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if asked:
        raise KeyboardInterrupt


def _schedule(done: float, warm_up: float) -> float:
    """The share of the highest rate: up in a line, down along half a cosine."""
    if done < warm_up:
        return (done + 1e-3) / warm_up
    return 0.5 * (1 + math.cos(math.pi * (done - warm_up) / (1 - warm_up)))
