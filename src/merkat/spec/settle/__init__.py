"""The settlement machine: who owns what, and the steps that move it."""
