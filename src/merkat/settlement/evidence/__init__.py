"""The evidence folder: what a venue did, for someone who trusts nobody.

Only `writer` and `dumping` use the rest of merkat; everything else here imports `merkat.spec` and
the standard library alone (docs/spec/evidence.md).
"""
