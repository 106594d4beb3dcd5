"""Benchmarks: each figure with a control probe measured in the same run."""
