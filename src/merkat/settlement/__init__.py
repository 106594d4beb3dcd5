"""Custody: from micro-ops to batches on a chain and back, money in and money out by proof."""
