from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from pytest_rfperf import registry
from pytest_rfperf.decoders.yolo import YoloDecoder
from pytest_rfperf.errors import UnknownAdapterError, UsageError
from pytest_rfperf.registry import Adapter, find, known

GROUPS = {
    "rfperf.targets": {"onnxruntime"},
    "rfperf.decoders": {"detr", "rf-detr", "yolo", "yolox"},
    "rfperf.datasets": {"coco", "voc", "yolo"},
}


@pytest.mark.parametrize("group", GROUPS)
def test_built_in_adapters_come_from_entry_points_in_order_of_name(group):
    names = list(known(group))
    assert set(names) >= GROUPS[group]
    assert names == sorted(names)


@pytest.mark.parametrize("group", GROUPS)
def test_every_entry_point_loads_and_has_what_its_seam_asks_for(group):
    for name, adapter in known(group).items():
        loaded = adapter.load()
        if group != "rfperf.targets":
            assert loaded.name == name
            assert callable(loaded.recognises)
        if group != "rfperf.decoders":
            assert isinstance(loaded.options, type)


def test_a_group_that_nobody_offers_is_empty():
    assert known("rfperf.nothing") == {}


def test_a_name_gives_the_adapter_that_carries_it():
    adapter = find("rfperf.decoders", "yolo")
    assert adapter == Adapter("rfperf.decoders", "yolo", "pytest_rfperf.decoders.yolo:YoloDecoder")
    assert adapter.load() is YoloDecoder


def test_a_dotted_path_needs_no_entry_point():
    adapter = find("rfperf.decoders", "pytest_rfperf.decoders.yolo:YoloDecoder")
    assert adapter.reference == "pytest_rfperf.decoders.yolo:YoloDecoder"
    assert adapter.load() is YoloDecoder


def test_an_unknown_name_lists_the_known_ones():
    offered = ", ".join(known("rfperf.targets"))
    with pytest.raises(UnknownAdapterError, match=rf"^rfperf\.targets: no 'tritn'; known: {offered}") as caught:
        find("rfperf.targets", "tritn")
    assert isinstance(caught.value, UsageError)


def test_a_slip_of_the_keyboard_is_answered_with_the_nearest_name():
    with pytest.raises(UnknownAdapterError, match=r"; did you mean 'onnxruntime'\?$"):
        find("rfperf.targets", "onnxruntim")


def test_a_name_that_is_near_to_nothing_gets_no_guess():
    with pytest.raises(UnknownAdapterError) as caught:
        find("rfperf.decoders", "qqqq")
    assert "did you mean" not in str(caught.value)


@pytest.mark.parametrize("name", ["os.path", "os:", ":getcwd", "os:path.join", "os; import sys:x", "a b:c", ""])
def test_what_is_no_dotted_path_is_an_unknown_name(name):
    with pytest.raises(UnknownAdapterError, match=f"^rfperf.decoders: no {re.escape(repr(name))}; known: "):
        find("rfperf.decoders", name)


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        ("no_such_package:Decoder", "No module named 'no_such_package'"),
        ("json:NoSuchClass", "module 'json' has no attribute 'NoSuchClass'"),
    ],
)
def test_an_adapter_that_cannot_be_imported_says_why(reference, reason):
    message = re.escape(f"rfperf.decoders: '{reference}' cannot be imported: {reason}")
    with pytest.raises(UnknownAdapterError, match=f"^{message}"):
        find("rfperf.decoders", reference).load()


def test_an_installed_name_wins_over_a_dotted_path(monkeypatch):
    class Point:
        name, value = "json:loads", "json : dumps"

    monkeypatch.setattr(registry, "entry_points", lambda group: [Point])
    assert find("rfperf.decoders", "json:loads").load() is json.dumps


def test_listing_and_finding_import_no_adapter():
    code = (
        "import sys; from pytest_rfperf.registry import find, known;"
        "known('rfperf.targets'); find('rfperf.targets', 'onnxruntime'); find('rfperf.decoders', 'yolo');"
        "print(sorted({'onnxruntime', 'numpy', 'cv2'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
