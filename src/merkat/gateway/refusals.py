"""What a refusal of the venue's machine is in the dialect: code, field and what to do.

Every rule that a command of the gateway can meet has a line (docs/spec/rules.md, derivatives.md,
sessions.md). A refused command has changed nothing: each of these answers is final.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from merkat.api.errors import ApiError
from merkat.market.outcomes import Refusal

USED_NONCE: Final = "C-04"
WOULD_TRADE: Final = "O-21"
ORDER_NOT_OPEN: Final = "X-01"
VERSION_NOT_LARGER: Final = "X-03"


class Meaning(NamedTuple):
    """How a rule is told: the dialect's code, the parameter, what was wrong, what to do."""

    code: int
    field: str | None
    reason: str
    hint: str


_AGAIN: Final = "nothing was done; send it again"
_DEFECT: Final = "this is a defect of the gateway: report it with the rule; nothing was done"
_KEY: Final = "`merkat account create` opens a session; the keys file must name its slot and key"

MEANINGS: Final[Mapping[str, Meaning]] = MappingProxyType(
    {
        "C-01": Meaning(11030, None, "the venue could not read the command", _DEFECT),
        "C-02": Meaning(13021, None, "the venue has no such account", "deposit first"),
        "C-03": Meaning(13021, None, "the venue knows another key for this session", _KEY),
        "C-04": Meaning(10040, None, "the nonce was used before", _AGAIN),
        "C-07": Meaning(11030, None, "the session's slot is above 15", _DEFECT),
        "C-08": Meaning(13021, None, "the session is revoked, expired or was never opened", _KEY),
        "O-01": Meaning(
            13020, "instrument_name", "the venue has no such instrument", "public/get_instruments"
        ),
        "O-02": Meaning(11030, None, "the side is neither buy nor sell", _DEFECT),
        "O-03": Meaning(11030, "type", "the venue does not know this kind of order", _DEFECT),
        "O-04": Meaning(
            10043,
            "price",
            "the price is no multiple of the tick, or out of range",
            "public/get_instrument has tick_size and tick_size_steps",
        ),
        "O-05": Meaning(
            10021,
            "amount",
            "the amount is no multiple of the smallest amount, or too large",
            "public/get_instrument has min_trade_amount",
        ),
        "O-06": Meaning(10040, None, "the order's time ran out before the venue took it", _AGAIN),
        "O-07": Meaning(
            11030,
            "time_in_force",
            "the order would outlive what the venue allows",
            "set the clock of the gateway's machine: it is ahead of the venue's",
        ),
        "O-08": Meaning(11030, None, "the order's version is wrong", _DEFECT),
        "O-09": Meaning(11030, None, "the order's counter does not fit its nonce", _DEFECT),
        "O-10": Meaning(11030, None, "the order names another that it renews", _DEFECT),
        "O-11": Meaning(
            11042,
            None,
            "the wallet has made void every order up to a counter that this one is below",
            "wait until the clock has passed it",
        ),
        "O-12": Meaning(10040, None, "the fees rose while the order was on its way", _AGAIN),
        "O-13": Meaning(
            10019,
            None,
            "the account is in liquidation",
            "deposit, or wait until private/get_account_summary shows it out of liquidation",
        ),
        "O-14": Meaning(
            11051,
            "instrument_name",
            "the venue has no prices for this market: trading is halted",
            "wait for the oracle; public/ticker shows the newest",
        ),
        "O-15": Meaning(10040, None, "an order with this number exists", _AGAIN),
        "O-16": Meaning(
            10013,
            None,
            "the account has as many open orders as it may have",
            "cancel some: private/get_open_orders",
        ),
        "O-17": Meaning(
            11030,
            "instrument_name",
            "the account would have positions or orders in too many instruments",
            "close a position or cancel the orders of an instrument",
        ),
        "O-18": Meaning(
            11030,
            "instrument_name",
            "the account would have positions or orders in more than 8 underlyings",
            "close the positions of an underlying",
        ),
        "O-19": Meaning(
            10011,
            "price",
            "the price is outside the band around the mark price",
            "public/ticker has min_price and max_price",
        ),
        "O-20": Meaning(
            11051,
            "instrument_name",
            "prices are stale or the instrument takes reductions only",
            "only an order that reduces a position is taken now",
        ),
        "O-21": Meaning(
            11054,
            "post_only",
            "the order would have traded at once",
            "send a price that does not cross the best opposite one",
        ),
        "O-22": Meaning(
            10009,
            "amount",
            "the account's equity does not cover the initial margin with this order",
            "private/get_account_summary shows available_funds",
        ),
        "O-23": Meaning(
            10012,
            "instrument_name",
            "the instrument has expired or has no price yet",
            "public/get_instrument shows its state",
        ),
        "O-24": Meaning(
            10009,
            "amount",
            "the account does not hold the coins that this order would sell",
            "private/get_position shows what it holds",
        ),
        "O-25": Meaning(
            13021,
            "instrument_name",
            "the instrument is outside the scope of the session key",
            "the wallet can open a session with a wider scope",
        ),
        "O-26": Meaning(
            13021,
            "amount",
            "the order is worth more than one order of the session key may be",
            "send smaller orders, or let the wallet open a session with a larger notional",
        ),
        "O-27": Meaning(
            13021,
            "time_in_force",
            "the order would outlive the session key",
            "the wallet can open a new session",
        ),
        "X-01": Meaning(
            11044,
            "order_id",
            "the order is no longer open",
            "private/get_order_state shows how it ended",
        ),
        "X-02": Meaning(11030, None, "an edit cannot change side, instrument or kind", _DEFECT),
        "X-03": Meaning(10040, "order_id", "another edit of this order came first", _AGAIN),
        "X-04": Meaning(
            10021,
            "amount",
            "the new amount is not above what is filled already",
            "private/get_order_state shows filled_amount; to end the order, cancel it",
        ),
        "X-05": Meaning(11030, None, "a renewal differs from the order that it renews", _DEFECT),
        "X-06": Meaning(11030, None, "the floor is not above the present one", _DEFECT),
        "X-07": Meaning(10010, "order_id", "the order expired before its renewal", _AGAIN),
    }
)

_BAND_BUY: Final = 10007
_BAND_SELL: Final = 10005


def refusal_error(refusal: Refusal, is_buy: bool | None = None) -> ApiError:
    """Return the dialect's error of a refusal. `is_buy` is the side of the order, where known."""
    meaning = MEANINGS.get(refusal.rule)
    if meaning is None:
        # No command of the gateway can meet it: told as it is rather than guessed at.
        meaning = Meaning(11030, None, f"the venue refused it: {refusal.name}", _DEFECT)
    code = meaning.code
    if refusal.rule == "O-19" and is_buy is not None:
        code = _BAND_BUY if is_buy else _BAND_SELL
    extra = {"rule": refusal.rule, "rule_name": refusal.name, "rule_field": refusal.field}
    return ApiError(code, meaning.reason, meaning.hint, field=meaning.field, extra=extra)


def never_error(reason: str) -> ApiError:
    """Return the error of a command that the venue never had and never will."""
    return ApiError(10040, f"the order never reached the venue: {reason}", _AGAIN)
