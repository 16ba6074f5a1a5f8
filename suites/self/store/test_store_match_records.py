"""Match records as a file: what is written comes back, and what a stranger wrote is refused in our words."""

from __future__ import annotations

import contextlib
import random
import tracemalloc
import zlib
from dataclasses import replace

import msgspec
import numpy as np
import pytest
import strategies
from hypothesis import given, settings
from passes import assert_same_records, coco_results, ground_truth

from pytest_rfperf.core.average_precision import accumulate
from pytest_rfperf.core.matching import match
from pytest_rfperf.core.operating_point import best_f1
from pytest_rfperf.core.resampling import weighted_ap
from pytest_rfperf.data.coco import CocoResults
from pytest_rfperf.errors import StoreError
from pytest_rfperf.store import match_records as module
from pytest_rfperf.store.match_records import MAGIC, pack_records, sha256_of_records, unpack_records

REMEDY = "; restore it from version control, or record anew"


def small():
    """Records of two images and two categories, and the detections that are used."""
    truth = ground_truth([(0, 0, 0, 0, 10, 10), (1, 1, 0, 0, 10, 10), (1, 0, 40, 40, 100, 100)])
    results = coco_results(
        [(0, 0, 0, 0, 10, 10, 0.9), (1, 0, 50, 50, 5, 5, 0.8), (1, 1, 0, 0, 10, 9, 0.7), (0, 1, 50, 50, 5, 5, 0.3)]
    )
    return match(truth, results, 2), results.where(results.scores >= 0.7)


def inflated(content):
    """The header as a dictionary, and all columns."""
    body = zlib.decompress(content[len(MAGIC) :])
    end = 8 + int.from_bytes(body[:8], "little")
    return msgspec.json.decode(body[8:end]), body[end:]


def deflated(header, columns, *, length=None):
    text = msgspec.json.encode(header)
    return MAGIC + zlib.compress((len(text) if length is None else length).to_bytes(8, "little") + text + columns)


def assert_refused(content, why):
    with pytest.raises(StoreError) as caught:
        unpack_records(content, "a.records")
    assert str(caught.value).startswith(f"a.records holds no match records: {why}")
    assert str(caught.value).endswith(REMEDY)


def use(records):
    """What gates do with records of a file: none of it may crash."""
    area, iou = records.areas[0], records.iou_thresholds[0]
    accumulate(records).ap(area=area)
    best_f1(records, iou=iou, area=area)
    weighted_ap(records, np.ones((1, records.image_count), dtype=np.int64), area=area)


@settings(max_examples=60, deadline=None)
@given(strategies.coco_cases(), strategies.any_protocols())
def test_what_is_written_comes_back_bit_for_bit(case, protocol):
    records = match(
        case.truth,
        case.results,
        case.category_count,
        iou_thresholds=protocol.iou_thresholds,
        area_ranges=protocol.area_ranges,
        max_detections=max(protocol.max_detections),
    )
    found, used = unpack_records(pack_records(records, case.results), "a.records")
    assert_same_records(found, records)
    for name in ("images", "categories", "scores"):
        one, other = getattr(used, name), getattr(case.results, name)
        assert (one.dtype, one.tobytes()) == (other.dtype, other.tobytes())
    assert used.boxes_xywh.tolist() == case.results.boxes_xywh.astype(np.float32).tolist()


def test_records_without_any_detection_or_object_come_back():
    nothing = match(ground_truth([]), coco_results([]), 1)
    found, used = unpack_records(pack_records(nothing, coco_results([])), "a.records")
    assert_same_records(found, nothing)
    assert (len(used.scores), used.boxes_xywh.shape) == (0, (0, 4))


def test_equal_records_are_equal_bytes_of_one_hash():
    """The file name is the hash: a second recording of the same model changes no file."""
    content = pack_records(*small())
    assert content == pack_records(*small())
    assert len(sha256_of_records(content)) == 64
    assert sha256_of_records(content) != sha256_of_records(content + b" ")


def test_numbers_of_another_byte_order_are_written_as_any_other():
    records, used = small()
    swapped = replace(records, scores=records.scores.astype(">f8"), edges=records.edges.astype(">i8"))
    assert pack_records(swapped, used) == pack_records(records, used)


def test_a_box_beyond_single_precision_is_kept_as_the_furthest_one():
    records, used = small()
    far = CocoResults(used.images, used.categories, used.boxes_xywh * [1e300, -1e300, 1, 1] + 0.0, used.scores)
    _, found = unpack_records(pack_records(records, far), "a.records")
    assert np.isfinite(found.boxes_xywh).all()
    assert found.boxes_xywh.max() > 1e38


def test_every_truncation_is_refused():
    content = pack_records(*small())
    for end in range(len(content)):
        with pytest.raises(StoreError, match="holds no match records"):
            unpack_records(content[:end], "a.records")


def test_every_flipped_bit_is_refused():
    """zlib's checksum sees each of them."""
    content = pack_records(*small())
    for place in range(len(content)):
        for bit in (0, 3, 7):
            broken = bytearray(content)
            broken[place] ^= 1 << bit
            with pytest.raises(StoreError, match="holds no match records"):
                unpack_records(bytes(broken), "a.records")


def flipped(header, columns, source):
    """A file whose checksum is right, but of which one to three bytes of header or columns are others."""
    text, body = bytearray(msgspec.json.encode(header)), bytearray(columns)
    for _ in range(source.randint(1, 3)):
        part = source.choice((text, body, body))
        part[source.randrange(len(part))] = source.choice((0, 1, 127, 128, 255, 48, 57, source.randrange(256)))
    length = len(text) if source.random() < 0.9 else source.choice((0, 7, len(text) - 1, len(text) + 1, 2**63))
    return MAGIC + zlib.compress(length.to_bytes(8, "little") + bytes(text) + bytes(body), 1)


def test_a_file_that_a_stranger_wrote_is_refused_or_can_be_used():
    header, columns = inflated(pack_records(*small()))
    source, refused = random.Random(0), 0
    for _ in range(1500):
        content = flipped(header, columns, source)
        try:
            records, _ = unpack_records(content, "a.records")
        except StoreError:
            refused += 1
        else:
            assert isinstance(records.image_count, int)
            if records.image_count < 10_000:
                use(records)
    assert 300 < refused < 1500


HUGE = (2**31, 2**40, 2**62, 2**63 - 1, 2**63, 2**64, 10**30, -1, -(2**63))


@pytest.mark.parametrize("size", HUGE)
@pytest.mark.parametrize("name", ["edges", "images", "scores", "matched", "used_boxes", "used_scores"])
def test_an_absurd_size_is_refused_without_room_for_it(name, size):
    header, columns = inflated(pack_records(*small()))
    content = deflated(header | {"sizes": header["sizes"] | {name: size}}, columns)
    tracemalloc.start()
    with pytest.raises(StoreError, match="holds no match records"):
        unpack_records(content, "a.records")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10**6


@pytest.mark.parametrize("size", HUGE)
@pytest.mark.parametrize("name", ["image_count", "max_detections"])
def test_an_absurd_count_is_refused_or_costs_nothing(name, size):
    header, columns = inflated(pack_records(*small()))
    with contextlib.suppress(StoreError):
        unpack_records(deflated(header | {name: size}, columns), "a.records")


@pytest.mark.parametrize("name", ["images", "contenders", "counting", "used_scores"])
def test_sizes_that_do_not_add_up_to_the_columns_are_refused(name):
    header, columns = inflated(pack_records(*small()))
    for more in (-1, 1):
        sizes = header["sizes"] | {name: header["sizes"][name] + more}
        assert_refused(deflated(header | {"sizes": sizes}, columns), "")
    assert_refused(deflated(header, columns + b"\0"), "columns and sizes differ")


@pytest.mark.parametrize(
    "change",
    [
        lambda header: {key: value for key, value in header.items() if key != "sizes"},
        lambda header: header | {"sizes": {key: value for key, value in header["sizes"].items() if key != "ranks"}},
        lambda header: header | {"iou_thresholds": "all"},
        lambda header: header | {"area_ranges": {"all": [0]}},
        lambda header: header | {"area_ranges": {}},
        lambda header: header | {"image_count": 1.5},
        lambda header: header | {"iou_thresholds": [0.5] * 65},
        lambda header: [],
    ],
    ids=["no sizes", "a size less", "text", "half a range", "no range", "fraction", "65 thresholds", "list"],
)
def test_a_header_that_is_none_is_refused(change):
    header, columns = inflated(pack_records(*small()))
    assert_refused(deflated(change(header), columns), "")


@pytest.mark.parametrize("length", [0, 1, 10**6, 2**63, 2**64 - 1])
def test_a_header_of_another_length_is_refused(length):
    header, columns = inflated(pack_records(*small()))
    assert_refused(deflated(header, columns, length=length), "")


def test_a_header_of_brackets_alone_is_refused():
    text = b"[" * 200_000
    assert_refused(MAGIC + zlib.compress(len(text).to_bytes(8, "little") + text), "")


@pytest.mark.parametrize("content", [b"", b"{}", b"rfperf match records 2\n", MAGIC, MAGIC + b"\0" * 100])
def test_another_file_is_refused(content):
    assert_refused(content, "" if content.startswith(MAGIC) else "it does not begin as they do")


def test_a_file_that_inflates_beyond_the_limit_is_refused_at_the_limit(monkeypatch):
    monkeypatch.setattr(module, "MOST_BYTES", 10**6)
    bomb = MAGIC + zlib.compress(b"\0" * 10**8, 9)
    assert len(bomb) < 10**6
    tracemalloc.start()
    assert_refused(bomb, "it is cut short, too large, or goes on after its end")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10**7


def test_more_after_the_end_is_refused():
    """It would have another hash than what it stands for."""
    assert_refused(pack_records(*small()) + b"more", "")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda records, used: (replace(records, scores=records.scores[::-1]), used), "scores do not fall"),
        (lambda records, used: (replace(records, image_count=1), used), "an image is not there"),
        (
            lambda records, used: (
                records,
                CocoResults(used.images, used.categories + 1, used.boxes_xywh, used.scores),
            ),
            "a used detection has a category that is not there",
        ),
        (
            lambda records, used: (
                records,
                CocoResults(used.images, used.categories, used.boxes_xywh, used.scores[1:]),
            ),
            "the used detections are not of one length",
        ),
        (
            lambda records, used: (
                records,
                CocoResults(used.images, used.categories, used.boxes_xywh * np.nan, used.scores),
            ),
            "a used detection is not finite",
        ),
        (
            lambda records, used: (
                records,
                CocoResults(used.images, used.categories, used.boxes_xywh, used.scores * np.inf),
            ),
            "a used detection is not finite",
        ),
    ],
)
def test_columns_that_contradict_each_other_are_refused_with_the_reason(change, why):
    assert_refused(pack_records(*change(*small())), f"{why};")
