from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pytest_rfperf.datasets.coco import CocoDataset, CocoOptions
from pytest_rfperf.datasets.yolo import YoloDataset, YoloOptions
from pytest_rfperf.decoders.labels import COCO80
from pytest_rfperf.errors import DatasetError, ImageError
from pytest_rfperf.image_header import read_header


@pytest.fixture
def folder(tmp_path, put_image):
    """images/a.jpg of 30 x 20 pixels, and labels/ with nothing in it."""
    put_image(tmp_path / "images" / "a.jpg")
    (tmp_path / "labels").mkdir()
    return tmp_path


@pytest.fixture
def load(folder):
    def loaded(files: dict[str, str | bytes] | str | bytes, names=("cat", "dog")):
        for stem, text in (files if isinstance(files, dict) else {"a": files}).items():
            content = text if isinstance(text, bytes) else text.encode()
            (folder / "labels" / f"{stem}.txt").write_bytes(content)
        return YoloDataset.load("pets", YoloOptions(str(folder / "images"), str(folder / "labels"), names))

    return loaded


def test_rows_are_shares_of_the_size_of_the_image(load):
    dataset = load("0 0.5 0.5 0.2 0.4\n1 0.1 0.25 0.2 0.5\n")
    np.testing.assert_allclose(dataset.truth.boxes_xywh, [[12, 6, 6, 8], [0, 0, 6, 10]], atol=1e-12)
    np.testing.assert_allclose(dataset.truth.areas, [48, 60], atol=1e-12)
    assert dataset.truth.categories.tolist() == [0, 1]
    assert [(c.id, c.name) for c in dataset.categories] == [(0, "cat"), (1, "dog")]
    assert [(i.id, i.width_px, i.height_px) for i in dataset.images] == [(1, 30, 20)]
    assert dataset.warnings == ()


def test_blank_lines_and_float_classes_are_read(load):
    dataset = load("\n1.0 .5 .5 .2 .2  \n   \n")
    assert dataset.truth.categories.tolist() == [1]


def test_a_polygon_becomes_the_box_around_it(load):
    dataset = load("1 0.1 0.2 0.5 0.1 0.3 0.6\n0 0 0 1 0 1 1 0 1\n")
    np.testing.assert_allclose(dataset.truth.boxes_xywh, [[3, 2, 12, 10], [0, 0, 30, 20]], atol=1e-12)
    assert dataset.truth.categories.tolist() == [1, 0]


def test_images_are_numbered_from_one_in_order_of_file(load, folder, put_image):
    put_image(folder / "images" / "b.png", 10, 40)
    dataset = load({"b": "0 .5 .5 .2 .2", "a": "1 .5 .5 1 1"})
    assert [(i.id, i.path.name, i.width_px, i.height_px) for i in dataset.images] == [
        (1, "a.jpg", 30, 20),
        (2, "b.png", 10, 40),
    ]
    assert dataset.truth.images.tolist() == [0, 1]
    np.testing.assert_allclose(dataset.truth.boxes_xywh[1], [4, 16, 2, 8])


def test_an_image_without_a_label_file_is_empty_and_counted(load, folder, put_image):
    put_image(folder / "images" / "b.jpg")
    put_image(folder / "images" / "c.jpg")
    dataset = load("0 .5 .5 .2 .2")
    assert len(dataset.images) == 3
    assert dataset.warnings == ("2 images have no label file and count as empty (first: b.jpg)",)


def test_an_empty_label_file_says_that_there_is_nothing(load, folder, put_image):
    put_image(folder / "images" / "b.jpg")
    dataset = load({"a": "0 .5 .5 .2 .2", "b": ""})
    assert len(dataset.images) == 2
    assert dataset.warnings == ()


def test_boxes_without_area_are_left_out_and_counted(load):
    dataset = load("0 .5 .5 0 .2\n0 .5 .5 .2 0\n0 .5 .5 -.1 .2\n0 .5 .5 .2 .2\n0 .1 .1 .1 .5 .1 .9\n")
    assert len(dataset.truth.boxes_xywh) == 1
    assert dataset.warnings == ("4 boxes without area were left out (first: a.jpg)",)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("cat .5 .5 .2 .2", "not a row of numbers: 'cat .5 .5 .2 .2'"),
        ("0,.5,.5,.2,.2", "not a row of numbers: '0,.5,.5,.2,.2'"),
        ("0 .5 .5 .2", "4 numbers; expected class, centre x, centre y, width, height"),
        ("0", "1 numbers; expected class, centre x, centre y, width, height"),
        ("0 .5 .5 .2 .2 .9", "6 numbers are neither a box nor a polygon"),
        ("2 .5 .5 .2 .2", "class 2, but 2 names are given"),
        ("-1 .5 .5 .2 .2", "class -1, but 2 names are given"),
        ("0.5 .5 .5 .2 .2", "class 0.5, but 2 names are given"),
        ("nan .5 .5 .2 .2", "not a row of numbers: 'nan .5 .5 .2 .2'"),
    ],
)
def test_a_malformed_row_is_named_by_file_and_line(load, row, message):
    with pytest.raises(DatasetError, match=rf"a\.txt:3: {re.escape(message)}$"):
        load(f"0 .5 .5 .2 .2\n\n{row}\n")


@pytest.mark.parametrize("row", ["0 nan .5 .2 .2", "0 .5 .5 inf .2", "0 .5 .5 .2 nan", "0 .1 .1 .5 .1 inf .9"])
def test_a_number_that_is_not_finite_is_named_by_file_and_line(load, row):
    with pytest.raises(DatasetError, match=r"a\.txt:2: "):
        load(f"0 .5 .5 .2 .2\n{row}\n")


def test_a_label_file_that_is_no_text_is_an_error_of_ours(load):
    with pytest.raises(DatasetError, match=r"a\.txt"):
        load(b"\xff\xfe0 .5")


def test_a_broken_image_is_refused_while_reading_sizes(load, folder):
    image = folder / "images" / "a.jpg"
    image.write_bytes(image.read_bytes()[:-10])
    with pytest.raises(ImageError, match=r"a\.jpg: the image is cut short after"):
        load("0 .5 .5 .2 .2")


def test_a_format_without_a_readable_size_is_refused(load, folder, put_image):
    put_image(folder / "images" / "b.bmp")
    message = "YOLO labels need the image's size, which is read from JPEG, PNG and WebP files only"
    with pytest.raises(DatasetError, match=rf"b\.bmp: {message}$"):
        load("0 .5 .5 .2 .2")


def test_a_folder_that_is_named_like_an_image_is_no_image(load, folder):
    (folder / "images" / "b.jpg").mkdir()
    assert len(load("0 .5 .5 .2 .2").images) == 1


def test_no_images_is_an_error_that_names_the_dataset(load, folder):
    (folder / "images" / "a.jpg").unlink()
    with pytest.raises(DatasetError, match=r"^dataset 'pets': no images; check datasets\.pets$"):
        load({})


def test_no_objects_is_an_error(load):
    with pytest.raises(
        DatasetError, match=r"^dataset 'pets': 1 images, but no annotated object; nothing can be evaluated$"
    ):
        load("")


@pytest.mark.parametrize("key", ["images", "labels", "names"])
def test_a_folder_or_file_that_is_not_there_names_its_key(folder, key):
    keys = {"images": str(folder / "images"), "labels": str(folder / "labels"), "names": ("cat",)}
    with pytest.raises(DatasetError, match=rf"gone does not exist; check datasets\.pets\.{key}$"):
        YoloDataset.load("pets", YoloOptions(**keys | {key: str(folder / "gone")}))


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("data.yaml", "names: [cat, dog]"),
        ("data.yml", "nc: 2\nnames:\n  1: dog\n  0: cat\n"),
        ("data.yaml", "names: {'1': dog, '0': cat}"),
        ("names.txt", "cat\ndog\n"),
    ],
)
def test_names_come_from_a_yaml_or_a_text_file(load, folder, file, text):
    (folder / file).write_text(text)
    dataset = load("1 .5 .5 .2 .2", names=str(folder / file))
    assert [c.name for c in dataset.categories] == ["cat", "dog"]


def test_names_by_text_keys_are_in_order_of_number(load, folder):
    names = [f"n{i}" for i in range(12)]
    (folder / "data.yaml").write_text("names:\n" + "".join(f"  '{i}': {name}\n" for i, name in enumerate(names)))
    assert [c.name for c in load("1 .5 .5 .2 .2", names=str(folder / "data.yaml")).categories] == names


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("data.yaml", "names: {0: cat, 2: dog}"),
        ("data.yaml", "names: {1: cat, 2: dog}"),
        ("data.yaml", "names: [cat, '', dog]"),
        ("data.yaml", "names: {0: cat, x: dog}"),
        ("data.yaml", "names: [[cat, dog]]"),
        ("names.txt", "cat\n\ndog\n"),
    ],
)
def test_names_with_a_hole_are_refused_since_every_later_class_would_shift(load, folder, file, text):
    (folder / file).write_text(text)
    with pytest.raises(DatasetError, match=re.escape(file)):
        load("0 .5 .5 .2 .2", names=str(folder / file))


@pytest.mark.parametrize("text", ["", "names: []", "names: cat", "nc: 2", "- a"])
def test_a_file_without_names_names_the_key(load, folder, text):
    (folder / "data.yaml").write_text(text)
    message = r"^dataset 'pets': no class names in .*data\.yaml; check datasets\.pets\.names$"
    with pytest.raises(DatasetError, match=message):
        load("0 .5 .5 .2 .2", names=str(folder / "data.yaml"))


@pytest.mark.parametrize(
    "content", [b"names: [", b"names: !!python/object:os.system {}", b"names: " + b"[" * 5000, b"\xff\xfe\xfa"]
)
def test_a_yaml_that_cannot_be_read_is_an_error_of_ours(load, folder, content):
    (folder / "data.yaml").write_bytes(content)
    with pytest.raises(DatasetError, match=r"data\.yaml: cannot be read as YAML"):
        load("0 .5 .5 .2 .2", names=str(folder / "data.yaml"))


@pytest.mark.parametrize("described", ["data.yaml", "dataset.yaml"])
@pytest.mark.parametrize(
    ("images", "labels"),
    [
        ("valid/images", "valid/labels"),
        ("train/images", "train/labels"),
        ("images/val", "labels/val"),
        ("images/train", "labels/train"),
        ("images", "labels"),
    ],
)
def test_an_export_is_recognised_by_its_yaml_and_folders(tmp_path, described, images, labels):
    (tmp_path / described).touch()
    assert YoloDataset.recognises(tmp_path) is None
    (tmp_path / images).mkdir(parents=True)
    assert YoloDataset.recognises(tmp_path) is None
    (tmp_path / labels).mkdir(parents=True)
    assert YoloDataset.recognises(tmp_path) == {
        "images": str(tmp_path / images),
        "labels": str(tmp_path / labels),
        "names": str(tmp_path / described),
    }


def test_of_several_splits_the_one_for_validation_is_taken(tmp_path):
    (tmp_path / "data.yaml").touch()
    for split in ("train", "test", "valid"):
        for kind in ("images", "labels"):
            (tmp_path / split / kind).mkdir(parents=True)
    assert YoloDataset.recognises(tmp_path)["images"] == str(tmp_path / "valid" / "images")


def test_without_a_yaml_nothing_is_recognised(folder):
    assert YoloDataset.recognises(folder) is None


words = st.sampled_from(
    ["0", "1", "2", ".5", "-.5", "1.5", "nan", "inf", "-inf", "1e400", "1e-400", "x", "é", "\0", "\n"]
)
rows = st.lists(words, max_size=14).map(" ".join) | st.text(max_size=40)


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows)
@example("0 .5 .5 inf .2")
@example("0 nan .5 .2 .2")
def test_any_text_ends_in_sound_boxes_or_in_an_error_of_ours(load, text):
    try:
        dataset = load("0 .5 .5 .2 .2\n" + text)
    except DatasetError as error:
        assert "a.txt:" in str(error)  # noqa: PT017 - either answer is right
        return
    assert np.isfinite(dataset.truth.boxes_xywh).all()
    assert (dataset.truth.boxes_xywh[:, 2:] > 0).all()


@pytest.mark.assets
def test_the_yolo_rows_of_the_coco_sample_are_the_boxes_of_its_json(assets):
    folder = assets / "datasets" / "coco128-val2017"
    coco = CocoDataset.load("coco", CocoOptions(str(folder / "annotations.json"), str(folder / "images")))
    yolo = YoloDataset.load("yolo", YoloOptions(str(folder / "images"), str(folder / "labels"), COCO80))
    assert len(yolo.truth.boxes_xywh) == len(coco.truth.boxes_xywh) == 898

    def by_image(dataset):
        truth = dataset.truth
        files, names = [i.path.name for i in dataset.images], [c.name for c in dataset.categories]
        found = [
            (files[i], names[k], *np.round(box, 1))
            for i, k, box in zip(truth.images, truth.categories, truth.boxes_xywh, strict=True)
        ]
        return sorted(found)

    for ours, theirs in zip(by_image(yolo), by_image(coco), strict=True):
        assert ours[:2] == theirs[:2]
        np.testing.assert_allclose(ours[2:], theirs[2:], atol=0.2)


@pytest.mark.assets
def test_sizes_are_read_from_the_headers_of_real_images(assets):
    folder = assets / "datasets" / "coco128-val2017"
    coco = CocoDataset.load("coco", CocoOptions(str(folder / "annotations.json"), str(folder / "images")))
    for record in coco.images:
        header = read_header(record.path.read_bytes(), record.path.name)
        assert header.shown_size_px == (record.width_px, record.height_px)
