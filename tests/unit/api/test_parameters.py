"""Parameters: unknown, missing and wrong ones are named with what was expected."""

from __future__ import annotations

from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from merkat.api.errors import ApiError
from merkat.api.parameters import ParameterReader
from tests.unit.api.attempts import attempt


class Side(Enum):
    BUY = "buy"
    SELL = "sell"


class Leg(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    price: Decimal
    note: str = ""


class Order(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    instrument_name: str
    amount: Decimal
    price: Decimal | None = None
    depth: Annotated[int, msgspec.Meta(ge=1, le=100)] = 5
    post_only: bool = False
    label: Annotated[str, msgspec.Meta(max_length=8)] = ""
    type: Literal["limit", "market"] = "limit"
    side: Side = Side.BUY
    channels: list[str] = []
    legs: list[Leg] = []
    level: Literal[1, 2] = 1
    number_or_text: int | str = 0


READER = ParameterReader(Order)
GOOD: dict[str, Any] = {"instrument_name": "BTC_USDC-PERPETUAL", "amount": Decimal("0.1")}


def refusal(changes: dict[str, Any], drop: str = "") -> ApiError:
    sent = {name: value for name, value in {**GOOD, **changes}.items() if name != drop}
    with pytest.raises(ApiError) as caught:
        READER.read(sent)
    assert caught.value.code == -32602
    return caught.value


def test_numbers_and_decimal_texts_are_the_same_amount() -> None:
    for amount in (Decimal("12.50"), "12.50"):
        assert READER.read({**GOOD, "amount": amount}).amount == Decimal("12.5")
    assert READER.read({**GOOD, "amount": 12}).amount == 12
    assert isinstance(READER.read({**GOOD, "amount": 12}).amount, Decimal)
    assert READER.read({**GOOD, "legs": [{"price": "0.5"}]}).legs[0].price == Decimal("0.5")
    assert READER.read({**GOOD, "price": None}).price is None


@pytest.mark.parametrize(
    ("changes", "field", "expected"),
    [
        ({"amount": "1e5"}, "amount", "no exponent"),
        ({"amount": "NaN"}, "amount", "decimal"),
        ({"amount": "Infinity"}, "amount", "decimal"),
        ({"amount": " 1"}, "amount", "no spaces"),
        ({"amount": "1_0"}, "amount", "decimal"),
        ({"amount": "+1"}, "amount", "decimal"),
        ({"amount": ".5"}, "amount", "decimal"),
        ({"amount": "5."}, "amount", "decimal"),
        ({"amount": "01"}, "amount", "decimal"),
        ({"amount": "\uff11"}, "amount", "decimal"),
        ({"amount": ""}, "amount", "decimal"),
        ({"amount": "1" * 41}, "amount", "40 digits"),
        ({"amount": True}, "amount", "decimal number"),
        ({"amount": None}, "amount", "decimal number"),
        ({"amount": [1]}, "amount", "decimal number"),
        ({"price": "0x10"}, "price", "decimal"),
        ({"legs": [{"price": "1e5"}]}, "legs[0].price", "exponent"),
        ({"legs": [{"price": 1, "nota": ""}]}, "legs[0]", "legs"),
        ({"legs": {"price": 1}}, "legs", "array"),
        ({"legs": [3]}, "legs[0]", "array"),
        ({"depth": 0}, "depth", "1 to 100"),
        ({"depth": 101}, "depth", "1 to 100"),
        ({"depth": "5"}, "depth", "integer"),
        ({"depth": Decimal("5.0")}, "depth", "integer"),
        ({"depth": True}, "depth", "integer"),
        ({"post_only": 1}, "post_only", "true or false"),
        ({"post_only": "true"}, "post_only", "true or false"),
        ({"label": "123456789"}, "label", "8 characters"),
        ({"label": 5}, "label", "text"),
        ({"type": "stop"}, "type", "limit, market"),
        ({"side": "hold"}, "side", "buy, sell"),
        ({"level": 3}, "level", "1, 2"),
        ({"channels": "book"}, "channels", "array"),
        ({"channels": ["a", 1]}, "channels[1]", "text"),
        ({"instrument_name": None}, "instrument_name", "text"),
    ],
)
def test_a_wrong_value_is_named(changes: dict[str, Any], field: str, expected: str) -> None:
    error = refusal(changes)
    assert error.field == field
    assert expected in error.hint + error.reason


def test_an_unknown_parameter_is_named_and_the_known_ones_are_listed() -> None:
    error = refusal({"instrument": "BTC"})
    assert error.field == "instrument"
    assert "did you mean instrument_name?" in error.hint
    assert all(name in error.hint for name in READER.names)


def test_a_missing_parameter_is_named_with_what_it_is() -> None:
    error = refusal({}, drop="amount")
    assert (error.field, "decimal number" in error.hint) == ("amount", True)


def test_texts_of_a_query_are_read_by_their_types() -> None:
    order = READER.read_text(
        {
            "instrument_name": "123",
            "amount": "0.10",
            "depth": "7",
            "post_only": "True",
            "type": "market",
            "side": "sell",
            "level": "2",
            "channels": '["a","b"]',
            "legs": '[{"price":1.5}]',
            "number_or_text": "12",
        }
    )
    assert (order.instrument_name, order.amount, order.depth) == ("123", Decimal("0.1"), 7)
    assert (order.post_only, order.type, order.side) == (True, "market", Side.SELL)
    assert (order.level, order.channels, order.legs[0].price) == (2, ["a", "b"], Decimal("1.5"))
    assert order.number_or_text == "12"
    assert READER.read_text({"instrument_name": "a", "amount": "1", "post_only": "false"})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("amount", "1e-5"),
        ("amount", "nan"),
        ("amount", ""),
        ("depth", "7.0"),
        ("depth", "0x7"),
        ("depth", "007"),
        ("depth", "\u0667"),
        ("depth", "9" * 50),
        ("post_only", "yes"),
        ("post_only", "1"),
        ("level", "two"),
        ("channels", "book"),
        ("channels", '["a"'),
        ("legs", '[{"price":1e5}]'),
        ("nothing", "1"),
    ],
)
def test_texts_of_a_query_are_as_strict(name: str, text: str) -> None:
    with pytest.raises(ApiError) as caught:
        READER.read_text({"instrument_name": "a", "amount": "1", name: text})
    assert caught.value.code == -32602
    assert caught.value.field is not None
    assert caught.value.field.startswith(name)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([*READER.names, "other"]), json_values))
def test_anything_is_an_order_or_an_error_that_names_a_field(sent: dict[str, Any]) -> None:
    order = attempt(READER.read, sent)
    if isinstance(order, ApiError):
        assert order.code == -32602
        assert order.field
        assert order.hint
    else:
        assert isinstance(order, Order)
        assert isinstance(order.amount, Decimal)
