"""Contracts by name as the terms that rows are built from."""

from __future__ import annotations

from merkat.products.names import Contract
from merkat.spec.risk.terms import OPTIONS, Terms


def kind_of(contract: Contract) -> int:
    """Return the listing kind of a contract."""
    return int(contract.kind)


def terms_of(listing: int, contract: Contract, quantum: int) -> Terms:
    """Return the terms of a contract as listing `listing`."""
    kind = kind_of(contract)
    strike = contract.strike if kind in OPTIONS else 0
    return Terms(listing, kind, strike or 0, contract.expiry_ns, quantum)
