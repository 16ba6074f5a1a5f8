"""Verdicts and facts for people and programs: these files format and decide nothing."""
