"""Builds the C tier of the metric core, where there is a compiler; without it the numpy tier gives the same answers."""

from __future__ import annotations

import sys

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

WINDOWS = sys.platform == "win32"
FOLDER = "pytest_rfperf/core/native"
FILES = ("ordering", "suppression", "matching", "accumulation", "weighted_precision", "rows")
# Fused multiply-add would round once where numpy rounds twice.
FLAGS = ["/O2", "/fp:precise"] if WINDOWS else ["-std=c99", "-O3", "-ffp-contract=off", "-fvisibility=hidden"]


class BuildLibrary(build_ext):
    """Builds what ctypes loads: it has no initialiser of a Python module to export."""

    def get_export_symbols(self, ext: Extension) -> list[str]:  # noqa: ARG002 - setuptools' signature
        """None beside those that the sources mark."""
        return []


setup(
    cmdclass={"build_ext": BuildLibrary},
    ext_modules=[
        Extension(
            "pytest_rfperf.core.native._kernels",
            sources=[f"{FOLDER}/{name}.c" for name in FILES],
            depends=[f"{FOLDER}/kernels.h"],
            extra_compile_args=FLAGS,
            libraries=[] if WINDOWS else ["m"],
            optional=True,
        )
    ],
)
