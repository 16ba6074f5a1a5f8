"""Reading the images of a dataset, each checked before a pixel of it is decoded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pytest_rfperf.errors import DatasetError, ImageError
from pytest_rfperf.image_header import read_header

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_rfperf.data.dataset import ImageRecord

POOL_BYTES = 256 * 10**6
_MAX_FILE_BYTES = 200 * 10**6


def read_image(image: ImageRecord) -> bytes:
    """The bytes of an image file.

    Raises
    ------
    ImageError
        If the file cannot be read, is cut short or too large.
    DatasetError
        If its size is not the annotated one: boxes would lie elsewhere.
    """
    try:
        if image.path.stat().st_size > _MAX_FILE_BYTES:
            msg = f"{image.path}: larger than {_MAX_FILE_BYTES // 10**6} MB"
            raise ImageError(msg)
        content = image.path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        msg = f"image {image.id}: {image.path} cannot be read: {reason}"
        raise ImageError(msg) from error
    header = read_header(content, f"image {image.id}: {image.path}")
    annotated = image.width_px, image.height_px
    if header is not None and all(annotated) and header.shown_size_px != annotated:
        shown = header.shown_size_px
        turned = header.orientation > 1 and (header.width_px, header.height_px) == annotated
        cause = (
            f"its EXIF orientation {header.orientation} turns it; export the dataset with auto-orient"
            if turned
            else "the file was replaced or resized after it was annotated"
        )
        msg = (
            f"image {image.id}: {image.path} is {shown[0]} x {shown[1]} pixels, annotated as "
            f"{annotated[0]} x {annotated[1]}: {cause}"
        )
        raise DatasetError(msg)
    return content


def image_pool(images: Sequence[ImageRecord], seed: int, *, limit_bytes: int = POOL_BYTES) -> list[bytes]:
    """Images for a latency run, held in memory: a seeded draw of as many as fit into `limit_bytes`."""
    pool: list[bytes] = []
    size = 0
    for i in np.random.default_rng(seed).permutation(len(images)):
        content = read_image(images[i])
        size += len(content)
        if pool and size > limit_bytes:
            break
        pool.append(content)
    return pool
