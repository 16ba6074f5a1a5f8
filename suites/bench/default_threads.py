"""Wall time of the peers with the threads that they start by themselves, which a process settles only once.

python suites/bench/default_threads.py WAY IMAGES CLASSES OBJECTS ANNOTATIONS DETECTIONS

Prints a JSON object: seconds by contestant and what it starts from.
"""

import json
import sys
from pathlib import Path
from statistics import median

from contest import contest
from entrants import THREADED, WAYS
from scenes import Size, scene


def main(way, *arguments):
    *numbers, annotations, detections = arguments
    size = Size(*map(int, numbers))
    entered, _ = WAYS[way](scene(size), (Path(annotations), Path(detections)), THREADED)
    others = [one for one in entered if not one.ours]
    contest(others, rounds=5, budget_s=5.0)
    print(json.dumps({f"{one.name}, {one.starts_from}": median(one.wall_s) for one in others}))


if __name__ == "__main__":
    main(*sys.argv[1:])
