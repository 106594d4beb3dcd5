"""The venue machine of the compiled core: rows beside it, figures of accounts, signatures."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from merkat import _core
from merkat.sdk import commands
from merkat.sdk.keys import derive_secret
from merkat.sdk.risk_sets import risk_set
from merkat.sdk.surfaces import ExpiryQuote, Surface

DOMAIN = (1, b"merkat-vault-version", bytes(32))
SECOND_NS = 10**9
USD = 1_000_000
START_NS = 1_750_000_000 * SECOND_NS
EXPIRY_NS = (START_NS // (86_400 * SECOND_NS) + 30) * 86_400 * SECOND_NS + 8 * 3_600 * SECOND_NS
NODES = [derive_secret(1, f"node {number}") for number in range(2)]
OWNER = derive_secret(1, "owner")


class Venue:
    """A perpetual (1) and a call (2) in a group of two nodes, and an account (1)."""

    def __init__(self) -> None:
        self.engine = _core.Engine(*DOMAIN)
        self.time_ns = START_NS
        self.items = 0
        nodes = [_core.address_of(node) for node in NODES]
        self.item(commands.group(0, 2, nodes))
        self.item(commands.list_perpetual(0, 8, 1_000, 100_000, 0, 500_000))
        self.item(commands.risk(0, risk_set().encode()))
        self.item(
            commands.list_dated(
                3,
                0,
                8,
                1_000,
                100_000,
                maker_fee=0,
                taker_fee=300_000,
                strike=100_000 * USD,
                expiry_ns=EXPIRY_NS,
            )
        )
        self.item(commands.deposit(_core.address_of(OWNER), 1_000_000 * USD))

    def send(self, command: bytes) -> list[bytes]:
        """Apply a command a second later, its signers recovered; returns its events."""
        self.time_ns += SECOND_NS
        number = self.engine.log_number + 1
        head = len(command).to_bytes(4, "big") + number.to_bytes(8, "big")
        out = self.engine.apply(head + self.time_ns.to_bytes(8, "big") + command, None)
        events, rest = [], out[12 : 12 + int.from_bytes(out[8:12], "big")]
        while rest:
            length = int.from_bytes(rest[:2], "big")
            events.append(rest[2 : 2 + length])
            rest = rest[2 + length :]
        return events

    def item(self, item: bytes) -> None:
        assert self.send(commands.inbox(self.items, item))[0][0] != 28, "the item is taken"
        self.items += 1

    def receive(self, number: int = 1, previous: bytes = bytes(31)) -> bytes:
        """Send a signed surface; returns its bytes."""
        surface = Surface(
            group=0,
            number=number,
            time_ns=self.time_ns + SECOND_NS,
            previous=previous,
            index=100_000 * USD,
            vol=600_000_000,
            vol_mean=600_000_000,
            expiries=(ExpiryQuote(EXPIRY_NS, 100_000 * USD, 3 * 10**10, 0, 0, 0, 10**11),),
        ).encode()
        signed = _core.sign_oracle(*DOMAIN, surface, bytes([0, 1]), b"".join(NODES))
        assert [event[0] for event in self.send(commands.epoch(surface, signed))] == [32]
        return surface


def test_rows_are_built_beside_the_engine_and_taken_up() -> None:
    venue = Venue()
    assert venue.engine.row_job(0) is None, "nothing is pending"
    venue.receive()
    job = venue.engine.row_job(0)
    assert job is not None
    assert job.group == 0
    with ThreadPoolExecutor() as workers:
        rows = workers.submit(job.build).result()
    assert len(rows) == 2
    assert rows.root != bytes(31)
    venue.engine.offer_rows(rows)
    kinds = [event[0] for event in venue.send(commands.activate(0, 1, rows.root))]
    assert kinds == [11, 33, 33], "the epoch and two rows"
    standing = venue.engine.rows(0)
    assert standing is not None
    scenarios, data = standing
    assert (scenarios, int.from_bytes(data[:4], "big")) == (57, 2)
    assert len(data) == 4 + 2 * (117 + 8 * scenarios), "rows as the snapshot has them"
    assert venue.engine.rows(1) is None, "no such group"


def test_a_listing_that_came_later_refuses_the_rows_by_name() -> None:
    venue = Venue()
    venue.receive()
    venue.item(
        commands.list_dated(
            2,
            0,
            8,
            1_000,
            100_000,
            maker_fee=0,
            taker_fee=0,
            expiry_ns=EXPIRY_NS + 86_400 * SECOND_NS,
        )
    )
    job = venue.engine.row_job(0)
    assert job is not None
    with pytest.raises(ValueError, match="group 0: refused by rule E-11"):
        job.build()
    events = venue.send(commands.activate(0, 1, bytes(31)))
    assert events == [bytes([1]) + (611).to_bytes(2, "big") + bytes([8])], "dropped, E-11"
    assert venue.engine.row_job(0) is None


def test_figures_and_greeks_of_accounts() -> None:
    venue = Venue()
    venue.receive()
    job = venue.engine.row_job(0)
    assert job is not None
    venue.send(commands.activate(0, 1, job.build().root))
    whole = 1_000_000 * USD
    assert venue.engine.account_figures(1) == (whole, whole, 0, 0, 0, 0, 0, 0)
    assert venue.engine.account_figures(2) is None, "no such account"
    assert venue.engine.account_greeks(1, 0) is None, "it holds nothing"


def test_a_margin_mode_is_signed_by_its_owner() -> None:
    venue = Venue()
    unsigned = commands.margin_mode(1, 1, 5)
    framed = len(unsigned).to_bytes(4, "big") + unsigned
    signed = _core.sign_commands(*DOMAIN, framed, OWNER)[4:]
    assert signed[:-65] == unsigned[:-65]
    assert signed[-65:] != bytes(65)
    assert venue.send(signed) == [bytes([39, 0, 0, 0, 1, 1])], "event margin_mode_set"
    forged = bytearray(commands.margin_mode(1, 0, 6))
    forged[-65:] = signed[-65:]
    assert venue.send(bytes(forged))[0][:3] == bytes([1]) + (803).to_bytes(2, "big"), "C-03"


def test_signers_of_a_pending_vector_outlive_a_snapshot() -> None:
    venue = Venue()
    venue.receive()
    job = venue.engine.row_job(0)
    assert job is not None
    root = job.build().root
    restored = _core.Engine.from_snapshot(*DOMAIN, venue.engine.snapshot())
    # The nodes change: whoever signed is no node any more, in the engine and in the restored one.
    others = [_core.address_of(derive_secret(2, f"node {number}")) for number in range(2)]
    first = venue.engine
    for engine in (first, restored):
        venue.engine, venue.items, venue.time_ns = engine, 5, START_NS + 60 * SECOND_NS
        again = _core.Engine.from_snapshot(*DOMAIN, engine.snapshot())
        assert again.snapshot() == engine.snapshot()
        venue.item(commands.group(0, 2, others))
        rotated = _core.Engine.from_snapshot(*DOMAIN, engine.snapshot())
        refused = [bytes([1]) + (606).to_bytes(2, "big") + bytes([25])]
        assert venue.send(commands.activate(0, 1, root)) == refused, "E-06"
        venue.engine, venue.time_ns = rotated, START_NS + 61 * SECOND_NS
        assert venue.send(commands.activate(0, 1, root)) == refused, "E-06 after a restart too"


def test_a_payload_that_no_node_signs_is_named() -> None:
    with pytest.raises(ValueError, match=r"payload has 107 bytes and version 3, expected a vector"):
        _core.sign_oracle(*DOMAIN, bytes([3]) + bytes(106), b"", b"")


def order(venue: Venue, side: int, price: int, size: int, flags: int = 0) -> bytes:
    """Return a signed order of account 1 in the perpetual."""
    nonce = venue.engine.log_number + 1
    expiry_ns = venue.time_ns + 60 * SECOND_NS
    command = commands.place(1, 1, side, flags, price, size, 10**6, expiry_ns, nonce)
    framed = len(command).to_bytes(4, "big") + command
    return _core.sign_commands(*DOMAIN, framed, OWNER)[4:]


def test_what_is_read_of_an_engine_is_what_it_holds() -> None:
    venue = Venue()
    engine = venue.engine
    assert engine.account(2) is None, "no such account"
    assert engine.listing(3) is None, "no such listing"
    assert engine.group(1) is None, "no such group"
    assert engine.account(1) == (_core.address_of(OWNER), 0, 0, 1_000_000 * USD, [])
    assert engine.mark(1) is None, "no vector yet"
    assert engine.group(0) == (0, 0, 0, 0, 0, 0, 0, 0)
    venue.receive()
    job = engine.row_job(0)
    assert job is not None
    venue.send(commands.activate(0, 1, job.build().root))
    listing = engine.listing(2)
    assert listing is not None
    assert listing[:8] == (3, 1, 0, 8, 1_000, 100_000, 100_000, 0)
    assert listing[8:] == (0, 300_000, 0, 0, 100_000 * USD, EXPIRY_NS, 0)
    group = engine.group(0)
    assert group is not None
    assert (group[0], group[2], group[5]) == (1, 100_000 * USD, 0)
    assert engine.mark(1) == 100_000 * USD
    assert engine.mark(3) is None, "no such listing"
    for side, dollars, size in ((0, 99_000, 1_000), (0, 99_000, 2_000), (0, 98_000, 5_000)):
        assert venue.send(order(venue, side, dollars * USD, size))[-1][0] == 3, "rests"
    assert venue.send(order(venue, 1, 101_000 * USD, 7_000))[-1][0] == 3, "rests"
    assert engine.book(1, 10) == (
        [(99_000 * USD, 3_000), (98_000 * USD, 5_000)],
        [(101_000 * USD, 7_000)],
    )
    assert engine.book(1, 1) == ([(99_000 * USD, 3_000)], [(101_000 * USD, 7_000)])
    assert engine.book(1, 0) == engine.book(3, 10) == ([], []), "no depth, no listing"


def signed(command: bytes, secret: bytes, scheme: int = commands.SECP256K1) -> bytes:
    framed = len(command).to_bytes(4, "big") + command
    return _core.sign_commands(*DOMAIN, framed, secret, bytes([scheme]))[4:]


@pytest.mark.parametrize("scheme", [commands.SECP256K1, commands.P256])
def test_a_session_key_of_either_curve_trades_and_withdraws_nothing(scheme: int) -> None:
    venue = Venue()
    venue.receive()
    job = venue.engine.row_job(0)
    assert job is not None
    venue.send(commands.activate(0, 1, job.build().root))
    secret = derive_secret(1, "session")
    key = _core.address_of(secret, scheme)
    expiry_ns = venue.time_ns + 3_600 * SECOND_NS
    opening = commands.session_open(
        1, 3, scheme, key, 1, commands.SCOPE_PERPETUALS, 5_000 * USD, expiry_ns, 1
    )
    assert venue.engine.session(1, 3) is None, "never opened"
    assert [event[0] for event in venue.send(signed(opening, OWNER))] == [41]
    assert venue.engine.session(1, 3) == (1, scheme, key, 1, 1, 5_000 * USD, expiry_ns)
    for slot in (0, 2, 16, 19):
        assert venue.engine.session(1, slot) is None, f"slot {slot}"

    def place(listing: int = 1, size: int = 1_000_000, slot: int = 3) -> bytes:
        nonce = venue.engine.log_number + 1
        price, until = 99_000 * USD, venue.time_ns + 60 * SECOND_NS
        return commands.place(1, listing, 0, 0, price, size, 10**6, until, nonce, slot=slot)

    def refusal(events: list[bytes]) -> tuple[int, int]:
        assert [event[0] for event in events] == [1], "refused"
        return int.from_bytes(events[0][1:3], "big"), events[0][3]

    assert venue.send(signed(place(), secret, scheme))[-1][0] == 3, "rests"
    other = commands.P256 + commands.SECP256K1 - scheme
    assert refusal(venue.send(signed(place(), secret, other))) == (803, 13)
    assert refusal(venue.send(signed(place(slot=0), secret, scheme))) == (803, 13)
    assert refusal(venue.send(signed(place(listing=2), secret, scheme))) == (925, 63)
    assert refusal(venue.send(signed(place(size=6_000_000), secret, scheme))) == (926, 6)
    withdrawal = commands.withdraw(1, 5, 2)
    assert refusal(venue.send(signed(withdrawal, secret, scheme))) == (803, 13)
    copy = _core.Engine.from_snapshot(*DOMAIN, venue.engine.snapshot())
    assert copy.session(1, 3) == venue.engine.session(1, 3)
    assert copy.state_root() == venue.engine.state_root()
    revoked = venue.send(signed(commands.session_revoke(1, 3, 0, 2), OWNER))
    assert [event[0] for event in revoked] == [5, 42], "its order leaves"
    session = venue.engine.session(1, 3)
    assert session is not None
    assert session[0] == 2, "revoked"
    assert refusal(venue.send(signed(place(), secret, scheme))) == (808, 60)


def test_signing_says_what_is_wrong() -> None:
    command = commands.cancel(1, 2, 3, 4)
    framed = len(command).to_bytes(4, "big") + command
    with pytest.raises(ValueError, match="1 secrets and 2 schemes for 1 commands"):
        _core.sign_commands(*DOMAIN, framed, OWNER, b"\x01\x02")
    with pytest.raises(ValueError, match="scheme is 3, expected 1"):
        _core.sign_commands(*DOMAIN, framed, OWNER, b"\x03")
    with pytest.raises(ValueError, match="scheme is 0, expected 1"):
        _core.address_of(OWNER, 0)
    with pytest.raises(ValueError, match="from 1 to n - 1"):
        _core.address_of(bytes(32), commands.P256)
    tick = (2).to_bytes(4, "big") + commands.tick()
    with pytest.raises(ValueError, match="kinds 1 to 10"):
        _core.sign_commands(*DOMAIN, tick, OWNER)
