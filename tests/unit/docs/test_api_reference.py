"""docs/reference/api.md against the code: every error and every method is there, no other."""

from __future__ import annotations

import re
from pathlib import Path

import ccxt

from merkat.api.errors import MESSAGES

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "api.md"
ROW = re.compile(r"^\| (-?\d+(?:, \d+)*) \| ([^|]+) \| [^|]* \| (\w+) \|$", re.MULTILINE)


def listed() -> dict[int, tuple[str, str]]:
    """Return message and exception of every code of the page."""
    found: dict[int, tuple[str, str]] = {}
    for codes, messages, exception in ROW.findall(PAGE.read_text(encoding="utf-8")):
        names = messages.strip().split(", ")
        for code, message in zip(codes.split(", "), names, strict=True):
            found[int(code)] = (message, exception)
    return found


def test_every_error_code_is_listed_with_its_message() -> None:
    page = {code: message for code, (message, _) in listed().items()}
    assert page == dict(MESSAGES)


def test_the_exceptions_are_those_that_ccxt_raises() -> None:
    exceptions = ccxt.deribit().exceptions
    for code, (_, exception) in listed().items():
        raised = exceptions.get(str(code), ccxt.ExchangeError)
        assert raised.__name__ == exception, f"{code}: ccxt raises {raised.__name__}"
