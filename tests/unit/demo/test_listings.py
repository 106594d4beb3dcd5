"""What the demonstration lists."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from merkat.demo import listings as made
from merkat.products.names import parse_name
from merkat.sdk.commands import KIND_CALL, KIND_FUTURE, KIND_PERPETUAL, KIND_PUT


def test_one_perpetual_one_future_24_options_of_two_expiries() -> None:
    listed = made.story_listings(7)
    kinds = [contract.kind for contract in listed.contracts]
    assert (kinds.count(KIND_PERPETUAL), kinds.count(KIND_FUTURE)) == (1, 1)
    assert kinds.count(KIND_CALL) == kinds.count(KIND_PUT) == 12
    assert len(listed.options) == 24
    assert {parse_name(name).expiry_ns for name in listed.options} == set(listed.expiries_ns)
    assert listed.future == "BTC_USDC-25DEC26"
    assert listed.perpetual == "BTC_USDC-PERPETUAL"


def test_the_story_sees_its_nearer_expiry_come() -> None:
    start_ns, (near_ns, later_ns) = made.story_start_ns(), made.story_listings(7).expiries_ns
    start = datetime.fromtimestamp(start_ns // made.SECOND_NS, UTC)
    assert (start.hour, start.minute) == (7, 29), "the half hour of samples begins afterwards"
    assert 0 < near_ns - start_ns < 3_600 * made.SECOND_NS < later_ns - start_ns


def test_seeds_open_at_different_prices() -> None:
    prices = {made.opening_price(seed) for seed in range(30)}
    assert len(prices) > 4
    assert made.opening_price(7) == made.opening_price(7)


@pytest.mark.parametrize("hour", [0, 7, 8, 23])
def test_a_kept_venue_lists_nothing_that_expires_soon(hour: int) -> None:
    now_ns = int(datetime(2026, 11, 21, hour, 59, tzinfo=UTC).timestamp()) * made.SECOND_NS
    listed = made.kept_listings(7, now_ns)
    near_ns, later_ns = listed.expiries_ns
    assert near_ns - now_ns >= made.KEPT_NEAR_NS
    assert later_ns > near_ns
    assert len(listed.options) == 24
