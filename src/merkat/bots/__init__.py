"""Bots: traders with simple habits, and the index that moves them. Seeded, without clocks."""
