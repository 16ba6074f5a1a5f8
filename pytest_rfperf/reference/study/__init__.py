"""The study: tests that `rfperf study` runs, and that pytest runs in a clone."""
