"""Whole flows: a recorded market file, tapes against an independent book, the generated hour."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from merkat.cli import flow
from merkat.tapes import generator
from tests.support import independent_market
from tests.support.independent_book import triple

MARKET_FILE = Path("market/orderflow/bitstamp-btcusd-l3-20150501.orders.csv.xz")
DIGESTS = ("state_root", "venue_digest", "replayed_state_root", "replayed_venue_digest")
INTEGERS = ("orders", "trades", "quantity", "notional", "spec_commands", "commands")


def last_object(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    """Return the JSON object of the last line, its types checked against the contract."""
    result: dict[str, object] = json.loads(capsys.readouterr().out.splitlines()[-1])
    for name in INTEGERS:
        assert type(result[name]) is int, f"{name} must be a JSON integer: {result[name]!r}"
    for name in DIGESTS:
        text = result[name]
        assert isinstance(text, str), name
        assert text.startswith("0x"), f"{name} must be a 0x string, got {text!r}"
        assert len(text) == 66, f"{name} must have 32 bytes, got {text!r}"
    rejected = result["rejected"]
    assert isinstance(rejected, dict)
    assert all(type(count) is int for count in rejected.values()), "rejected is reason -> count"
    return result


def assert_whole(result: dict[str, object], specification: bool = True) -> None:
    """Assert what every flow must end with."""
    assert result["replayed_state_root"] == result["state_root"]
    assert result["replayed_venue_digest"] == result["venue_digest"]
    assert result["snapshot_state_root"] == result["state_root"]
    assert result["snapshot_venue_digest"] == result["venue_digest"]
    assert result["receipts_checked"] == result["commands"], "every command has a checked receipt"
    if specification:
        assert result["spec_agrees"] is True
        assert result["spec_commands"] == result["commands"], "the specification ran all commands"


def test_the_recorded_market_file_is_what_an_independent_book_makes_of_it(
    merkat_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = merkat_data / MARKET_FILE
    assert flow.command(path, json=True) == 0
    result = last_object(capsys)
    assert_whole(result)
    expected = independent_market.replay(path)
    assert result["rejected"] == dict(expected.rejected)
    found = tuple(result[name] for name in ("orders", "trades", "quantity", "notional"))
    assert found == (expected.accepted, expected.trades, expected.quantity, expected.notional)
    assert expected.trades > 400, "the file is expected to trade"


@pytest.mark.parametrize(
    ("kind", "seed", "operations", "prefill", "specification"),
    [
        ("EC", 11, 12_000, 1_000, True),
        ("EC", 12, 40_000, 1_000, False),
        ("ITCH", 13, 30_000, 10_000, False),
        ("DEEP", 14, 15_000, 15_000, False),
        ("DEEP", 15, 2_000, 3_000, True),
    ],
)
def test_a_tape_gives_the_triple_of_an_independent_book(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    kind: str,
    seed: int,
    operations: int,
    prefill: int,
    specification: bool,
) -> None:
    path = tmp_path / "tape"
    generator.write(path, generator.KINDS[kind], seed, operations, prefill)
    assert flow.command(path, prefill=prefill, spec=specification, json=True) == 0
    result = last_object(capsys)
    assert_whole(result, specification)
    assert result["rejected"] == {}, "no rule of the venue may refuse what is on a tape"
    found = (result["trades"], result["quantity"], result["notional"])
    assert found == triple(path), f"{kind} seed {seed}: the triple differs"


def test_a_move_to_its_own_price_loses_priority(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two buys at one price; the first moves to where it is; then the second must trade first.

    What the second then has left shows in the third trade's quantity.
    """
    records = [
        (0, 0, 0, 5, 1, 99_990),
        (0, 0, 0, 7, 2, 99_990),
        (3, 0, 0, 0, 1, 99_990),
        (1, 1, 0, 6, 3, 99_990),
        (3, 0, 0, 0, 2, 99_980),
        (1, 1, 0, 9, 4, 99_980),
    ]
    path = tmp_path / "tape"
    path.write_bytes(b"".join(struct.pack("<BBHIQq", *record) for record in records))
    assert flow.command(path, json=True) == 0
    result = last_object(capsys)
    expected = (3, 12, 6 * 99_990 + 5 * 99_990 + 1 * 99_980)
    assert triple(path) == expected
    assert (result["trades"], result["quantity"], result["notional"]) == expected


def test_a_tape_that_names_a_dead_order_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "tape"
    records = [(0, 0, 0, 5, 1, 99_990), (2, 0, 0, 0, 2, 0)]
    path.write_bytes(b"".join(struct.pack("<BBHIQq", *record) for record in records))
    assert flow.command(path, json=True) == 3
    assert "record 1: order 2 is dead or was never placed" in capsys.readouterr().err


def test_the_generated_hour_reaches_everything_and_the_specification_agrees(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert flow.command(json=True) == 0
    result = last_object(capsys)
    assert_whole(result)
    reached = result["reached"]
    assert isinstance(reached, dict)
    assert set(reached) >= {
        "liquidation_stage_1",
        "liquidation_stage_3",
        "fund_payment",
        "tear_up",
        "funding_hour",
        "amend_after_partial_fill",
        "held_jump",
        "oracle_gap",
    }
    missing = [name for name, count in reached.items() if not count]
    assert not missing, f"the generated flow never reached {missing}"


def test_the_same_seed_gives_the_same_digests_and_another_seed_others(
    capsys: pytest.CaptureFixture[str],
) -> None:
    roots = []
    for seed in (5, 5, 6):
        assert flow.command(seed=seed, limit=800, spec=False, json=True) == 0
        result = last_object(capsys)
        roots.append((result["state_root"], result["venue_digest"]))
    assert roots[0] == roots[1]
    assert roots[0] != roots[2]
