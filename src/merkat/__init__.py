"""merkat: a self-custodial derivatives venue that anyone can prove wrong."""

__version__ = "0.1.0"
