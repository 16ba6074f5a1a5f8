"""How the bundled pair was trained: `rfperf reference train` does it again. Needs the extra `train`."""
