"""docs/reference/api.md against the code: every error and every method is there, no other."""

from __future__ import annotations

import re
from pathlib import Path

import ccxt

from merkat.api.errors import MESSAGES
from merkat.api.public import registry as public
from merkat.api.session import registry as session
from merkat.gateway.methods import registry as private
from merkat.gateway.methods.waiting import registry as waiting
from merkat.venue.methods import registry as venue

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "api.md"
METHOD = re.compile(r"(?:public|private|venue)/\w+|rpc\.discover")
CHANNEL = re.compile(r"^\| `(\w+)\.|, `(\w+)\.", re.MULTILINE)
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


def section(title: str) -> str:
    """Return the text of a section of the page."""
    text = PAGE.read_text(encoding="utf-8")
    start = text.index(f"## {title}\n")
    return text[start : text.index("\n## ", start)]


def test_every_method_is_listed_once_and_no_other() -> None:
    page = METHOD.findall(section("Methods"))
    parts = (session, public, private, waiting, venue)
    served = {name for part in parts for name in part.methods}
    assert sorted(page) == sorted(served)


def test_every_channel_is_listed_and_no_other() -> None:
    page = {first or second for first, second in CHANNEL.findall(section("Channels"))}
    assert page == {word for part in (public, private) for word in part.channels}
