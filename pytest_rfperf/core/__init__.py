"""Pure functions of arrays: no clock, no file, no network, no pytest."""
