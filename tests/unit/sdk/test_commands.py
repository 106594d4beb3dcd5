"""The bytes of commands: lengths and places of fields, by hand from formats.md and sessions.md."""

from __future__ import annotations

import struct

import pytest

from merkat.sdk import commands, layouts
from merkat.sdk.keys import CURVE_ORDER, Domain, demo_domain, derive_secret

EXPIRY_NS = 420_000 * commands.HOUR_NS + 5


def test_an_order_stands_as_the_table_says() -> None:
    command = commands.order_command(
        commands.AMEND,
        7,
        3,
        1,
        2,
        123_450_000,
        90_000,
        600_000,
        EXPIRY_NS,
        0x1_2345_6789_0,
        4,
        99,
        slot=11,
    )
    expected = (
        bytes([1, 2])
        + (7).to_bytes(4, "big")
        + bytes([11])
        + (3).to_bytes(4, "big")
        + bytes([1, 2])
        + (123_450_000).to_bytes(8, "big")
        + (90_000).to_bytes(8, "big")
        + (600_000).to_bytes(8, "big")
        + EXPIRY_NS.to_bytes(8, "big")
        + 0x1_2345_6789_0.to_bytes(5, "big")
        + (4).to_bytes(4, "big")
        + (99).to_bytes(8, "big")
        + bytes(4 + 5)
        + bytes(65)
    )
    assert command == expected, "an order command's bytes differ from sessions.md section 1"


@pytest.mark.parametrize(
    ("name", "command", "length"),
    [
        ("place", commands.place(1, 1, 0, 0, 1, 1, 0, 1, 1), 2 + 69 + 65),
        ("cancel", commands.cancel(1, 2, 3, 4), 2 + 22 + 65),
        ("floor", commands.floor(1, 2, 3), 2 + 17 + 65),
        ("withdraw", commands.withdraw(1, 2, 3), 2 + 29 + 65),
        ("transfer", commands.transfer(1, 2, 3, 4), 2 + 32 + 65),
        ("session_open", commands.session_open(1, 2, 1, bytes(20), 1, 1, 1, 1, 1), 2 + 59 + 65),
        ("session_revoke", commands.session_revoke(1, 2, 3, 4), 2 + 18 + 65),
        ("tick", commands.tick(), 2),
        (
            "epoch",
            commands.epoch(
                commands.vector(0, 1, 2, bytes(31), 5), commands.signatures([(0, bytes(65))])
            ),
            2 + 74 + 1 + 66,
        ),
        (
            "heartbeat",
            commands.heartbeat(
                commands.heartbeat_body(0, 1, 2, bytes(31)), commands.signatures([])
            ),
            2 + 49 + 1,
        ),
        ("inbox", commands.inbox(0, commands.deposit(bytes(20), 1)), 2 + 8 + 2 + 41),
    ],
)
def test_every_command_has_its_length_and_is_shown(name: str, command: bytes, length: int) -> None:
    assert len(command) == length, f"{name}: formats.md gives {length} bytes, got {len(command)}"
    assert layouts.show_command(command).kind == name, f"{name} must decode as itself"


def test_a_session_stands_as_the_table_says() -> None:
    key = bytes(range(20))
    opened = commands.session_open(7, 3, commands.P256, key, 5, 6, 8, 9, 10)
    expected = (
        bytes([1, 9])
        + (7).to_bytes(4, "big")
        + bytes([3, 2])
        + key
        + (5).to_bytes(8, "big")
        + bytes([6])
        + b"".join(number.to_bytes(8, "big") for number in (8, 9, 10))
        + bytes(65)
    )
    assert opened == expected, "session_open differs from sessions.md section 1"
    revoked = commands.session_revoke(7, 3, 0x1_2345_6789, 10)
    head = bytes([1, 10]) + (7).to_bytes(4, "big") + bytes([3])
    number = (0x1_2345_6789).to_bytes(5, "big")
    assert revoked == head + number + (10).to_bytes(8, "big") + bytes(65)
    with pytest.raises(ValueError, match="20 bytes"):
        commands.session_open(7, 3, 1, key[:-1], 5, 6, 8, 9, 10)


def test_a_cancel_names_the_slot_of_the_key() -> None:
    shown = layouts.show_command(commands.cancel(1, 2, 3, 4, slot=5)).fields
    assert (shown["slot"], shown["expiry_hour"], shown["counter"]) == (5, 2, 3)
    assert layouts.show_command(commands.cancel(1, 2, 3, 4)).fields["slot"] == 0, "the wallet's"


def test_a_cut_command_is_shown_as_malformed() -> None:
    command = commands.cancel(1, 2, 3, 4)
    assert layouts.show_command(command[:-1]).kind == "malformed cancel"
    assert layouts.show_command(b"\x01\xff").kind == "unknown"


def test_the_items_have_their_lengths() -> None:
    lengths = {
        "group": (commands.group(0, 5, [bytes([1]) * 20] * 7), 2 + 3 + 160 + 168),
        "list": (commands.list_perpetual(0, 8, 10_000, 10_000, 0, 500_000), 2 + 36),
        "instrument": (commands.instrument(1, 2, 0, 0), 2 + 21),
        "venue": (commands.venue(128, 4_096, 4_096, 1), 2 + 18),
        "fund_deposit": (commands.fund_deposit(0, 1), 2 + 18),
        "fee_sweep": (commands.fee_sweep(1), 2 + 4),
    }
    wrong = {name: len(item) for name, (item, length) in lengths.items() if len(item) != length}
    assert not wrong, f"items of a length that formats.md does not give: {wrong}"


def test_the_counter_follows_from_the_nonce() -> None:
    nonce = (5 << 40) + 77
    shown = layouts.show_command(commands.place(1, 1, 0, 0, 1, 1, 0, EXPIRY_NS, nonce)).fields
    assert (shown["nonce"], shown["counter"]) == (nonce, 77)


def test_a_number_beyond_its_field_is_an_error() -> None:
    with pytest.raises(struct.error):
        commands.place(1 << 32, 1, 0, 0, 1, 1, 0, EXPIRY_NS, 1)
    with pytest.raises(ValueError, match="31 bytes"):
        commands.vector(0, 1, 2, bytes(32), 5)
    with pytest.raises(ValueError, match="at most 8"):
        commands.group(0, 5, [bytes(20)] * 9)


def test_an_order_key_has_its_parts() -> None:
    key = commands.order_key(5, EXPIRY_NS, 12_345)
    assert len(key) == 12
    assert key[0] >> 4 == 0, "the first four bits of a key are zero"
    assert layouts.show_key(key) == "5/12345@420000"
    session = commands.order_key(5, EXPIRY_NS, 12_345, slot=15)
    assert layouts.show_key(session) == "5.15/12345@420000"
    assert int.from_bytes(session, "big") - int.from_bytes(key, "big") == 15 << 40


def test_an_output_is_split_and_decoded() -> None:
    event = b"\x01" + (105).to_bytes(2, "big") + b"\x0b"
    first = (
        (9).to_bytes(8, "big") + (6).to_bytes(4, "big") + (4).to_bytes(2, "big") + event + bytes(4)
    )
    second = (10).to_bytes(8, "big") + bytes(8)
    parts = list(layouts.split_outputs(first + second))
    assert parts == [(9, first), (10, second)]
    output = layouts.decode_output(first)
    assert (output.log_number, output.events, output.micro_ops) == (9, [event], [])
    assert layouts.show_event(event).fields == {"code": 105, "field": 11}


def test_secrets_are_keys_and_repeatable() -> None:
    secret = derive_secret(1, "owner", 2)
    assert secret == derive_secret(1, "owner", 2)
    assert 0 < int.from_bytes(secret, "big") < CURVE_ORDER
    others = {derive_secret(2, "owner", 2), derive_secret(1, "node", 2), derive_secret(1, "owner")}
    assert len(others | {secret}) == 4, "seed, role and index must each change the key"


def test_a_domain_refuses_wrong_sizes() -> None:
    domain = demo_domain(1, "test")
    assert domain != demo_domain(2, "test"), "another seed is another venue"
    for parts in ((0, bytes(20), bytes(32)), (1, bytes(19), bytes(32)), (1, bytes(20), b"")):
        with pytest.raises(ValueError, match="expected"):
            Domain(*parts)
