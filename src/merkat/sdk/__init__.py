"""What a client of the venue needs: the bytes of commands, keys, answers and receipts.

Encoded by hand from docs/spec/formats.md with the standard library alone; nothing here signs or
recovers, that is `merkat._core`.
"""
