"""Git LFS pointers: a few lines of text in the place of a large file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

_BEGIN = b"version https://git-lfs.github.com/spec/"
_OID = re.compile(rb"^oid sha256:([0-9a-f]{64})\r?$", re.MULTILINE)
_SIZE = re.compile(rb"^size (\d{1,19})\r?$", re.MULTILINE)
_MOST_BYTES = 1024
"""A pointer is shorter, by its specification."""


class Pointer(NamedTuple):
    """The file that a pointer stands for.

    Attributes
    ----------
    sha256 : str
        Hash of its bytes.
    size_bytes : int
    """

    sha256: str
    size_bytes: int

    def __str__(self) -> str:
        """Show the hash and the size."""
        return f"sha256 {self.sha256[:12]}, {self.size_bytes / 1e6:.1f} MB"

    def place(self, objects: Path) -> Path:
        """Where its bytes lie in a folder of LFS objects."""
        return objects / self.sha256[:2] / self.sha256[2:4] / self.sha256


def read_pointer(file: Path) -> Pointer | None:
    """The pointer that a file holds, or None where it holds anything else."""
    with file.open("rb") as opened:
        content = opened.read(_MOST_BYTES)
    if not content.startswith(_BEGIN):
        return None
    oid, size = _OID.search(content), _SIZE.search(content)
    return Pointer(oid[1].decode(), int(size[1])) if oid and size else None
