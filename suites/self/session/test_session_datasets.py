from __future__ import annotations

import json
import re

import numpy as np
import pytest

from pytest_rfperf.config import DatasetSettings, Run, Settings
from pytest_rfperf.data.dataset import Category, ImageRecord
from pytest_rfperf.datasets.annotated import Annotation, Notes, assemble
from pytest_rfperf.errors import DatasetError, UnknownAdapterError, UsageError
from pytest_rfperf.measure.accuracy import LEFT_OUT
from pytest_rfperf.plugin.progress import Silent
from pytest_rfperf.session.datasets import category_of_label, load_dataset


def keys(path=None, format=None, rename=None, ignore=(), **more) -> DatasetSettings:  # noqa: A002 - as the key is named
    return DatasetSettings(path, format, rename or {}, tuple(ignore), more)


def annotated(tmp_path, names, used=None):
    """A dataset of these classes; one object of each unless `used` names fewer."""
    categories = [Category(i, name) for i, name in enumerate(names, start=1)]
    annotations = [
        Annotation(1, category.id, (1, 1, 2, 2), 4) for category in categories if used is None or category.name in used
    ]
    return assemble("pets", [ImageRecord(1, tmp_path / "1.jpg")], categories, annotations, Notes())


def ranks(labels, dataset, **settings):
    return category_of_label(labels, dataset, keys(**settings), ("fast", "pets"))


def test_labels_find_their_class_by_name_in_any_order(tmp_path):
    assert ranks(["dog", "cat"], annotated(tmp_path, ["cat", "dog"])) == [1, 0]


def test_a_label_that_the_dataset_does_not_have_is_left_out(tmp_path):
    assert ranks(["car", "cat"], annotated(tmp_path, ["cat"])) == [LEFT_OUT, 0]


@pytest.mark.parametrize("label", ["Cell Phone", "cell_phone", " CELL  phone "])
def test_case_and_spaces_make_no_difference(tmp_path, label):
    assert ranks([label], annotated(tmp_path, ["cell phone"])) == [0]


def test_rename_says_what_the_model_calls_a_class(tmp_path):
    dataset = annotated(tmp_path, ["Katze", "Hund"])
    assert ranks(["cat", "dog"], dataset, rename={"Katze": "cat", "Hund": "dog"}) == [0, 1]


def test_a_renamed_class_no_longer_has_its_own_name(tmp_path):
    dataset = annotated(tmp_path, ["cat", "dog"])
    assert ranks(["cat", "dog"], dataset, rename={"cat": "dog", "dog": "cat"}) == [1, 0]


def test_a_class_without_objects_need_not_be_known(tmp_path):
    assert ranks(["cat"], annotated(tmp_path, ["cat", "dog"], used=["cat"])) == [0]


def test_an_annotated_class_that_the_model_does_not_know_is_an_error(tmp_path):
    message = (
        "dataset 'pets' annotates 'dog', which model 'fast' does not know (it knows 'cat'); "
        "set models.fast.labels, or datasets.pets.rename or ignore-classes"
    )
    with pytest.raises(DatasetError, match=f"^{re.escape(message)}$"):
        ranks(["cat"], annotated(tmp_path, ["cat", "dog"]))


def test_a_long_list_of_unknown_classes_is_cut_at_five(tmp_path):
    dataset = annotated(tmp_path, [f"n{i}" for i in range(8)])
    shown = "'n0', 'n1', 'n2', 'n3', 'n4' and 3 more, which model 'fast' does not know (it knows 'a', 'b', 'c', 'd', 'e', ...)"
    with pytest.raises(DatasetError, match=re.escape(shown)):
        ranks(list("abcdef"), dataset)


def test_two_classes_may_be_renamed_to_one_label(tmp_path):
    """Whatever comes of it, no message may say that the model does not know the label it has."""
    dataset = annotated(tmp_path, ["car", "truck"])
    try:
        found = ranks(["vehicle"], dataset, rename={"car": "vehicle", "truck": "vehicle"})
    except DatasetError as error:
        assert "does not know" not in str(error)  # noqa: PT017 - either answer is right
    else:
        assert found == [0]


@pytest.fixture
def load(tmp_path):
    """Load a COCO dataset of a cat and two dogs as a session does; the dataset and what was noted."""
    names = ["cat", "dog"]
    content = {
        "images": [{"id": 1, "file_name": "1.jpg"}],
        "categories": [{"id": i, "name": name} for i, name in enumerate(names)],
        "annotations": [
            {"id": i, "image_id": 1, "category_id": category, "bbox": [1, 1, 2, 2 + i]}
            for i, category in enumerate((1, 0, 1))
        ],
    }
    (tmp_path / "pets").mkdir()
    (tmp_path / "pets" / "annotations.json").write_text(json.dumps(content))

    def loaded(dataset: DatasetSettings):
        notes: list[str] = []
        settings = Settings(tmp_path, "rfperf.toml", {}, {"pets": dataset}, {}, Run(), ("cpu",))
        return load_dataset("pets", settings, notes.append, Silent()), notes

    return loaded


def test_a_folder_is_recognised_and_the_guess_is_noted(load, tmp_path):
    dataset, notes = load(keys("pets"))
    assert len(dataset.truth.images) == 3
    assert notes == ["datasets.pets: format = 'coco', annotations = 'annotations.json', images = '.'"]
    assert dataset.images[0].path == tmp_path / "pets" / "1.jpg"


def test_a_key_of_the_user_wins_over_the_recognised_one_and_is_relative_to_the_path(load, tmp_path):
    (tmp_path / "pets" / "photos").mkdir()
    dataset, _ = load(keys("pets", images="photos"))
    assert dataset.images[0].path == tmp_path / "pets" / "photos" / "1.jpg"


def test_a_format_with_its_keys_needs_no_path(load):
    dataset, notes = load(keys(format="coco", annotations="pets/annotations.json", images="pets"))
    assert len(dataset.truth.images) == 3
    assert notes == []


def test_the_named_format_alone_is_tried(load, tmp_path):
    message = f"datasets.pets.path = 'pets': no voc export is recognised in {tmp_path / 'pets'}; "
    with pytest.raises(DatasetError, match=f"^{re.escape(message)}set datasets.pets.format and its keys$"):
        load(keys("pets", "voc"))


def test_a_folder_that_nothing_recognises_names_the_formats(load, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        DatasetError, match=r"^datasets\.pets\.path = 'empty': no coco, .*voc, yolo export is recognised"
    ):
        load(keys("empty"))


def test_a_folder_that_is_not_there_is_named(load, tmp_path):
    message = f"datasets.pets.path = 'gone': {tmp_path / 'gone'} does not exist"
    with pytest.raises(DatasetError, match=f"^{re.escape(message)}$"):
        load(keys("gone"))


def test_an_unknown_format_names_the_nearest(load):
    with pytest.raises(UnknownAdapterError, match=r"^rfperf\.datasets: no 'cocoo'; known: .*; did you mean 'coco'\?$"):
        load(keys("pets", "cocoo"))


def test_an_unknown_key_is_refused(load):
    with pytest.raises(UsageError, match=r"datasets\.pets.*imges"):
        load(keys("pets", imges="photos"))


def test_objects_of_ignored_classes_take_no_part(load):
    dataset, _ = load(keys("pets", ignore=["dog"]))
    assert dataset.truth.categories.tolist() == [0]
    np.testing.assert_array_equal(dataset.truth.boxes_xywh, [[1, 1, 2, 3]])
    assert [c.name for c in dataset.categories] == ["cat", "dog"]
    assert len(dataset.images) == 1


def test_an_ignored_class_need_not_be_known_to_the_model(load):
    dataset, _ = load(keys("pets", ignore=["dog"]))
    assert category_of_label(["cat"], dataset, keys(), ("fast", "pets")) == [0]


@pytest.mark.parametrize(
    ("key", "given"), [("ignore-classes", {"ignore": ["dgo"]}), ("rename", {"rename": {"dgo": "x"}})]
)
def test_a_class_that_the_dataset_does_not_have_is_refused(load, key, given):
    with pytest.raises(UsageError, match=rf"^datasets\.pets\.{key}: no class 'dgo'; the dataset has cat, dog$"):
        load(keys("pets", **given))


def test_ignoring_every_class_leaves_nothing_to_evaluate(load):
    with pytest.raises(DatasetError, match="pets"):
        load(keys("pets", ignore=["cat", "dog"]))


def test_a_left_out_class_changes_the_hash(load):
    """Figures with and without a class are not comparable."""
    assert load(keys("pets", ignore=["dog"]))[0].sha256 != load(keys("pets"))[0].sha256
