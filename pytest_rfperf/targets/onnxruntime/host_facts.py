"""Facts of the host that hold from one boot to the next unless somebody changes them."""

from __future__ import annotations

import contextlib
import os
import platform
import subprocess
from pathlib import Path

_CPU = "sys/devices/system/cpu"
_FILES = {
    "governor": (f"{_CPU}/cpu0/cpufreq/scaling_governor", {}),
    "turbo": (f"{_CPU}/cpufreq/boost", {"0": "off", "1": "on"}),
}
_BOARD = "proc/device-tree/model"
_TELL_S = 5
_NO_TURBO = f"{_CPU}/intel_pstate/no_turbo"


def host_facts(root: Path = Path("/")) -> dict[str, str]:
    """The CPU, how many cores are visible, the system, and how clocks are governed; what cannot be read is left out.

    Parameters
    ----------
    root : Path
        Of the file system, for files of another one.
    """
    facts = {
        "cpu": _cpu_model(root),
        "visible cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        "system": platform.system(),
    }
    for name, (file, words) in _FILES.items():
        text = _text(root / file)
        if text:
            facts[name] = words.get(text, text)
    no_turbo = _text(root / _NO_TURBO)
    if no_turbo:
        facts["turbo"] = "off" if no_turbo == "1" else "on"
    return facts


def _text(path: Path) -> str:
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return path.read_text(encoding="ascii").strip()
    return ""


def _cpu_model(root: Path) -> str:
    """The name that the CPU gives itself, where the system tells; else all that tells it from others."""
    name = _of_linux(root) or _of_macos(root) or os.environ.get("PROCESSOR_IDENTIFIER", "")
    return name or platform.processor() or platform.machine()


def _of_linux(root: Path) -> str:
    """The model name; on ARM, where that is missing or that of a whole family, the board and the kinds of cores too."""
    found: dict[str, list[str]] = {}
    with contextlib.suppress(OSError), (root / "proc/cpuinfo").open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            name, _, value = line.partition(":")
            found.setdefault(name.strip(), []).append(value.strip())
    models, makers = found.get("model name", [""]), found.get("CPU implementer", [])
    if models[0] and not makers:
        return models[0]
    cores = dict.fromkeys(zip(makers, found.get("CPU part", []), strict=False))
    kinds = [f"implementer {maker} part {part}" for maker, part in cores]
    return ", ".join(filter(None, [models[0], _text(root / _BOARD).strip("\0"), *kinds]))


def _of_macos(root: Path) -> str:
    """The brand, such as Apple M2 Pro; every one of them is an "arm" otherwise."""
    if platform.system() != "Darwin":
        return ""
    command = [str(root / "usr/sbin/sysctl"), "-n", "machdep.cpu.brand_string"]
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        told = subprocess.run(command, capture_output=True, timeout=_TELL_S, check=True)  # noqa: S603 - the system's own
        return told.stdout.decode(errors="replace").strip()
    return ""
