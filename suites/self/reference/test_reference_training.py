"""Training the pair: the same from the same seed, stopped or not, and exported as it was trained."""

from __future__ import annotations

import json
import signal
import sys
from dataclasses import replace

import numpy as np
import onnxruntime
import pytest
from click.testing import CliRunner

from pytest_rfperf.cli import rfperf
from pytest_rfperf.errors import UsageError

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")
onnx = pytest.importorskip("onnx", reason="the extra `train` is not installed")

from pytest_rfperf.reference.training import loop, run  # noqa: E402 - torch first
from pytest_rfperf.reference.training.export import onnx_bytes  # noqa: E402
from pytest_rfperf.reference.training.loop import Training  # noqa: E402
from pytest_rfperf.reference.training.losses import Objects, boxes_from_sides, losses  # noqa: E402
from pytest_rfperf.reference.training.network import Network  # noqa: E402
from pytest_rfperf.reference.training.recipe import RECIPE, SHARPNESS, SIZES, Size  # noqa: E402
from pytest_rfperf.reference.training.run import Order, train  # noqa: E402
from pytest_rfperf.reference.training.views import Annotated, Pool  # noqa: E402

pytestmark = pytest.mark.integration

TINY = Size(64, (4, 4, 8, 8), 1, 8)
SHORT = replace(RECIPE, images_per_task=2, views=32, batch=4)


@pytest.fixture
def tiny(monkeypatch):
    """A recipe of eight steps on ten images."""
    monkeypatch.setitem(SIZES, "fast", TINY)
    return Order("fast", seed=3, threads=1, recipe=SHORT)


def weights(content):
    model = onnx.load_model_from_string(content)
    return [onnx.numpy_helper.to_array(value).tolist() for value in model.graph.initializer]


def metadata(content):
    return {entry.key: entry.value for entry in onnx.load_model_from_string(content).metadata_props}


def quiet(_text):
    """Say nothing."""


def test_a_training_that_was_stopped_goes_on_to_the_same_weights(tiny, tmp_path):
    whole = train(tiny, tmp_path / "whole", quiet)

    def stop(text):
        if text.startswith("training fast: 3/8"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(tiny, tmp_path / "parts", stop)
    assert [path.name for path in (tmp_path / "parts").iterdir()] == ["fast.checkpoint"]
    said = []
    parts = train(tiny, tmp_path / "parts", said.append)
    assert next(text for text in said if text.startswith("training")).startswith("training fast: 4/8 steps")
    assert weights(parts) == weights(whole)
    assert float(metadata(parts)["rfperf.training_cpu_s"]) > 0


def test_ctrl_c_in_the_middle_of_a_step_waits_for_its_end(tiny, tmp_path, monkeypatch):
    whole = train(tiny, tmp_path / "whole", quiet)
    real, calls = loop.losses, []

    def interrupted(*arguments):
        calls.append(1)
        if len(calls) == 4:
            signal.raise_signal(signal.SIGINT)
        return real(*arguments)

    monkeypatch.setattr(loop, "losses", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(tiny, tmp_path / "parts", quiet)
    assert len(calls) == 4
    assert weights(train(tiny, tmp_path / "parts", quiet)) == weights(whole)


def test_another_seed_gives_other_weights(tiny, tmp_path):
    assert weights(train(tiny, tmp_path / "a", quiet)) != weights(train(replace(tiny, seed=4), tmp_path / "b", quiet))


def test_a_finished_training_is_not_done_again(tiny, tmp_path):
    first = train(tiny, tmp_path, quiet)
    said = []
    assert train(tiny, tmp_path, said.append) == first
    assert not [text for text in said if text.startswith("training")]


def test_a_checkpoint_of_another_training_is_refused_with_what_differs(tiny, tmp_path):
    train(tiny, tmp_path, quiet)
    with pytest.raises(UsageError, match=r"fast.checkpoint is of another training \(it differs in seed\); delete it"):
        train(replace(tiny, seed=4), tmp_path, quiet)


def test_a_broken_checkpoint_is_named(tiny, tmp_path):
    (tmp_path / "fast.checkpoint").write_bytes(b"nonsense")
    with pytest.raises(UsageError, match=r"fast.checkpoint is no checkpoint \(.*\); delete it to train from the start"):
        train(tiny, tmp_path, quiet)


def test_a_checkpoint_is_replaced_whole(tiny, tmp_path, monkeypatch):
    train(tiny, tmp_path, quiet)
    before = (tmp_path / "fast.checkpoint").read_bytes()

    def full(_state, path):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(loop.torch, "save", full)
    with pytest.raises(OSError, match="No space left"):
        Training(TINY, 14, SHORT, 3, 1).save(tmp_path / "fast.checkpoint")
    assert [path.name for path in tmp_path.iterdir()] == ["fast.checkpoint"]
    assert (tmp_path / "fast.checkpoint").read_bytes() == before


def test_the_metadata_say_what_was_done(tiny, tmp_path):
    found = metadata(train(tiny, tmp_path, quiet))
    assert (found["rfperf.seed"], found["rfperf.images_seen"], found["rfperf.training_threads"]) == ("3", "32", "1")
    assert json.loads(found["imgsz"]) == [64, 64]
    assert float(found["rfperf.training_wall_s"]) > 0


@pytest.mark.parametrize("size", [TINY, replace(SIZES["fast"], input_px=96), replace(TINY, depth=3)])
def test_the_exported_graph_computes_what_the_network_does(size):
    torch.manual_seed(1)
    network = Network(size, 5)
    for _ in range(3):  # moves the running means away from 0 and 1
        network(torch.rand(4, 3, size.input_px, size.input_px))
    network.eval()
    images = torch.rand(1, 3, size.input_px, size.input_px)
    with torch.no_grad():
        scores, sides = network(images)
        boxes = boxes_from_sides(sides)[0] * 4
    session = onnxruntime.InferenceSession(
        onnx_bytes(network, size.input_px, 5, {}), providers=["CPUExecutionProvider"]
    )
    (output,) = session.run(None, {"images": images.numpy()})
    assert output.shape == (1, 9, (size.input_px // 4) ** 2)
    centre, extent = output[0, :2].T, output[0, 2:4].T
    np.testing.assert_allclose(np.hstack([centre - extent / 2, centre + extent / 2]), boxes.numpy(), atol=2e-3)
    expected = torch.sigmoid(SHARPNESS * scores)[0].flatten(1).numpy()
    np.testing.assert_allclose(output[0, 4:], expected, atol=1e-5)


def test_the_loss_is_least_where_the_peaks_and_the_boxes_are():
    boxes = torch.tensor([[[8.0, 8.0, 24.0, 32.0]]])
    objects = Objects(boxes, torch.tensor([[1]]))
    scores = torch.full((1, 2, 16, 16), -8.0)
    right = scores.clone()
    right[0, 1, 5, 4] = 8.0
    wrong = scores.clone()
    wrong[0, 0, 5, 4] = 8.0
    x = torch.arange(16) + 0.5
    sides = torch.stack([
        (x - 2).expand(16, 16), (x - 2).expand(16, 16).T, (6 - x).expand(16, 16), (8 - x).expand(16, 16).T,
    ])[None].clamp(min=0.01)  # fmt: skip
    exact = torch.log(torch.expm1(sides))
    score_right, box_right = losses(right, exact, objects)
    score_wrong, box_wrong = losses(wrong, exact + 1, objects)
    assert score_right < 0.1 * score_wrong
    assert box_right < 1e-3 < box_wrong


def test_an_image_without_objects_has_no_box_to_learn():
    objects = Objects(torch.tensor([[[0.0, 0.0, 1.0, 1.0]]]), torch.tensor([[-1]]))
    _, of_boxes = losses(torch.zeros(1, 2, 4, 4), torch.zeros(1, 4, 4, 4), objects)
    assert of_boxes == 0


def images(count):
    random = np.random.default_rng(0)
    _, png = __import__("cv2").imencode(".png", random.integers(0, 255, (32, 32, 3), dtype=np.uint8))
    box = np.array([[4.0, 8.0, 16.0, 24.0]])
    return [Annotated(png.tobytes(), np.array([rank]), box) for rank in range(count)]


def test_both_sizes_see_the_same_images_in_the_same_order():
    small, large = Pool(images(6), 32), Pool(images(6), 64)
    for step in range(4):
        labels = [pool.batch(7, step, 4)[1].labels.flatten().tolist() for pool in (small, large)]
        assert labels[0] == labels[1]


def test_every_image_is_seen_once_a_round():
    pool = Pool(images(6), 32)
    seen = [label for step in range(4) for label in pool.batch(7, step, 3)[1].labels.flatten().tolist()]
    assert sorted(seen[:6]) == sorted(seen[6:]) == list(range(6))
    assert seen[:6] != seen[6:]


def test_a_mirrored_image_has_mirrored_boxes():
    pool = Pool(images(1), 32)
    boxes = {tuple(pool.batch(0, step, 1)[1].boxes.flatten().tolist()) for step in range(12)}
    assert boxes == {(4.0, 8.0, 16.0, 24.0), (16.0, 8.0, 28.0, 24.0)}


def test_tinted_pixels_stay_in_range_and_differ():
    pool = Pool(images(1), 32)
    first, second = (pool.batch(0, step, 1)[0] for step in (0, 1))
    assert first.min() >= 0
    assert first.max() <= 1
    assert not torch.equal(first, second)


def test_the_command_trains_and_writes_one_file(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(run, "RECIPE", SHORT)
    monkeypatch.setattr(Order, "__init__", _short(Order.__init__))
    result = CliRunner().invoke(rfperf, ["reference", "train", "--size=fast", f"--out={tmp_path}", "--threads=1"])
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fast.checkpoint", "fast.onnx"]
    assert f"next: rfperf reference compare {tmp_path / 'fast.onnx'} --size fast" in result.output


@pytest.mark.parametrize(
    ("begun", "said"),
    [(True, "the same command goes on from the checkpoint"), (False, "training had not begun, and nothing is kept")],
)
def test_ctrl_c_says_what_is_kept(tmp_path, monkeypatch, begun, said):
    def stop(*_arguments):
        if begun:
            (tmp_path / "fast.checkpoint").touch()
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "train", stop)
    result = CliRunner().invoke(rfperf, ["reference", "train", "--size=fast", f"--out={tmp_path}"])
    assert result.exit_code == 130
    assert f"stopped; {said}\n" in result.output
    assert not (tmp_path / "fast.onnx").exists()


def test_without_the_extra_the_error_names_it(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "torch" else object())
    result = CliRunner().invoke(rfperf, ["reference", "train", "--size=fast", f"--out={tmp_path}"])
    assert isinstance(result.exception, UsageError)
    assert "this needs torch; run pip install 'pytest-rfperf[train]'" in str(result.exception)


def _short(initialise):
    def made(self, size, seed, threads):
        initialise(self, size, seed, threads, SHORT)

    return made
