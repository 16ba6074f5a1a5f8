from __future__ import annotations

import json
import re

import numpy as np
import pytest

from pytest_rfperf.datasets.coco import CocoDataset, CocoOptions
from pytest_rfperf.errors import DatasetError, ImageError, RfperfError
from pytest_rfperf.measure.images import read_image


def image(number: int, file_name: str | None = None, **more: int) -> dict:
    return {"id": number, "file_name": file_name or f"{number}.jpg", "width": 30, "height": 20} | more


def box(number: int, image_id: int = 1, category_id: int = 1, bbox: tuple = (1, 2, 3, 4), **more: float) -> dict:
    return {"id": number, "image_id": image_id, "category_id": category_id, "bbox": list(bbox)} | more


def content(images=None, categories=None, annotations=None) -> dict:
    return {
        "images": [image(1)] if images is None else images,
        "categories": [{"id": 1, "name": "cat"}] if categories is None else categories,
        "annotations": [box(1)] if annotations is None else annotations,
    }


@pytest.fixture
def load(tmp_path):
    def loaded(file: dict | str | bytes):
        text = json.dumps(file) if isinstance(file, dict) else file
        path = tmp_path / "annotations.json"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return CocoDataset.load("pets", CocoOptions(str(path), str(tmp_path)))

    return loaded


def refusal(text: str) -> str:
    return rf"annotations\.json: {re.escape(text)}$"


def test_rows_become_columns_of_ranks_by_ascending_id(load, tmp_path):
    dataset = load(
        content(
            images=[image(9), image(4, "four.png")],
            categories=[{"id": 7, "name": "dog"}, {"id": 3, "name": "cat"}],
            annotations=[box(5, 9, 3, (1, 2, 3.5, 4)), box(2, 4, 7, (0, 0, 2, 2))],
        )
    )
    assert [(i.id, i.path.name) for i in dataset.images] == [(4, "four.png"), (9, "9.jpg")]
    assert (dataset.images[0].width_px, dataset.images[0].height_px) == (30, 20)
    assert dataset.images[0].path.parent == tmp_path
    assert [(c.id, c.name) for c in dataset.categories] == [(3, "cat"), (7, "dog")]
    assert dataset.truth.images.tolist() == [1, 0]
    assert dataset.truth.categories.tolist() == [0, 1]
    assert dataset.truth.boxes_xywh.tolist() == [[1, 2, 3.5, 4], [0, 0, 2, 2]]
    assert dataset.truth.boxes_xywh.dtype == np.float64
    assert dataset.warnings == ()
    assert dataset.name == "pets"


def test_an_area_is_taken_as_annotated_and_else_that_of_the_box(load):
    dataset = load(content(annotations=[box(1, area=5.5), box(2), box(3, area=None)]))
    assert dataset.truth.areas.tolist() == [5.5, 12, 12]


def test_crowd_and_ignore_are_kept_apart(load):
    dataset = load(content(annotations=[box(1), box(2, iscrowd=1), box(3, ignore=1)]))
    assert dataset.truth.crowd.tolist() == [False, True, False]
    assert dataset.truth.ignore.tolist() == [False, False, True]


def test_a_size_that_is_not_given_is_unknown(load):
    record = load(content(images=[{"id": 1, "file_name": "1.jpg"}])).images[0]
    assert (record.width_px, record.height_px) == (None, None)


def test_unknown_fields_are_left_alone(load):
    file = content(images=[image(1, licence=3)], annotations=[box(1) | {"segmentation": [[1, 2, 3]]}])
    assert len(load(file | {"info": {"year": 2020}, "licenses": []}).images) == 1


def test_boxes_without_area_are_left_out_and_counted(load):
    sizes = [(0, 4), (3, 0), (-3, 4), (3, -4), (3, 4)]
    dataset = load(content(annotations=[box(i, bbox=(1, 1, *size)) for i, size in enumerate(sizes)]))
    assert dataset.truth.boxes_xywh.tolist() == [[1, 1, 3, 4]]
    assert dataset.warnings == ("4 boxes without area were left out (first: 1.jpg)",)


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (content(images=[image(1), image(1, "other.jpg")]), "image id 1 is given twice"),
        (content(categories=[{"id": 1, "name": "a"}, {"id": 1, "name": "b"}]), "category id 1 is given twice"),
        (content(annotations=[box(8), box(8)]), "annotation id 8 is given twice"),
        (content(annotations=[box(8, image_id=2)]), "annotation 8 is of image 2, which is not in the file"),
        (content(annotations=[box(8, category_id=2)]), "annotation 8 is of category 2, which is not in the file"),
    ],
)
def test_rows_that_contradict_the_file_are_named_by_id(load, file, message):
    with pytest.raises(DatasetError, match=refusal(message)):
        load(file)


@pytest.mark.parametrize("file_name", ["../secret.jpg", "/etc/secret.jpg", "a/../../secret.jpg", ".."])
def test_a_file_name_cannot_leave_the_folder_of_images(load, file_name):
    message = f"image 1 has file_name {file_name!r}, which leaves the folder of images"
    with pytest.raises(DatasetError, match=refusal(message)):
        load(content(images=[image(1, file_name)]))


def test_a_file_name_may_name_a_folder_below(load, tmp_path):
    assert load(content(images=[image(1, "train/1.jpg")])).images[0].path == tmp_path / "train" / "1.jpg"


def test_a_file_name_with_a_null_byte_ends_in_an_error_of_ours(load):
    with pytest.raises(RfperfError, match="image 1"):
        read_image(load(content(images=[image(1, "a\0.jpg")])).images[0])


def test_no_images_is_an_error_that_names_the_dataset(load):
    with pytest.raises(DatasetError, match=r"^dataset 'pets': no images; check datasets\.pets$"):
        load(content(images=[], annotations=[]))


@pytest.mark.parametrize("annotations", [[], [box(1, bbox=(1, 1, 0, 0))]], ids=["none", "none with area"])
def test_no_objects_is_an_error(load, annotations):
    message = "dataset 'pets': 2 images, but no annotated object; nothing can be evaluated"
    with pytest.raises(DatasetError, match=f"^{message}$"):
        load(content(images=[image(1), image(2)], annotations=annotations))


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("", "truncated"),
        ("[]", "Expected `object`, got `array`"),
        ('{"images": [', "truncated"),
        (b"\xff\xfe{}", "malformed"),
        ("[" * 100_000, ""),
        ({"images": [], "categories": []}, "missing required field `annotations`"),
        (content(annotations=[{"id": 1, "image_id": 1, "category_id": 1}]), r"`bbox` - at `\$.annotations\[0\]`"),
        (content(annotations=[box(1, bbox=(1, 2, 3))]), r"of length 4 - at `\$.annotations\[0\].bbox`"),
        (content(annotations=[box(1, bbox=("1", 2, 3, 4))]), "Expected `float`, got `str`"),
        (content(annotations=[box(1) | {"image_id": "1"}]), "Expected `int`, got `str`"),
        (content(annotations=[box(1, bbox=(1, 2, float("nan"), 4))]), "malformed"),
        (json.dumps(content()).replace("[1, 2, 3, 4]", "[1, 2, 1e999, 4]"), "out of range"),
    ],
)
def test_what_is_no_coco_file_is_refused_with_the_reason(load, file, reason):
    with pytest.raises(
        DatasetError, match=rf"^dataset 'pets': .*annotations\.json is no COCO annotation file: .*{reason}"
    ):
        load(file)


def test_a_file_or_folder_that_is_not_there_names_its_key(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(content()))
    with pytest.raises(DatasetError, match=r"b\.json does not exist; check datasets\.pets\.annotations$"):
        CocoDataset.load("pets", CocoOptions(str(tmp_path / "b.json"), str(tmp_path)))
    with pytest.raises(DatasetError, match=r"gone does not exist; check datasets\.pets\.images$"):
        CocoDataset.load("pets", CocoOptions(str(tmp_path / "a.json"), str(tmp_path / "gone")))


def test_a_missing_image_is_an_error_when_it_is_asked_for(load):
    record = load(content()).images[0]
    with pytest.raises(ImageError, match=r"^image 1: .*1\.jpg cannot be read: No such file or directory$"):
        read_image(record)


@pytest.mark.parametrize(
    "changed",
    [
        content(images=[image(2)], annotations=[box(1, 2)]),
        content(images=[image(1, "b.jpg")]),
        content(categories=[{"id": 1, "name": "dog"}]),
        content(categories=[{"id": 2, "name": "cat"}], annotations=[box(1, 1, 2)]),
        content(annotations=[box(1, bbox=(1, 2, 3, 4.001), area=12)]),
        content(annotations=[box(1, area=11)]),
        content(annotations=[box(1, iscrowd=1)]),
        content(annotations=[box(1, ignore=1)]),
    ],
)
def test_the_hash_changes_with_all_that_decides_a_score(load, changed):
    assert load(changed).sha256 != load(content()).sha256


def test_the_hash_does_not_depend_on_the_place_of_the_folder(load, tmp_path):
    here = load(content()).sha256
    moved = tmp_path / "moved"
    moved.mkdir()
    (moved / "other.json").write_text(json.dumps(content(), indent=2))
    assert CocoDataset.load("other", CocoOptions(str(moved / "other.json"), str(moved))).sha256 == here


@pytest.mark.parametrize("file", ["_annotations.coco.json", "annotations.json", "instances.json"])
@pytest.mark.parametrize("split", ["", "valid", "val", "test", "train"])
def test_an_export_is_recognised_by_its_file(tmp_path, split, file):
    (tmp_path / split).mkdir(exist_ok=True)
    (tmp_path / split / file).touch()
    folder = str(tmp_path / split)
    assert CocoDataset.recognises(tmp_path) == {"annotations": str(tmp_path / split / file), "images": folder}


def test_images_are_looked_for_in_their_own_folder_first(tmp_path):
    (tmp_path / "annotations.json").touch()
    (tmp_path / "images").mkdir()
    assert CocoDataset.recognises(tmp_path)["images"] == str(tmp_path / "images")


def test_of_several_splits_the_one_for_validation_is_taken(tmp_path):
    for split in ("train", "test", "valid"):
        (tmp_path / split).mkdir()
        (tmp_path / split / "_annotations.coco.json").touch()
    assert CocoDataset.recognises(tmp_path)["annotations"].endswith("valid/_annotations.coco.json")


def test_a_json_file_itself_is_recognised(tmp_path):
    file = tmp_path / "mine.json"
    file.touch()
    assert CocoDataset.recognises(file) == {"annotations": str(file), "images": str(tmp_path)}


def test_another_folder_is_not_recognised(tmp_path):
    (tmp_path / "data.yaml").touch()
    (tmp_path / "other.json").touch()
    assert CocoDataset.recognises(tmp_path) is None
    assert CocoDataset.recognises(tmp_path / "data.yaml") is None


@pytest.mark.assets
def test_the_coco_sample_has_128_images_and_898_boxes(assets):
    keys = CocoDataset.recognises(assets / "datasets" / "coco128-val2017")
    dataset = CocoDataset.load("coco128", CocoOptions(**keys))
    assert len(dataset.images) == 128
    assert len(dataset.truth.boxes_xywh) == 898
    assert len(np.unique(dataset.truth.categories)) == 73
    assert not dataset.truth.crowd.any()
    assert dataset.warnings == ()
    for record in dataset.images[::16]:
        assert read_image(record)
