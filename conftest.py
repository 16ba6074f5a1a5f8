"""Shared by suites/release, suites/self and suites/bench."""
