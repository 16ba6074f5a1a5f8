"""What must be equal for two figures of accuracy to be comparable, and what belongs to the model file."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from passes import even_accuracy

from pytest_rfperf.session.accuracy_protocol import accuracy_protocol, model_protocol

EVALUATION = {"dataset", "images", "IoU thresholds", "area ranges", "max detections", "score floor"}


def bench(*, category_of_label=(0, 1), **protocol):
    return SimpleNamespace(
        detector=SimpleNamespace(protocol=protocol),
        dataset=SimpleNamespace(sha256="d" * 64),
        category_of_label=list(category_of_label),
    )


def test_the_protocol_names_truth_images_and_the_limits_of_the_evaluation():
    thresholds = [0.5, 0.75]
    accuracy = even_accuracy(images=2, iou_thresholds=thresholds, area_ranges={"all": (0.0, 1e10)}, floor=0.05)
    assert accuracy_protocol(bench(), accuracy) == {
        "dataset": "d" * 64,
        "images": "0" * 64,
        "IoU thresholds": "0.5, 0.75",
        "area ranges": "all 0.0 to 10000000000.0",
        "max detections": "100",
        "score floor": "0.05",
    }


@pytest.mark.parametrize("field", ["decode.nms-iou", "preprocess.resize", "decoder", "labels", "nodes", "precision"])
def test_what_the_file_brings_is_its_own(field):
    one = bench(**{field: "x"})
    assert set(accuracy_protocol(one, even_accuracy(images=2))) == EVALUATION
    assert set(model_protocol(one)) == {field, "classes"}


@pytest.mark.parametrize("field", ["threads", "spinning"])
def test_what_changes_speed_alone_takes_no_part(field):
    one = bench(**{field: "x"})
    assert (set(accuracy_protocol(one, even_accuracy(images=2))), set(model_protocol(one))) == (EVALUATION, {"classes"})


@pytest.mark.parametrize("field", ["runtime", "providers", "graph level", "provider options", "max fallback"])
def test_where_and_how_the_model_ran_is_part_of_the_protocol(field):
    one = bench(**{field: "x"})
    assert accuracy_protocol(one, even_accuracy(images=2))[field] == "x"
    assert set(model_protocol(one)) == {"classes"}


def test_another_label_map_is_another_model():
    assert model_protocol(bench()) == model_protocol(bench())
    assert model_protocol(bench()) != model_protocol(bench(category_of_label=(1, 0)))
