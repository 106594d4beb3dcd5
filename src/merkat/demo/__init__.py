"""The demonstration: a whole venue's life under one supervisor (docs: `merkat demo --help`)."""
