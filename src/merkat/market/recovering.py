"""The signers of a batch: recovered from the signatures, except of commands one signed oneself.

Signatures are deterministic and a command is compared with all its bytes, signature included: who
made these very bytes with a key knows whom recovery would name. Everything else is recovered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from merkat import _core
from merkat.market import layout
from merkat.sdk.keys import Domain

_ADDRESS_BYTES = 20
_HEAD = layout.RECORD_HEAD_BYTES


def signers_of(domain: Domain, batch: bytes, known: Mapping[bytes, bytes]) -> bytes:
    """Return the signers of every command of a batch: u8 count and so many addresses each.

    Args:
        known: the signer's address by command, whole, of commands with one signature.

    Raises ValueError where the batch is none.
    """
    found: list[bytes | None] = []
    others: list[bytes] = []
    at, end = 0, len(batch)
    while at < end:
        start = at + _HEAD
        next_at = start + int.from_bytes(batch[at : at + 4], "big")
        address = known.get(batch[start:next_at])
        if address is None:
            others.append(batch[at:next_at])
            found.append(None)
        else:
            found.append(b"\x01" + address)
        at = next_at
    if not others:
        return b"".join(one for one in found if one is not None)
    recovered = _split(_core.recover_signers(*domain.parts, b"".join(others)))
    return b"".join(one if one is not None else next(recovered) for one in found)


def _split(signers: bytes) -> Iterator[bytes]:
    """Yield what stands for each command."""
    at = 0
    while at < len(signers):
        end = at + 1 + _ADDRESS_BYTES * signers[at]
        yield signers[at:end]
        at = end
