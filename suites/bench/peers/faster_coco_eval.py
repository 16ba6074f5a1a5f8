"""faster-coco-eval: from its own objects, and from files. Its C++ threads cannot be held to one."""

from faster_coco_eval import COCO, COCOeval_faster


def from_columns(scene, paths):
    truth = COCO(scene.annotations())
    found = truth.loadRes(scene.detections())
    return {"its objects": lambda: _twelve(truth, found)}


def from_files(annotations, detections):
    truth = COCO(annotations)
    return _twelve(truth, truth.loadRes(detections))


def _twelve(truth, found):
    run = COCOeval_faster(truth, found, "bbox", print_function=lambda *_: None)
    run.evaluate()
    run.accumulate()
    run.summarize()
    return run.stats
