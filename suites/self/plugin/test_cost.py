"""What the plugin costs a project: collecting imports no numpy and opens nothing."""

from __future__ import annotations

import subprocess
import sys

WATCH = """
import socket, subprocess, sys

def refuse(*a, **k):
    raise AssertionError("opened while collecting")

socket.socket.connect = refuse
subprocess.Popen.__init__ = refuse
opened = []
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)

def pytest_sessionfinish():
    print("NUMPY", "numpy" in sys.modules)
    print("MODELS", [name for name in opened if name.endswith((".onnx", ".jpg"))])
"""
GATED = "from pytest_rfperf import *\n@latency_budget(ms=5)\n@min_map(0.1)\ndef test_release(detector): ..."


def collected(pytester, source):
    pytester.makeconftest(WATCH)
    pytester.makepyfile(source)
    command = [sys.executable, "-m", "pytest", "--co", "-s", "-p", "no:hypothesispytest", "-p", "no:benchmark"]
    return subprocess.run(command, cwd=pytester.path, capture_output=True, text=True, check=True).stdout


def test_collecting_a_project_without_gates_imports_little(pytester):
    shown = collected(pytester, "import sys\ndef test_a(): ...\nprint('MSGSPEC', 'msgspec' in sys.modules)")
    assert "NUMPY False" in shown
    assert "MSGSPEC False" in shown


def test_collecting_gates_imports_no_numpy_and_opens_no_model(pytester):
    shown = collected(pytester, GATED)
    assert "test_release[fast-cpu-pieces]" in shown
    assert "NUMPY False" in shown
    assert "MODELS []" in shown
