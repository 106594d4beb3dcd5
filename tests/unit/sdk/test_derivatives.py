"""Bytes of what version 2 adds, written out by hand from docs/spec/derivatives.md and risk.md."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest

from merkat.sdk import commands, layouts
from merkat.sdk.risk_sets import (
    DEFAULT_SCENARIOS,
    SCALAR_NAMES,
    RiskScalars,
    RiskSet,
    Scenario,
    risk_set,
)
from merkat.sdk.rows import risk_records
from merkat.sdk.surfaces import ExpiryQuote, Surface, vector_bytes_at

EXPIRY_NS = 1_798_185_600_000_000_000
QUOTE = ExpiryQuote(EXPIRY_NS, 61_000_000_000, 10**10, 10**11, -3 * 10**11, -(10**9), 10**11)
SURFACE = Surface(
    group=3,
    number=7,
    time_ns=1_790_000_000_123_456_789,
    previous=b"\x05" * 31,
    index=60_000_000_000,
    basis=-1_000,
    premium=2_000,
    confidence=990_000_000,
    peg=999_000_000,
    vol=550_000_000,
    vol_mean=600_000_000,
    expiries=(QUOTE,),
)


def i64(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(8, "big", signed=True) for number in numbers)


def test_a_margin_mode_stands_as_the_table_says() -> None:
    command = commands.margin_mode(7, commands.PORTFOLIO, 99)
    assert command == b"\x01\x08" + b"\0\0\0\x07" + b"\x01" + i64(99) + bytes(65)
    shown = layouts.show_command(command)
    assert (shown.kind, shown.fields["account"], shown.fields["mode"]) == ("margin_mode", 7, 1)
    assert layouts.show_command(command[:-1]).kind == "malformed margin_mode"


def test_an_activate_stands_as_the_table_says() -> None:
    root = bytes(range(31))
    command = commands.activate(3, 7, root)
    assert command == b"\x01\x12" + b"\0\x03" + i64(7) + root
    assert layouts.show_command(command).fields["row_root"] == "0x" + root.hex()
    with pytest.raises(ValueError, match="31 bytes"):
        commands.activate(3, 7, bytes(32))


def test_a_surface_stands_as_the_table_says() -> None:
    encoded = SURFACE.encode()
    expected = (
        b"\x02\0\x03"
        + i64(7, 1_790_000_000_123_456_789)
        + b"\x05" * 31
        + i64(60_000_000_000, -1_000, 2_000)
        + i64(990_000_000, 999_000_000, 550_000_000, 600_000_000)
        + b"\x01"
        + i64(EXPIRY_NS, 61_000_000_000, 10**10, 10**11, -3 * 10**11, -(10**9), 10**11)
    )
    assert encoded == expected, "a vector of version 2 differs from risk.md section 2"
    assert len(encoded) == 107 + 56
    assert Surface.decode(encoded) == SURFACE
    assert vector_bytes_at(b"xx" + encoded + b"more", 2) == len(encoded)


def test_the_length_of_a_version_1_vector_is_known_too() -> None:
    assert vector_bytes_at(commands.vector(0, 1, 2, bytes(31), 5), 0) == 74


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "version None"),
        (b"\x03" + bytes(200), "version 3"),
        (SURFACE.encode()[:106], "count of expiries is None"),
        (SURFACE.encode()[:106] + b"\x11" + bytes(56 * 17), "count of expiries is 17"),
    ],
)
def test_what_has_no_length_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        vector_bytes_at(data, 0)


def test_a_surface_of_another_length_is_refused() -> None:
    for data in (SURFACE.encode()[:-1], SURFACE.encode() + b"\0", bytes([1]) + bytes(73)):
        with pytest.raises(ValueError, match="expected version 2"):
            Surface.decode(data)
    with pytest.raises(ValueError, match="31 bytes"):
        replace(SURFACE, previous=bytes(32)).encode()
    with pytest.raises(ValueError, match="at most 16"):
        replace(SURFACE, expiries=(QUOTE,) * 17).encode()


def test_an_epoch_of_version_2_is_shown() -> None:
    signed = commands.signatures([(1, b"\x01" * 65), (4, b"\x02" * 65)])
    shown = layouts.show_command(commands.epoch(SURFACE.encode(), signed))
    assert (shown.kind, shown.fields["vector_version"], shown.fields["vol"]) == (
        "epoch",
        2,
        550_000_000,
    )
    assert shown.fields["expiries"] == (
        f"{EXPIRY_NS} 61000000000 10000000000 100000000000 -300000000000 -1000000000 100000000000"
    )
    cut = layouts.show_command(commands.epoch(SURFACE.encode(), signed)[:-1])
    assert cut.kind == "malformed epoch", "a cut signature must not be shown as one"


def test_an_epoch_op_of_version_2_ends_in_its_chunks() -> None:
    head = b"\x08" + bytes(12) + SURFACE.encode() + commands.signatures([])
    shown = layouts.show_micro_op(head + b"\0\x02" + bytes(62))
    assert shown.kind == "epoch"
    assert shown.fields["chunks"] == "0x0002" + "00" * 62
    assert layouts.show_micro_op(head + b"\0\x02" + bytes(61)).kind == "malformed epoch"
    old = b"\x08" + bytes(12) + commands.vector(0, 1, 2, bytes(31), 5) + commands.signatures([])
    assert layouts.show_micro_op(old).kind == "epoch", "version 1 has no chunks"


def test_the_names_follow_the_bits_of_a_fill() -> None:
    body = bytes(12) + bytes(12 + 12 + 2 + 2 + 8 + 8)
    names = [bytes([one]) * 8 for one in (1, 2)]
    assert "maker_names" not in layouts.show_micro_op(b"\x05" + body + b"\x03").fields
    maker = layouts.show_micro_op(b"\x05" + body + b"\x05" + names[0])
    assert maker.fields["maker_names"] == "0x" + names[0].hex()
    taker = layouts.show_micro_op(b"\x05" + body + b"\x08" + names[0])
    assert taker.fields["taker_names"] == "0x" + names[0].hex()
    both = layouts.show_micro_op(b"\x05" + body + b"\x0c" + names[0] + names[1])
    assert both.fields["taker_names"] == "0x" + names[1].hex(), "the maker's names come first"
    assert layouts.show_micro_op(b"\x05" + body + b"\x0c" + names[0]).kind == "malformed fill"


@pytest.mark.parametrize(
    ("kind", "name", "length"),
    [
        (17, "margin_mode", 4 + 1 + 8 + 65),
        (18, "deliver", 4),
        (19, "expire", 4 + 2),
        (20, "hedge", 4 + 2 + 12 + 2 + 8 + 8 + 1),
    ],
)
def test_every_new_op_has_its_length(kind: int, name: str, length: int) -> None:
    assert layouts.show_micro_op(bytes([kind]) + bytes(12 + length)).kind == name
    assert layouts.show_micro_op(bytes([kind]) + bytes(13 + length)).kind == f"malformed {name}"


@pytest.mark.parametrize(
    ("kind", "name", "length"),
    [
        (32, "epoch_received", 2 + 8 + 8),
        (33, "row", 4 + 5 * 8),
        (34, "account_greeks", 4 + 2 + 4 * 16),
        (35, "delivery_fixed", 2 + 8 + 8 + 4),
        (36, "delivered", 4 + 8),
        (37, "expired", 4 + 4 + 8 + 8 + 16),
        (38, "hedge", 4 + 4 + 12 + 1 + 8 + 8 + 3 * 16),
        (39, "margin_mode_set", 4 + 1),
        (40, "risk_set", 2),
    ],
)
def test_every_new_event_has_its_length(kind: int, name: str, length: int) -> None:
    assert layouts.show_event(bytes([kind]) + bytes(length)).kind == name
    assert layouts.show_event(bytes([kind]) + bytes(length + 1)).kind == f"malformed {name}"


def test_a_dated_listing_stands_as_the_table_says() -> None:
    item = commands.list_dated(
        commands.KIND_PUT,
        2,
        5,
        100,
        1_000,
        coarse_tick=5_000,
        coarse_from=100_000,
        maker_fee=-10,
        taker_fee=300_000,
        delivery_fee=150_000,
        strike=60_000_000_000,
        expiry_ns=EXPIRY_NS,
    )
    expected = (
        b"\x0a\x01\x04\0\x02\x05"
        + i64(100, 1_000, 5_000, 100_000, -10, 300_000, 150_000, 60_000_000_000, EXPIRY_NS)
        + b"\0"
    )
    assert item == expected, "the item's bytes differ from derivatives.md section 1"


def test_the_coarse_tick_is_the_tick_unless_given() -> None:
    item = commands.list_dated(5, 0, 8, 1, 77, maker_fee=0, taker_fee=0, token=2)
    assert item[14:38] == i64(77, 77, 0)
    assert item[-1] == 2


def test_a_delivery_and_a_risk_set_stand_as_the_table_says() -> None:
    assert commands.deliver(1, EXPIRY_NS, 5) == b"\x0b\x01\0\x01" + i64(EXPIRY_NS, 5)
    assert commands.risk(1, b"set") == b"\x09\x01\0\x01set"
    assert len(commands.risk(1, RiskSet().encode())) <= 1_024, "the default set must fit an item"
    largest = RiskSet(scenarios=(Scenario(0, 0),) * 64)
    assert len(commands.risk(1, largest.encode())) <= 1_024, "so must the largest"


def test_a_risk_set_stands_as_the_table_says() -> None:
    encoded = risk_set([Scenario(-660_000, 1, 210_000)], samples_least=9).encode()
    assert len(encoded) == 1 + 53 * 8 + 9
    assert encoded[0] == 1
    assert encoded[1:9] == i64(800_000_000), "scalar 0 is maintenance_factor"
    assert encoded[1 + 52 * 8 : 1 + 53 * 8] == i64(9), "scalar 52 is samples_least"
    assert encoded[-9:] == (-660_000).to_bytes(4, "big", signed=True) + b"\x01" + (
        210_000
    ).to_bytes(4, "big")
    assert RiskSet.decode(encoded) == RiskSet(
        RiskScalars(samples_least=9), (Scenario(-660_000, 1, 210_000),)
    )


def test_a_risk_set_of_another_length_is_refused() -> None:
    encoded = RiskSet().encode()
    for data in (b"", encoded[:-1], encoded + b"\0"):
        with pytest.raises(ValueError, match="expected"):
            RiskSet.decode(data)
    with pytest.raises(ValueError, match="at most 64"):
        RiskSet(scenarios=(Scenario(0, 0),) * 65).encode()
    with pytest.raises(struct.error):
        risk_set(roll_rate=1 << 63).encode()


def test_an_unknown_scalar_is_named() -> None:
    with pytest.raises(ValueError, match="vol_upp: no scalar"):
        risk_set(vol_upp=1)


def test_the_default_scenarios_are_those_of_the_text() -> None:
    assert len(SCALAR_NAMES) == 53
    assert len(DEFAULT_SCENARIOS) == 57
    first, nodes, last = DEFAULT_SCENARIOS[0], DEFAULT_SCENARIOS[1:46], DEFAULT_SCENARIOS[46]
    assert (first.price, first.vol) == (-180_000, 1)
    assert [one.price for one in nodes[::3]] == [22_500 * j for j in range(-7, 8)]
    assert [one.vol for one in nodes[:3]] == [1, 0, 2], "up, same, down at each node"
    assert (last.price, last.vol) == (180_000, 1)
    assert [one.price for one in DEFAULT_SCENARIOS[47:55]] == [
        -660_000,
        -330_000,
        *(1_000_000 * j // 2 for j in (1, 2, 4, 6, 8, 10)),
    ]
    assert [(one.price, one.vol, one.damp) for one in DEFAULT_SCENARIOS[55:]] == [
        (0, 3, 1_000_000),
        (0, 4, 1_000_000),
    ]


def snapshot(records: bytes, accounts: bytes = bytes(4), sessions: bytes = bytes(4)) -> bytes:
    """Return a settlement part with nothing in it but accounts, sessions and risk records."""
    part = bytes(32 * 17) + bytes(4) + bytes(4) + accounts + bytes(4) + sessions + records
    return len(part).to_bytes(4, "big") + part


def framed(data: bytes) -> bytes:
    return len(data).to_bytes(2, "big") + data


def test_the_rows_of_a_snapshot_are_read() -> None:
    newest = risk_set([Scenario(0, 0)] * 3)
    standing = risk_set([Scenario(0, 0), Scenario(10, 1)], roll_rate=5)
    row = (9).to_bytes(4, "big") + b"\x03" + i64(60_000_000_000, EXPIRY_NS, *range(1, 13), 77, -78)
    without = b"\0\x01" + framed(newest.encode()) + framed(b"") + framed(b"") + bytes(4)
    with_rows = (
        b"\0\x03"
        + framed(newest.encode())
        + framed(standing.encode())
        + framed(SURFACE.encode())
        + (1).to_bytes(4, "big")
        + row
    )
    account = (1).to_bytes(4, "big") + bytes(4 + 32 * 8) + (2).to_bytes(4, "big") + bytes(2 * 34)
    session = (1).to_bytes(4, "big") + bytes(4 + 2 * 32)
    data = snapshot((2).to_bytes(4, "big") + without + with_rows, account, session)
    empty, full = risk_records(data + b"the venue part")
    assert (empty.group, empty.risk_set, empty.vector, empty.rows) == (1, newest, None, ())
    assert (full.risk_set, full.rows_risk_set, full.vector) == (newest, standing, SURFACE)
    (found,) = full.rows
    assert (found.listing, found.kind, found.forward, found.down) == (9, 3, 1, 12)
    assert found.scenarios == (77, -78), "as many entries as the rows' own set has scenarios"
    with pytest.raises(ValueError, match="are cut"):
        risk_records(data[: 4 + 32])
    with pytest.raises(ValueError, match="follow the risk records"):
        risk_records(snapshot(bytes(4) + b"\0"))
