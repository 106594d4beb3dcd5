"""The venue part of a snapshot (formats.md 8, derivatives.md 1, sessions.md 1)."""

from __future__ import annotations

from merkat.spec.codec import MalformedError, Reader, framed, u32
from merkat.spec.messages import Epoch, Signatures
from merkat.spec.orders import Order, hour_of_key
from merkat.spec.risk.vector import SurfaceVector
from merkat.spec.values import BUY, SELL, SESSION_SLOT_MAX
from merkat.spec.venue.book import Book, RestingOrder
from merkat.spec.venue.state import NONCES_KEPT, VenueAccount, VenueState


def encode_venue_part(venue: VenueState) -> bytes:
    """Return the venue part, whose hash is the venue digest."""
    parts = [
        venue.log_number.to_bytes(8, "big"),
        venue.time_ns.to_bytes(8, "big"),
        u32(len(venue.accounts)),
    ]
    for number in sorted(venue.accounts):
        parts += [u32(number), venue.accounts[number].encode()]
    parts.append(u32(len(venue.books)))
    for listing in sorted(venue.books):
        parts += [u32(listing), venue.books[listing].encode()]
    parts.append(u32(len(venue.pending)))
    parts += [group.to_bytes(2, "big") for group in sorted(venue.pending)]
    parts.append(u32(len(venue.pending_vectors)))
    for group, epoch in sorted(venue.pending_vectors.items()):
        parts.append(group.to_bytes(2, "big"))
        parts += [framed(epoch.vector.encode()), framed(epoch.signatures.encode())]
    return b"".join(parts)


def read_venue_part(venue: VenueState, reader: Reader) -> None:
    """Fill a venue that has only its settlement state; MalformedError if the bytes are no part.

    Raises:
        MalformedError: bytes missing or left over, an account or listing that settlement does not
            have or that is missing, a queue out of order, a pending vector of another group.
    """
    venue.log_number = reader.u64()
    venue.time_ns = reader.u64()
    for _ in range(reader.u32()):
        number = reader.u32()
        venue.accounts[number] = _read_account(reader)
    _expect(set(venue.accounts) == set(venue.settlement.accounts), "one record for every account")
    for _ in range(reader.u32()):
        listing = reader.u32()
        _expect(listing in venue.settlement.instruments, "books of known listings")
        venue.books[listing] = Book()
        for side in (BUY, SELL):
            for _ in range(reader.u32()):
                _rest(venue, reader, listing, side)
    _expect(set(venue.books) == set(venue.settlement.instruments), "one book for every listing")
    venue.pending = {reader.u16() for _ in range(reader.u32())}
    venue.leaf_hours = {hour_of_key(key) for key in venue.settlement.orders}
    for _ in range(reader.u32()):
        group, epoch = _read_pending_vector(reader)
        _expect(group > max(venue.pending_vectors, default=-1), "pending vectors ascending")
        _expect(group in venue.settlement.groups, "pending vectors of known groups")
        venue.pending_vectors[group] = epoch
    reader.finish()


def _read_account(reader: Reader) -> VenueAccount:
    account = VenueAccount()
    account.strict_nonce = reader.u64()
    account.empty_slices = reader.u8()
    account.visited_time = reader.u64()
    for _ in range(reader.u8()):
        slot = reader.u8()
        _expect(max(account.windows, default=-1) < slot <= SESSION_SLOT_MAX, "slots ascending")
        nonces = [reader.u64() for _ in range(reader.u8())]
        _expect(nonces == sorted(set(nonces)), "nonces ascending")
        _expect(1 <= len(nonces) <= NONCES_KEPT, f"1 to {NONCES_KEPT} nonces in a window")
        account.windows[slot] = nonces
    return account


def _read_pending_vector(reader: Reader) -> tuple[int, Epoch]:
    """Take a group and its vector of version 2 with the signatures, each behind its length."""
    group = reader.u16()
    vector = SurfaceVector.decode(reader.raw(reader.u16()))
    signatures = Signatures.decode(reader.raw(reader.u16()))
    _expect(vector.group == group, "pending vectors of their group")
    return group, Epoch(vector, signatures)


def _rest(venue: VenueState, reader: Reader, listing: int, side: int) -> None:
    """Take one resting order and put it behind those that came before it."""
    order = Order.read(reader)
    signature = reader.raw(65)
    filled, opened_version = reader.i64(), reader.u32()
    _expect(order.slot <= SESSION_SLOT_MAX, "slots of resting orders of at most 15")
    venue.places += 1
    resting = RestingOrder(order, signature, filled, opened_version, venue.places)
    _expect(order.listing == listing and order.side == side, "orders in the book of their listing")
    _expect(order.account in venue.accounts, "orders of known accounts")
    _expect(0 <= filled < order.size, "something left of every resting order")
    queue = venue.books[listing].sides[side]
    _expect(not queue or queue[-1].priority < resting.priority, "a queue in order of priority")
    venue.rest(resting)


def _expect(condition: bool, what: str) -> None:
    if not condition:
        raise MalformedError(f"venue part of a snapshot: expected {what}")
