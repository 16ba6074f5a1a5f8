"""Files of annotations as columns: ranks, ids, names, areas, and one clear error each."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_rfperf.datasets.coco import CocoDataset, CocoOptions
from pytest_rfperf.datasets.coco_file import ImageId, ranks_of, read_coco_file
from pytest_rfperf.errors import DatasetError


class NamedImage(ImageId):
    file_name: str


@pytest.fixture
def read(tmp_path):
    def from_file(content, image=ImageId):
        path = tmp_path / "gt.json"
        path.write_bytes(content if isinstance(content, bytes) else text(content).encode())
        return read_coco_file(path, image)

    return from_file


def text(content):
    return content if isinstance(content, str) else json.dumps(content)


def box(number, image_id=1, category_id=1, bbox=(1, 2, 3, 4), **more):
    return {"id": number, "image_id": image_id, "category_id": category_id, "bbox": list(bbox)} | more


def content(images=(1,), categories=((1, "cat"),), annotations=None):
    return {
        "images": [{"id": number} for number in images],
        "categories": [{"id": number, "name": name} for number, name in categories],
        "annotations": [box(1)] if annotations is None else annotations,
    }


def test_ranks_count_along_ascending_ids(read):
    found = read(
        content(
            images=(900, 4, -7),
            categories=((7, "dog"), (3, "cat")),
            annotations=[box(5, 900, 3), box(2, -7, 7), box(9, 4, 7)],
        )
    )
    assert found.image_ids.tolist() == [-7, 4, 900]
    assert found.category_ids.tolist() == [3, 7]
    assert [image.id for image in found.images] == [-7, 4, 900]
    assert [(c.id, c.name) for c in found.categories] == [(3, "cat"), (7, "dog")]
    assert found.annotation_ids.tolist() == [5, 2, 9]
    assert found.truth.images.tolist() == [2, 0, 1]
    assert found.truth.categories.tolist() == [0, 1, 1]


def test_columns_have_their_types_and_shapes_without_any_row(read):
    truth = read(content(annotations=[])).truth
    assert {name: getattr(truth, name).dtype.str[1:] for name in truth.__slots__} == {
        "images": "i8", "categories": "i8", "boxes_xywh": "f8", "areas": "f8", "crowd": "b1", "ignore": "b1",
    }  # fmt: skip
    assert truth.boxes_xywh.shape == (0, 4)


def test_an_area_is_taken_as_annotated_and_else_that_of_the_box(read):
    truth = read(content(annotations=[box(1, area=5.5), box(2), box(3, area=None), box(4, area=0)])).truth
    assert truth.areas.tolist() == [5.5, 12, 12, 0]


def test_boxes_without_area_stay(read):
    rows = [box(1, bbox=(1, 1, 0, 4)), box(2, bbox=(1, 1, -3, 4)), box(3)]
    assert read(content(annotations=rows)).truth.boxes_xywh.tolist() == [[1, 1, 0, 4], [1, 1, -3, 4], [1, 2, 3, 4]]


def test_crowd_and_ignore_are_kept_apart(read):
    truth = read(content(annotations=[box(1), box(2, iscrowd=1), box(3, ignore=1), box(4, iscrowd=0, ignore=0)])).truth
    assert truth.crowd.tolist() == [False, True, False, False]
    assert truth.ignore.tolist() == [False, False, True, False]


def test_other_keys_are_left_alone(read):
    rows = [box(1, segmentation=[[1, 2, 3]], keypoints=[1], attributes={"a": None})]
    assert len(read(content(annotations=rows) | {"info": {"year": 2020}, "licenses": [1]}).annotation_ids) == 1


def test_an_evaluation_needs_no_file_names_and_a_dataset_may_ask_for_them(read):
    found = content() | {"images": [{"id": 2, "file_name": "b"}, {"id": 1, "file_name": "a"}]}
    assert [image.file_name for image in read(found, NamedImage).images] == ["a", "b"]
    with pytest.raises(DatasetError, match=r"missing required field `file_name` - at `\$\.images\[0\]`"):
        read(content(), NamedImage)


@pytest.mark.parametrize("number", [0, -1, 2**63 - 1, -(2**63)])
def test_every_id_of_64_bits_is_an_id(read, number):
    found = read(content(images=(number, 5), annotations=[box(number, image_id=number)]))
    assert found.image_ids[found.truth.images].tolist() == [number]
    assert found.annotation_ids.tolist() == [number]


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (content(images=(3, 1, 3)), "image id 3 is given twice"),
        (content(categories=((1, "a"), (1, "b"))), "category id 1 is given twice"),
        (content(annotations=[box(8), box(7), box(8)]), "annotation id 8 is given twice"),
        (content(annotations=[box(7), box(8, image_id=2)]), "annotation 8 is of image 2, which is not in the file"),
        (content(annotations=[box(8, category_id=0)]), "annotation 8 is of category 0, which is not in the file"),
        (content(images=()), "annotation 1 is of image 1, which is not in the file"),
    ],
)
def test_rows_that_contradict_the_file_are_named_by_id(read, file, message):
    with pytest.raises(DatasetError, match=rf"gt\.json: {re.escape(message)}$"):
        read(file)


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("", "truncated"),
        ("[]", "Expected `object`, got `array`; a list is what a file of results holds"),
        ({"images": [], "categories": []}, "missing required field `annotations`"),
        (content(images=("1",)), "Expected `int`, got `str`"),
        (content(images=(2**63,)), "Expected `int` <= 9223372036854775807"),
        (content(annotations=[{"id": 1, "image_id": 1, "category_id": 1}]), r"`bbox` - at `\$.annotations\[0\]`"),
        (content(annotations=[box(1, bbox=(1, 2, 3))]), r"of length 4 - at `\$.annotations\[0\].bbox`"),
        (content(annotations=[box(1, bbox=(1, 2, float("nan"), 4))]), "malformed"),
        ("[" * 100_000, ""),
        (b'{"images": [], "categories": [{"id": 1, "name": "\xff"}], "annotations": []}', "codec|UTF-8"),
    ],
)
def test_what_is_no_file_of_annotations_is_refused_with_the_reason(read, file, reason):
    with pytest.raises(DatasetError, match=rf"gt\.json is no COCO annotation file: .*({reason})"):
        read(file)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(DatasetError, match=r"gone\.json cannot be read: No such file or directory$"):
        read_coco_file(tmp_path / "gone.json", ImageId)


def test_a_file_above_the_limit_is_refused_unread(tmp_path):
    with (tmp_path / "gt.json").open("wb") as file:
        file.truncate(4 * 2**30 + 1)
    with pytest.raises(DatasetError, match=r"gt\.json is larger than 4 GiB$"):
        read_coco_file(tmp_path / "gt.json", ImageId)


@given(
    st.sets(st.integers(-20, 20) | st.integers(-(2**63), 2**63 - 1), max_size=12),
    st.lists(st.integers(-22, 22) | st.sampled_from([-(2**63), 2**63 - 1]), max_size=30),
)
def test_a_rank_is_the_place_among_the_ids(ids, values):
    ordered = sorted(ids)
    values += ordered
    ranks, known = ranks_of(np.array(values, dtype=np.int64), np.array(ordered, dtype=np.int64))
    assert known.tolist() == [value in ids for value in values]
    assert ranks.tolist() == [ordered.index(value) if value in ids else 0 for value in values]


def test_the_hash_of_a_dataset_is_that_of_earlier_versions(tmp_path):
    """Baselines hold it."""
    file = {
        "images": [{"id": 9, "file_name": "b.jpg", "width": 30, "height": 20}, {"id": 4, "file_name": "a.jpg"}],
        "categories": [{"id": 7, "name": "dog"}, {"id": 3, "name": "cat"}],
        "annotations": [box(1, 9, 7), box(2, 4, 3, (0, 0, 0, 4)), box(3, 4, 3, (1, 1, 2.5, 3), area=7, iscrowd=1)],
    }
    (tmp_path / "gt.json").write_text(json.dumps(file))
    dataset = CocoDataset.load("pets", CocoOptions(str(tmp_path / "gt.json"), str(tmp_path)))
    assert dataset.sha256 == "0ffa587b863cf97caaa80c3bcd694f7db5294dd87f8ab287bc7ed6a0db6941cc"
    assert dataset.warnings == ("1 boxes without area were left out (first: a.jpg)",)
