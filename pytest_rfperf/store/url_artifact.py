"""A model file from an address: streamed to a file, within limits, its hash computed on the way."""

from __future__ import annotations

import hashlib
from http import HTTPStatus
from time import monotonic
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pytest_rfperf.errors import ModelError, UsageError
from pytest_rfperf.store.lfs_pointer import read_pointer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import requests

MOST_BYTES = 4 * 10**9
"""ONNX files end at 2 GB; larger weights lie outside of them."""
_CHUNK = 2**20
_SILENCE_S = (10, 60)
"""Longest wait for a connection, and for the next bytes."""
_LIMIT_S = 1800


def shown_url(url: str) -> str:
    """An address as messages show it, without what may be secret: user, password, query and fragment.

    Raises
    ------
    UsageError
        If it is no address.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.netloc.rpartition("@")[2]:
        msg = "the url of a baseline is no address that begins with https:// or http:// and names a host"
        raise UsageError(msg)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def download(url: str, sha256: str, to: Path, say: Callable[[str], None]) -> None:
    """Fetch a file.

    Parameters
    ----------
    url : str
    sha256 : str
        What its bytes must have.
    to : Path
        Written whole or left for the caller to delete.
    say : callable
        Told how far it is.

    Raises
    ------
    ModelError
        If it cannot be fetched, is too large or is another file.
    """
    import requests  # noqa: PLC0415 - only where an address is configured

    shown = shown_url(url)
    say(f"fetching {shown}")
    try:
        with requests.get(url, stream=True, timeout=_SILENCE_S, headers={"Accept-Encoding": "identity"}) as answer:
            found = _written(answer, to, shown, say)
    except requests.RequestException as error:
        # Neither its text nor itself as a cause: both show the whole address.
        raise _failed(shown, type(error).__name__) from None
    if found != sha256:
        kind = "a Git LFS pointer" if read_pointer(to) else f"{to.stat().st_size} bytes"
        msg = f"{shown} gave {kind} with sha256 {found[:12]}, not {sha256[:12]}; correct the address or the hash"
        raise ModelError(msg)


def _written(answer: requests.Response, to: Path, shown: str, say: Callable[[str], None]) -> str:
    """Write what is answered; the hash of it."""
    if answer.status_code != HTTPStatus.OK:
        raise _failed(shown, f"status {_status(answer.status_code)}")
    length = answer.headers.get("Content-Length", "")
    end = f" of {int(length) / 1e6:.0f}" if length.isascii() and length.isdigit() else ""
    digest, done_bytes, begin = hashlib.sha256(), 0, monotonic()
    with to.open("wb") as file:
        for chunk in answer.iter_content(_CHUNK):
            done_bytes += len(chunk)
            if done_bytes > MOST_BYTES or monotonic() - begin > _LIMIT_S:
                limit = f"{MOST_BYTES / 1e9:g} GB" if done_bytes > MOST_BYTES else f"{_LIMIT_S} s"
                raise _failed(shown, f"more than {limit}")
            file.write(chunk)
            digest.update(chunk)
            say(f"fetching {shown}: {done_bytes / 1e6:.0f}{end} MB")
    return digest.hexdigest()


def _failed(shown: str, why: str) -> ModelError:
    return ModelError(
        f"{shown} cannot be fetched ({why}); correct the url, or name a file that you fetched by its path"
    )


def _status(code: int) -> str:
    try:
        return f"{code} {HTTPStatus(code).phrase}"
    except ValueError:
        return str(code)
