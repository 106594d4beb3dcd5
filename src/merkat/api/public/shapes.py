"""What public methods answer, field by field as the dialect has it (msgspec encodes them).

Prices in USD (USDC), amounts in coins, times in ms. Decimals become exact JSON numbers; floats are
figures for display only: volatilities in percent, and rho. A field that is UNSET is left out.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

Count = Annotated[int, Meta(ge=1, le=1_000)]
# Up to what JavaScript counts to: later ones than the venue's clock has mean "no end".
Milliseconds = Annotated[int, Meta(ge=0, le=(1 << 53) - 1)]
Level = tuple[Decimal, Decimal]
"""Price and amount."""


class TickStep(Struct):
    """A coarser tick, and the price above which it holds."""

    above_price: Decimal
    tick_size: Decimal


class InstrumentShape(Struct, kw_only=True):
    """An instrument and its terms."""

    instrument_name: str
    instrument_id: int
    kind: str
    instrument_type: str = "linear"
    base_currency: str
    quote_currency: str
    counter_currency: str
    settlement_currency: str
    settlement_period: str | UnsetType = UNSET
    price_index: str
    tick_size: Decimal
    tick_size_steps: list[TickStep]
    contract_size: Decimal
    min_trade_amount: Decimal
    maker_commission: Decimal
    taker_commission: Decimal
    creation_timestamp: int
    expiration_timestamp: int
    is_active: bool
    state: str
    rfq: bool = False
    future_type: str | UnsetType = UNSET
    max_leverage: Decimal | UnsetType = UNSET
    max_liquidation_commission: Decimal | UnsetType = UNSET
    strike: Decimal | UnsetType = UNSET
    option_type: str | UnsetType = UNSET


class CurrencyShape(Struct, kw_only=True):
    """A currency: the one that accounts hold, or one that contracts are on."""

    currency: str
    currency_long: str
    coin_type: str
    decimals: int
    fee_precision: int
    min_confirmations: int
    min_withdrawal_fee: Decimal
    withdrawal_fee: Decimal
    withdrawal_priorities: list[str]
    in_cross_collateral_pool: bool


class Statistics(Struct, kw_only=True):
    """The last 24 hours. volume: coins; volume_usd and volume_notional: USD."""

    high: Decimal | None
    low: Decimal | None
    price_change: Decimal | None
    volume: Decimal
    volume_usd: Decimal
    volume_notional: Decimal


class Greeks(Struct):
    """Of an option: gamma per USD, vega per point of volatility, theta a day, rho per point."""

    delta: Decimal
    gamma: Decimal
    vega: Decimal
    theta: Decimal
    rho: float


class TickerShape(Struct, kw_only=True):
    """What an instrument is worth and did."""

    instrument_name: str
    timestamp: int
    state: str
    mark_price: Decimal | None
    index_price: Decimal
    estimated_delivery_price: Decimal
    last_price: Decimal | None
    settlement_price: Decimal | UnsetType = UNSET
    delivery_price: Decimal | UnsetType = UNSET
    best_bid_price: Decimal | None
    best_bid_amount: Decimal
    best_ask_price: Decimal | None
    best_ask_amount: Decimal
    min_price: Decimal | None
    max_price: Decimal | None
    open_interest: Decimal
    stats: Statistics
    funding_8h: Decimal | UnsetType = UNSET
    current_funding: Decimal | UnsetType = UNSET
    interest_value: Decimal | UnsetType = UNSET
    greeks: Greeks | UnsetType = UNSET
    mark_iv: float | UnsetType = UNSET
    bid_iv: float | UnsetType = UNSET
    ask_iv: float | UnsetType = UNSET
    interest_rate: Decimal | UnsetType = UNSET
    underlying_price: Decimal | UnsetType = UNSET
    underlying_index: str | UnsetType = UNSET


class OrderBookShape(TickerShape, kw_only=True):
    """A book, best prices first, with the ticker of the instrument."""

    change_id: int
    bids: list[Level]
    asks: list[Level]


class BookSummary(Struct, kw_only=True):
    """A line of an overview of many instruments."""

    instrument_name: str
    base_currency: str
    quote_currency: str
    creation_timestamp: int
    bid_price: Decimal | None
    ask_price: Decimal | None
    mid_price: Decimal | None
    mark_price: Decimal | None
    last: Decimal | None
    high: Decimal | None
    low: Decimal | None
    price_change: Decimal | None
    volume: Decimal
    volume_usd: Decimal
    volume_notional: Decimal
    open_interest: Decimal
    estimated_delivery_price: Decimal
    funding_8h: Decimal | UnsetType = UNSET
    current_funding: Decimal | UnsetType = UNSET
    mark_iv: float | UnsetType = UNSET
    interest_rate: Decimal | UnsetType = UNSET
    underlying_price: Decimal | UnsetType = UNSET
    underlying_index: str | UnsetType = UNSET


class TradeShape(Struct, kw_only=True):
    """A public trade; `direction` is the taker's. trade_id: its command's log number and place."""

    trade_id: str
    trade_seq: int
    instrument_name: str
    timestamp: int
    price: Decimal
    amount: Decimal
    contracts: Decimal
    direction: str
    tick_direction: int
    index_price: Decimal
    mark_price: Decimal
    liquidation: str | UnsetType = UNSET


class TradesPage(Struct):
    """Trades, and whether there are more in what was asked for."""

    trades: list[TradeShape]
    has_more: bool


class Chart(Struct, kw_only=True):
    """Candles as columns. ticks: when each begins; volume: coins; cost: USD."""

    status: str
    ticks: list[int]
    open: list[Decimal]
    high: list[Decimal]
    low: list[Decimal]
    close: list[Decimal]
    volume: list[Decimal]
    cost: list[Decimal]


class FundingHour(Struct):
    """An hour of funding that closed at `timestamp`."""

    timestamp: int
    index_price: Decimal
    prev_index_price: Decimal
    interest_8h: Decimal
    interest_1h: Decimal


class FundingPoint(Struct):
    """A point of a funding chart."""

    timestamp: int
    index_price: Decimal
    interest_8h: Decimal


class FundingChart(Struct):
    """Funding of the last hours, and what the running one would pay now."""

    current_interest: Decimal
    interest_8h: Decimal
    data: list[FundingPoint]


class IndexPrice(Struct):
    """The index of a coin."""

    index_price: Decimal
    estimated_delivery_price: Decimal


class Delivery(Struct):
    """The price at which the contracts of a day were paid out."""

    date: str
    delivery_price: Decimal


class Deliveries(Struct):
    """Deliveries, newest first."""

    data: list[Delivery]
    records_total: int


class ContractSize(Struct):
    """Coins of one contract."""

    contract_size: Decimal


class Status(Struct):
    """Whether the venue is locked: the texts "true", "false" or "partial"."""

    locked: str
    locked_indices: list[str]


class TradeVolume(Struct):
    """Volumes of a coin in the last 24 hours, in coins."""

    currency: str
    calls_volume: Decimal
    puts_volume: Decimal
    futures_volume: Decimal
    spot_volume: Decimal
