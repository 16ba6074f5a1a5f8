"""What is drawn of the images that lost most."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from passes import coco_results, ground_truth

from pytest_rfperf.data.dataset import Category, ImageRecord
from pytest_rfperf.data.loss import ImageLoss, Loss
from pytest_rfperf.data.verdict import Outcome, Verdict
from pytest_rfperf.session.facts import DrawnBox
from pytest_rfperf.session.loss_pictures import loss_pictures

BOX, OTHER = (1.0, 2.0, 10.0, 20.0), (5.5, 6.0, 7.0, 8.0)


def verdict(*images, score=0.5, category=None):
    loss = Loss((), images, score, 0.5, category) if images else None
    return Verdict(gate="g", outcome=Outcome.FAIL, measured=0.1, limit=0.2, unit="", message="m", loss=loss)


@pytest.fixture
def bench(tmp_path):
    """Two images: of the first a car and a disc, one of which is found twice; of the second nothing."""
    results = coco_results([(0, 0, *BOX, 0.9), (0, 1, *OTHER, 0.4), (0, 0, *BOX, 0.5), (1, 0, *BOX, 0.9)])
    used = coco_results([(0, 1, *OTHER, 0.75), (1, 1, *OTHER, 0.5)])
    return SimpleNamespace(
        where="fast on cpu/street",
        accuracy=lambda: SimpleNamespace(run=SimpleNamespace(results=results)),
        baseline=SimpleNamespace(used=used),
        dataset=SimpleNamespace(
            truth=ground_truth([(0, 0, *BOX), (0, 1, *OTHER)]),
            categories=[Category(7, "car"), Category(9, "disc")],
            images=[ImageRecord(31, tmp_path / "größe 1.jpg", 8, 8), ImageRecord(32, tmp_path / "b.png", 8, 8)],
        ),
    )


def test_a_picture_has_the_truth_and_the_detections_of_at_least_the_score(bench):
    (picture,) = loss_pictures(bench, [verdict(ImageLoss(0, 3, None), score=0.5)])
    assert picture.truth == [DrawnBox(BOX, "car"), DrawnBox(OTHER, "disc")]
    assert picture.now == [DrawnBox(BOX, "car", 0.9), DrawnBox(BOX, "car", 0.5)]


def test_a_picture_is_named_by_id_and_file_and_says_what_went_wrong(bench, tmp_path):
    (picture,) = loss_pictures(bench, [verdict(ImageLoss(0, 3, None))])
    assert (picture.name, picture.image) == ("31-größe 1", str(tmp_path / "größe 1.jpg"))
    assert picture.caption == "größe 1.jpg: fast on cpu/street: 3 errors"


def test_one_error_is_no_plural(bench):
    captions = [loss_pictures(bench, [verdict(ImageLoss(0, 1, before))])[0].caption for before in (None, 0)]
    assert captions == [
        "größe 1.jpg: fast on cpu/street: 1 error",
        "größe 1.jpg: fast on cpu/street: 0 errors before, 1 now",
    ]


def test_the_baseline_is_drawn_where_the_image_was_better_in_it(bench):
    (picture,) = loss_pictures(bench, [verdict(ImageLoss(0, 3, 1))])
    assert picture.before == [DrawnBox(OTHER, "disc", 0.75)]
    assert picture.caption.endswith(": 1 error before, 3 now")


def test_a_loss_of_one_category_is_drawn_with_that_category_alone(bench):
    (picture,) = loss_pictures(bench, [verdict(ImageLoss(0, 3, 1), score=0.1, category=1)])
    assert picture.truth == [DrawnBox(OTHER, "disc")]
    assert picture.now == [DrawnBox(OTHER, "disc", 0.4)]
    assert picture.before == [DrawnBox(OTHER, "disc", 0.75)]


def test_a_limit_without_a_baseline_draws_none_even_where_there_is_one(bench):
    assert loss_pictures(bench, [verdict(ImageLoss(0, 3, None))])[0].before is None
    bench.baseline = None
    assert loss_pictures(bench, [verdict(ImageLoss(0, 3, 1))])[0].before is None


def test_an_image_that_two_gates_name_is_drawn_once_as_the_first_says(bench):
    verdicts = [verdict(), verdict(ImageLoss(1, 2, 0)), verdict(ImageLoss(0, 3, None), ImageLoss(1, 9, None))]
    assert [one.caption for one in loss_pictures(bench, verdicts)] == [
        "b.png: fast on cpu/street: 0 errors before, 2 now",
        "größe 1.jpg: fast on cpu/street: 3 errors",
    ]


def test_what_did_not_fail_is_not_drawn(bench):
    assert loss_pictures(bench, [verdict(), verdict()]) == []
