"""Runs the fuzz test on a C tier that was built with the address and undefined-behaviour sanitisers.

`python suites/self/sanitise.py [arguments of pytest]`, or `tox -e sanitise`. Needs gcc, or another compiler in CC that has
both as shared libraries. The interpreter is not built with them: leaks are not looked at.
"""

from __future__ import annotations

import importlib.machinery
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "pytest_rfperf" / "core" / "native"
FLAGS = (
    "-std=c99 -O1 -g -fno-omit-frame-pointer -ffp-contract=off -fPIC -shared "
    "-fsanitize=address,undefined,float-cast-overflow -fno-sanitize-recover=all"
)
RUNTIMES = ("libasan.so", "libubsan.so")


def build(compiler: list[str], folder: Path) -> Path:
    """The sanitised library, named so that the package finds it."""
    library = folder / f"_kernels{importlib.machinery.EXTENSION_SUFFIXES[0]}"
    sources = sorted(map(str, SOURCES.glob("*.c")))
    subprocess.run([*compiler, *FLAGS.split(), *sources, "-lm", "-o", str(library)], check=True)
    return library


def runtimes(compiler: list[str]) -> str:
    """What must be loaded before the interpreter, since that is not linked with it."""
    found = []
    for name in RUNTIMES:
        asked = [*compiler, f"-print-file-name={name}"]
        path = Path(subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip())
        if not path.is_absolute():
            sys.exit(f"sanitise: {shlex.join(compiler)} has no {name}; set CC to a gcc that has")
        found.append(str(path))
    return " ".join(found)


def main(arguments: list[str]) -> int:
    """Build, run, and say how it went."""
    compiler = shlex.split(os.environ.get("CC", "gcc"))
    if shutil.which(compiler[0]) is None:
        sys.exit(f"sanitise: there is no {compiler[0]}; install gcc, or name a compiler in CC")
    with tempfile.TemporaryDirectory() as folder:
        build(compiler, Path(folder))
        environment = os.environ | {
            "RFPERF_CORE": "c",
            "RFPERF_SANITISED": folder,
            "PYTHONMALLOC": "malloc",
            "LD_PRELOAD": runtimes(compiler),
            "ASAN_OPTIONS": "detect_leaks=0:detect_stack_use_after_return=1:strict_string_checks=1",
            "UBSAN_OPTIONS": "print_stacktrace=1",
        }
        tests = arguments or [str(ROOT / "suites" / "self" / "core" / "test_fuzz.py")]
        # Captured output would be lost with the process that a sanitiser ends.
        command = [sys.executable, "-m", "pytest", "-s", "-p", "sanitised_kernels", "-p", "no:cacheprovider", *tests]
        return subprocess.run(command, env=environment, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
