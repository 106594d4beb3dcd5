"""Funding of perpetuals. Rates are for eight hours; each hour pays an eighth."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, Literal

from msgspec import Struct

from merkat.api.errors import invalid_params
from merkat.api.numbers import decimal, rate, usd
from merkat.api.public.service import (
    MS_NS,
    instrument_of,
    registry,
    service_of,
    time_range,
    view_of,
)
from merkat.api.public.shapes import FundingChart, FundingHour, FundingPoint, Milliseconds
from merkat.api.registry import Context
from merkat.market.ticker import current_funding, funding_8h
from merkat.market.types import Funding, Instrument
from merkat.sdk.commands import HOUR_NS

HOURS_MAX: Final = 744  # a month of them, as the dialect gives
HOUR_MS: Final = HOUR_NS // MS_NS
_EIGHTH: Final = 125  # of 1e-12
_EIGHTH_DECIMALS: Final = 12
_SPANS: Final = {"8h": 8, "24h": 24, "1m": 30 * 24}


class GetFundingRateHistory(Struct, kw_only=True, forbid_unknown_fields=True):
    """A span of time; at most its newest 744 hours."""

    instrument_name: str
    start_timestamp: Milliseconds
    end_timestamp: Milliseconds


class GetFundingRateValue(Struct, kw_only=True, forbid_unknown_fields=True):
    """A span of time."""

    instrument_name: str
    start_timestamp: Milliseconds
    end_timestamp: Milliseconds


class GetFundingChartData(Struct, kw_only=True, forbid_unknown_fields=True):
    """length: 8h, 24h or 1m (a month)."""

    instrument_name: str
    length: Literal["8h", "24h", "1m"] = "8h"


def _perpetual(context: Context, name: str) -> Instrument:
    found = instrument_of(context, name)
    if not found.is_perpetual:
        expected = "a perpetual, such as BTC_USDC-PERPETUAL: only they pay funding"
        raise invalid_params("instrument_name", name, expected)
    return found


def _hours(context: Context, found: Instrument, start_ms: int, end_ms: int) -> list[Funding]:
    """Return the hours that closed in a span, oldest first, of those after the listing."""
    start_ns, end_ns = time_range(start_ms, end_ms)
    hours = service_of(context).replica.history.funding(
        found.group,
        start_ns=max(start_ns, found.created_ns),
        end_ns=end_ns,
        count=HOURS_MAX,
        newest_first=True,
    )
    return hours[::-1]


@registry.method("public/get_funding_rate_history", summary="Hours of funding in a span.")
def get_funding_rate_history(context: Context, params: GetFundingRateHistory) -> list[FundingHour]:
    """Return the hours that closed in a span, oldest first."""
    found = _perpetual(context, params.instrument_name)
    return [
        FundingHour(
            timestamp=(one.hour + 1) * HOUR_MS,
            index_price=usd(one.index),
            prev_index_price=usd(one.previous_index),
            interest_8h=rate(one.rate),
            interest_1h=_hourly(one.rate),
        )
        for one in _hours(context, found, params.start_timestamp, params.end_timestamp)
    ]


def _hourly(nano: int) -> Decimal:
    """Return an eighth of a rate, exactly."""
    return decimal(nano * _EIGHTH, _EIGHTH_DECIMALS)


@registry.method("public/get_funding_rate_value", summary="What a span of funding paid, as a rate.")
def get_funding_rate_value(context: Context, params: GetFundingRateValue) -> Decimal:
    """Return the sum of what the hours of a span paid."""
    found = _perpetual(context, params.instrument_name)
    hours = _hours(context, found, params.start_timestamp, params.end_timestamp)
    return _hourly(sum(one.rate for one in hours))


@registry.method("public/get_funding_chart_data", summary="Funding of the last hours, and now.")
def get_funding_chart_data(context: Context, params: GetFundingChartData) -> FundingChart:
    """Return the hours that closed lately, and what the running one would pay."""
    found = _perpetual(context, params.instrument_name)
    group = view_of(context).groups[found.group]
    now_ms = service_of(context).now_ns() // MS_NS
    start_ms = max(0, now_ms - _SPANS[params.length] * HOUR_MS)
    points = [
        FundingPoint((one.hour + 1) * HOUR_MS, usd(one.index), rate(one.rate))
        for one in _hours(context, found, start_ms, now_ms)
    ]
    return FundingChart(rate(current_funding(group)), rate(funding_8h(group)), points)
