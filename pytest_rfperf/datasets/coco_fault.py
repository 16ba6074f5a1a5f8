"""What is wrong with a file of COCO results, said for the one who wrote it: the row, the key, the value, the fix.

Runs only where typed decoding has refused a file: it is slow, and reads what Python's own json reads, NaN included.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

_ROW = '{"image_id": 1, "category_id": 1, "bbox": [left, top, width, height], "score": 0.9}'
_KINDS = {dict: "an object", list: "a list", str: "a string", bool: "true or false", type(None): "null"}
_SPACE = re.compile(r"\s*")
_SHOWN = 60
_LARGEST_ID = 2**63


def fault_of_rows(content: bytes, before: int) -> str | None:
    """The first fault of a list of rows.

    Parameters
    ----------
    content : bytes
        A JSON list, or what was meant to be one.
    before : int
        Rows of the file that stand before it.

    Returns
    -------
    str or None
        None where nothing is found.
    """
    try:
        return _first_fault(content.decode(), before)
    except UnicodeDecodeError as error:
        return f"is no UTF-8 text: {error.reason} at byte {error.start}"
    except RecursionError:
        return "is no list of rows: lists or objects are nested too deep"


def _first_fault(text: str, before: int) -> str | None:
    decoder, row = json.JSONDecoder(), before
    at = _after_space(text, 0)
    if text[at : at + 1] != "[":
        return _no_list(text[at:])
    at = _after_space(text, at + 1)
    while text[at : at + 1] != "]":
        try:
            value, at = decoder.raw_decode(text, at)
        except json.JSONDecodeError as error:
            return f"is no JSON from row {row} (from 0) on: {error.msg}; was the file written to its end?"
        fault = _fault(value)
        if fault:
            return f"row {row} (from 0) {fault}"
        at = _after_space(text, at)
        if text[at : at + 1] not in {",", "]"}:
            return f"is no JSON after row {row} (from 0): {_shown_end(text[at:])}"
        at = _after_space(text, at + (text[at] == ","))
        row += 1
    left = text[at + 1 :].strip()
    return f"goes on after the list of rows: {_cut(left)}" if left else None


def _no_list(text: str) -> str:
    if not text:
        return "is empty; results without detections are the list []"
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        return f"is no JSON: {error.msg} at line {error.lineno}, column {error.colno}"
    fix = f"expected a list of rows like {_ROW}"
    if isinstance(value, dict) and {"images", "annotations"} <= set(value):
        fix = "this looks like a ground truth file, which comes first; results come second"
    elif isinstance(value, dict):
        fix += "; where the rows stand under a key, write that list alone"
    return f"holds {_kind(value)}, not a list: {fix}"


def _fault(row: Any) -> str | None:  # noqa: ANN401 - any JSON
    if not isinstance(row, dict):
        return f"is {_kind(row)}; expected {_ROW}"
    missing = [key for key in ("image_id", "category_id", "bbox", "score") if key not in row]
    if missing:
        return _missing(missing[0], row)
    for key in ("image_id", "category_id"):
        if _no_id(row[key]):
            return f'has "{key}": {_short(row[key])}; expected an integer of at most 64 bits'
    if not isinstance(row["bbox"], list) or len(row["bbox"]) != len("xywh") or any(map(_no_number, row["bbox"])):
        return f'has "bbox": {_short(row["bbox"])}; expected four finite numbers, [left, top, width, height]'
    if _no_number(row["score"]):
        return f'has "score": {_short(row["score"])}; expected a finite number'
    return None


def _missing(key: str, row: dict[str, Any]) -> str:
    others = {"segmentation": "masks", "keypoints": "key points"}
    kind = next((kind for other, kind in others.items() if other in row), None)
    if key == "bbox" and kind:
        return (
            f'has no "bbox": these are results of {kind}; write the box of each as "bbox": [left, top, width, height]'
        )
    return f'has no "{key}"; expected {_ROW}'


def _no_id(value: object) -> bool:
    return type(value) is not int or not -_LARGEST_ID <= value < _LARGEST_ID


def _no_number(value: object) -> bool:
    return isinstance(value, bool) or not isinstance(value, int | float) or not _finite(value)


def _finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _kind(value: object) -> str:
    return _KINDS.get(type(value), "a number")


def _short(value: object) -> str:
    return _cut(json.dumps(value))


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _shown_end(text: str) -> str:
    return f"expected a comma, found {_cut(text)}" if text else "the file ends; was it written to its end?"


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at
