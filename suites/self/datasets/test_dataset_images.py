from __future__ import annotations

import os
import re
import struct

import numpy as np
import pytest

from pytest_rfperf.data.dataset import ImageRecord
from pytest_rfperf.errors import DatasetError, ImageError
from pytest_rfperf.measure import images as images_module
from pytest_rfperf.measure.images import image_pool, read_image


def turned(path, orientation: int):
    """Give a JPEG file an EXIF orientation."""
    directory = b"II*\0" + struct.pack("<IHHHIHxxI", 8, 1, 0x0112, 3, 1, orientation, 0)
    payload = b"Exif\0\0" + directory
    content = path.read_bytes()
    path.write_bytes(content[:2] + b"\xff\xe1" + struct.pack(">H", len(payload) + 2) + payload + content[2:])
    return path


def test_the_bytes_are_those_of_the_file(tmp_path, put_image):
    path = put_image(tmp_path / "a.jpg")
    assert read_image(ImageRecord(1, path, 30, 20)) == path.read_bytes()


@pytest.mark.parametrize("size", [(None, None), (30, None), (0, 0)])
def test_an_unknown_size_is_not_compared(tmp_path, put_image, size):
    path = put_image(tmp_path / "a.jpg")
    assert read_image(ImageRecord(1, path, *size)) == path.read_bytes()


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_another_size_than_annotated_is_an_error(tmp_path, put_image, suffix):
    path = put_image(tmp_path / f"a{suffix}", 60, 40)
    cause = "the file was replaced or resized after it was annotated"
    message = f"image 7: {path} is 60 x 40 pixels, annotated as 30 x 20: {cause}"
    with pytest.raises(DatasetError, match=f"^{re.escape(message)}$"):
        read_image(ImageRecord(7, path, 30, 20))


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_an_image_that_exif_turns_names_the_cause(tmp_path, put_image, orientation):
    path = turned(put_image(tmp_path / "a.jpg"), orientation)
    cause = f"its EXIF orientation {orientation} turns it; export the dataset with auto-orient"
    message = f"image 7: {path} is 20 x 30 pixels, annotated as 30 x 20: {cause}"
    with pytest.raises(DatasetError, match=f"^{re.escape(message)}$"):
        read_image(ImageRecord(7, path, 30, 20))


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_an_image_annotated_as_shown_is_accepted(tmp_path, put_image, orientation):
    path = turned(put_image(tmp_path / "a.jpg"), orientation)
    assert read_image(ImageRecord(7, path, 20, 30)) == path.read_bytes()


def test_a_turned_image_of_a_wrong_size_does_not_blame_exif(tmp_path, put_image):
    path = turned(put_image(tmp_path / "a.jpg"), 6)
    with pytest.raises(DatasetError, match="annotated as 31 x 20: the file was replaced or resized"):
        read_image(ImageRecord(7, path, 31, 20))


def test_a_missing_file_is_named_with_the_id(tmp_path):
    with pytest.raises(ImageError, match=r"^image 7: .*a\.jpg cannot be read: No such file or directory$"):
        read_image(ImageRecord(7, tmp_path / "a.jpg"))


def test_a_folder_is_no_image(tmp_path):
    with pytest.raises(ImageError, match=r"^image 7: .* cannot be read: Is a directory$"):
        read_image(ImageRecord(7, tmp_path))


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="not there on this system: permissions that bind this user"
)
def test_a_file_without_permission_is_named(tmp_path, put_image):
    path = put_image(tmp_path / "a.jpg")
    path.chmod(0)
    with pytest.raises(ImageError, match=r"^image 7: .* cannot be read: Permission denied$"):
        read_image(ImageRecord(7, path))


def test_a_cut_file_is_named_with_the_id(tmp_path, put_image):
    path = put_image(tmp_path / "a.jpg")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ImageError, match=r"^image 7: .*a\.jpg: the image is cut short after"):
        read_image(ImageRecord(7, path))


def test_a_file_above_the_limit_is_refused_unread(tmp_path):
    path = tmp_path / "a.jpg"
    with path.open("wb") as file:
        file.truncate(200 * 10**6 + 1)
    with pytest.raises(ImageError, match=r"a\.jpg: larger than 200 MB$"):
        read_image(ImageRecord(7, path))


@pytest.fixture
def records(tmp_path):
    """Ten files of 100 bytes of a format that is left to the decoder; byte 0 tells them apart."""
    made = []
    for i in range(10):
        path = tmp_path / f"{i}.bin"
        path.write_bytes(bytes([i]) * 100)
        made.append(ImageRecord(i + 1, path))
    return made


def test_a_pool_holds_every_image_once(records):
    assert sorted(image[0] for image in image_pool(records, 0)) == list(range(10))


def test_a_pool_is_a_seeded_draw(records):
    assert image_pool(records, 5) == image_pool(records, 5)
    orders = {tuple(image[0] for image in image_pool(records, seed)) for seed in range(5)}
    assert len(orders) > 1


@pytest.mark.parametrize(("limit", "count"), [(1000, 10), (999, 9), (300, 3), (299, 2), (100, 1), (1, 1)])
def test_a_pool_stops_at_its_limit_but_holds_one_image(records, limit, count):
    pool = image_pool(records, 0, limit_bytes=limit)
    assert len(pool) == count
    assert pool == image_pool(records, 0)[:count]


def test_a_pool_reads_no_more_than_one_image_too_many(records, monkeypatch):
    read = []
    monkeypatch.setattr(images_module, "read_image", lambda record: read.append(record.id) or bytes(100))
    image_pool(records, 0, limit_bytes=300)
    assert len(read) == 4


def test_no_images_make_an_empty_pool():
    assert image_pool([], 0) == []


def test_the_draw_does_not_touch_the_global_generator(records):
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - the state that must stay
    image_pool(records, 0)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002 - the state that must stay
