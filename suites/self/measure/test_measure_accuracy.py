"""The accuracy pass, and the images that it and a latency run read."""

import hashlib
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from fakes import MS, FakeClock, FakeDetector, found

from pytest_rfperf.data.dataset import ImageRecord
from pytest_rfperf.data.timing import Timing
from pytest_rfperf.errors import DatasetError, ImageError, OutputError, RfperfError
from pytest_rfperf.measure.accuracy import LEFT_OUT, accuracy_pass
from pytest_rfperf.measure.images import image_pool, read_image


@pytest.fixture
def dataset(tmp_path):
    """Three files whose order by id is not that of their names."""
    images = []
    for rank, name in enumerate(("c.bin", "a.bin", "b.bin")):
        (tmp_path / name).write_bytes(f"content of {name}".encode())
        images.append(ImageRecord(rank + 1, tmp_path / name))
    return SimpleNamespace(images=images)


class ByImage(FakeDetector):
    """Finds what the test says in each image; an error is raised instead."""

    def __init__(self, clock, *answers):
        super().__init__(clock)
        self.answers = answers

    def detect(self, image):
        answer = self.answers[len(self.images)]
        self.images.append(image)
        self._spend()
        if isinstance(answer, Exception):
            raise answer
        return answer, Timing()


def run(dataset, *answers, mapping=(0, 1)):
    clock, progress = FakeClock(), []
    detector = ByImage(clock, *answers)
    return accuracy_pass(detector, dataset, mapping, clock, lambda *at: progress.append(at)), detector, progress


NOTHING = found([], [], [])


def test_images_are_run_once_each_in_the_order_of_the_dataset(dataset):
    result, detector, progress = run(dataset, NOTHING, NOTHING, NOTHING)
    assert detector.images == [b"content of c.bin", b"content of a.bin", b"content of b.bin"]
    assert progress == [(1, 3), (2, 3), (3, 3)]
    assert result.images_sha256 == hashlib.sha256(b"".join(detector.images)).hexdigest()
    assert (result.images, result.score_floor, result.duration_s) == (3, detector.score_floor, 3 * MS / 1e9)


def test_detections_become_rows_with_ranks_and_widths(dataset):
    two = found([(1, 2, 4, 8), (0, 0, 1, 1)], [0.9, 0.1], [1, 0])
    one = found([(5, 5, 7, 6)], [0.5], [0])
    result, _, _ = run(dataset, two, NOTHING, one, mapping=(4, 3))
    rows = result.results
    assert rows.images.tolist() == [0, 0, 2]
    assert rows.categories.tolist() == [3, 4, 4]
    assert rows.boxes_xywh.tolist() == [[1, 2, 3, 6], [0, 0, 1, 1], [5, 5, 2, 1]]
    assert rows.scores.tolist() == [0.9, 0.1, 0.5]


def test_classes_outside_the_dataset_are_counted_and_left_out(dataset):
    mixed = found([(0, 0, 1, 1)] * 3, [0.3, 0.2, 0.1], [0, 1, 0])
    result, _, _ = run(dataset, mixed, NOTHING, mixed, mapping=(LEFT_OUT, 0))
    assert result.outside_classes == 4
    assert result.results.scores.tolist() == [0.2, 0.2]
    assert result.results.images.tolist() == [0, 2]


def test_a_detector_that_finds_nothing_has_no_rows(dataset):
    result, _, _ = run(dataset, NOTHING, NOTHING, NOTHING)
    assert (len(result.results.scores), result.results.boxes_xywh.shape, result.outside_classes) == (0, (0, 4), 0)


@pytest.mark.parametrize("kind", [OutputError, ImageError])
def test_an_error_names_the_image_and_stays_what_it_was(dataset, kind):
    with pytest.raises(RfperfError) as caught:
        run(dataset, NOTHING, kind("scores are not finite"), NOTHING)
    assert type(caught.value) is kind
    assert str(caught.value) == "image 2 (a.bin): scores are not finite"


def test_a_file_that_is_gone_is_named(dataset):
    gone = dataset.images[1].path
    gone.unlink()
    with pytest.raises(ImageError) as caught:
        run(dataset, NOTHING, NOTHING, NOTHING)
    assert str(caught.value) == f"image 2: {gone} cannot be read: No such file or directory"


def test_an_image_of_another_size_than_annotated_is_refused(tmp_path):
    _, png = cv2.imencode(".png", np.zeros((4, 6, 3), dtype=np.uint8))
    (tmp_path / "a.png").write_bytes(png.tobytes())
    with pytest.raises(DatasetError) as caught:
        read_image(ImageRecord(1, tmp_path / "a.png", 8, 8))
    assert str(caught.value) == (
        f"image 1: {tmp_path / 'a.png'} is 6 x 4 pixels, annotated as 8 x 8: the file was replaced or resized after it "
        f"was annotated"
    )
    assert read_image(ImageRecord(1, tmp_path / "a.png", 6, 4)) == png.tobytes()


def test_a_pool_is_a_seeded_draw_without_replacement(dataset):
    pools = [image_pool(dataset.images, seed) for seed in (0, 0, 1, 2, 3, 4)]
    assert pools[0] == pools[1]
    assert len({tuple(pool) for pool in pools}) > 1
    assert {tuple(sorted(pool)) for pool in pools} == {tuple(sorted(pools[0]))}
    assert len(pools[0]) == 3


@pytest.mark.parametrize(("limit_bytes", "count"), [(1, 1), (16, 1), (32, 2), (47, 2), (48, 3)])
def test_a_pool_keeps_its_limit_but_always_one_image(dataset, limit_bytes, count):
    assert len(b"content of c.bin") == 16
    assert len(image_pool(dataset.images, 0, limit_bytes=limit_bytes)) == count
