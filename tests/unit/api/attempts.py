"""Calls that may be refused: the error is a value like another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from merkat.api.errors import ApiError


def attempt(function: Callable[..., Any], *arguments: Any) -> Any:
    """Return what a call returns, or the ApiError that it raises."""
    try:
        return function(*arguments)
    except ApiError as error:
        return error
