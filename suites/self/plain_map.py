"""COCO's evaluation in plain Python, with a switch for every way to get it wrong."""

from __future__ import annotations

import numpy as np

THRESHOLDS = np.linspace(0.5, 0.95, 10).tolist()
RECALLS = np.linspace(0, 1, 101).tolist()
AREAS = {"": (0, 1e10), " small": (0, 1024), " medium": (1024, 9216), " large": (9216, 1e10)}


def overlap(box, other, crowd):
    width = min(box[0] + box[2], other[0] + other[2]) - max(box[0], other[0])
    height = min(box[1] + box[3], other[1] + other[3]) - max(box[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    own = box[2] * box[3]
    return width * height / (own if crowd else own + other[2] * other[3] - width * height)


def evaluate(truth, results, wrong="", areas=tuple(AREAS), thresholds=THRESHOLDS):
    """The values of COCO for some area ranges by their names; `wrong` names one mistake."""
    values = {}
    for area in areas:
        by_threshold = [_classes(truth, results, threshold, area, wrong) for threshold in thresholds]
        values[f"AP{area}"] = _mean([precision for classes in by_threshold for precision, _ in classes])
        values[f"AR{area or '@100'}"] = _mean([recall for classes in by_threshold for _, recall in classes])
    return values


def ap50(truth, results, wrong=""):
    """AP at an overlap of 0.5 alone."""
    return {"AP50": evaluate(truth, results, wrong, ("",), (0.5,))["AP"]}


def _mean(values):
    return sum(values) / len(values) if values else -1.0


def _classes(truth, results, threshold, area, wrong):
    """Average precision and recall of each class with objects that count."""
    found = []
    for category in [row["id"] for row in truth["categories"]]:
        objects = [row for row in truth["annotations"] if row["category_id"] == category]
        rows = [row for row in results if row["category_id"] == category]
        if wrong == "crowds are left out":
            objects = [row for row in objects if not row["iscrowd"]]
        if wrong == "the limit is on the whole class":
            rows = sorted(rows, key=lambda row: -row["score"])[:100]
        judged, count = [], 0
        for image in sorted(row["id"] for row in truth["images"]):
            own = [row for row in objects if row["image_id"] == image]
            if wrong == "images without objects are left out" and not own:
                continue
            count += sum(_counts(row, area, wrong) for row in own)
            judged += _image(own, [row for row in rows if row["image_id"] == image], threshold, area, wrong)
        if count:
            found.append(_average(judged, count, wrong))
        elif wrong == "a class without objects is 0":
            found.append((0.0, 0.0))
    return found


def _counts(row, area, wrong):
    least, greatest = AREAS[area]
    size = row["bbox"][2] * row["bbox"][3] if wrong == "areas are those of boxes" else row["area"]
    inside = least <= size <= greatest and not (wrong == "the lower edge is outside" and 0 < least == size)
    return inside and not (row["iscrowd"] and wrong != "crowds are objects") and not row.get("ignore")


def _image(objects, rows, threshold, area, wrong):
    """(score, found) of the detections of an image that are judged."""
    counting = [_counts(row, area, wrong) for row in objects]
    taken, judged = set(), []
    for row in _surest(rows, wrong):
        place = _match(row, objects, counting, taken, threshold, wrong)
        taken.add(place)
        least, greatest = AREAS[area]
        in_area = least <= row["bbox"][2] * row["bbox"][3] <= greatest
        if in_area if place is None else counting[place]:
            judged.append((row["score"], place is not None))
        elif wrong == "what is ignored is false":
            judged.append((row["score"], False))
    return judged


def _surest(rows, wrong):
    rows = rows[::-1] if wrong == "the last of equal scores goes first" else rows
    rows = sorted(rows, key=lambda row: -row["score"])
    if wrong == "detections take objects as they are listed":
        rows.sort(key=lambda row: row["bbox"])
    return rows[: 101 if wrong == "the limit is 101" else 100]


def _match(row, objects, counting, taken, threshold, wrong):
    """The object that a detection takes: of those that count, if any, the last of the greatest overlap."""
    best, place = threshold, None
    for other in sorted(range(len(objects)), key=lambda i: not counting[i]):
        crowd = bool(objects[other]["iscrowd"]) and wrong != "crowds are objects"
        again = wrong == "objects are taken again" or (crowd and wrong != "a crowd is taken once")
        if (other in taken and not again) or (place is not None and counting[place] > counting[other]):
            continue
        value = overlap(row["bbox"], objects[other]["bbox"], crowd)
        if wrong == "the first of equal overlaps is taken" and place is not None and value == best:
            continue
        if value >= best and not (value == threshold and wrong == "more than the threshold is needed"):
            best, place = value, other
    return place


def _average(judged, count, wrong):
    if wrong != "scores are not sorted":
        judged = sorted(judged, key=lambda one: -one[0])
    true = np.cumsum([found for _, found in judged])
    precision = true / (np.arange(len(judged)) + 1)
    recall = true / count
    if wrong != "there is no envelope":
        precision = np.maximum.accumulate(precision[::-1])[::-1]
    points = np.linspace(0, 1, 11) if wrong == "there are 11 points" else RECALLS
    places = np.searchsorted(recall, points, side="left")
    at_points = [precision[place] if place < len(precision) else 0.0 for place in places]
    return float(np.mean(at_points)), float(recall[-1]) if len(recall) else 0.0
