"""Names of contracts: one for each, both ways, and what is wrong with the others."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merkat.products.names import (
    Contract,
    ContractNameError,
    format_day,
    format_name,
    format_strike,
    parse_day,
    parse_name,
    parse_strike,
)

DAYS = st.dates(date(2000, 1, 1), date(2099, 12, 31))
COINS = st.from_regex(r"[A-Z0-9]{1,16}", fullmatch=True)
STRIKES = st.integers(1, 1 << 52)


@st.composite
def contracts(draw: st.DrawFn) -> Contract:
    """Draw any contract."""
    kind = draw(st.integers(1, 5))
    expiry = draw(DAYS) if kind in (2, 3, 4) else None
    strike = draw(STRIKES) if kind in (3, 4) else None
    return Contract(draw(COINS), kind, expiry, strike, draw(COINS))


@pytest.mark.parametrize(
    ("name", "contract"),
    [
        ("BTC_USDC-PERPETUAL", Contract("BTC", 1)),
        ("BTC_USDC-25DEC26", Contract("BTC", 2, date(2026, 12, 25))),
        ("BTC_USDC-25DEC26-100000-C", Contract("BTC", 3, date(2026, 12, 25), 100_000_000_000)),
        ("XRP_USDC-5JAN27-0d625-P", Contract("XRP", 4, date(2027, 1, 5), 625_000)),
        ("XRP_USDC-5JAN27-2d000001-P", Contract("XRP", 4, date(2027, 1, 5), 2_000_001)),
        ("1000PEPE_USDC", Contract("1000PEPE", 5)),
    ],
)
def test_names_are_as_clients_know_them(name: str, contract: Contract) -> None:
    assert parse_name(name) == contract
    assert format_name(contract) == name


@given(contracts())
def test_every_contract_has_one_name(contract: Contract) -> None:
    name = format_name(contract)
    assert parse_name(name) == contract, f"{name} does not lead back"


@given(st.text("BTC_USD-250PERLdDEC", max_size=30))
def test_every_text_that_is_a_name_is_the_only_one(text: str) -> None:
    try:
        contract = parse_name(text)
    except ContractNameError:
        return
    assert format_name(contract) == text, "two texts name one contract"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "name: ''"),
        ("BTC-PERPETUAL", "expected BASE_QUOTE in front"),
        ("btc_USDC-PERPETUAL", "base: 'btc'"),
        ("BTC_-PERPETUAL", "quote: ''"),
        ("BTC_US_DC", "quote: 'US_DC'"),
        ("BTC_USDC-perpetual", "expiry: 'perpetual'"),
        ("BTC_USDC-05DEC26", "expiry: '05DEC26'"),
        ("BTC_USDC-31NOV26", "is no day"),
        ("BTC_USDC-25DEZ26", "expiry: '25DEZ26'"),
        ("BTC_USDC-25DEC2026", "expiry: '25DEC2026'"),
        ("BTC_USDC-25DEC26-100000", "name: "),
        ("BTC_USDC-25DEC26-100000-X", "type: 'X', expected C"),
        ("BTC_USDC-25DEC26-0100-C", "strike: '0100'"),
        ("BTC_USDC-25DEC26-0d50-C", "strike: '0d50'"),
        ("BTC_USDC-25DEC26-0.5-C", "strike: '0.5'"),
        ("BTC_USDC-25DEC26-0d0000001-C", "at most 6 decimals"),
        ("BTC_USDC-25DEC26-0-C", "strike: 0, expected 1 to"),
        ("BTC_USDC-25DEC26-4503599628-C", "strike: 4503599628000000, expected 1 to"),
        ("BTC_USDC-25DEC26-1-C-C", "name: "),
        ("BTC_USDC-\uff125DEC26", "expiry: "),
        ("BTC_USDC-25DEC26\n", "expiry: "),
    ],
)
def test_what_names_no_contract_is_refused_with_the_part(text: str, message: str) -> None:
    with pytest.raises(ContractNameError, match=r".*") as caught:
        parse_name(text)
    assert message in str(caught.value), "the error must name the part and what is expected"


@pytest.mark.parametrize(
    ("kind", "expiry", "strike", "message"),
    [
        (0, None, None, "kind"),
        (6, None, None, "kind"),
        (1, date(2026, 12, 25), None, "expiry"),
        (5, None, 1, "strike"),
        (2, None, None, "expiry"),
        (2, date(2026, 12, 25), 1, "strike"),
        (3, date(2026, 12, 25), None, "strike"),
        (3, date(2026, 12, 25), 0, "strike"),
        (3, date(1999, 12, 25), 1, "2000 to 2099"),
        (3, date(2100, 1, 1), 1, "2000 to 2099"),
    ],
)
def test_terms_that_no_contract_has_are_refused(
    kind: int, expiry: date | None, strike: int | None, message: str
) -> None:
    with pytest.raises(ContractNameError, match=message):
        Contract("BTC", kind, expiry, strike)


@given(DAYS)
def test_days_go_both_ways(day: date) -> None:
    assert parse_day(format_day(day)) == day


@given(STRIKES)
def test_strikes_go_both_ways(strike: int) -> None:
    assert parse_strike(format_strike(strike)) == strike


def test_an_expiry_is_at_eight() -> None:
    assert Contract("BTC", 2, date(2026, 12, 25)).expiry_ns == 1_798_185_600 * 10**9
    assert Contract("BTC", 1).expiry_ns == 0
