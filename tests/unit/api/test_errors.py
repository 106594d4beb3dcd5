"""Errors of the dialect: code, message, reason, hint, field."""

from __future__ import annotations

import pytest

from merkat.api import errors
from merkat.api.errors import MESSAGES, ApiError


def test_the_body_has_what_a_client_and_a_person_need() -> None:
    error = errors.wrong_tick("100.3", "0.5")
    assert error.body() == {
        "code": 10043,
        "message": "price_wrong_tick",
        "data": {
            "reason": "price '100.3' is no multiple of the tick 0.5",
            "hint": "round it yourself; public/get_instrument has tick_size and tick_size_steps",
            "param": "price",
        },
    }
    assert str(error).startswith("10043 price_wrong_tick (price): price '100.3'")


@pytest.mark.parametrize(
    ("error", "code", "field"),
    [
        (errors.not_found("instrument_name", "X", "h"), 13020, "instrument_name"),
        (errors.order_not_found("1"), 10004, "order_id"),
        (errors.not_open_order("1", "filled"), 11044, "order_id"),
        (errors.quantity_too_low("0", "0.1"), 10002, "amount"),
        (errors.not_enough_funds("r"), 10009, None),
        (errors.post_only_reject("r"), 11054, "post_only"),
        (errors.too_many_requests(5), 10028, None),
        (errors.unauthorized("r", "h"), 13009, None),
        (errors.invalid_credentials("r", "h"), 13004, None),
        (errors.forbidden("r", "h"), 13021, None),
        (errors.unavailable("r"), 13503, None),
        (errors.internal_error("r"), 11094, None),
        (errors.raw_needs_authentication("book.x.raw"), 13778, "channels"),
        (errors.missing_param("amount"), -32602, "amount"),
        (errors.invalid_params("amount", None, "a number"), -32602, "amount"),
        (errors.invalid_request(None, "r", "h"), -32600, None),
        (errors.method_not_found("x", ()), -32601, "method"),
    ],
)
def test_named_errors_have_their_code_and_a_hint(
    error: ApiError, code: int, field: str | None
) -> None:
    data = error.body()["data"]
    assert (error.code, error.message, data.get("param")) == (code, MESSAGES[code], field)
    assert data["reason"]
    assert data["hint"]


@pytest.mark.parametrize(
    ("name", "meant"), [("clientOrderId", "label"), ("client_order_id", "label"), ("qty", "amount")]
)
def test_a_name_of_other_dialects_is_translated(name: str, meant: str) -> None:
    assert f"did you mean {meant}?" in errors.unknown_param(name, ["label", "amount"]).hint
    assert "did you mean" not in errors.unknown_param(name, ["currency"]).hint


@pytest.mark.parametrize(
    ("method", "word"),
    [
        ("private/withdraw", "the wallet withdraws"),
        ("private/add_to_address_book", "the wallet withdraws"),
        ("private/get_current_deposit_address", "the wallet deposits"),
        ("private/submit_transfer_to_subaccount", "deposit into the other"),
        ("private/create_api_key", "venue/register_session_key"),
    ],
)
def test_what_only_the_wallet_does_is_said(method: str, word: str) -> None:
    error = errors.method_not_found(method, ["private/get_withdrawals", "private/edit"])
    assert (error.code, error.field) == (-32601, "method")
    assert word in error.hint
    assert "did you mean" not in error.hint
    other = errors.method_not_found("private/withdra", ["private/get_withdrawals"])
    assert "no session key" not in other.reason, "other missing methods are only missing"


def test_long_values_are_cut() -> None:
    assert len(errors.shown("x" * 10_000)) < 100
    assert len(errors.listed(f"name{n}" for n in range(1_000))) < 500
    assert errors.shown(True) == "true"
    assert errors.shown(None) == "null"
    assert errors.listed([]) == "none"


def test_a_code_that_is_not_listed_keeps_a_message() -> None:
    assert ApiError(4711, "r", "h").message == "error"
    assert ApiError(4711, "r", "h", message="special").message == "special"
