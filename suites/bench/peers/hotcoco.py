"""hotcoco: from the (D, 7) array, from its own objects, and from files."""

import contextlib
import io

from hotcoco import COCO, COCOeval


def from_columns(scene, paths):
    truth, matrix = COCO(str(paths[0])), scene.matrix()
    found = truth.load_res(matrix)
    return {
        "(D, 7) array": lambda: _twelve(truth, truth.load_res(matrix)),
        "its objects": lambda: _twelve(truth, found),
    }


def from_files(annotations, detections):
    truth = COCO(str(annotations))
    return _twelve(truth, truth.load_res(str(detections)))


def _twelve(truth, found):
    run = COCOeval(truth, found, "bbox")
    with contextlib.redirect_stdout(io.StringIO()):
        run.run()
    return run.stats
