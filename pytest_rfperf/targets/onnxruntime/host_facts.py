"""Facts of the host that hold from one boot to the next unless somebody changes them."""

from __future__ import annotations

import contextlib
import os
import platform
from pathlib import Path

_CPU = "sys/devices/system/cpu"
_FILES = {
    "governor": (f"{_CPU}/cpu0/cpufreq/scaling_governor", {}),
    "turbo": (f"{_CPU}/cpufreq/boost", {"0": "off", "1": "on"}),
}
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
    """The name that the CPU gives itself, where the system tells."""
    with contextlib.suppress(OSError), (root / "proc/cpuinfo").open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
