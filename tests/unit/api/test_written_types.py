"""Results are described as they are written."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
import pytest

from merkat.api.written_types import written


class Inner(msgspec.Struct):
    """What it is."""

    price: Decimal | str
    tick: Annotated[Decimal, msgspec.Meta(description="of prices")] = Decimal("0.5")
    notes: list[str] = []


class Outer(msgspec.Struct, rename="camel"):
    best_bid: Inner | None
    levels: list[tuple[Decimal, Decimal]]
    side: Literal["buy", "sell"] = "buy"


class Plain(msgspec.Struct):
    count: int


class Chain(msgspec.Struct):
    amount: Decimal
    rest: Chain | None = None


def schema(kind: Any) -> Any:
    schemas, components = msgspec.json.schema_components([written(kind)], ref_template="{name}")
    return schemas[0], components


def test_decimals_are_numbers_wherever_they_are() -> None:
    _, components = schema(Outer)
    inner = components["Inner"]
    assert inner["properties"]["price"] == {"anyOf": [{"type": "number"}, {"type": "string"}]}
    assert inner["properties"]["tick"]["type"] == "number"
    assert inner["properties"]["tick"]["description"] == "of prices"
    assert inner["description"] == "What it is."
    assert inner["required"] == ["price"]
    outer = components["Outer"]
    assert outer["required"] == ["bestBid", "levels"], "names as they are written"
    pair = outer["properties"]["levels"]["items"]["prefixItems"]
    assert [item["type"] for item in pair] == ["number", "number"]
    assert outer["properties"]["side"]["enum"] == ["buy", "sell"]


@pytest.mark.parametrize("kind", [Plain, int, str, list[Plain], dict[str, int], Any, int | None])
def test_without_decimals_it_is_the_same_type(kind: Any) -> None:
    assert written(kind) is kind


def test_a_type_inside_itself_ends() -> None:
    _, components = schema(Chain)
    properties = components["Chain"]["properties"]
    assert properties["amount"]["type"] == "number"
    assert properties["rest"]["default"] is None, "and is not described again inside"
