"""What a client asks for, in the venue's units: exact or refused, never rounded."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from merkat.api.errors import ApiError, invalid_params, missing_param, quantity_too_low, wrong_tick
from merkat.api.numbers import price_micro, usd
from merkat.gateway.exact import coins
from merkat.gateway.intents import TimeInForce
from merkat.market.types import Instrument
from merkat.sdk.commands import GOOD_TILL, IMMEDIATE, MARKET, POST_ONLY

PRICE_MAX: Final = 1 << 52
SIZE_END: Final = 1 << 56
VALUE_END: Final = 1 << 88
LABEL_MAX: Final = 64
NOT_IMPLEMENTED: Final = 10033
INVALID_AMOUNT: Final = 10021
_ONE: Final = Decimal(1)

_FORCES: Final = {
    "good_til_cancelled": TimeInForce.GOOD_TIL_CANCELLED,
    "good_til_day": TimeInForce.GOOD_TIL_DAY,
    "immediate_or_cancel": TimeInForce.IMMEDIATE_OR_CANCEL,
}
FORCE_NAMES: Final = {force: name for name, force in _FORCES.items()}


@dataclass(frozen=True, slots=True)
class Asked:
    """An order as it was asked for. Sizes are base units, prices 1e-6 USD.

    Attributes:
        price: None for a market order without one.
        moves: post-only whose price may be moved out of the way instead of being refused.
    """

    instrument: Instrument
    is_buy: bool
    size: int
    price: int | None
    flags: int
    time_in_force: TimeInForce
    reduce_only: bool
    moves: bool
    label: str

    @property
    def text(self) -> str:
        """Return it as one line, the same for the same order: repetitions are told by it."""
        side = "buy" if self.is_buy else "sell"
        ends = f"{int(self.time_in_force)}:{int(self.reduce_only)}:{int(self.moves)}"
        return f"{self.instrument.listing}:{side}:{self.size}:{self.price}:{self.flags}:{ends}"


def read_size(
    instrument: Instrument, amount: Decimal | None, contracts: Decimal | None
) -> tuple[int, str]:
    """Return a size and the name of the parameter that gave it.

    `amount` is in coins, `contracts` in smallest amounts; if both are given they must agree.
    """
    minimum = coins(instrument.lot, instrument.size_decimals)
    if amount is None:
        if contracts is None:
            raise missing_param("amount", "the size in coins, such as 0.1")
        return _size(instrument, contracts, _ONE, "contracts"), "contracts"
    size = _size(instrument, amount, minimum, "amount")
    if contracts is not None and contracts * instrument.lot != size:
        expected = f"{size // instrument.lot} (amount / {minimum})"
        raise invalid_params("contracts", contracts, expected, "send one of the two")
    return size, "amount"


def _size(instrument: Instrument, was: Decimal, step: Decimal, field: str) -> int:
    """Return as many lots as `was` has steps. Raises ApiError 10002 or 10021."""
    if was < step:
        raise quantity_too_low(was, step, field)
    most = SIZE_END // instrument.lot * step
    if was >= most:
        raise _invalid_amount(field, was, f"less than {most:f}", "send a smaller amount")
    lots, rest = divmod(was, step)
    if rest:
        hint = "round it yourself: amounts are never rounded for you"
        raise _invalid_amount(field, was, f"a multiple of {step:f}", hint)
    return int(lots) * instrument.lot


def _invalid_amount(field: str, was: Decimal, expected: str, hint: str) -> ApiError:
    return ApiError(INVALID_AMOUNT, f"{field} is {was:f}, expected {expected}", hint, field=field)


def read_price(instrument: Instrument, price: Decimal) -> int:
    """Return a limit price of an instrument, 1e-6 USD."""
    units = price_micro(price)
    if not 0 < units <= PRICE_MAX:
        raise invalid_params("price", price, f"more than 0 and at most {usd(PRICE_MAX)}")
    if not instrument.on_tick(units):
        raise wrong_tick(price, usd(instrument.tick(units)))
    return units


def check_value(instrument: Instrument, size: int, price: int) -> None:
    """Refuse an order whose value no machine word holds."""
    if size * price >= VALUE_END:
        amount = coins(size, instrument.size_decimals)
        most = coins(VALUE_END // price, instrument.size_decimals)
        expected = f"less than {most:f} at {usd(price):f} USD"
        raise _invalid_amount("amount", amount, expected, "send a smaller amount")


def not_implemented(field: str, what: str, hint: str) -> ApiError:
    """10033: the dialect has it, this venue's machine has not."""
    return ApiError(NOT_IMPLEMENTED, f"{what} is not implemented here", hint, field=field)


def read_force(text: str) -> TimeInForce:
    """Return how long an order is asked to stand."""
    found = _FORCES.get(text)
    if found is not None:
        return found
    if text == "fill_or_kill":
        raise not_implemented(
            "time_in_force",
            "fill_or_kill",
            "the venue's machine fills what it can: use immediate_or_cancel",
        )
    raise invalid_params("time_in_force", text, "one of " + ", ".join(_FORCES))


_TRIGGERS: Final = frozenset(
    ("stop_limit", "stop_market", "take_limit", "take_market", "trailing_stop", "market_limit")
)


def read_flags(
    order_type: str, force: TimeInForce, post_only: bool, reduce_only: bool
) -> tuple[int, TimeInForce]:
    """Return the flags of an order, and how long it stands."""
    if order_type in _TRIGGERS:
        hint = "the venue has limit and market orders; watch public/ticker and send one yourself"
        raise not_implemented("type", order_type, hint)
    if order_type not in ("limit", "market"):
        raise invalid_params("type", order_type, "limit or market")
    immediate = order_type == "market" or force is TimeInForce.IMMEDIATE_OR_CANCEL
    if post_only and immediate:
        hint = "a market or immediate_or_cancel order never rests, so it cannot be post_only"
        raise ApiError(11047, "post_only with an order that never rests", hint, field="post_only")
    if reduce_only and not immediate:
        raise not_implemented(
            "reduce_only",
            "reduce_only of an order that rests",
            "the venue's machine cannot hold it to that later: use type market or time_in_force"
            " immediate_or_cancel",
        )
    if order_type == "market":
        return MARKET, TimeInForce.IMMEDIATE_OR_CANCEL
    if immediate:
        return IMMEDIATE, force
    return (POST_ONLY if post_only else GOOD_TILL), force


def read_label(label: str | None) -> str:
    """Return a label: at most 64 characters, printable."""
    if not label:
        return ""
    if len(label) > LABEL_MAX or not label.isprintable():
        raise invalid_params("label", label, f"at most {LABEL_MAX} printable characters")
    return label


def next_price_out(instrument: Instrument, opposite: int, is_buy: bool) -> int | None:
    """Return the nearest price on tick that does not cross the best opposite one."""
    if is_buy:
        price = opposite - 1
        price -= price % instrument.tick(price)
        return price if price > 0 else None
    price = opposite + 1
    tick = instrument.tick(price)
    price = -(-price // tick) * tick
    # Rounding up may pass into the coarser ticks.
    tick = instrument.tick(price)
    price = -(-price // tick) * tick
    return price if price <= PRICE_MAX else None


def size_that_reduces(instrument: Instrument, position: int, is_buy: bool, size: int) -> int:
    """Return how much of an order only shrinks a position (base units, negative for a short).

    Raises ApiError 10021 where nothing of it does.
    """
    most = -position if is_buy else position
    if most > 0:
        return min(size, most)
    held = coins(position, instrument.size_decimals)
    side = "buying" if is_buy else "selling"
    raise ApiError(
        INVALID_AMOUNT,
        f"reduce_only: the position in {instrument.name} is {held:f}, {side} does not reduce it",
        "private/get_position shows the position",
        field="reduce_only",
    )
