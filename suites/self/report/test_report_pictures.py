"""Pictures of images that lost most: boxes where they belong, in their colours, whatever the image is like."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from fakes import case_facts

from pytest_rfperf.errors import StoreError
from pytest_rfperf.report.pictures import drawn, write_pictures
from pytest_rfperf.session.facts import DrawnBox, PictureFacts

GREY = (128, 128, 128)
TRUTH, BEFORE, NOW = (80, 200, 60), (220, 140, 30), (40, 40, 230)
LEGEND_PX = 52


def picture(*, truth=(), now=(), before=None, image="a.png", name="1-a", caption="a.png: fast on cpu/street: 2 errors"):
    boxes = [[DrawnBox(box, "car", None if group is truth else 0.5) for box in group] for group in (truth, now)]
    old = None if before is None else [DrawnBox(box, "car", 0.25) for box in before]
    return PictureFacts(name=name, image=str(image), caption=caption, truth=boxes[0], now=boxes[1], before=old)


def grey(height, width):
    return np.full((height, width, 3), 128, dtype=np.uint8)


def at(canvas, x, y):
    """The colour of a pixel of the image below the legend."""
    return tuple(canvas[LEGEND_PX + y, x].tolist())


def assert_frame(canvas, left, top, right, bottom, colour):
    """All four sides in their middle, where no text is."""
    middle = (left + right) // 2, (top + bottom) // 2
    sides = [(middle[0], top), (middle[0], bottom), (left, middle[1]), (right, middle[1])]
    assert [at(canvas, *side) for side in sides] == [colour] * 4


def test_each_kind_of_box_is_drawn_in_its_own_colour_where_it_belongs():
    found = picture(truth=[(50, 100, 200, 120)], before=[(300, 60, 150, 140)], now=[(320, 300, 200, 150)])
    canvas = drawn(found, grey(480, 640))
    assert canvas.shape == (LEGEND_PX + 480, 640, 3)
    assert_frame(canvas, 50, 100, 250, 220, TRUTH)
    assert_frame(canvas, 300, 60, 450, 200, BEFORE)
    assert_frame(canvas, 320, 300, 520, 450, NOW)
    assert [at(canvas, *place) for place in ((150, 160), (600, 20), (20, 400))] == [GREY] * 3


def test_what_is_found_now_lies_on_top():
    box = (100, 100, 200, 200)
    assert_frame(drawn(picture(truth=[box], before=[box], now=[box]), grey(480, 640)), 100, 100, 300, 300, NOW)
    assert_frame(drawn(picture(truth=[box], before=[box]), grey(480, 640)), 100, 100, 300, 300, BEFORE)


def swatches(canvas):
    """The colours of the legend's squares, from the left."""
    row = [tuple(pixel.tolist()) for pixel in canvas[33]]
    return [colour for i, colour in enumerate(row) if colour in {TRUTH, BEFORE, NOW} and row[i - 1] != colour]


def test_the_legend_has_a_colour_for_each_kind_and_none_for_a_baseline_that_is_not_there():
    assert swatches(drawn(picture(before=[]), grey(480, 640))) == [TRUTH, BEFORE, NOW]
    assert swatches(drawn(picture(), grey(480, 640))) == [TRUTH, NOW]


def test_the_legend_says_what_the_caption_says():
    one, other = (drawn(picture(caption=text), grey(480, 640))[:LEGEND_PX] for text in ("2 errors", "3 errors"))
    assert (one[:20] < 128).any()
    assert (one != other).any()
    assert (one[24:] == other[24:]).all()


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        ((240, 320), (480, 640)),
        ((8, 8), (480, 480)),
        ((1, 1), (480, 480)),
        ((480, 640), (480, 640)),
        ((1000, 1200), (1000, 1200)),
        ((3000, 4000), (1200, 1600)),
        ((400, 1600), (400, 1600)),
        ((300, 1600), (300, 1600)),
        ((1, 10_000), (1, 1600)),
        ((10_000, 1), (1600, 480)),
        ((2000, 20), (1600, 480)),
    ],
    ids=str,
)
def test_an_image_of_any_size_is_shown_large_enough_to_read_and_not_larger(size, shown):
    canvas = drawn(picture(truth=[(0, 0, size[1], size[0])], now=[(0, 0, 1, 1)], before=[]), grey(*size))
    assert canvas.shape == (LEGEND_PX + shown[0], shown[1], 3)
    assert canvas.dtype == np.uint8
    assert swatches(canvas) == [TRUTH, BEFORE, NOW]


def test_boxes_are_scaled_with_their_image():
    small = drawn(picture(truth=[(10, 5, 40, 30)]), grey(48, 64))
    assert_frame(small, 100, 50, 500, 350, TRUTH)
    large = drawn(picture(truth=[(1000, 500, 2000, 1500)]), grey(3000, 4000))
    assert_frame(large, 400, 200, 1200, 800, TRUTH)


def test_beside_an_image_that_is_too_narrow_for_the_legend_all_is_white():
    canvas = drawn(picture(), grey(1600, 16))
    assert (canvas[LEGEND_PX:, 16:] == 255).all()
    assert (canvas[LEGEND_PX:, :16] == 128).all()


def test_a_box_over_the_edge_is_drawn_as_far_as_there_is_an_image():
    canvas = drawn(picture(now=[(-100, 100, 300, 1000)]), grey(480, 640))
    assert at(canvas, 200, 300) == NOW
    assert at(canvas, 50, 100) == NOW
    assert {at(canvas, 0, 300), at(canvas, 50, 479)} == {GREY}


@pytest.mark.parametrize(
    "box",
    [
        (1e12, 1e12, 1e12, 1e12),
        (-1e300, -1e300, 2e300, 2e300),
        (0.0, 0.0, 3e38, 3e38),
        (10.0, 10.0, -5.0, -5.0),
        (5.0, 5.0, 0.0, 0.0),
    ],
    ids=str,
)
def test_a_box_of_any_numbers_can_be_drawn(box):
    assert drawn(picture(truth=[box], now=[box], before=[box]), grey(48, 64)).shape == (LEGEND_PX + 480, 640, 3)


def test_letters_that_opencv_does_not_have_are_replaced():
    """A class 'Straße' and a file 'größe.png' are shown with question marks, as '??' of equal length would be."""
    boxes = [DrawnBox((10, 10, 300, 300), name, 0.5) for name in ("Straße", "Stra?e")]
    canvases = [
        drawn(PictureFacts(name="1", image="x", caption=caption, truth=[], now=[box], before=None), grey(480, 640))
        for box, caption in zip(boxes, ("größe.png", "gr??e.png"), strict=True)
    ]
    assert canvases[0].tobytes() == canvases[1].tobytes()


def write(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(path.suffix, pixels)[1].tobytes())
    return path


def read(path):
    return cv2.imdecode(np.frombuffer(path.read_bytes(), dtype=np.uint8), cv2.IMREAD_COLOR)


def test_pictures_are_written_by_target_dataset_and_model(tmp_path):
    image = write(tmp_path / "data" / "a.png", grey(480, 640))
    cases = [
        case_facts(pictures=[picture(image=image, name=name, truth=[(50, 100, 200, 120)]) for name in ("1-a", "2-b")]),
        case_facts(model="yolo11n-1.2", target="a/b", pictures=[picture(image=image, name="../x y:z")]),
        case_facts(model="accurate"),
    ]
    written = write_pictures(cases, tmp_path / "out")
    assert [path.relative_to(tmp_path / "out").as_posix() for path in written] == [
        "cpu/street/fast/1-a.jpg",
        "cpu/street/fast/2-b.jpg",
        "a_b/street/yolo11n-1.2/_x_y_z.jpg",
    ]
    canvas = read(written[0])
    assert canvas.shape == (LEGEND_PX + 480, 640, 3)
    assert np.abs(canvas[LEGEND_PX + 100, 150].astype(int) - TRUTH).max() < 40


def test_a_grey_image_and_one_with_transparency_are_drawn_in_colour(tmp_path):
    images = [
        write(tmp_path / "grey.png", np.full((48, 64), 128, dtype=np.uint8)),
        write(tmp_path / "clear.png", np.full((48, 64, 4), 128, dtype=np.uint8)),
        write(tmp_path / "deep.png", np.full((48, 64), 2**15, dtype=np.uint16)),
    ]
    facts = [picture(image=image, name=image.stem, now=[(10, 5, 40, 30)]) for image in images]
    for path in write_pictures([case_facts(pictures=facts)], tmp_path / "out"):
        assert np.abs(read(path)[LEGEND_PX + 50, 300].astype(int) - NOW).max() < 40


def test_a_name_that_is_not_ascii_stays_as_it_is(tmp_path):
    image = write(tmp_path / "größe 日本.png", grey(48, 64))
    (path,) = write_pictures([case_facts(pictures=[picture(image=image, name=f"7-{image.stem}")])], tmp_path)
    assert path.name == "7-größe_日本.jpg"
    assert read(path).shape == (LEGEND_PX + 480, 640, 3)


@pytest.mark.parametrize(
    "content", [None, b"", b"no image", b"\x89PNG\r\n\x1a\n"], ids=["gone", "empty", "text", "cut"]
)
def test_an_image_that_cannot_be_read_any_more_is_an_error_that_names_both_files(tmp_path, content):
    image = tmp_path / "a.png"
    if content is not None:
        image.write_bytes(content)
    with pytest.raises(StoreError) as caught:
        write_pictures([case_facts(pictures=[picture(image=image)])], tmp_path / "out")
    assert str(caught.value).startswith(f"{tmp_path / 'out/cpu/street/fast/1-a.jpg'} cannot be drawn: a.png: ")
    assert not (tmp_path / "out").exists()


def test_a_picture_that_cannot_be_written_is_an_error_that_names_it(tmp_path):
    image = write(tmp_path / "a.png", grey(48, 64))
    (tmp_path / "out").write_bytes(b"")
    with pytest.raises(StoreError, match=r"1-a\.jpg cannot be written"):
        write_pictures([case_facts(pictures=[picture(image=image)])], tmp_path / "out")


def test_pictures_that_an_earlier_run_left_of_the_case_go(tmp_path):
    """Those of other cases, and of a case of which nothing is drawn now, stay."""
    image = write(tmp_path / "a.png", grey(48, 64))
    first = [picture(image=image, name=name) for name in ("1-a", "2-b")]
    cases = [case_facts(pictures=first), case_facts(model="accurate", pictures=first)]
    write_pictures(cases, tmp_path / "out")
    write_pictures([case_facts(pictures=first[1:]), case_facts(model="accurate")], tmp_path / "out")
    left = sorted(path.relative_to(tmp_path / "out/cpu/street").as_posix() for path in tmp_path.rglob("*.jpg"))
    assert left == ["accurate/1-a.jpg", "accurate/2-b.jpg", "fast/2-b.jpg"]


def test_a_picture_of_an_earlier_run_is_replaced(tmp_path):
    image = write(tmp_path / "a.png", grey(480, 640))
    for now in ([(50, 100, 200, 120)], []):
        (path,) = write_pictures([case_facts(pictures=[picture(image=image, now=now)])], tmp_path / "out")
    assert np.abs(read(path)[LEGEND_PX + 100, 150].astype(int) - GREY).max() < 40
