"""Ctrl-C in the middle of a measurement."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.integration


LISTENING = """
import signal, sys, pytest
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(pytest.main())
"""
"""A shell that runs jobs in the background has them ignore SIGINT, which children inherit."""


@pytest.mark.skipif(sys.platform == "win32", reason="not there on this system: SIGINT to a child")
def test_ctrl_c_ends_a_measurement_and_leaves_lock_and_files_whole(pytester):
    pytester.makepyfile(
        test_long="""
        from pathlib import Path
        from pytest_rfperf import *
        @min_map(0.1)
        def test_before(): ...
        def test_long(measure):
            Path("begun").touch()
            measure.latency(calls=10**9, pace='250ms')
        """
    )
    command = [
        sys.executable,
        "-c",
        LISTENING,
        "--target=cpu",
        "--rfperf-size=fast",
        "--rfperf-dataset=pieces",
        "--rfperf-record",
    ]
    run = subprocess.Popen(command, cwd=pytester.path, stdout=subprocess.PIPE, text=True)
    for _ in range(600):
        if (pytester.path / "begun").exists():
            break
        time.sleep(0.05)
    time.sleep(0.5)
    run.send_signal(signal.SIGINT)
    shown, _ = run.communicate(timeout=60)
    assert run.returncode == pytest.ExitCode.INTERRUPTED
    assert "KeyboardInterrupt" in shown
    assert not (pytester.path / "baselines").exists()
    assert sorted(path.name for path in (pytester.path / ".rfperf").iterdir()) == [".gitignore", "last.json"]
    again = subprocess.run(
        [*command, "-k", "test_before"], cwd=pytester.path, capture_output=True, check=False, timeout=60
    )
    assert again.returncode == pytest.ExitCode.OK
