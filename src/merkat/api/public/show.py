"""From what the replica knows (integers) to what the dialect shows (exact decimals)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from merkat.api.numbers import coins, decimal, rate, usd
from merkat.api.public.service import QUOTE, index_name, kind_of, milliseconds, state_of
from merkat.api.public.shapes import (
    BookSummary,
    Greeks,
    InstrumentShape,
    Level,
    Statistics,
    TickerShape,
    TickStep,
    TradeShape,
)
from merkat.market.replica import Replica
from merkat.market.ticker import Ticker
from merkat.market.types import NANO, Forced, Instrument, Trade
from merkat.market.view import View
from merkat.products.names import Contract, format_name
from merkat.products.terms import is_daily
from merkat.sdk.commands import KIND_CALL, KIND_FUTURE, KIND_SPOT

# What the dialect says for "never".
NEVER_MS: Final = 32_503_708_800_000
DIRECTIONS: Final = ("buy", "sell")
_INITIAL_RATE, _LIQUIDATION_FEE = 0, 3
_DAYS_A_YEAR: Final = 365
_HUNDREDTH: Final = Decimal("0.0001")
_VEGA_DECIMALS, _GAMMA_DECIMALS = 8, 12


def price(micro: int | None) -> Decimal | None:
    """Return a price in USD; None for None."""
    return None if micro is None else usd(micro)


def instrument(view: View, found: Instrument, time_ns: int) -> InstrumentShape:
    """Return an instrument and its terms."""
    group = view.groups[found.group]
    spot = found.kind == KIND_SPOT
    lot = coins(found.lot, found.size_decimals)
    steps = []
    if found.coarse_tick != found.tick_size:
        steps.append(TickStep(usd(found.coarse_from), usd(found.coarse_tick)))
    shape = InstrumentShape(
        instrument_name=found.name,
        instrument_id=found.listing,
        kind=kind_of(found),
        base_currency=found.contract.base,
        quote_currency=QUOTE,
        counter_currency=QUOTE,
        settlement_currency=QUOTE,
        price_index=index_name(group),
        tick_size=usd(found.tick_size),
        tick_size_steps=steps,
        contract_size=lot,
        min_trade_amount=lot,
        maker_commission=rate(found.maker_fee),
        taker_commission=rate(found.taker_fee),
        creation_timestamp=milliseconds(found.created_ns),
        expiration_timestamp=milliseconds(found.expiry_ns) if found.expiry_ns else NEVER_MS,
        is_active=found.active(time_ns),
        state=state_of(found, time_ns),
    )
    if not spot:
        shape.settlement_period = settlement_period(found.contract)
    if kind_of(found) == "future":
        shape.future_type = "linear"
        shape.max_leverage = Decimal(NANO // group.parameters[_INITIAL_RATE])
        shape.max_liquidation_commission = rate(group.parameters[_LIQUIDATION_FEE])
    if found.is_option:
        shape.strike = usd(found.strike)
        shape.option_type = "call" if found.kind == KIND_CALL else "put"
    return shape


def settlement_period(contract: Contract) -> str:
    """Return what kind of expiry a contract has."""
    if contract.expiry is None:
        return "perpetual"
    if is_daily(contract.expiry):
        return "day"
    last_friday = (contract.expiry.day + 7) > _days_of_month(contract)
    return "month" if last_friday else "week"


def _days_of_month(contract: Contract) -> int:
    assert contract.expiry is not None, "only what expires has a day"
    year, month = contract.expiry.year, contract.expiry.month
    following = contract.expiry.replace(year=year + month // 12, month=month % 12 + 1, day=1)
    return (following - contract.expiry.replace(day=1)).days


def statistics(found: Instrument, ticker: Ticker) -> Statistics:
    """Return the figures of the last 24 hours."""
    day = ticker.day
    turnover = usd(day.cost // found.coin)
    change = None
    if day.first is not None and ticker.last is not None:
        change = (Decimal(ticker.last - day.first) * 100 / day.first).quantize(_HUNDREDTH)
    return Statistics(
        high=price(day.high),
        low=price(day.low),
        price_change=change,
        volume=coins(day.volume, found.size_decimals),
        volume_usd=turnover,
        volume_notional=turnover,
    )


def percent(volatility: float | None) -> float:
    """Return a volatility in percent for display; 0 where there is none."""
    return round(volatility * 100, 2) if volatility is not None else 0.0


def underlying_index(view: View, found: Instrument) -> str:
    """Return the future of the same expiry, or the name of the synthetic one."""
    name = format_name(Contract(found.contract.base, KIND_FUTURE, found.contract.expiry))
    return name if name in view.by_name else f"SYN.{name}"


def greeks(ticker: Ticker) -> Greeks:
    """Return the Greeks of an option in the units of the dialect; zeros where it has no row."""
    row, option = ticker.row, ticker.option
    if row is None or option is None:
        zero = Decimal(0)
        return Greeks(zero, zero, zero, zero, 0.0)
    return Greeks(
        delta=rate(row.delta),
        gamma=decimal(row.gamma, _GAMMA_DECIMALS),
        vega=decimal(row.vega, _VEGA_DECIMALS),
        theta=usd(row.theta // _DAYS_A_YEAR),
        rho=round(option.rho / 100, 5),
    )


def ticker_fields(view: View, found: Instrument, ticker: Ticker) -> dict[str, Any]:
    """Return the fields of a ticker, as `TickerShape` and `OrderBookShape` have them."""
    bid, ask = ticker.best_bid, ticker.best_ask
    decimals = found.size_decimals
    fields: dict[str, Any] = {
        "instrument_name": found.name,
        "timestamp": milliseconds(ticker.time_ns),
        "state": state_of(found, ticker.time_ns),
        "mark_price": price(ticker.mark),
        "index_price": usd(ticker.index),
        "estimated_delivery_price": usd(found.delivery_price or ticker.index),
        "last_price": price(ticker.last),
        "best_bid_price": usd(bid[0]) if bid else None,
        "best_bid_amount": coins(bid[1] if bid else 0, decimals),
        "best_ask_price": usd(ask[0]) if ask else None,
        "best_ask_amount": coins(ask[1] if ask else 0, decimals),
        "min_price": price(ticker.min_price),
        "max_price": price(ticker.max_price),
        "open_interest": coins(ticker.open_interest, decimals),
        "stats": statistics(found, ticker),
    }
    if found.delivery_price:
        fields["delivery_price"] = usd(found.delivery_price)
    if ticker.current_funding is not None and ticker.funding_8h is not None:
        fields["current_funding"] = rate(ticker.current_funding)
        fields["funding_8h"] = rate(ticker.funding_8h)
        fields["interest_value"] = rate(ticker.current_funding)
    if found.is_option:
        fields |= _option_fields(view, found, ticker)
    return fields


def _option_fields(view: View, found: Instrument, ticker: Ticker) -> dict[str, Any]:
    option = ticker.option
    return {
        "greeks": greeks(ticker),
        "mark_iv": percent(option.mark_iv if option else None),
        "bid_iv": percent(option.bid_iv if option else None),
        "ask_iv": percent(option.ask_iv if option else None),
        "interest_rate": Decimal(0),
        "underlying_price": usd(ticker.forward or ticker.index),
        "underlying_index": underlying_index(view, found),
    }


def ticker(replica: Replica, found: Instrument) -> TickerShape:
    """Return the ticker of an instrument."""
    return TickerShape(**ticker_fields(replica.view, found, replica.ticker(found.listing)))


def summary(replica: Replica, found: Instrument, now_ns: int) -> BookSummary:
    """Return the line of an instrument in an overview."""
    view = replica.view
    ticker = replica.ticker(found.listing)
    bid, ask = ticker.best_bid, ticker.best_ask
    stats = statistics(found, ticker)
    line = BookSummary(
        instrument_name=found.name,
        base_currency=found.contract.base,
        quote_currency=QUOTE,
        creation_timestamp=milliseconds(now_ns),
        bid_price=usd(bid[0]) if bid else None,
        ask_price=usd(ask[0]) if ask else None,
        mid_price=usd(bid[0] + ask[0]) / 2 if bid and ask else None,
        mark_price=price(ticker.mark),
        last=price(ticker.last),
        high=stats.high,
        low=stats.low,
        price_change=stats.price_change,
        volume=stats.volume,
        volume_usd=stats.volume_usd,
        volume_notional=stats.volume_notional,
        open_interest=coins(ticker.open_interest, found.size_decimals),
        estimated_delivery_price=usd(found.delivery_price or ticker.index),
    )
    if ticker.current_funding is not None and ticker.funding_8h is not None:
        line.current_funding = rate(ticker.current_funding)
        line.funding_8h = rate(ticker.funding_8h)
    if found.is_option:
        line.mark_iv = percent(ticker.option.mark_iv if ticker.option else None)
        line.interest_rate = Decimal(0)
        line.underlying_price = usd(ticker.forward or ticker.index)
        line.underlying_index = underlying_index(view, found)
    return line


def trade(found: Instrument, one: Trade) -> TradeShape:
    """Return a public trade."""
    shape = TradeShape(
        trade_id=one.trade_id,
        trade_seq=one.seq,
        instrument_name=found.name,
        timestamp=milliseconds(one.time_ns),
        price=usd(one.price),
        amount=coins(one.size, found.size_decimals),
        contracts=Decimal(one.size // found.lot),
        direction=DIRECTIONS[one.side],
        tick_direction=one.tick_direction,
        index_price=usd(one.index),
        mark_price=usd(one.mark),
    )
    if one.forced != Forced.NO:
        shape.liquidation = "T"
    return shape


def levels(found: Instrument, side: list[tuple[int, int]]) -> list[Level]:
    """Return the levels of a book's side."""
    return [(usd(micro), coins(size, found.size_decimals)) for micro, size in side]
