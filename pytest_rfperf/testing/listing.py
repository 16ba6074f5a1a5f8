"""Cases as code that can be pasted."""

from __future__ import annotations

import keyword
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from pytest_rfperf.testing.cases import CocoCase, SuppressionCase


def name_of(function: Callable[..., object], *, otherwise: str) -> str:
    """The name to show for a function under test; a lambda, a partial or an object is called `otherwise`."""
    name = getattr(function, "__name__", otherwise)
    return name if name.isidentifier() and not keyword.iskeyword(name) else otherwise


def suppression_listing(case: SuppressionCase, name: str, *, dtype: str, class_aware: bool) -> str:
    """A call of a suppression function, with its arrays."""
    lines = [
        "import numpy as np",
        "",
        f"boxes = {_array(case.boxes, dtype)}",
        f"scores = {_array(case.scores, dtype)}",
    ]
    if class_aware:
        lines.append(f"labels = np.array({case.labels.tolist()}, dtype=np.int64)")
    labels = ", labels=labels" if class_aware else ""
    return "\n".join([*lines, f"{name}(boxes, scores, {case.iou_threshold!r}{labels})"])


def coco_listing(case: CocoCase, name: str, *, ignore: bool) -> str:
    """A call of an evaluation function, with the annotation file and the result rows."""
    dataset = case.dataset(ignore=ignore)
    lines = ["truth = {"]
    for key, rows in dataset.items():
        lines += _rows(f"    {key!r}: [", rows, "    ],")
    lines += ["}", *_rows("results = [", case.rows(), "]"), f"{name}(truth, results)"]
    return "\n".join(lines).replace("'", '"')


def _array(values: NDArray[np.float64], dtype: str) -> str:
    if not len(values) and values.ndim > 1:
        return f"np.zeros((0, {values.shape[1]}), dtype=np.{dtype})"
    shown = repr(values.tolist()).replace("nan", "np.nan")
    return f"np.array({shown}, dtype=np.{dtype})"


def _rows(opening: str, rows: list[dict[str, Any]], closing: str) -> list[str]:
    if not rows:
        return [opening + closing.strip()]
    indent = " " * (len(closing) - len(closing.lstrip()) + 4)
    return [opening, *(f"{indent}{row!r}," for row in rows), closing]
