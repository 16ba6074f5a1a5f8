"""Stable facts of a host, read from files as Linux documents them (kernel: admin-guide/pm/cpufreq, intel_pstate)."""

from __future__ import annotations

import pytest

from pytest_rfperf.targets.onnxruntime.host_facts import host_facts

CPU = "sys/devices/system/cpu"


def write(root, files):
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def test_what_cannot_be_read_is_left_out(tmp_path):
    assert set(host_facts(tmp_path)) == {"cpu", "visible cores", "system"}


@pytest.mark.parametrize(
    ("file", "text", "fact"),
    [
        (f"{CPU}/cpu0/cpufreq/scaling_governor", "powersave\n", ("governor", "powersave")),
        (f"{CPU}/cpufreq/boost", "0\n", ("turbo", "off")),
        (f"{CPU}/cpufreq/boost", "1\n", ("turbo", "on")),
        (f"{CPU}/intel_pstate/no_turbo", "1\n", ("turbo", "off")),
        (f"{CPU}/intel_pstate/no_turbo", "0\n", ("turbo", "on")),
        ("proc/cpuinfo", "processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\n", ("cpu", "Some CPU @ 2 GHz")),
    ],
)
def test_clocks_and_the_cpu_are_facts(tmp_path, file, text, fact):
    write(tmp_path, {file: text})
    assert fact in host_facts(tmp_path).items()


def test_a_file_that_is_no_text_is_left_out(tmp_path):
    write(tmp_path, {f"{CPU}/cpu0/cpufreq/scaling_governor": ""})
    (tmp_path / f"{CPU}/cpu0/cpufreq/scaling_governor").write_bytes(b"\xff\xfe")
    assert "governor" not in host_facts(tmp_path)
