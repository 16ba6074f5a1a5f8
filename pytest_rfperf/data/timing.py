"""Where the time of one request went, as far as its target can tell the stages apart."""

from __future__ import annotations

from typing import NamedTuple


class Timing(NamedTuple):
    """Stages of one request in nanoseconds; a stage that the target cannot tell apart is None, never 0."""

    encode_ns: int | None = None
    network_ns: int | None = None
    queue_ns: int | None = None
    decode_ns: int | None = None
    preprocess_ns: int | None = None
    infer_ns: int | None = None
    postprocess_ns: int | None = None
