"""A Python of its own that runs `apart_child` and answers frames, as parents see it."""

from __future__ import annotations

import contextlib
import importlib.machinery
import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple, cast

import psutil

from pytest_rfperf import errors
from pytest_rfperf.core.native.library import library
from pytest_rfperf.errors import RfperfError, TargetError
from pytest_rfperf.targets.onnxruntime.apart_child import NEEDED, OLDEST, GarbageError, read_frame, write_frame

if TYPE_CHECKING:
    from collections.abc import Sequence

OPEN_S = 300
"""A provider may build an engine for minutes before the first answer."""
CALL_S = 60
_LEAVE_S = 2
_PACKAGE = Path(__file__).parents[2]
_SHOWN = 300
_READ_BYTES = 4096
_DISTRIBUTIONS = {"cv2": "opencv-python-headless"}
_OF_THIS_PYTHON = ("PYTHONEXECUTABLE", "PYTHONHOME", "PYTHONPATH", "__PYVENV_LAUNCHER__")
_LEFT_OUT = shutil.ignore_patterns("__pycache__", "reference", "_kernels*", "*.c", "*.h")


class Interpreter(NamedTuple):
    """The Python that runs a model.

    Attributes
    ----------
    model : str
        Name of the model, for messages.
    python : Path or None
        None for the Python of this process.
    """

    model: str
    python: Path | None

    @property
    def command(self) -> str:
        """What starts it."""
        return str(self.python or sys.executable)

    def failed(self, why: str, modules: Sequence[str] = NEEDED) -> TargetError:
        """The error that names it, and how its packages are installed."""
        key = f"models.{self.model}.python"
        said = f"{key} = '{self.python}'" if self.python else f"{key} (not set: {self.command})"
        packages = " ".join(_DISTRIBUTIONS.get(name, name) for name in modules)
        command = f'"{self.command}"' if " " in self.command else self.command
        return TargetError(f"{said}: {why}; what it needs: `{command} -m pip install {packages}`")


class ApartProcess:
    """Starts the process; `ask` sends a request and waits for its answer.

    Parameters
    ----------
    interpreter : Interpreter
    core : int or None
        Where it is pinned to, as far as the system can.

    Raises
    ------
    TargetError
        If it cannot be started, or is too old, or there is no room for a copy of this package.
    """

    def __init__(self, interpreter: Interpreter, core: int | None) -> None:
        """Start it, and pin it before it does any work."""
        self._interpreter = interpreter
        self.pinned = False
        self._answers: queue.Queue[bytes | GarbageError | None] = queue.Queue()
        with contextlib.ExitStack() as stack:
            self._errors = stack.enter_context(tempfile.TemporaryFile())
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="rfperf-"))
            self._process = self._started(Path(folder))
            stack.callback(self._end)
            self._reader = threading.Thread(target=self._listen, daemon=True)
            self._reader.start()
            self._greet(core)
            self._held = stack.pop_all()

    def ask(self, request: object, images: Sequence[bytes] = (), *, limit_s: float = CALL_S) -> Any:  # noqa: ANN401 - JSON
        """Send a request, and images behind it; its answer.

        Raises
        ------
        TargetError
            If the process is gone, hangs, or has not what it needs.
        RfperfError
            The one that was raised there.
        """
        try:
            self._send([json.dumps(request).encode(), *images])
            answer = self._answer(limit_s)
        except BaseException:
            # The answer that is still to come would be taken for that of the next request.
            self.close()
            raise
        if "missing" in answer:
            why = f"its environment has no module {', '.join(answer['missing'])}"
            raise self._interpreter.failed(why, answer["missing"])
        if "error" in answer:
            raise self._raised(answer["error"], answer["message"])
        return answer.get("answer", answer)

    def close(self) -> None:
        """End it."""
        self._held.close()

    def _started(self, folder: Path) -> subprocess.Popen[bytes]:
        python, child = self._interpreter.python, self._copied(folder)
        if python is not None and not python.is_file():
            why = "no such file; make that environment, or correct the path"
            raise self._interpreter.failed(why)
        # The own Python finds its packages wherever this process found them, another one only in its own places.
        paths = [str(folder), *(() if python else filter(None, sys.path))]
        inherited = {name: value for name, value in os.environ.items() if name not in _OF_THIS_PYTHON}
        settings = {"PYTHONPATH": os.pathsep.join(paths), "PYTHONSAFEPATH": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        try:
            return subprocess.Popen(  # noqa: S603 - the interpreter that the user named, and our own module
                [self._interpreter.command, str(child)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env=inherited | settings,
            )
        except OSError as error:
            why = f"cannot be started ({error.strerror or error})"
            raise self._interpreter.failed(why) from error

    def _copied(self, folder: Path) -> Path:
        try:
            return _copy_package(folder)
        except OSError as error:
            msg = (
                f"models.{self._interpreter.model}: pytest-rfperf cannot be copied to '{folder}' ({_reason(error)}); "
                f"free space there, or set TMPDIR (TEMP on Windows) to a folder that can be written"
            )
            raise TargetError(msg) from error

    def _greet(self, core: int | None) -> None:
        """Hear which Python it is, and pin it."""
        hello = self._answer(OPEN_S)
        if tuple(hello["python"][:2]) < OLDEST:
            version, oldest = (".".join(map(str, numbers)) for numbers in (hello["python"], OLDEST))
            why = f"it is Python {version}, and {oldest} or later is needed"
            raise self._interpreter.failed(why)
        process = psutil.Process()
        if core is None or not hasattr(process, "cpu_affinity"):
            return
        try:
            psutil.Process(hello["pid"]).cpu_affinity([core])
        except (psutil.Error, ValueError, OSError) as error:
            why = f"its process cannot be pinned to core {core} ({error})"
            raise self._interpreter.failed(why) from error
        self.pinned = True

    def _send(self, frames: Sequence[bytes]) -> None:
        if self._process.poll() is not None:
            raise self._gone()
        sink = cast("IO[bytes]", self._process.stdin)
        try:
            for frame in frames:
                write_frame(sink, frame)  # type: ignore[arg-type]
            sink.flush()
        except (OSError, ValueError):
            raise self._gone() from None

    def _answer(self, limit_s: float) -> Any:  # noqa: ANN401 - JSON
        try:
            frame = self._answers.get(timeout=limit_s)
        except queue.Empty:
            why = f"its process gave no answer within {limit_s:g} s"
            raise self._interpreter.failed(why) from None
        if frame is None:
            raise self._gone()
        if isinstance(frame, GarbageError):
            why = f"its process wrote {frame} in the place of an answer"
            raise self._interpreter.failed(why)
        return json.loads(frame)

    def _listen(self) -> None:
        source: Any = self._process.stdout
        try:
            for frame in iter(lambda: read_frame(source), None):
                self._answers.put(frame)
            self._answers.put(None)
        except GarbageError as error:
            self._answers.put(error)

    def _gone(self) -> TargetError:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_LEAVE_S)
        if self._errors.closed:
            return self._interpreter.failed("its process was closed")
        self._errors.seek(max(0, self._errors.seek(0, os.SEEK_END) - _READ_BYTES))
        lines = self._errors.read().decode(errors="replace").split("\n")
        reason = next((line.strip() for line in reversed(lines) if line.strip()), "no message")
        return self._interpreter.failed(f"its process ended with code {self._process.returncode}: {reason[:_SHOWN]}")

    def _raised(self, name: str, message: str) -> RfperfError:
        kind = getattr(errors, name, None)
        if isinstance(kind, type) and issubclass(kind, RfperfError):
            return kind(f"models.{self._interpreter.model} with {self._interpreter.command}: {message}")
        return self._interpreter.failed(f"{name}: {message}"[:_SHOWN])

    def _end(self) -> None:
        """Let it leave, which it does when nobody is left to ask it; else end it."""
        process: Any = self._process
        with contextlib.suppress(OSError):
            process.stdin.close()
        try:
            process.wait(_LEAVE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._reader.join(_LEAVE_S)
        process.stdout.close()


def _reason(error: OSError) -> str:
    """Why a file could not be copied; of several, the first."""
    if isinstance(error, shutil.Error):
        return str(error.args[0][0][-1])
    return error.strerror or str(error)


def _copy_package(folder: Path) -> Path:
    """Copy this package without what it keeps for itself; the script to run.

    The C tier does not depend on a version of Python, only its name does: under a plain one every Python finds it.
    """
    package = folder / "pytest_rfperf"
    shutil.copytree(_PACKAGE, package, ignore=_LEFT_OUT)
    found = library()
    if found is not None:
        shutil.copy(found._name, package / "core" / "native" / f"_kernels{importlib.machinery.EXTENSION_SUFFIXES[-1]}")  # noqa: SLF001 - ctypes has no other way
    return package / "targets" / "onnxruntime" / "apart_child.py"
