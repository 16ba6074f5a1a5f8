"""Boxes are the hulls of what can be seen, at four times the resolution."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_rfperf.reference.tasks import shapes
from pytest_rfperf.reference.tasks.scene import FINER, LEAST_VISIBLE, SIDE_PX, Scene
from pytest_rfperf.reference.tasks.stream import Stream

GREY, RED = (120.0, 120.0, 120.0), (200.0, 30.0, 30.0)
FRAME_PX = 40
"""Around the image: what is painted beyond its border counts as hidden."""


def scene():
    made = Scene(Stream("test"))
    made.ground(GREY)
    return made


def mask_of(shape, columns, rows):
    """Its subpixels within its reach, by whole pixels."""
    across, down = (
        (np.floor(centre - shape.reach) < axis) & (axis < np.ceil(centre + shape.reach))
        for centre, axis in ((shape.x, columns), (shape.y, rows))
    )
    return shape.inside(*shape.own(columns, rows)) & across & down


def subpixels():
    """Centres of all subpixels of the image and a frame around it."""
    fine = (np.arange(-FRAME_PX * FINER, (SIDE_PX + FRAME_PX) * FINER) + 0.5) / FINER
    return fine[None, :], fine[:, None]


def hulls_of(painted):
    """The boxes by the definition, on full masks: (label, box) of each thing that shows enough of itself."""
    columns, rows = subpixels()
    owner = np.zeros((rows.size, columns.size), dtype=int)
    whole = {}
    for number, shape in painted:
        mask = mask_of(shape, columns, rows)
        owner[mask] = number
        whole[number] = whole.get(number, np.zeros_like(mask)) | mask
    inside = np.zeros_like(owner, dtype=bool)
    border = FRAME_PX * FINER
    inside[border:-border, border:-border] = True
    found = {}
    for number, mask in whole.items():
        visible = (owner == number) & inside
        if number and visible.any() and visible.sum() >= LEAST_VISIBLE * mask.sum():
            down, across = (np.flatnonzero(visible.any(axis=axis)) - border for axis in (1, 0))
            found[number] = tuple(float(edge) / FINER for edge in (across[0], down[0], across[-1] + 1, down[-1] + 1))
    return found


@st.composite
def placed_shapes(draw):
    x, y = (draw(st.integers(-10, SIDE_PX + 10)) + draw(st.sampled_from((0.0, 0.25, 0.3))) for _ in range(2))
    a, b = (draw(st.integers(2, 24)) for _ in range(2))
    along = draw(st.sampled_from(((1.0, 0.0), (0.6, 0.8), (0.0, 1.0), (-0.8, 0.6))))
    kind = draw(st.sampled_from(("ellipse", "rectangle", "capsule", "heart")))
    return {
        "ellipse": lambda: shapes.ellipse(x, y, a, b, along),
        "rectangle": lambda: shapes.rectangle(x, y, a, b, along, min(a, b) / 2),
        "capsule": lambda: shapes.capsule(x, y, a, b, along),
        "heart": lambda: shapes.heart(x, y, a, along),
    }[kind]()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), placed_shapes()), min_size=1, max_size=6))
def test_a_box_is_the_hull_of_the_visible_mask(painted):
    made = scene()
    numbers = {}
    done = []
    for thing, shape in painted:
        if thing and thing not in numbers:
            numbers[thing] = made.thing(thing)
        made.paint(shape, RED, numbers.get(thing, 0))
        done.append((numbers.get(thing, 0), shape))
    picture = made.finish(blur=0, noise=0)
    # Parts of one thing that overlap beyond the border count twice, so only single shapes are compared there.
    inside_only = all(
        shape.reach < shape.x < SIDE_PX - shape.reach and shape.reach < shape.y < SIDE_PX - shape.reach
        for _, shape in painted
    )
    single = len({thing for thing, _ in painted}) == len(painted)
    if inside_only or single:
        expected = hulls_of(done)
        labels = {number: label for label, number in numbers.items()}
        found = sorted(zip(picture.labels, picture.boxes_xyxy, strict=True))
        assert found == sorted((labels[number], box) for number, box in expected.items())


def test_pixels_change_inside_the_box_and_nowhere_else():
    made = scene()
    made.paint(shapes.ellipse(100.3, 80.6, 9, 5), RED, made.thing(0))
    picture = made.finish(blur=0, noise=0)
    down, across = np.nonzero((picture.pixels != 120).any(axis=2))
    x0, y0, x1, y1 = picture.boxes_xyxy[0]
    assert (across.min(), down.min(), across.max() + 1, down.max() + 1) == (
        int(x0), int(y0), int(np.ceil(x1)), int(np.ceil(y1)),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("covered", "annotated"), [(0.0, True), (0.6, True), (0.69, True), (0.71, False), (1.0, False)]
)
def test_a_thing_that_hides_more_than_seven_tenths_is_not_annotated(covered, annotated):
    made = scene()
    made.paint(shapes.rectangle(100, 100, 50, 50), RED, made.thing(0))
    if covered:
        made.paint(shapes.rectangle(50 + 50 * covered, 100, 50 * covered, 60), GREY)
    picture = made.finish(blur=0, noise=0)
    assert len(picture.labels) == annotated
    if annotated:
        assert picture.boxes_xyxy[0] == pytest.approx((50 + 100 * covered, 50, 150, 150), abs=0.25)


@pytest.mark.parametrize(("centre", "annotated"), [(20, True), (-4, True), (-5, False)])
def test_what_lies_beyond_the_border_counts_as_hidden(centre, annotated):
    made = scene()
    made.paint(shapes.rectangle(centre, 100, 10, 10), RED, made.thing(0))
    assert len(made.finish(blur=0, noise=0).labels) == annotated


def test_what_is_out_of_the_picture_leaves_no_trace():
    made = scene()
    made.paint(shapes.ellipse(-50, -50, 10, 10), RED, made.thing(0))
    made.shade(shapes.ellipse(-50, 400, 10, 10), 0.5)
    picture = made.finish(blur=0, noise=0)
    assert picture.labels == ()
    assert (picture.pixels == 120).all()


def test_scenery_hides_things_and_has_no_box():
    made = scene()
    made.paint(shapes.rectangle(100, 100, 10, 10), RED, made.thing(0))
    made.paint(shapes.rectangle(100, 100, 20, 20), GREY)
    assert made.finish(blur=0, noise=0).labels == ()
