"""Registration: what cannot be served is refused where it is written."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from merkat.api.errors import ApiError
from merkat.api.feeds import Feed
from merkat.api.registry import CANCEL, ORDER, READ, Context, NoParams, Registry


class Loose(msgspec.Struct):
    a: int = 0


def handler(context: Context, params: NoParams) -> str:
    return "ok"


def channel(context: Context, name: str, words: list[str]) -> Feed:
    raise NotImplementedError


def test_a_method_is_registered_with_its_types() -> None:
    registry = Registry()
    assert registry.method("public/a", summary="A.")(handler) is handler
    method = registry.methods["public/a"]
    assert (method.parameters.struct, method.result_type) == (NoParams, str)
    assert (method.cost, method.scope, method.is_async) == (READ, None, False)


@pytest.mark.parametrize(
    ("name", "cost", "scope"),
    [
        ("private/a", READ, "read"),
        ("private/a", ORDER, "trade"),
        ("private/a", CANCEL, "trade"),
        ("public/a", ORDER, None),
        ("venue/a", ORDER, None),
    ],
)
def test_private_methods_need_a_scope(name: str, cost: Any, scope: str | None) -> None:
    registry = Registry()
    registry.method(name, summary="A.", cost=cost)(handler)
    assert registry.methods[name].scope == scope


def test_a_name_is_taken_once_also_over_registries() -> None:
    first, second = Registry(), Registry()
    for registry in (first, second):
        registry.method("public/a", summary="A.")(handler)
        registry.channel("book")(channel)
    with pytest.raises(ValueError, match="public/a"):
        first.method("public/a", summary="A.")(handler)
    with pytest.raises(ValueError, match="book"):
        first.channel("book")(channel)
    with pytest.raises(ValueError, match="book, public/a"):
        first.merge(second)


def test_merge_takes_everything_over() -> None:
    first, second = Registry(), Registry()
    second.method("public/b", summary="B.")(handler)
    second.channel("ticker")(channel)
    first.merge(second)
    assert (list(first.methods), list(first.channels)) == (["public/b"], ["ticker"])


def test_handlers_without_types_are_refused() -> None:
    def bare(context, params):  # type: ignore[no-untyped-def]
        return None

    def alone(context: Context) -> str:
        return ""

    def loose(context: Context, params: Loose) -> str:
        return ""

    def no_struct(context: Context, params: dict[str, Any]) -> str:
        return ""

    for wrong in (bare, alone, loose, no_struct):
        with pytest.raises(TypeError, match="public/a"):
            Registry().method("public/a", summary="A.")(wrong)


def test_authenticated_is_the_client_or_an_error() -> None:
    with pytest.raises(ApiError, match="13009"):
        Context(service=None).authenticated()
    ended = ApiError(13009, "it expired", "again")
    with pytest.raises(ApiError, match="it expired"):
        Context(service=None, refusal=ended).authenticated()
