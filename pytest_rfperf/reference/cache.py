"""Pictures of the tasks on disk: drawn once, as COCO folders, in the user's cache.

A folder appears whole or not at all, holds the version of the generator that drew it, and is drawn again where it
does not. Several processes may ask at once: one draws, the others wait.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
from filelock import FileLock

from pytest_rfperf.cache_folder import VARIABLE, cache_folder
from pytest_rfperf.errors import DatasetError
from pytest_rfperf.reference import tasks

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_rfperf.reference.tasks.scene import Picture

_ANNOTATIONS, _STAMP = "annotations.json", "stamp.json"
_QUALITY = 90


def task_folder(task: str, part: str, count: int, progress: Callable[[int, int], None]) -> Path:
    """The COCO folder of a task's pictures; drawn if it is not there yet.

    Parameters
    ----------
    task : str
    part : str
        "train", "valid", "test": a name, from which the pictures follow.
    count : int
        How many pictures, the first of that part.
    progress : callable
        Told the pictures drawn and all pictures after each.

    Raises
    ------
    DatasetError
        If the cache cannot be written.
    """
    folder = cache_folder() / "reference" / f"generator-{tasks.GENERATOR_VERSION}" / f"{task}-{part}-{count}"
    stamp = {"generator": tasks.GENERATOR_VERSION, "task": task, "part": part, "images": count}
    try:
        if not _is_whole(folder, stamp):
            folder.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(folder.with_name(f"{folder.name}.lock")):
                if not _is_whole(folder, stamp):
                    _replace(folder, stamp, progress)
    except OSError as error:
        msg = (
            f"the pictures of task '{task}' cannot be written to {folder.parent}: {error.strerror or error}; set "
            f"{VARIABLE} to a folder with some {1 + count // 20} MB free"
        )
        raise DatasetError(msg) from error
    return folder


def _is_whole(folder: Path, stamp: dict[str, Any]) -> bool:
    """Whether the folder is one that this generator drew, with every file still there."""
    if not (folder / _ANNOTATIONS).is_file():
        return False
    try:
        found = json.loads((folder / _STAMP).read_text(encoding="utf-8"))
        return bool(found == stamp | {"bytes": _bytes(folder)})
    except (OSError, ValueError):
        return False


def _replace(folder: Path, stamp: dict[str, Any], progress: Callable[[int, int], None]) -> None:
    """Draw beside the folder, then put it in its place; what a killed process left behind is cleared away."""
    for left in folder.parent.glob(f".{folder.name}.*"):
        shutil.rmtree(left, ignore_errors=True)
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        _draw(temporary, stamp, progress)
        if folder.exists():
            shutil.rmtree(folder)
        temporary.chmod(0o755)
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _draw(folder: Path, stamp: dict[str, Any], progress: Callable[[int, int], None]) -> None:
    (folder / "images").mkdir()
    task, part, count = stamp["task"], stamp["part"], stamp["images"]
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for index in range(count):
        picture = tasks.draw(task, part, index)
        name = f"{index:04d}.jpg"
        (folder / "images" / name).write_bytes(jpeg(picture))
        height, width = picture.pixels.shape[:2]
        images.append({"id": index + 1, "file_name": name, "width": width, "height": height})
        for label, (x0, y0, x1, y1) in zip(picture.labels, picture.boxes_xyxy, strict=True):
            box = (x0, y0, x1 - x0, y1 - y0)
            row = {"id": len(annotations) + 1, "image_id": index + 1, "category_id": label + 1, "bbox": box}
            annotations.append(row | {"area": box[2] * box[3], "iscrowd": 0})
        progress(index + 1, count)
    categories = [{"id": rank + 1, "name": name} for rank, name in enumerate(tasks.CLASSES[task])]
    content = {"images": images, "categories": categories, "annotations": annotations}
    (folder / _ANNOTATIONS).write_text(json.dumps(content), encoding="utf-8")
    (folder / _STAMP).write_text(json.dumps(stamp | {"bytes": _bytes(folder)}), encoding="utf-8")


def _bytes(folder: Path) -> int:
    """What all images take together: one that is missing or cut shows."""
    return sum(path.stat().st_size for path in (folder / "images").glob("*.jpg"))


def jpeg(picture: Picture) -> bytes:
    """The picture as a JPEG file."""
    _, encoded = cv2.imencode(".jpg", picture.pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return encoded.tobytes()
