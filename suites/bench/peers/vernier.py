"""vernier: from the (D, 7) array, and from files. Strict parity is its mode that answers as pycocotools does."""

from vernier.instance import Bbox, CocoDataset, Evaluator

_EVALUATOR = Evaluator(iou=Bbox(), parity_mode="strict")


def from_columns(scene, paths):
    truth, matrix = CocoDataset.from_json(paths[0].read_bytes()), scene.matrix()
    return {"(D, 7) array": lambda: _EVALUATOR.evaluate(truth, matrix).stats}


def from_files(annotations, detections):
    return _EVALUATOR.evaluate(annotations.read_bytes(), detections.read_bytes()).stats
