"""Baselines as reviewed files: recorded, accepted, verified, refreshed and pruned."""
