"""Matching tapes: one stream of operations for every engine (24-byte records)."""
