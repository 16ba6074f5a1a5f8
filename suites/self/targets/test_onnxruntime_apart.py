"""A model in a process of another interpreter: a virtual environment that has what it needs and nothing else."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import importlib
import importlib.util
import os
import shlex
import shutil
import signal
import subprocess
import sys
import textwrap
import time
import venv
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import onnxruntime
import psutil
import pytest
from onnx_models import detr_model, nan_model, write, yolo_model

from pytest_rfperf.core.native.library import library
from pytest_rfperf.core.tier import tier
from pytest_rfperf.data.detections import Detections
from pytest_rfperf.data.model import DecoderSettings
from pytest_rfperf.data.runs import FAILED_NS, LoadShape
from pytest_rfperf.decoders.detr import DetrDecoder
from pytest_rfperf.decoders.yolo import YoloDecoder
from pytest_rfperf.errors import AttestationError, ModelError, OutputError, TargetError
from pytest_rfperf.measure.clock import SystemClock
from pytest_rfperf.measure.host import one_core
from pytest_rfperf.measure.paired_loop import PairedLoop
from pytest_rfperf.protocols import Model
from pytest_rfperf.session.wrong_detectors import OtherColours
from pytest_rfperf.targets.onnxruntime import OnnxruntimeTarget, apart_process
from pytest_rfperf.targets.onnxruntime.options import OnnxruntimeOptions

if TYPE_CHECKING:
    from pytest_rfperf.decoders.bound import BoundDecoder

pytestmark = pytest.mark.integration

PICTURES = [
    cv2.imencode(".png", np.random.default_rng(i).integers(0, 255, (20, 40, 3), dtype=np.uint8))[1].tobytes()
    for i in range(3)
]
NEEDED = {"numpy": "numpy*", "onnxruntime": "onnxruntime*", "cv2": "opencv_python*", "msgspec": "msgspec*"}
WINDOWS = sys.platform == "win32"
scripts_only = pytest.mark.skipif(WINDOWS, reason="not there on this system: an interpreter that is a shell script")


OWN_DECODER = """
import os
import signal
import sys
import time

from pytest_rfperf.decoders.detr import DetrDecoder
from pytest_rfperf.errors import OutputError, RequestError


class OwnDecoder(DetrDecoder):
    options = {"behaviour": ""}
    calls = 0

    def decode(self, outputs, placement):
        os.write(1, b"a line of some package\\n")
        self.calls += 1
        if self.calls > 1 or self.settings["behaviour"] == "bug":
            getattr(self, self.settings["behaviour"] or "behave")()
        return super().decode(outputs, placement)

    def behave(self): ...

    def bug(self):
        raise KeyError("no such key")

    def crash(self):
        print("what was wrong", file=sys.stderr, flush=True)
        os.kill(os.getpid(), signal.SIGTERM)

    def die(self):
        os._exit(7)

    def hang(self):
        time.sleep(600)

    def nan(self):
        raise OutputError("a score is NaN")

    def refuse(self):
        raise RequestError("no answer")
"""
"""A decoder of the user's own, in a folder of the project; it prints, and behaves as told after the first image."""


def made(folder: Path, content: bytes, decoder: type[BoundDecoder] = DetrDecoder, **options: object) -> Model:
    keys = DecoderSettings(("a", "b"), options=options)
    path = write(folder / "tiny.onnx", content)
    return Model("old", "fast", path, hashlib.sha256(content).hexdigest(), keys, lambda s: decoder.bind(s, keys))


def interpreter(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if WINDOWS else "bin/python")


def environment(folder: Path, modules: dict[str, str]) -> Path:
    """Make an environment that finds these modules of ours, and no other."""
    venv.create(folder, symlinks=not WINDOWS)
    places = {name: Path(importlib.util.find_spec(name).origin).parent for name in modules}
    with contextlib.suppress(StopIteration):
        packages = next(folder.glob("[Ll]ib/**/site-packages"))
        for name, place in places.items():
            for found in {*place.parent.glob(modules[name]), place}:
                try:
                    (packages / found.name).symlink_to(found)
                except OSError:
                    pytest.skip("not there on this system: symbolic links")
    return interpreter(folder)


@pytest.fixture(scope="module")
def other(tmp_path_factory) -> Path:
    """An interpreter that has numpy, onnxruntime, opencv and msgspec."""
    return environment(tmp_path_factory.mktemp("environment") / ".venv-old", NEEDED)


@pytest.fixture
def own_decoder(tmp_path, monkeypatch):
    """The class of a module that only this project's folders hold."""
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "own_decoder.py").write_text(OWN_DECODER)
    monkeypatch.syspath_prepend(tmp_path / "own")
    monkeypatch.delitem(sys.modules, "own_decoder", raising=False)
    return importlib.import_module("own_decoder").OwnDecoder


@pytest.fixture
def opened(tmp_path, other):
    """Open in the other interpreter, and close at the end."""
    with contextlib.ExitStack() as stack:

        def open_apart(content=None, decoder=DetrDecoder, *, python=other, core=None, target=None, **options):
            model = made(tmp_path, content or detr_model(scores=[0.25], brightness=0.5), decoder, **options)
            here = target or OnnxruntimeTarget("here", OnnxruntimeOptions())
            detector = here.open_apart(model, python=python, core=core)
            stack.callback(detector.close)
            return detector

        yield open_apart


@pytest.fixture
def script(tmp_path):
    """An interpreter that runs a line of Python first."""

    def write_script(first: str) -> Path:
        path = tmp_path / "python"
        program = (
            f"import sys, runpy\n{first}\nsys.argv = sys.argv[1:]\nrunpy.run_path(sys.argv[0], run_name='__main__')"
        )
        path.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -c {shlex.quote(program)} "$@"\n')
        path.chmod(0o755)
        return path

    return write_script


def child_of(detector) -> psutil.Process:
    return psutil.Process(detector._process._process.pid)


class TestAnotherInterpreter:
    @pytest.mark.parametrize(
        ("content", "decoder"),
        [
            (detr_model(scores=[0.25], brightness=0.5), DetrDecoder),
            (yolo_model([[16, 16, 16, 8, 0.5, 0], [17, 16, 16, 8, 0.4, 0], [4, 4, 3, 3, 0, 0.3]]), YoloDecoder),
        ],
    )
    def test_it_finds_what_is_found_here(self, opened, tmp_path, content, decoder):
        apart = opened(content, decoder)
        here = OnnxruntimeTarget("here", OnnxruntimeOptions()).open(made(tmp_path, content, decoder))
        for picture in PICTURES:
            (there, timing), (local, _) = apart.detect(picture), here.detect(picture)
            assert isinstance(there, Detections)
            assert len(there.scores)
            for name in ("boxes", "scores", "labels"):
                assert getattr(there, name).dtype == getattr(local, name).dtype
                np.testing.assert_array_equal(getattr(there, name), getattr(local, name))
            assert timing.infer_ns > 0
        assert apart.one_thread == here.one_thread
        assert apart.protocol == here.protocol | {"process": "its own"}

    def test_nothing_is_found_as_arrays_of_no_rows(self, opened):
        found, _ = opened(detr_model(scores=[0.0])).detect(PICTURES[0])
        assert (found.boxes.shape, found.scores.shape) == ((0, 4), (0,))

    def test_its_versions_are_told(self, opened):
        versions = opened().environment
        assert set(versions) == {"python", "onnxruntime", "numpy", "opencv"}
        assert versions["onnxruntime"] == onnxruntime.__version__
        assert versions["python"].startswith("3.")

    def test_packages_of_this_interpreter_do_not_leak_in(self, opened, other, own_decoder):
        """Here pytest can be imported, and the project's folder; there only the latter."""
        own = Path(sys.modules["own_decoder"].__file__)
        own.write_text(OWN_DECODER.replace("import os\n", "import os\nimport pytest\n", 1))
        with pytest.raises(TargetError) as caught:
            opened(None, own_decoder)
        assert str(caught.value) == (
            f"models.old.python = '{other}': its environment has no module pytest; what it needs: "
            f"`{other} -m pip install pytest`"
        )

    def test_the_tier_of_the_core_is_the_same_there_whatever_its_python(self, opened):
        """The library is named after a version of Python, but belongs to none."""
        package = Path(opened()._process._process.args[1]).parents[2]
        if library() is None:
            assert tier() == "numpy"
            pytest.skip("not there on this system: the C tier")
        (found,) = (package / "core" / "native").glob("_kernels*")
        assert found.name in ("_kernels.so", "_kernels.pyd")

    def test_without_one_it_is_our_own_in_another_process(self, opened):
        detector = opened(python=None)
        assert child_of(detector).pid != os.getpid()
        assert len(detector.detect(PICTURES[0])[0].scores) == 1

    def test_a_decoder_of_the_users_own_comes_along(self, opened, own_decoder):
        assert len(opened(None, own_decoder).detect(PICTURES[0])[0].scores) == 1

    def test_a_decoder_around_another_is_bound_as_that_one(self, opened, own_decoder):
        """The wrapper has no `bind`, and neither does one around it."""

        class Wrapping(own_decoder):
            @classmethod
            def bind(cls, signature, settings):
                return OtherColours(OtherColours(own_decoder.bind(signature, settings)))

        assert len(opened(None, Wrapping).detect(PICTURES[0])[0].scores) == 1

    def test_what_packages_print_does_not_mix_with_answers(self, opened, own_decoder):
        detector = opened(None, own_decoder)
        detector.hold(PICTURES, "end-to-end")
        assert all(detector.timed(i % 3).wall_ns < FAILED_NS for i in range(20))


class TestCalls:
    @pytest.mark.parametrize("scope", ["end-to-end", "model-only"])
    def test_a_call_is_timed_there(self, opened, scope):
        detector = opened()
        detector.hold(PICTURES, scope)
        assert detector.items == 3
        begin = time.perf_counter_ns()
        calls = [detector.timed(i) for i in (0, 1, 2, 0)]
        around_ns = time.perf_counter_ns() - begin
        assert 0 < sum(call.wall_ns for call in calls) < around_ns
        assert [call.cpu_ns is not None for call in calls] == [detector.one_thread] * 4
        for call in calls:
            if scope == "end-to-end":
                stages = [stage for stage in call.timing if stage is not None]
                assert 0 < sum(stages) <= call.wall_ns
            else:
                assert call.timing is None

    def test_sides_of_two_scopes_do_not_mix(self, opened):
        detector = opened()
        whole, alone = detector.hold(PICTURES, "end-to-end"), detector.hold(PICTURES[:2], "model-only")
        assert (whole.items, alone.items, detector.items) == (3, 2, 2)
        assert whole.timed(2).timing is not None
        assert alone.timed(1).timing is None
        assert detector.timed(1).timing is None

    def test_more_threads_tell_no_cpu_time(self, opened):
        detector = opened(target=OnnxruntimeTarget("here", OnnxruntimeOptions(threads=2, spinning=False)))
        detector.hold(PICTURES, "end-to-end")
        assert not detector.one_thread
        assert detector.timed(0).cpu_ns is None
        assert (detector.protocol["threads"], detector.protocol["spinning"]) == ("2", "False")

    def test_a_failed_request_is_an_infinite_time(self, opened, own_decoder):
        detector = opened(None, own_decoder, behaviour="refuse")
        detector.hold(PICTURES, "end-to-end")
        assert detector.timed(0)[0::2] == (FAILED_NS, None)
        assert detector.timed(0).wall_ns == FAILED_NS

    @pytest.mark.skipif(one_core() is None, reason="not there on this system: pinning to a core")
    def test_both_sides_share_one_core(self, opened):
        core = one_core()
        for detector in (opened(core=core), opened(python=None, core=core)):
            assert detector.protocol["process"] == "its own, on one core"
            for thread in child_of(detector).threads():
                assert psutil.Process(thread.id).cpu_affinity() == [core]

    def test_a_core_that_is_not_there_is_named(self, opened):
        if one_core() is None:
            assert opened(core=0).protocol["process"] == "its own"
        else:
            with pytest.raises(TargetError, match="its process cannot be pinned to core 4095"):
                opened(core=4095)

    def test_two_of_them_are_the_sides_of_a_paired_loop(self, opened):
        """The same model twice: the median ratio is one."""
        sides = [opened(core=one_core(), python=python).hold(PICTURES, "end-to-end") for python in (None, None)]
        loop = PairedLoop(*sides, LoadShape(), SystemClock(), seed=0)
        run = loop.extend(lambda run: run.pairs >= 200, 10, lambda _: None)
        ratios = run.first.latencies_ns / run.second.latencies_ns
        assert run.pairs >= 200
        assert 0.8 < np.median(ratios) < 1.25
        assert len(run.first.timings) == run.pairs


class TestErrors:
    def test_an_error_there_is_the_same_error_here_and_the_process_goes_on(self, opened, own_decoder, other):
        detector = opened(None, own_decoder, behaviour="nan")
        detector.hold(PICTURES, "end-to-end")
        for _ in range(2):
            with pytest.raises(OutputError) as caught:
                detector.timed(0)
            assert str(caught.value) == f"models.old with {other}: a score is NaN"

    @pytest.mark.parametrize(
        ("content", "kind", "why"),
        [
            (b"broken", ModelError, r"^models.old with .*: .* is no ONNX model that this ONNX Runtime can load"),
            (nan_model(), OutputError, "a score is NaN"),
            (yolo_model([[16, 16, 16, 8, 0.5, 0]]), OutputError, "^models.old with .*no output"),
        ],
    )
    def test_a_model_that_cannot_be_opened_there_is_refused(self, opened, content, kind, why):
        with pytest.raises(kind, match=why):
            opened(content)

    def test_it_is_attested_there(self, opened):
        target = OnnxruntimeTarget("here", OnnxruntimeOptions(providers=("ACLExecutionProvider",)))
        with pytest.raises(AttestationError, match=r"^models.old with .*target 'here' asked for ACLExecutionProvider"):
            opened(target=target)

    def test_an_error_of_no_known_kind_is_a_target_error(self, opened, own_decoder):
        with pytest.raises(TargetError, match=r"^models.old.python = '.*': KeyError: 'no such key'; what it needs: "):
            opened(None, own_decoder, behaviour="bug")

    def test_a_decoder_that_fits_not_is_an_error_of_here(self, tmp_path, other):
        def bind(signature):
            msg = f"models.old: no decoder recognises {signature}"
            raise ModelError(msg)

        before = psutil.Process().children()
        model = made(tmp_path, detr_model())
        model = Model(model.name, model.size, model.artifact, model.sha256, model.settings, bind)
        with pytest.raises(
            ModelError, match=r"no decoder recognises inputs images \[1, 3, 32, 32\], orig_target_sizes"
        ):
            OnnxruntimeTarget("here", OnnxruntimeOptions()).open_apart(model, python=other, core=None)
        assert psutil.Process().children() == before

    def test_a_missing_interpreter_is_named(self, opened, tmp_path):
        python = tmp_path / ".venv-old" / "bin" / "python"
        with pytest.raises(TargetError) as caught:
            opened(python=python)
        command = f'"{python}"' if " " in str(python) else python
        assert str(caught.value) == (
            f"models.old.python = '{python}': no such file; make that environment, or correct the path; what it needs: "
            f"`{command} -m pip install numpy onnxruntime opencv-python-headless msgspec`"
        )

    @pytest.mark.parametrize("place", ["files", "folder"])
    def test_a_full_disk_is_named(self, opened, monkeypatch, place):
        """As copytree tells it: of files as a list of what failed, of its own folder at once."""

        def full(*_, **__):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        before = psutil.Process().children()
        if place == "files":
            usual = shutil.copytree.__defaults__
            monkeypatch.setattr(
                shutil.copytree, "__defaults__", tuple(full if one is shutil.copy2 else one for one in usual)
            )
        else:
            monkeypatch.setattr(shutil, "copytree", full)
        with pytest.raises(TargetError) as caught:
            opened()
        said = str(caught.value)
        assert said.startswith("models.old: pytest-rfperf cannot be copied to '")
        assert os.strerror(errno.ENOSPC) in said
        assert said.endswith("; free space there, or set TMPDIR (TEMP on Windows) to a folder that can be written")
        assert len(said) < 400
        assert psutil.Process().children() == before

    def test_what_is_no_interpreter_is_named(self, opened, tmp_path):
        (tmp_path / "python").write_bytes(b"no program")
        with pytest.raises(TargetError, match=r"^models.old.python = '.*python': cannot be started \("):
            opened(python=tmp_path / "python")

    @pytest.mark.parametrize("missing", [list(NEEDED), ["msgspec"], ["cv2"]])
    def test_a_missing_module_is_named_with_the_command_that_installs_it(self, opened, tmp_path, missing):
        modules = {name: names for name, names in NEEDED.items() if name not in missing}
        python = environment(tmp_path / "bare", modules)
        with pytest.raises(TargetError) as caught:
            opened(python=python)
        wanted = " ".join("opencv-python-headless" if name == "cv2" else name for name in missing)
        assert str(caught.value) == (
            f"models.old.python = '{python}': its environment has no module {', '.join(missing)}; what it needs: "
            f"`{python} -m pip install {wanted}`"
        )

    @scripts_only
    def test_a_python_that_is_too_old_is_named(self, opened, script):
        python = script("sys.version_info = (3, 9, 2, 'final', 0)")
        with pytest.raises(TargetError, match=r"it is Python 3.9.2, and 3.11 or later is needed; what it needs: "):
            opened(python=python)

    @scripts_only
    @pytest.mark.parametrize(
        ("first", "why"),
        [
            ("import os; os.write(1, b'Welcome to this environment')", "wrote b'Welcome ' in the place of an answer"),
            ("sys.exit('no licence')", "its process ended with code 1: no licence; what it needs: "),
            ("import os; os._exit(3)", "its process ended with code 3: no message; what it needs: "),
            ("import time; time.sleep(600)", "its process gave no answer within 1 s; what it needs: "),
        ],
    )
    def test_one_that_does_not_begin_is_named(self, opened, script, monkeypatch, first, why):
        monkeypatch.setattr(apart_process, "OPEN_S", 1)
        monkeypatch.setattr(apart_process, "_LEAVE_S", 0.2)
        before = psutil.Process().children()
        with pytest.raises(TargetError, match=why):
            opened(python=script(first))
        assert psutil.Process().children() == before

    @pytest.mark.parametrize(("behaviour", "why"), [("die", "code 7: a line"), ("crash", "code -15: what was wrong")])
    def test_one_that_dies_says_why_and_stays_closed(self, opened, own_decoder, behaviour, why):
        if WINDOWS and behaviour == "crash":
            pytest.skip("not there on this system: signals")
        detector = opened(None, own_decoder, behaviour=behaviour)
        detector.hold(PICTURES, "end-to-end")
        with pytest.raises(TargetError, match=rf"^models.old.python = '.*': its process ended with {why}"):
            detector.timed(0)
        with pytest.raises(TargetError, match="its process was closed"):
            detector.timed(0)

    def test_one_that_hangs_is_given_up_and_ended(self, opened, own_decoder, monkeypatch):
        monkeypatch.setattr(apart_process.ApartProcess.ask, "__kwdefaults__", {"limit_s": 0.5})
        detector = opened(None, own_decoder, behaviour="hang")
        child = child_of(detector)
        detector.hold(PICTURES, "end-to-end")
        with pytest.raises(TargetError, match=r"its process gave no answer within 0.5 s; what it needs: "):
            detector.timed(0)
        assert not child.is_running()


class TestEnd:
    def test_closing_ends_it_and_leaves_nothing(self, opened):
        detector = opened()
        child, folder = child_of(detector), Path(detector._process._process.args[1]).parents[3]
        assert (folder / "pytest_rfperf").is_dir()
        detector.close()
        detector.close()
        assert not child.is_running()
        assert not folder.exists()
        with pytest.raises(TargetError, match="its process was closed"):
            detector.detect(PICTURES[0])

    @pytest.mark.integration
    @pytest.mark.parametrize("end", ["kill", "interrupt"])
    def test_it_ends_with_its_parent_even_within_a_call(self, tmp_path, other, own_decoder, end):
        """The parent is killed, or the terminal sends Ctrl-C to both; the child is in a call of ten minutes."""
        if WINDOWS:
            pytest.skip("not there on this system: process groups with signals")
        write(tmp_path / "tiny.onnx", detr_model())
        program = f"""
            import signal
            import sys
            from pathlib import Path
            sys.path.insert(0, {str(Path(__file__).parent)!r})
            sys.path.insert(0, {str(Path(__file__).parents[1])!r})
            signal.signal(signal.SIGINT, signal.default_int_handler)
            sys.path.insert(0, {str(tmp_path / "own")!r})
            from own_decoder import OwnDecoder
            from test_onnxruntime_apart import *
            model = made(Path({str(tmp_path)!r}), detr_model(), OwnDecoder, behaviour="hang")
            target = OnnxruntimeTarget("here", OnnxruntimeOptions())
            detector = target.open_apart(model, python=Path({str(other)!r}), core=None)
            detector.hold(PICTURES, "end-to-end")
            print(child_of(detector).pid, flush=True)
            try:
                detector.timed(0)
            finally:
                detector.close()
        """
        command = [sys.executable, "-c", textwrap.dedent(program)]
        listening = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "start_new_session": True}
        # Who is killed leaves temporary files.
        with subprocess.Popen(command, env=os.environ | {"TMPDIR": str(tmp_path)}, **listening) as parent:
            child = psutil.Process(int(parent.stdout.readline()))
            time.sleep(0.3)
            if end == "kill":
                parent.kill()
            else:
                os.killpg(parent.pid, signal.SIGINT)
            gone, _ = psutil.wait_procs([child], timeout=5)
            assert gone == [child]
            parent.wait(10)
            if end == "interrupt":
                assert parent.stderr.read().decode().strip().endswith("KeyboardInterrupt")


class TestForTurns:
    def test_idle_threads_do_not_spin(self, tmp_path):
        target = OnnxruntimeTarget("here", OnnxruntimeOptions(threads=2, max_fallback=7))
        turned = target.for_turns()
        assert turned is not target
        assert turned.name == "here"
        assert turned.open(made(tmp_path, detr_model())).protocol["spinning"] == "False"
        assert target.open(made(tmp_path, detr_model())).protocol["spinning"] == "True"
        assert turned._options == OnnxruntimeOptions(threads=2, max_fallback=7, spinning=False)

    @pytest.mark.parametrize("options", [{}, {"threads": 1}, {"threads": 4, "spinning": False}])
    def test_where_nothing_spins_it_is_the_same_target(self, options):
        target = OnnxruntimeTarget("here", OnnxruntimeOptions(**options))
        assert target.for_turns() is target
