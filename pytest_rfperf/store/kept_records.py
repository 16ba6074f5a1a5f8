"""Where the match records of a baseline lie: beside its JSON while they are small, else in the cache."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_rfperf.cache_folder import cache_folder
from pytest_rfperf.errors import StoreError
from pytest_rfperf.store.atomic import write_atomically
from pytest_rfperf.store.match_records import sha256_of_records

if TYPE_CHECKING:
    from pathlib import Path

MOST_BESIDE = 2 * 10**6
_SHOWN = 12


def keep_records(baseline: Path, content: bytes) -> str:
    """Write records under their hash and return it. Call it before the baseline that names them is written.

    Raises
    ------
    StoreError
        If they cannot be written.
    """
    sha256 = sha256_of_records(content)
    place = _beside(baseline, sha256) if len(content) <= MOST_BESIDE else _cached(sha256)
    write_atomically(place, content)
    return sha256


def drop_older_records(baseline: Path, sha256: str) -> None:
    """Delete records beside a baseline that its newest run does not name."""
    ours = re.compile(re.escape(baseline.stem) + rf"\.[0-9a-f]{{{_SHOWN}}}\.records")
    for path in baseline.parent.glob("*.records"):
        if ours.fullmatch(path.name) and path != _beside(baseline, sha256):
            path.unlink(missing_ok=True)


def read_records(baseline: Path, sha256: str) -> tuple[bytes, str]:
    """The content of records by their hash, and the name of the file.

    Raises
    ------
    StoreError
        If they are not there, or are not those that the baseline names.
    """
    for place in (_beside(baseline, sha256), _cached(sha256)):
        if place.is_file():
            content = place.read_bytes()
            if sha256_of_records(content) == sha256:
                return content, str(place)
            msg = f"{place} is not what {baseline.name} names (sha256 {sha256[:_SHOWN]}); restore it, or record anew"
            raise StoreError(msg)
    msg = (
        f"{baseline} names match records {sha256[:_SHOWN]}, which are neither beside it nor in the cache "
        f"{cache_folder()}; commit the .records files with the baselines, or run pytest --rfperf-record again"
    )
    raise StoreError(msg)


def _beside(baseline: Path, sha256: str) -> Path:
    return baseline.with_name(f"{baseline.stem}.{sha256[:_SHOWN]}.records")


def _cached(sha256: str) -> Path:
    return cache_folder() / "records" / f"{sha256}.records"
