"""Stable facts of a host, read from files as Linux documents them (kernel: admin-guide/pm/cpufreq, intel_pstate)."""

from __future__ import annotations

import sys

import pytest

from pytest_rfperf.targets.onnxruntime import host_facts as module
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


ARM = "processor\t: {}\nBogoMIPS\t: 108.00\nCPU implementer\t: 0x41\nCPU architecture: 8\nCPU part\t: {}\nCPU revision\t: 3\n\n"
SMALL, LARGE = "implementer 0x41 part 0xd05", "implementer 0x41 part 0xd0b"


def test_boards_of_arm_are_told_apart_by_their_name_and_their_cores(tmp_path):
    """As arch/arm64/kernel/cpuinfo.c writes it, which has no model name; the device tree ends in NUL."""
    cores = [ARM.format(i, part) for i, part in enumerate(["0xd05", "0xd05", "0xd0b"])]
    write(tmp_path, {"proc/cpuinfo": "".join(cores), "proc/device-tree/model": "Some Board 4 Rev 1.2\0"})
    assert host_facts(tmp_path)["cpu"] == f"Some Board 4 Rev 1.2, {SMALL}, {LARGE}"


def test_servers_of_arm_have_no_device_tree(tmp_path):
    write(tmp_path, {"proc/cpuinfo": ARM.format(0, "0xd0b")})
    assert host_facts(tmp_path)["cpu"] == LARGE


def test_the_name_of_a_family_alone_is_not_enough(tmp_path):
    """As arch/arm/kernel/setup.c writes it."""
    text = "processor\t: 0\nmodel name\t: ARMv7 Processor rev 4 (v7l)\nCPU implementer\t: 0x41\nCPU part\t: 0xd05\n"
    write(tmp_path, {"proc/cpuinfo": text})
    assert host_facts(tmp_path)["cpu"] == f"ARMv7 Processor rev 4 (v7l), {SMALL}"


@pytest.mark.skipif(sys.platform == "win32", reason="not there on this system: a shell script")
@pytest.mark.parametrize(
    ("script", "cpu"),
    [
        ('[ "$*" = "-n machdep.cpu.brand_string" ] && echo "Apple M2 Pro"', "Apple M2 Pro"),
        ("exit 1", "arm"),
        ("exec sleep 60", "arm"),
    ],
)
def test_macos_is_asked_for_the_brand(tmp_path, monkeypatch, script, cpu):
    monkeypatch.setattr(module, "_TELL_S", 1)
    monkeypatch.setattr(module.platform, "system", lambda: "Darwin")
    monkeypatch.setattr(module.platform, "processor", lambda: "arm")
    monkeypatch.delenv("PROCESSOR_IDENTIFIER", raising=False)
    write(tmp_path, {"usr/sbin/sysctl": f"#!/bin/sh\n{script}\n"})
    (tmp_path / "usr/sbin/sysctl").chmod(0o755)
    assert host_facts(tmp_path)["cpu"] == cpu


def test_windows_says_it_in_the_environment(tmp_path, monkeypatch):
    monkeypatch.setattr(module.platform, "processor", lambda: "")
    monkeypatch.setenv("PROCESSOR_IDENTIFIER", "ARMv8 (64-bit) Family 8 Model 1 Revision 201, Some Maker")
    assert host_facts(tmp_path)["cpu"] == "ARMv8 (64-bit) Family 8 Model 1 Revision 201, Some Maker"
