"""The recipe: what the two sizes are, and all that training depends on."""

from __future__ import annotations

from dataclasses import dataclass

RECIPE_VERSION = 1
SHARPNESS = 1.6
"""The exported score is sigmoid(SHARPNESS * logit): focal loss leaves the empty background near 0.02, where it would
fill the suppression with candidates, and a factor changes no ranking."""
STRIDE_PX = 4
"""One prediction for each square of this many input pixels."""


@dataclass(frozen=True, slots=True)
class Size:
    """The knobs of one size.

    Attributes
    ----------
    input_px : int
        Width and height of the model's input.
    widths : (int, int, int, int)
        Channels at strides 2, 4, 8 and 16.
    depth : int
        Further convolutions at each of the strides 4, 8 and 16.
    features : int
        Channels of the pyramid and of the head.
    """

    input_px: int
    widths: tuple[int, int, int, int]
    depth: int
    features: int


SIZES = {
    "fast": Size(160, (16, 24, 48, 96), 1, 24),
    "accurate": Size(256, (16, 24, 48, 96), 1, 32),
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """How either size is trained; both see the same images, in the same order.

    Attributes
    ----------
    images_per_task : int
        Drawn from the split `train` of each task.
    views : int
        How many images training looks at in all, each turned and tinted at random.
    batch : int
    rate : float
        The highest learning rate, after `warm_up` of all steps; it falls to zero along half a cosine.
    warm_up : float
    decay : float
        Weight decay.
    averaging : float
        The exported weights are a moving average of the trained ones, with this factor a step.
    box_weight : float
        Of the loss of boxes, beside that of scores.
    """

    images_per_task: int = 1600
    views: int = 24_000
    batch: int = 8
    rate: float = 3e-3
    warm_up: float = 0.03
    decay: float = 0.02
    averaging: float = 0.998
    box_weight: float = 2.0

    @property
    def steps(self) -> int:
        """How many batches."""
        return self.views // self.batch


RECIPE = Recipe()
