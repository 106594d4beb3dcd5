"""Custody: the contracts, the chain that they live on, and the way in and out."""
