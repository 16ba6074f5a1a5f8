"""Where the match records of a baseline lie: beside its JSON while they are small, else in the cache."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_rfperf.cache_folder import cache_folder
from pytest_rfperf.errors import StoreError
from pytest_rfperf.store.atomic import write_atomically
from pytest_rfperf.store.match_records import MOST_BYTES, sha256_of_records

if TYPE_CHECKING:
    from pathlib import Path

MOST_BESIDE = 2 * 10**6
_SHOWN = 12
_REMEDY = "commit the .records file that was written with it, or record anew: pytest --rfperf-record"


def keep_records(baseline: Path, content: bytes) -> tuple[str, Path]:
    """Write records under their hash; return it and the file. Call it before the baseline that names them is written.

    Raises
    ------
    StoreError
        If they cannot be written.
    """
    sha256 = sha256_of_records(content)
    place = records_beside(baseline, sha256) if len(content) <= MOST_BESIDE else records_cached(sha256)
    write_atomically(place, content)
    return sha256, place


def drop_older_records(baseline: Path, sha256: str) -> None:
    """Delete records beside a baseline that its newest run does not name.

    Raises
    ------
    StoreError
        If one cannot be deleted.
    """
    ours = re.compile(re.escape(baseline.stem) + rf"\.[0-9a-f]{{{_SHOWN}}}\.records")
    for path in baseline.parent.glob("*.records"):
        if ours.fullmatch(path.name) and path != records_beside(baseline, sha256):
            _delete(path)


def _delete(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        msg = f"{path} cannot be deleted ({error.strerror or error}); run rfperf baselines prune later"
        raise StoreError(msg) from error


def read_records(baseline: Path, sha256: str) -> tuple[bytes, str]:
    """The content of records by their hash, and the name of the file.

    Raises
    ------
    StoreError
        If they are not there, or are not those that the baseline names.
    """
    for place in (records_beside(baseline, sha256), records_cached(sha256)):
        content = _content(place)
        if content is not None:
            if sha256_of_records(content) == sha256:
                return content, place.name
            msg = f"{place.name} is not what {baseline.name} names (sha256 {sha256[:_SHOWN]}); {_REMEDY}"
            raise StoreError(msg)
    msg = (
        f"{baseline.name} names match records {sha256[:_SHOWN]}, which are neither beside it nor in the cache of this "
        f"machine (those of more than 2 MB stay where they were recorded); {_REMEDY}"
    )
    raise StoreError(msg)


def _content(place: Path) -> bytes | None:
    """Bytes of a file; None where it is not there."""
    try:
        if not place.is_file():
            return None
        if place.stat().st_size > MOST_BYTES:
            msg = f"{place.name} is larger than any match records; {_REMEDY}"
            raise StoreError(msg)
        return place.read_bytes()
    except OSError as error:
        msg = f"{place.name} cannot be read: {error.strerror or error}"
        raise StoreError(msg) from error


def records_beside(baseline: Path, sha256: str) -> Path:
    """Where small records of a baseline lie."""
    return baseline.with_name(f"{baseline.stem}.{sha256[:_SHOWN]}.records")


def records_cached(sha256: str) -> Path:
    """Where large records lie, on the machine that recorded them."""
    return cache_folder() / "records" / f"{sha256}.records"
