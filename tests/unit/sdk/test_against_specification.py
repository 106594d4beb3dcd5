"""What the SDK shows and builds, against the specification's own reading of the same bytes."""

from __future__ import annotations

import pytest

from merkat.sdk import commands, layouts
from merkat.sdk.risk_sets import RiskSet
from merkat.sdk.surfaces import Surface
from merkat.spec.messages import decode_item
from merkat.spec.risk.parameters import DEFAULT_SET
from merkat.spec.risk.vector import SurfaceVector
from merkat.spec.settle.ops import decode_op
from merkat.spec.venue.events import decode_event
from merkat.spec.venue.machine import Venue
from tests.support.keys import FakeKeys
from tests.support.option_builder import OptionMarket
from tests.support.option_story import play_options


@pytest.fixture(scope="module")
def market() -> OptionMarket:
    return play_options(FakeKeys())[0]


def agree(shown: layouts.Shown, record: object, data: bytes) -> None:
    """Every number that both readers call by the same name is the same."""
    assert not shown.kind.startswith(("malformed", "unknown")), f"{shown.kind}: {data.hex()}"
    for name, value in shown.fields.items():
        expected = getattr(record, name, None)
        if isinstance(value, int) and isinstance(expected, int):
            assert value == expected, f"{name} of {shown}"
        elif isinstance(expected, bytes) and name not in ("maker", "taker", "key", "old", "new"):
            assert value == "0x" + expected.hex(), f"{name} of {shown}"


def test_everything_that_happens_is_shown_as_it_is_read(market: OptionMarket) -> None:
    venue = Venue(market.config, market.keys.recover)
    seen = set()
    for log_number, time_ns, command in market.commands:
        shown = layouts.show_command(command)
        assert not shown.kind.startswith(("malformed", "unknown")), shown
        output = venue.apply(log_number, time_ns, command)
        for event in output.events:
            agree(layouts.show_event(event), decode_event(event), event)
        for op in output.micro_ops:
            agree(layouts.show_micro_op(op), decode_op(op)[0], op)
        seen |= {("event", event[0]) for event in output.events}
        seen |= {("op", op[0]) for op in output.micro_ops}
    missing = {("event", kind) for kind in range(32, 41)} - seen
    missing |= {("op", kind) for kind in (8, 17, 18, 19, 20)} - seen
    assert not missing, f"the story has no {missing}"


def test_surfaces_are_the_specification_s(market: OptionMarket) -> None:
    epochs = [command for _, _, command in market.commands if command[:2] == b"\x01\x10"]
    for command in epochs:
        length = 107 + 56 * command[2 + 106]
        data = command[2 : 2 + length]
        assert Surface.decode(data).encode() == SurfaceVector.decode(data).encode() == data


def test_the_default_risk_set_is_the_specification_s() -> None:
    assert RiskSet().encode() == DEFAULT_SET.encode()


@pytest.mark.parametrize(
    "item",
    [
        commands.risk(7, RiskSet().encode()),
        commands.deliver(7, 8, 9),
        commands.list_dated(
            4, 7, 8, 9, 10, coarse_tick=11, coarse_from=12, maker_fee=-13, taker_fee=14,
            delivery_fee=15, strike=16, expiry_ns=17, token=3,
        ),
    ],
)  # fmt: skip
def test_items_are_the_specification_s(item: bytes) -> None:
    decoded = decode_item(item)
    assert bytes([item[0]]) + decoded.encode() == item
    if item[0] == 10:
        assert [getattr(decoded, name) for name in ("coarse_from", "maker_fee", "token")] == [
            12,
            -13,
            3,
        ]
