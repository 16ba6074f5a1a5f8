from __future__ import annotations

import re
from collections import Counter
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from pytest_rfperf.datasets.voc import VocDataset, VocOptions
from pytest_rfperf.errors import DatasetError
from pytest_rfperf.measure.images import read_image


def item(name="cat", corners=(1, 1, 10, 10), extra="") -> str:
    keys = ("xmin", "ymin", "xmax", "ymax")
    bounds = "".join(f"<{key}>{value}</{key}>" for key, value in zip(keys, corners, strict=True))
    return f"<object><name>{name}</name>{extra}<bndbox>{bounds}</bndbox></object>"


def document(*items: str, file_name: str = "a.jpg", size: str = "<width>30</width><height>20</height>") -> str:
    return f"<annotation><filename>{file_name}</filename><size>{size}</size>{''.join(items)}</annotation>"


@pytest.fixture
def folder(tmp_path, put_image):
    """A VOC folder with the image a.jpg and no annotation yet."""
    put_image(tmp_path / "JPEGImages" / "a.jpg")
    (tmp_path / "Annotations").mkdir()
    return tmp_path


@pytest.fixture
def load(folder):
    def loaded(files: dict[str, str | bytes] | str | bytes, **options):
        for stem, text in (files if isinstance(files, dict) else {"a": files}).items():
            content = text if isinstance(text, bytes) else text.encode()
            (folder / "Annotations" / f"{stem}.xml").write_bytes(content)
        return VocDataset.load("pets", VocOptions(str(folder / "Annotations"), str(folder / "JPEGImages"), **options))

    return loaded


def test_corners_count_from_one_and_are_both_included(load):
    dataset = load(document(item(corners=(1, 1, 30, 20)), item(corners=(3, 5, 4, 9))))
    assert dataset.truth.boxes_xywh.tolist() == [[0, 0, 30, 20], [2, 4, 2, 5]]
    assert dataset.truth.areas.tolist() == [600, 10]


def test_zero_based_corners_are_taken_as_they_are(load):
    dataset = load(document(item(corners=(0, 0, 30, 20)), item(corners=(3, 5, 4.5, 9))), one_based=False)
    assert dataset.truth.boxes_xywh.tolist() == [[0, 0, 30, 20], [3, 5, 1.5, 4]]


def test_classes_are_numbered_from_one_in_order_of_name(load):
    dataset = load(document(item("dog"), item(" cat "), item("dog")))
    assert [(c.id, c.name) for c in dataset.categories] == [(1, "cat"), (2, "dog")]
    assert dataset.truth.categories.tolist() == [1, 0, 1]


def test_images_are_numbered_from_one_in_order_of_file(load, folder, put_image):
    put_image(folder / "JPEGImages" / "b.png", 8, 9)
    dataset = load(
        {"b": document(item(), file_name="b.png", size="<width>8</width><height>9</height>"), "a": document(item())}
    )
    assert [(i.id, i.path.name, i.width_px, i.height_px) for i in dataset.images] == [
        (1, "a.jpg", 30, 20),
        (2, "b.png", 8, 9),
    ]
    assert dataset.truth.images.tolist() == [0, 1]


@pytest.mark.parametrize(("difficult", "ignored"), [("0", False), ("1", True), (" 1 ", True), ("", False)])
def test_a_difficult_object_is_ignored(load, difficult, ignored):
    dataset = load(document(item(extra=f"<difficult>{difficult}</difficult>")))
    assert dataset.truth.ignore.tolist() == [ignored]
    assert not dataset.truth.crowd.any()


def test_boxes_without_area_are_left_out_and_counted(load):
    corners = [(5, 5, 5, 9), (5, 5, 9, 5), (9, 5, 5, 9), (5, 5, 9, 9)]
    for one_based in (True, False):
        dataset = load(document(*(item(corners=c) for c in corners)), one_based=one_based)
        assert len(dataset.truth.boxes_xywh) == 1
        assert dataset.warnings == ("3 boxes without area were left out (first: a.jpg)",)


def test_a_size_that_is_not_given_is_unknown(load):
    for size in ("", "<width>0</width><height>0</height>"):
        record = load(document(item(), size=size)).images[0]
        assert (record.width_px, record.height_px) == (None, None)


def test_the_image_of_the_same_name_is_taken_where_the_named_one_is_missing(load):
    dataset = load(document(item(), file_name="renamed.jpg"))
    assert dataset.images[0].path.name == "a.jpg"
    counted = "1 annotations name another file than the image of their own name, which was taken (first: a.xml)"
    assert dataset.warnings == (counted,)


def test_the_name_of_the_file_stands_in_for_a_missing_file_name(load):
    dataset = load(document(item(), file_name=""))
    assert dataset.images[0].path.name == "a.jpg"
    assert dataset.warnings == ()


def test_an_image_may_have_brackets_in_its_name(load, folder, put_image):
    put_image(folder / "JPEGImages" / "b[1].png")
    dataset = load({"b[1]": document(item(), file_name="renamed.png")})
    assert dataset.images[0].path.name == "b[1].png"


def test_a_file_name_cannot_leave_the_folder_of_images(load, folder, put_image):
    put_image(folder / "secret.jpg")
    dataset = load(document(item(), file_name="../secret.jpg"))
    assert dataset.images[0].path == folder / "JPEGImages" / "a.jpg"


def test_an_annotation_without_its_image_is_an_error(load):
    with pytest.raises(DatasetError, match=r"b\.xml: its image .*gone\.jpg does not exist$"):
        load({"b": document(item(), file_name="gone.jpg")})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (document(item(name="")), "an object has no name"),
        (document("<object><name>cat</name></object>"), "object 'cat' has no complete bndbox of numbers"),
        (document(item(corners=(1, 2, "", 4))), "object 'cat' has no complete bndbox of numbers"),
        (document(item(corners=(1, 2, "three", 4))), "object 'cat' has no complete bndbox of numbers"),
        ("", "cannot be read as XML: no element found"),
        ("<annotation><object>", "cannot be read as XML: no element found"),
        ("{}", "cannot be read as XML: not well-formed"),
    ],
)
def test_a_malformed_annotation_is_named_by_file(load, text, message):
    with pytest.raises(DatasetError, match=rf"a\.xml: {re.escape(message)}"):
        load(text)


@pytest.mark.parametrize("number", ["nan", "inf", "-inf", "1e999"])
def test_a_corner_that_is_not_finite_is_an_error(load, number):
    with pytest.raises(DatasetError, match=r"a\.xml: object 'cat' has no complete bndbox of numbers"):
        load(document(item(), item(corners=(1, 1, number, 10))))


@pytest.mark.parametrize("width", ["wide", "nan", "inf"])
def test_a_size_that_is_no_number_is_an_error(load, width):
    with pytest.raises(DatasetError, match=r"a\.xml"):
        load(document(item(), size=f"<width>{width}</width><height>20</height>"))


ENTITY = '<!DOCTYPE annotation [<!ENTITY e "cat">]>'


def test_entity_definitions_are_refused_unread(load):
    with pytest.raises(DatasetError, match=r"a\.xml: no VOC annotation: larger than 16 MiB, or it defines entities$"):
        load(ENTITY + document(item("&e;")))


def test_entity_definitions_are_refused_in_another_encoding(load):
    text = '<?xml version="1.0" encoding="utf-16"?>' + ENTITY + document(item("&e;"))
    with pytest.raises(DatasetError, match=r"a\.xml: no VOC annotation"):
        load(text.encode("utf-16"))


@pytest.mark.parametrize("encoding", ["gbk", "shift_jis", "no-such-encoding"])
def test_an_encoding_that_cannot_be_read_is_an_error_of_ours(load, encoding):
    with pytest.raises(DatasetError, match=r"a\.xml: cannot be read as XML"):
        load(f'<?xml version="1.0" encoding="{encoding}"?>' + document(item()))


def test_a_file_of_16_mib_is_refused(load):
    with pytest.raises(DatasetError, match="larger than 16 MiB"):
        load(document(item()) + " " * 2**24)


def test_a_split_lists_the_annotations_to_read(load, folder, put_image):
    put_image(folder / "JPEGImages" / "b.jpg")
    split = folder / "val.txt"
    split.write_text("b  1\n\n")
    dataset = load({"a": "not read", "b": document(item(), file_name="b.jpg")}, split=str(split))
    assert [i.path.name for i in dataset.images] == ["b.jpg"]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("a\na\n", r"val\.txt: image 'a' is listed twice$"),
        ("a\nz\n", r"^dataset 'pets': .*z\.xml does not exist; check datasets\.pets\.split$"),
        ("\n", "^dataset 'pets': no images; check datasets.pets$"),
    ],
)
def test_a_split_that_contradicts_the_folder_is_an_error(load, folder, lines, message):
    split = folder / "val.txt"
    split.write_text(lines)
    with pytest.raises(DatasetError, match=message):
        load(document(item()), split=str(split))


def test_a_split_that_is_no_text_is_an_error_of_ours(load, folder):
    split = folder / "val.txt"
    split.write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(DatasetError, match=r"val\.txt"):
        load(document(item()), split=str(split))


@pytest.mark.parametrize("key", ["annotations", "images", "split"])
def test_a_folder_or_file_that_is_not_there_names_its_key(folder, key):
    keys = {"annotations": str(folder / "Annotations"), "images": str(folder / "JPEGImages")}
    with pytest.raises(DatasetError, match=rf"gone does not exist; check datasets\.pets\.{key}$"):
        VocDataset.load("pets", VocOptions(**keys | {key: str(folder / "gone")}))


def test_no_annotation_is_no_images(load):
    with pytest.raises(DatasetError, match=r"^dataset 'pets': no images; check datasets\.pets$"):
        load({})


def test_annotations_without_objects_are_an_error(load):
    with pytest.raises(
        DatasetError, match=r"^dataset 'pets': 1 images, but no annotated object; nothing can be evaluated$"
    ):
        load(document())


def test_an_empty_annotation_beside_a_full_one_is_an_image_without_objects(load, folder, put_image):
    put_image(folder / "JPEGImages" / "b.jpg")
    dataset = load({"a": document(item()), "b": document(file_name="b.jpg")})
    assert len(dataset.images) == 2
    assert dataset.truth.images.tolist() == [0]
    assert dataset.warnings == ()


@pytest.mark.parametrize(("described", "shown"), [("Annotations", "JPEGImages"), ("annotations", "images")])
def test_a_voc_folder_is_recognised(tmp_path, described, shown):
    (tmp_path / shown).mkdir()
    (tmp_path / described).mkdir()
    assert VocDataset.recognises(tmp_path) is None
    (tmp_path / described / "a.xml").touch()
    expected = {"annotations": str(tmp_path / described), "images": str(tmp_path / shown)}
    assert VocDataset.recognises(tmp_path) == expected


@pytest.mark.parametrize(("lists", "taken"), [(["train", "test", "val"], "val"), (["train", "test"], "test")])
def test_the_split_for_validation_is_taken_before_the_one_for_tests(folder, lists, taken):
    (folder / "Annotations" / "a.xml").touch()
    place = folder / "ImageSets" / "Main"
    place.mkdir(parents=True)
    for name in lists:
        (place / f"{name}.txt").touch()
    assert VocDataset.recognises(folder)["split"] == str(place / f"{taken}.txt")


@pytest.mark.parametrize("splits", [["valid", "test", "train"], ["test", "train"], ["train"], ["."]])
def test_a_roboflow_export_has_images_and_annotations_side_by_side(tmp_path, splits):
    for split in splits:
        (tmp_path / split).mkdir(exist_ok=True)
        (tmp_path / split / "a.xml").touch()
    side = str(tmp_path / splits[0])
    assert VocDataset.recognises(tmp_path) == {"annotations": side, "images": side}


def test_another_folder_is_not_recognised(tmp_path):
    (tmp_path / "data.yaml").touch()
    assert VocDataset.recognises(tmp_path) is None


def counted_by_hand(folder) -> Counter[str]:
    """Names of the objects with area, read by ElementTree alone."""
    found: Counter[str] = Counter()
    for path in folder.glob("*.xml"):
        for element in ET.parse(path).iter("object"):
            left, top, right, bottom = (int(element.findtext(f"bndbox/{k}")) for k in ("xmin", "ymin", "xmax", "ymax"))
            found[element.findtext("name") if right > left and bottom > top else "without area"] += 1
    return found


@pytest.mark.assets
def test_the_blood_cells_have_two_boxes_without_area(assets):
    folder = assets / "datasets" / "bccd"
    dataset = VocDataset.load("bccd", VocOptions(str(folder / "Annotations"), str(folder / "JPEGImages")))
    by_hand = counted_by_hand(folder / "Annotations")
    assert by_hand.pop("without area") == 2
    names = [category.name for category in dataset.categories]
    assert names == ["Platelets", "RBC", "WBC"]
    assert dict(zip(names, np.bincount(dataset.truth.categories).tolist(), strict=True)) == dict(by_hand)
    assert len(dataset.images) == 364
    assert any(line.startswith("2 boxes without area were left out") for line in dataset.warnings)


@pytest.mark.assets
def test_the_blood_cells_are_recognised_with_their_validation_split(assets):
    keys = VocDataset.recognises(assets / "datasets" / "bccd")
    dataset = VocDataset.load("bccd", VocOptions(**keys))
    listed = (assets / "datasets" / "bccd" / "ImageSets" / "Main" / "val.txt").read_text().split()
    assert [i.path.stem for i in dataset.images] == sorted(listed)


@pytest.mark.assets
def test_the_raccoons_are_200_images_with_217_boxes(assets):
    dataset = VocDataset.load("raccoon", VocOptions(**VocDataset.recognises(assets / "datasets" / "raccoon")))
    assert len(dataset.images) == 200
    assert len(dataset.truth.boxes_xywh) == 217
    assert [category.name for category in dataset.categories] == ["raccoon"]
    for record in dataset.images[::40]:
        assert read_image(record)
