"""The table of terms: its figures keep the state machine's rules, and the items carry them."""

from __future__ import annotations

from datetime import date

import pytest

from merkat.products.names import Contract, ContractNameError
from merkat.products.terms import BTC, ETH, UNDERLYINGS, Underlying, is_daily
from merkat.sdk import commands

FRIDAY = date(2026, 12, 25)
SATURDAY = date(2026, 12, 26)


@pytest.mark.parametrize("underlying", [BTC, ETH])
def test_the_figures_keep_the_rules(underlying: Underlying) -> None:
    for terms in (underlying.linear, underlying.option):
        quantum = 10**underlying.size_decimals // terms.lot
        assert 10**underlying.size_decimals % terms.lot == 0, "I-13: the lot divides the coin"
        assert terms.tick % quantum == 0, "I-14: the tick is a multiple of quantum"
        assert terms.coarse_tick % terms.tick == 0, "I-25: the coarse tick is whole ticks"
        assert terms.coarse_from % terms.coarse_tick == 0, "I-25: it begins on itself"
        assert -terms.taker_fee <= terms.maker_fee <= 10_000_000, "I-15"
        assert 0 <= terms.taker_fee <= 10_000_000, "I-15"
        assert 0 <= terms.delivery_fee <= 10_000_000, "I-26"


def test_the_items_carry_the_table() -> None:
    call = Contract("BTC", 3, FRIDAY, 100_000_000_000)
    assert BTC.item(call, 7) == commands.list_dated(
        3,
        7,
        8,
        1_000_000,
        1_000_000,
        coarse_tick=5_000_000,
        coarse_from=100_000_000,
        maker_fee=300_000,
        taker_fee=300_000,
        delivery_fee=150_000,
        strike=100_000_000_000,
        expiry_ns=1_798_185_600 * 10**9,
    )
    future = Contract("ETH", 2, FRIDAY)
    assert ETH.item(future, 1) == commands.list_dated(
        2,
        1,
        8,
        1_000_000,
        50_000,
        maker_fee=0,
        taker_fee=500_000,
        delivery_fee=250_000,
        expiry_ns=1_798_185_600 * 10**9,
    )
    perpetual = Contract("BTC", 1)
    assert BTC.item(perpetual, 0) == commands.list_perpetual(0, 8, 100_000, 500_000, 0, 500_000)
    spot = BTC.item(Contract("BTC", 5), 0, token=2)
    assert spot == commands.list_dated(
        5, 0, 8, 100_000, 500_000, maker_fee=0, taker_fee=500_000, token=2
    )


def test_dailies_are_delivered_for_nothing() -> None:
    assert is_daily(SATURDAY)
    assert not is_daily(FRIDAY)
    assert BTC.terms(Contract("BTC", 4, SATURDAY, 10**9)).delivery_fee == 0
    assert BTC.terms(Contract("BTC", 4, FRIDAY, 10**9)).delivery_fee == 150_000
    assert BTC.terms(Contract("BTC", 2, FRIDAY)).delivery_fee == 250_000
    assert BTC.terms(Contract("BTC", 5)).delivery_fee == 0, "I-26: a spot market has none"


def test_the_steps_of_the_tick_are_told() -> None:
    assert BTC.option.tick_size_steps == ((100_000_000, 5_000_000),)
    assert BTC.linear.tick_size_steps == ()


def test_terms_are_those_of_one_coin() -> None:
    assert set(UNDERLYINGS) == {"BTC", "ETH"}
    with pytest.raises(ContractNameError, match="expected 'BTC'"):
        BTC.item(Contract("ETH", 1), 0)
