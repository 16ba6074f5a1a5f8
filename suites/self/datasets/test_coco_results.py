"""Results files: exact columns whatever their layout, in pieces and at once, and one clear error each."""

from __future__ import annotations

import functools
import io
import json
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle import coco_dataset, coco_rows
from strategies import coco_cases

from pytest_rfperf.core.native.rows import NativeRows
from pytest_rfperf.core.tier import available, forced
from pytest_rfperf.datasets import coco_results as module
from pytest_rfperf.datasets.coco_file import ImageId, read_coco_file
from pytest_rfperf.datasets.coco_results import read_coco_results
from pytest_rfperf.datasets.json_pieces import ArrayPieces
from pytest_rfperf.errors import DatasetError

IDS = np.arange(1, 10)
ROW = '{"image_id": 1, "category_id": 1, "bbox": [left, top, width, height], "score": 0.9}'
no_compiled_reader = pytest.mark.skipif(NativeRows().read(b"[]") is None, reason="not there on this system: the C tier")


@pytest.fixture(params=["numpy", pytest.param("c", marks=no_compiled_reader)])
def tier(request):
    """Read with either tier."""
    with forced(request.param):
        yield request.param


@pytest.fixture
def read(tmp_path):
    """Write a file of results, and read it against images and categories 1 to 9."""

    def from_file(content):
        path = tmp_path / "dt.json"
        path.write_bytes(content if isinstance(content, bytes) else text(content).encode())
        return read_coco_results(path, IDS, IDS)

    return from_file


@pytest.fixture
def pieces_of(monkeypatch):
    """Cut files into pieces of this many bytes."""

    def cut(piece_bytes):
        monkeypatch.setattr(module, "ArrayPieces", functools.partial(ArrayPieces, piece_bytes=piece_bytes))

    return cut


def text(content):
    return content if isinstance(content, str) else json.dumps(content)


def row(**changes):
    return {"image_id": 1, "category_id": 1, "bbox": [1, 2, 3.5, 4], "score": 0.9} | changes


def without(key, **changes):
    return {name: value for name, value in row(**changes).items() if name != key}


def numbered(count):
    return [
        row(image_id=1 + n % 9, category_id=1 + n % 7, bbox=[n, 0.1 * n, n / 7, 3], score=1 / (n + 1))
        for n in range(count)
    ]


def assert_holds(found, rows):
    results = found.results
    assert (found.row_count, found.unknown_categories) == (len(rows), {})
    assert results.images.tolist() == [r["image_id"] - 1 for r in rows]
    assert results.categories.tolist() == [r["category_id"] - 1 for r in rows]
    assert results.boxes_xywh.tolist() == [[float(side) for side in r["bbox"]] for r in rows]
    assert results.scores.tolist() == [float(r["score"]) for r in rows]
    assert [c.dtype.str[1:] for c in (results.images, results.categories, results.boxes_xywh, results.scores)] == [
        "i8", "i8", "f8", "f8",
    ]  # fmt: skip


def test_rows_become_columns_of_ranks_in_the_order_of_the_file(tier, tmp_path):
    path = tmp_path / "dt.json"
    path.write_text(json.dumps([row(image_id=70, category_id=5), row(image_id=-3, category_id=1, score=1)]))
    results = read_coco_results(path, np.array([-3, 4, 70]), np.array([1, 5])).results
    assert results.images.tolist() == [2, 0]
    assert results.categories.tolist() == [1, 0]
    assert results.boxes_xywh.tolist() == [[1, 2, 3.5, 4], [1, 2, 3.5, 4]]
    assert results.scores.tolist() == [0.9, 1.0]


@pytest.mark.parametrize("content", ["[]", " [ \n] "])
def test_no_rows_are_results_too(tier, read, content):
    assert_holds(read(content), [])


@pytest.mark.parametrize("layout", [{}, {"indent": 2}, {"separators": (",", ":")}, {"sort_keys": True}])
def test_any_layout_reads_alike(tier, read, pieces_of, layout):
    pieces_of(1000)
    rows = numbered(100)
    assert_holds(read(json.dumps(rows, **layout)), rows)


@pytest.mark.parametrize("piece_bytes", [90, 200, 333, 1000, 10**6])
@pytest.mark.parametrize("count", [1, 2, 3, 50])
def test_pieces_of_any_length_hold_every_row_once(tier, read, pieces_of, piece_bytes, count):
    pieces_of(piece_bytes)
    assert_holds(read(numbered(count)), numbered(count))


@pytest.mark.parametrize(
    "more",
    [
        {"id": 7, "area": 12.5, "file_name": "a.jpg"},
        {"segmentation": {"size": [4, 4], "counts": "a}, {b"}},
        {"note": '"}, {"'},
        {"parts": [{"a": 1}, {"b": [{"c": 2}, {"d": 3}]}]},
        {"name": "\u00e9\n\\"},
        {"keypoints": [1, 2, None, True]},
    ],
)
@pytest.mark.parametrize("piece_bytes", [100, 257, 600, 10**6])
def test_other_keys_are_left_alone_wherever_a_piece_is_cut(tier, read, pieces_of, more, piece_bytes):
    pieces_of(piece_bytes)
    rows = [r | more for r in numbered(20)]
    assert_holds(read(rows), rows)


def test_a_row_longer_than_a_piece_is_read(tier, read, pieces_of):
    pieces_of(300)
    rows = [*numbered(4), row(segmentation=[list(range(500))]), *numbered(4)]
    assert_holds(read(rows), rows)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=5, max_size=40))
def test_every_double_is_read_exactly(numbers):
    rows = [row(bbox=numbers[i : i + 4], score=numbers[i + 4]) for i in range(0, len(numbers) - 4, 5)]
    part = module._part(module._rows(json.dumps(rows).encode()))
    assert part[2].ravel().tobytes() == np.array([r["bbox"] for r in rows]).tobytes()
    assert part[3].tobytes() == np.array([r["score"] for r in rows]).tobytes()


def near_tie(low, side):
    """A decimal of 19 digits as close as can be to the middle of two doubles, from either side."""
    middle = (Fraction(low) + Fraction(np.nextafter(low, np.inf))) / 2
    places = 18 - math.floor(math.log10(middle))
    return f"{math.floor(middle * 10**places) + side}e-{places}"


def decimals():
    """Numbers as results have them: short and long, ties between two doubles and nearly so, exponents."""
    digits, places = st.integers(0, 10**19 - 1), st.integers(1, 27)
    tie = st.builds(lambda n, low: f"{n}.{low}", st.integers(2**52, 2**53 - 1), st.sampled_from([4, 5, 6]))
    near = st.builds(near_tie, st.floats(1e-8, 1e4), st.integers(0, 1))
    small = st.builds(lambda n, zeros: f"0.{'0' * zeros}{n}", st.integers(1, 10**17), st.integers(0, 8))
    signed = st.builds(lambda n, k: f"-{n}e-{k}", digits, places)
    usual = st.integers(0, 10**9).map(lambda n: repr(n / 10**6))
    return tie | near | small | signed | usual | st.integers(-(10**18), 10**18).map(str)


def rows_of_any_layout():
    """Arrays of rows, some not plain and some not JSON."""
    gap = st.sampled_from(["", "", " ", "\n\t", "\r\n"])
    number = st.sampled_from(["01", "1.", ".5", "+1", "1e", "-", "NaN", "1e999", "null"]) | decimals() | decimals()
    other = st.sampled_from(
        ['"file_name": "a"', '"a": "\\u00e9"', '"a": null', '"a": [1]', '"image_id": 5', '"a": "\x01"']
    )

    def written(ids, numbers, other, gap, close):
        keys = [f'"image_id":{gap}{ids[0]}', f'"category_id"{gap}: {ids[1]}', f'"bbox":[{f"{gap},{gap}".join(numbers[:4])}]',
                f'"score":{gap}{numbers[4]}']  # fmt: skip
        return f"{{{gap}{f'{gap},'.join(keys + other)}{gap}{close}"

    ids = st.tuples(*[st.integers(-(2**64), 2**64) | st.integers(0, 99)] * 2)
    one = st.builds(written, ids, st.lists(number, min_size=5, max_size=5), st.lists(other, max_size=1), gap,
                    st.sampled_from(["}", "}", "}", "]", ""]))  # fmt: skip
    return st.builds(lambda rows, gap: f"{gap}[{gap}{f'{gap},'.join(rows)}{gap}]{gap}", st.lists(one, max_size=3), gap)


@no_compiled_reader
@given(rows_of_any_layout())
def test_what_the_compiled_reader_takes_is_what_msgspec_reads_bit_for_bit(content):
    found = NativeRows().read(content.encode())
    if found is not None:
        expected = module._part(module._rows(content.encode()))
        assert [c.tobytes() for c in found] == [c.tobytes() for c in expected]


def compiled(number):
    """The compiled reader's answer for one number; None where it leaves it to others."""
    found = NativeRows().read(f'[{{"image_id":1,"category_id":1,"bbox":[0,0,0,0],"score":{number}}}]'.encode())
    return None if found is None else found[3].tobytes()


def nearest(number):
    """Python's answer."""
    return np.float64(json.loads(number)).tobytes()


@no_compiled_reader
@given(decimals())
def test_the_compiled_reader_takes_usual_numbers_and_rounds_them_as_python_does(number):
    assert compiled(number) == nearest(number)


@no_compiled_reader
def test_the_compiled_reader_is_right_beside_the_middle_of_two_doubles():
    numbers = np.random.default_rng(1).uniform(1e-6, 1, 3000).tolist()
    wrong = [tie for low in numbers for tie in (near_tie(low, 0), near_tie(low, 1)) if compiled(tie) != nearest(tie)]
    assert wrong == []


@no_compiled_reader
@pytest.mark.parametrize(
    "number",
    ["0", "-0", "-0.0", "0e7", "0.000", "1e22", "1E+22", "1e-22", "9007199254740993", "9223372036854775809",
     "12345678901234567e-27", "0.00001234567890123456789", "1234567890.123456789", "-12.5"],
)  # fmt: skip
def test_the_compiled_reader_takes_unusual_numbers(number):
    assert compiled(number) == nearest(number)


@no_compiled_reader
@pytest.mark.parametrize(
    "number",
    ["1e23", "1e-28", "4.9e-324", "12345678901234567890", "0.12345678901234567890", "1e00001", "01", "-01", "00", "1.",
     "1.e1", ".5", "+1", "-", "1e", "1e+", "--1", "NaN", "Infinity", "-Infinity", "null", "true", '"1"', "0x1", "1 1", ""],
)  # fmt: skip
def test_the_compiled_reader_leaves_rare_and_wrong_numbers_to_others(number):
    assert compiled(number) is None


@no_compiled_reader
@pytest.mark.parametrize("name", ["a\\u0041", 'a\\"', "\x01", "\n", "\x7f", "\u00e9"])
@pytest.mark.parametrize("where", ["key", "value"])
def test_the_compiled_reader_leaves_strings_that_are_not_plain_to_others(name, where):
    other = f'"{name}":1' if where == "key" else f'"a":"{name}"'
    content = f'[{{"image_id":1,"category_id":1,"bbox":[0,0,0,0],"score":1,{other}}}]'
    assert NativeRows().read(content.encode()) is None


@no_compiled_reader
@pytest.mark.parametrize("rows", [numbered(50), [r | {"id": 1, "file_name": "a.jpg"} for r in numbered(3)]])
def test_the_compiled_reader_takes_what_evaluators_write(rows):
    assert NativeRows().read(json.dumps(rows).encode()) is not None


@given(coco_cases())
def test_files_and_columns_are_the_same_evaluation(tmp_path_factory, case):
    folder = tmp_path_factory.mktemp("case")
    (folder / "gt.json").write_text(json.dumps(coco_dataset(case.truth, case.image_count, case.category_count)))
    (folder / "dt.json").write_text(json.dumps(coco_rows(case.results)))
    file = read_coco_file(folder / "gt.json", ImageId)
    found = read_coco_results(folder / "dt.json", file.image_ids, file.category_ids).results
    for ours, theirs in ((file.truth, case.truth), (found, case.results)):
        for name in theirs.__slots__:
            assert getattr(ours, name).tobytes() == getattr(theirs, name).tobytes()


def test_rows_of_unknown_categories_take_no_part_and_are_counted(tier, read):
    found = read([row(category_id=90), row(score=0.1), row(category_id=0), row(category_id=90), row(score=0.2)])
    assert found.results.scores.tolist() == [0.1, 0.2]
    assert found.unknown_categories == {0: 1, 90: 2}
    assert found.row_count == 5


@pytest.mark.parametrize("image_id", [0, 10, -(2**63), 2**63 - 1])
def test_a_row_of_an_unknown_image_is_refused_by_number_and_id(tier, read, image_id):
    expected = f"row 2 .from 0. is of image {image_id}, which the ground truth does not have"
    with pytest.raises(DatasetError, match=expected):
        read([row(), row(), row(image_id=image_id), row(image_id=77)])


def test_ground_truth_without_images_has_no_image_of_any_row(tmp_path):
    (tmp_path / "dt.json").write_text(json.dumps([row()]))
    none = np.empty(0, dtype=np.int64)
    with pytest.raises(DatasetError, match=r"row 0 .* is of image 1"):
        read_coco_results(tmp_path / "dt.json", none, none)


FAULTS = [
    (without("image_id"), f'has no "image_id"; expected {ROW}'),
    (without("score"), f'has no "score"; expected {ROW}'),
    (without("bbox"), f'has no "bbox"; expected {ROW}'),
    (without("bbox", segmentation={"size": [1, 2], "counts": "x"}),
     'has no "bbox": these are results of masks; write the box of each as "bbox": [left, top, width, height]'),
    (without("bbox", keypoints=[1, 2, 2]),
     'has no "bbox": these are results of key points; write the box of each as "bbox": [left, top, width, height]'),
    (row(image_id="7"), 'has "image_id": "7"; expected an integer of at most 64 bits'),
    (row(image_id=7.0), 'has "image_id": 7.0; expected an integer of at most 64 bits'),
    (row(category_id=None), 'has "category_id": null; expected an integer of at most 64 bits'),
    (row(category_id=True), 'has "category_id": true; expected an integer of at most 64 bits'),
    (row(image_id=2**63), 'has "image_id": 9223372036854775808; expected an integer of at most 64 bits'),
    (row(bbox=[1, 2, 3]), 'has "bbox": [1, 2, 3]; expected four finite numbers, [left, top, width, height]'),
    (row(bbox=[1, 2, 3, 4, 5]), 'has "bbox": [1, 2, 3, 4, 5]; expected four finite numbers, [left, top, width, height]'),
    (row(bbox=[]), 'has "bbox": []; expected four finite numbers, [left, top, width, height]'),
    (row(bbox=[1, 2, "3", 4]), 'has "bbox": [1, 2, "3", 4]; expected four finite numbers, [left, top, width, height]'),
    (row(bbox=[1, 2, float("nan"), 4]), 'has "bbox": [1, 2, NaN, 4]; expected four finite numbers, [left, top, width, height]'),
    (row(bbox=[1, 2, 3, float("-inf")]),
     'has "bbox": [1, 2, 3, -Infinity]; expected four finite numbers, [left, top, width, height]'),
    (row(score=float("nan")), 'has "score": NaN; expected a finite number'),
    (row(score=float("inf")), 'has "score": Infinity; expected a finite number'),
    (row(score="0.9"), 'has "score": "0.9"; expected a finite number'),
    (row(score=None), 'has "score": null; expected a finite number'),
    (row(score=10**400), f'has "score": 1{"0" * 59}...; expected a finite number'),
    (5, f"is a number; expected {ROW}"),
    ([1, 1, 1, 2, 3, 4, 0.9], f"is a list; expected {ROW}"),
]  # fmt: skip


@pytest.mark.parametrize(("fault", "message"), FAULTS)
@pytest.mark.parametrize("place", [0, 3, 41])
def test_a_faulty_row_is_named_with_its_number_and_the_fix(tier, read, pieces_of, fault, message, place):
    pieces_of(500)
    rows = numbered(42)
    rows[place] = fault
    with pytest.raises(DatasetError) as raised:
        read(rows)
    assert str(raised.value).partition("dt.json: ")[2] == f"row {place} (from 0) {message}"


def test_a_number_too_large_for_a_double_is_not_finite(tier, read):
    with pytest.raises(DatasetError, match=r'row 0 \(from 0\) has "score": Infinity; expected a finite number$'):
        read(json.dumps([row(score=7)]).replace("7}", "1e999}"))


ROWS = json.dumps(numbered(12))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{}", f"holds an object, not a list: expected a list of rows like {ROW}; where the rows stand under a key, write that list alone"),
        ('{"images": [], "annotations": []}', "holds an object, not a list: this looks like a ground truth file, which comes first; results come second"),
        ("7", f"holds a number, not a list: expected a list of rows like {ROW}"),
        ("", "is empty; results without detections are the list []"),
        (" \n", "is empty; results without detections are the list []"),
        ("x", "is no JSON: Expecting value at line 1, column 1"),
        (ROWS[:-1], "is no JSON after row 11 (from 0): the file ends; was it written to its end?"),
        (ROWS[:-2], "is no JSON from row 11 (from 0) on: Expecting ',' delimiter; was the file written to its end?"),
        (ROWS + "]", "goes on after the list of rows: ]"),
        (ROWS.replace("}, {", "} {"), "is no JSON after row 0 (from 0): expected a comma, found {"),
        (ROWS[:-1] + ",]", "JSON is malformed: trailing comma in array"),
        ("[" * 100_000, "is no list of rows: lists or objects are nested too deep"),
        (b"\xff\xfe[]", "is no UTF-8 text: invalid start byte at byte 0"),
    ],
)  # fmt: skip
def test_what_is_no_list_of_rows_is_refused_with_the_reason(tier, read, pieces_of, content, message):
    pieces_of(400)
    with pytest.raises(DatasetError) as raised:
        read(content)
    assert str(raised.value).partition("dt.json: ")[2].startswith(message)


def test_what_follows_a_list_that_fills_a_piece_is_not_overlooked(tier, read, pieces_of):
    content = json.dumps([row()])
    pieces_of(len(content))
    assert_holds(read(f"{content} \n"), [row()])
    with pytest.raises(DatasetError, match="goes on after the list of rows: x"):
        read(f"{content} x")


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(DatasetError, match=r"gone\.json: cannot be read: No such file or directory$"):
        read_coco_results(tmp_path / "gone.json", IDS, IDS)


def test_reading_says_how_far_it_is(tmp_path, pieces_of):
    pieces_of(1000)
    (tmp_path / "dt.json").write_text(json.dumps(numbered(30)))
    told = []
    read_coco_results(tmp_path / "dt.json", IDS, IDS, show=told.append)
    assert len(told) > 3
    assert told[-1] == "reading dt.json: 0 of 0 MB"


def test_no_more_than_a_piece_is_held():
    content = json.dumps(numbered(1000)).encode()
    lengths = [len(piece) for piece in ArrayPieces(io.BytesIO(content), piece_bytes=1000)]
    assert max(lengths) <= 1000
    assert len(lengths) < 2 * len(content) / 1000


@no_compiled_reader
def test_the_c_tier_is_what_reads_where_it_is_there(read, monkeypatch):
    monkeypatch.setattr(module, "_rows", None)
    assert available()
    assert_holds(read(numbered(5)), numbered(5))


@no_compiled_reader
def test_the_compiled_reader_takes_no_part_of_a_list_for_the_whole():
    """What follows the text in memory would complete it."""
    one = b'{"image_id":1,"category_id":1,"bbox":[1,2,3,4],"score":1}'
    whole = b" [" + one + b", " + one + b"]"
    assert [end for end in range(len(whole) + 1) if NativeRows().read(memoryview(whole)[:end])] == [len(whole)]
