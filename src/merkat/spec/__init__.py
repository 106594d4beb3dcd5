"""The specification of merkat: normative, readable, slow and obviously right."""
