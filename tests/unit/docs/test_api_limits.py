"""The table of limits in docs/reference/api.md against the limits that servers have."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from merkat.api.limits import Limits, Rate

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "api.md"
NUMBER = re.compile(r"\d[\d,]*")
LIMITS = Limits()


def numbers(start: str) -> list[int]:
    """Return the numbers of the row whose first cell starts so."""
    text = PAGE.read_text(encoding="utf-8")
    table = text[text.index("## Limits\n") :].partition("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith(f"| {start}")]
    assert len(rows) == 1, f"one row of the table says {start!r}, not {len(rows)}"
    cell = rows[0].split("|")[2]
    return [int(number.strip(",").replace(",", "")) for number in NUMBER.findall(cell)]


def rates(*rates: Rate) -> list[int]:
    return [number for rate in rates for number in (rate.per_second, rate.burst)]


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        ("message, body", [LIMITS.frame_bytes // 1_024]),
        (
            "requests in flight, subscriptions of a connection",
            [LIMITS.requests_in_flight, LIMITS.requests_in_flight // 4, LIMITS.subscriptions],
        ),
        (
            "connections: all, of an address, of a client",
            [LIMITS.connections, LIMITS.connections_per_address, LIMITS.connections_per_client],
        ),
        (
            "credits a second (burst): reads, orders, cancels, free calls",
            rates(LIMITS.reads, LIMITS.orders, LIMITS.cancels, LIMITS.free),
        ),
    ],
)
def test_a_row_says_what_holds(start: str, expected: list[int]) -> None:
    assert numbers(start) == expected


def test_a_whole_number_of_kibibytes_is_a_frame() -> None:
    assert LIMITS.frame_bytes % 1_024 == 0, "the page says KiB"


def test_signatures_hold_as_long_as_the_page_says() -> None:
    assert f"within {LIMITS.clock_skew_ms // 1_000} s of" in PAGE.read_text(encoding="utf-8")
