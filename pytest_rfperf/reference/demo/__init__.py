"""The demo: a project of three gates, run by `rfperf demo`."""
