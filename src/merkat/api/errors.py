"""Errors of the dialect: a code, its fixed message, and what, why and what to do for this case."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, Final

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
RAW_NEEDS_AUTHENTICATION: Final = 13778

# Clients choose their exception by the code; the message is the same for each code.
MESSAGES: Final[Mapping[int, str]] = {
    PARSE_ERROR: "Parse error",
    INVALID_REQUEST: "Invalid Request",
    METHOD_NOT_FOUND: "Method not found",
    INVALID_PARAMS: "Invalid params",
    10000: "authorization_required",
    10001: "error",
    10002: "qty_too_low",
    10003: "order_overlap",
    10004: "order_not_found",
    10005: "price_too_low",
    10007: "price_too_high",
    10009: "not_enough_funds",
    10010: "already_closed",
    10011: "price_not_allowed",
    10012: "book_closed",
    10013: "pme_max_total_open_orders",
    10019: "locked_by_admin",
    10020: "invalid_or_unsupported_instrument",
    10021: "invalid_amount",
    10023: "invalid_price",
    10025: "invalid_order_id",
    10028: "too_many_requests",
    10029: "not_owner_of_order",
    10030: "must_be_websocket_request",
    10033: "not_implemented",
    10040: "retry",
    10041: "settlement_in_progress",
    10043: "price_wrong_tick",
    10045: "can_not_cancel_liquidation_order",
    10046: "can_not_edit_liquidation_order",
    10047: "matching_engine_queue_full",
    11008: "already_filled",
    11029: "invalid_arguments",
    11030: "other_reject",
    11042: "permission_denied",
    11044: "not_open_order",
    11047: "unsupported_arg_combination",
    11050: "bad_request",
    11051: "system_maintenance",
    11052: "subscribe_error_unsubscribed",
    11054: "post_only_reject",
    11094: "internal_server_error",
    13004: "invalid_credentials",
    13009: "unauthorized",
    13016: "invalid_input",
    13018: "invalid_content_type",
    13020: "not_found",
    13021: "forbidden",
    13503: "unavailable",
    RAW_NEEDS_AUTHENTICATION: "raw_subscriptions_not_available_for_unauthorized",
    13888: "timed_out",
}

# How other dialects and unified clients call a parameter of this one.
ELSEWHERE: Final[Mapping[str, str]] = {
    "clientorderid": "label",
    "clientoid": "label",
    "symbol": "instrument_name",
    "instrument": "instrument_name",
    "market": "instrument_name",
    "quantity": "amount",
    "qty": "amount",
    "size": "amount",
    "id": "order_id",
    "orderid": "order_id",
    "limit": "count",
    "since": "start_timestamp",
    "until": "end_timestamp",
}

# Methods of the dialect that only the wallet could do, and how it does.
_WITHDRAW: Final = (
    "the wallet withdraws: it signs the withdrawal itself and hands it in with"
    " venue/submit_signed_command; private/get_withdrawals lists them"
)
_DEPOSIT: Final = (
    "the wallet deposits into the venue's contract on the chain; private/get_deposits lists what"
    " has come"
)
_TRANSFER: Final = "accounts are owned by wallets: withdraw from one and deposit into the other"
_KEYS: Final = (
    "the wallet gives session keys: `merkat account`, or a SessionOpen that it signs and hands in"
    " with venue/register_session_key"
)
WALLETS_OWN: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        (
            "private/withdraw",
            "private/cancel_withdrawal",
            "private/add_to_address_book",
            "private/remove_from_address_book",
            "private/get_address_book",
            "private/update_in_address_book",
        ),
        _WITHDRAW,
    ),
    **dict.fromkeys(
        ("private/create_deposit_address", "private/get_current_deposit_address"), _DEPOSIT
    ),
    **dict.fromkeys(
        (
            "private/submit_transfer_to_subaccount",
            "private/submit_transfer_to_user",
            "private/submit_transfer_between_subaccounts",
            "private/cancel_transfer_by_id",
            "private/create_subaccount",
            "private/remove_subaccount",
        ),
        _TRANSFER,
    ),
    **dict.fromkeys(
        (
            "private/create_api_key",
            "private/edit_api_key",
            "private/enable_api_key",
            "private/disable_api_key",
            "private/remove_api_key",
            "private/reset_api_key",
            "private/list_api_keys",
        ),
        _KEYS,
    ),
}

_SHOWN_MAX: Final = 80
_NAMES_MAX: Final = 40


class ApiError(Exception):
    """What a caller is told instead of a result.

    Attributes:
        code: of the dialect.
        message: fixed for each code.
        reason: what was wrong with this request.
        hint: what was expected and what to do.
        field: the parameter that was wrong, where it was one.
        extra: further members of `data`, such as `wait`.
    """

    def __init__(
        self,
        code: int,
        reason: str,
        hint: str,
        *,
        field: str | None = None,
        message: str | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        self.code = code
        self.message = message if message is not None else MESSAGES.get(code, "error")
        self.reason = reason
        self.hint = hint
        self.field = field
        self.extra = dict(extra) if extra else {}
        place = f" ({field})" if field is not None else ""
        super().__init__(f"{code} {self.message}{place}: {reason}; {hint}")

    def body(self) -> dict[str, Any]:
        """Return the `error` object of the envelope."""
        data: dict[str, Any] = {"reason": self.reason, "hint": self.hint, **self.extra}
        if self.field is not None:
            data["param"] = self.field
        return {"code": self.code, "message": self.message, "data": data}


def shown(value: object) -> str:
    """Return a value for an error text, cut to a readable length."""
    text = repr(value) if isinstance(value, str) else _word(value)
    return text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}..."


def _word(value: object) -> str:
    """Return a value as JSON writes it, if it is short."""
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


def listed(names: Iterable[str]) -> str:
    """Return names for an error text, at most 40 of them."""
    ordered = sorted(names)
    more = f" and {len(ordered) - _NAMES_MAX} more" if len(ordered) > _NAMES_MAX else ""
    return (", ".join(ordered[:_NAMES_MAX]) or "none") + more


def invalid_params(field: str, was: object, expected: str, hint: str = "") -> ApiError:
    """-32602: a parameter has a wrong value."""
    reason = f"{field} is {shown(was)}, expected {expected}"
    return ApiError(INVALID_PARAMS, reason, hint or f"send {expected}", field=field)


def missing_param(field: str, expected: str = "a value") -> ApiError:
    """-32602: a required parameter is not there."""
    reason = f"{field} is missing, it is required"
    return ApiError(INVALID_PARAMS, reason, f"send {field}: {expected}", field=field)


def unknown_param(field: str, known: Iterable[str]) -> ApiError:
    """-32602: a parameter that the method does not have."""
    names = list(known)
    close = get_close_matches(field, names, n=1)
    elsewhere = ELSEWHERE.get(field.lower().replace("_", ""), "")
    if elsewhere in names:
        close = [elsewhere]
    guess = f"did you mean {close[0]}? " if close else ""
    reason = f"{shown(field)} is no parameter of this method"
    hint = f"{guess}known parameters: {listed(names)}"
    return ApiError(INVALID_PARAMS, reason, hint, field=field[:_SHOWN_MAX])


def invalid_request(field: str | None, reason: str, hint: str) -> ApiError:
    """-32600: the envelope is not a request of this dialect."""
    return ApiError(INVALID_REQUEST, reason, hint, field=field)


def method_not_found(method: str, known: Iterable[str]) -> ApiError:
    """-32601."""
    if method in WALLETS_OWN:
        reason = f"no method {shown(method)}: no session key can move money out"
        return ApiError(METHOD_NOT_FOUND, reason, WALLETS_OWN[method], field="method")
    close = get_close_matches(method, list(known), n=3)
    guess = f"did you mean {', '.join(close)}? " if close else ""
    hint = f"{guess}rpc.discover and /openrpc.json list all methods"
    return ApiError(METHOD_NOT_FOUND, f"no method {shown(method)}", hint, field="method")


def not_found(field: str, was: object, hint: str) -> ApiError:
    """13020: an instrument, batch or account that is not there."""
    return ApiError(13020, f"{field} {shown(was)} is not known here", hint, field=field)


def order_not_found(was: object, field: str = "order_id") -> ApiError:
    """10004."""
    hint = "give an order_id of your own orders as private/buy or get_open_orders returned it"
    return ApiError(10004, f"no order of yours has {field} {shown(was)}", hint, field=field)


def not_open_order(was: object, state: str, field: str = "order_id") -> ApiError:
    """11044: the order is filled, cancelled, expired or refused already."""
    reason = f"order {shown(was)} is {state}, only an open order can be changed or cancelled"
    return ApiError(11044, reason, "private/get_order_state shows how it ended", field=field)


def wrong_tick(price: object, tick: object, field: str = "price") -> ApiError:
    """10043: never rounded for the caller."""
    reason = f"{field} {shown(price)} is no multiple of the tick {tick}"
    hint = "round it yourself; public/get_instrument has tick_size and tick_size_steps"
    return ApiError(10043, reason, hint, field=field)


def quantity_too_low(amount: object, minimum: object, field: str = "amount") -> ApiError:
    """10002."""
    reason = f"{field} {shown(amount)} is below the smallest order {minimum}"
    return ApiError(10002, reason, "public/get_instrument has min_trade_amount", field=field)


def not_enough_funds(reason: str, hint: str = "private/get_account_summary shows them") -> ApiError:
    """10009."""
    return ApiError(10009, reason, hint)


def post_only_reject(reason: str, hint: str = "send a price that does not cross") -> ApiError:
    """11054: the order would have traded at once."""
    return ApiError(11054, reason, hint, field="post_only")


def too_many_requests(wait_ms: int, what: str = "requests") -> ApiError:
    """10028: more `what` than allowed. `data.wait`: when this one request has a place."""
    reason = f"more {what} than allowed"
    hint = f"wait {wait_ms} ms, then send it again: nothing of it was done"
    return ApiError(10028, reason, hint, extra={"wait": wait_ms})


def unauthorized(reason: str, hint: str, **extra: Any) -> ApiError:
    """13009: no, expired or wrong token or signature."""
    return ApiError(13009, reason, hint, extra=extra)


def invalid_credentials(reason: str, hint: str, field: str | None = None) -> ApiError:
    """13004."""
    return ApiError(13004, reason, hint, field=field)


def forbidden(reason: str, hint: str) -> ApiError:
    """13021: who asks is known, but may not do this."""
    return ApiError(13021, reason, hint)


def raw_needs_authentication(name: str) -> ApiError:
    """13778: a feed of every change is for authenticated connections only."""
    return ApiError(
        RAW_NEEDS_AUTHENTICATION,
        f"{name} is a raw feed and this connection is not authenticated",
        "call public/auth first, or subscribe to the .100ms channel",
        field="channels",
    )


def unavailable(reason: str, hint: str = "ask again in a moment") -> ApiError:
    """13503: what answers this is away. Only where nothing was or will be done."""
    return ApiError(13503, reason, hint)


def internal_error(reference: str) -> ApiError:
    """11094: a defect of the server. The reference is in its log."""
    hint = "whether it was done is not known: look before you repeat it, and report the reference"
    return ApiError(11094, f"unexpected failure, reference {reference}", hint)
