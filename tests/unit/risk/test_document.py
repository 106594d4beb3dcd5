"""The portfolio document: what is taken, and that every refusal names its field."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merkat.cli.risk import evaluate_files
from merkat.risk import DocumentError, read_cases
from merkat.risk.document import scaled
from merkat.risk.portfolio import STANDARD

ROOT = Path(__file__).resolve().parent.parent.parent.parent
EXAMPLE = ROOT / "docs" / "examples" / "portfolio.json"


@pytest.fixture
def document() -> dict[str, Any]:
    """Return the example, to be broken."""
    loaded: dict[str, Any] = json.loads(EXAMPLE.read_text())
    return loaded


def written(folder: Path, document: object) -> Path:
    """Return the path of a document in a file."""
    path = folder / "case.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


def test_the_example_is_read_exactly() -> None:
    case = read_cases(EXAMPLE)[0]
    assert case.name == "short strangle with a hedge"
    assert case.market.underlyings["BTC"].index == 63_719_240_000
    assert {each.size for each in case.portfolio.positions} >= {-40_000_000, 150_000_000}
    assert read_cases(EXAMPLE, mode=STANDARD)[0].portfolio.mode == STANDARD


def test_many_cases_share_a_market(tmp_path: Path, document: dict[str, Any]) -> None:
    shared = {
        "market": document["market"],
        "cases": [
            {"portfolio": document["portfolio"]},
            {
                "case": "b",
                "portfolio": {
                    "cash": "1.5",
                    "positions": [{"instrument": "BTC_USDC-PERPETUAL", "size": 1}],
                },
            },
        ],
    }
    cases = read_cases(written(tmp_path, shared))
    assert [case.name for case in cases] == ["case-0", "b"]
    assert cases[1].portfolio.cash == 1_500_000
    assert cases[1].portfolio.positions[0].size == 10**8


BREAKS: list[tuple[tuple[Any, ...], object, str]] = [
    (("market",), None, "market is missing"),
    (("market", "time"), "yesterday", "market.time"),
    (("market", "time"), "2026-02-05T21:29:37", "UTC"),
    (("market", "underlyings"), {}, "expected 1 to 8"),
    (("market", "underlyings", "BTC", "index"), "NaN", "index"),
    (("market", "underlyings", "BTC", "index"), "63719.1234567", "multiple of"),
    (("market", "underlyings", "BTC", "index"), True, "a boolean"),
    (("market", "underlyings", "BTC", "lot"), "0.3", "divisor"),
    (("market", "underlyings", "BTC", "size_decimals"), 19, "0 to 18"),
    (("market", "underlyings", "BTC", "expiries"), "many", "a string"),
    (("market", "underlyings", "BTC", "odd"), 1, "odd is unknown"),
    (("portfolio", "mode"), "isolated", "standard, portfolio"),
    (("portfolio", "cash"), "1e400", "ordinary size"),
    (("portfolio", "positions", 0, "instrument"), "ETH_USDC-PERPETUAL", "expected a contract on"),
    (("portfolio", "positions", 0, "size"), None, "size is missing"),
    (("portfolio", "positions", 1, "instrument"), "BTC_USDC-PERPETUAL", "stands twice"),
    (("portfolio", "orders", 0, "side"), "short", "buy, sell"),
    (("portfolio", "orders", 0, "size"), "0", "above zero"),
    (("parameters",), {"scalars": {"vol_upp": 1}}, "vol_upp is no scalar"),
    (("parameters",), {"scalars": {"vol_up": -1}}, "vol_up is -1"),
    (("parameters",), {"scenarios": []}, "scenarios"),
    (("parameters",), {"initial_rate": "2"}, "expected 0 to 1"),
]


@pytest.mark.parametrize(("path", "value", "message"), BREAKS)
def test_every_break_is_named(
    tmp_path: Path, document: dict[str, Any], path: tuple[Any, ...], value: object, message: str
) -> None:
    broken = deepcopy(document)
    target: Any = broken
    for step in path[:-1]:
        target = target[step]
    if value is None:
        del target[path[-1]]
    else:
        target[path[-1]] = value
    file = written(tmp_path, broken)
    with pytest.raises(DocumentError, match=message) as caught:
        read_cases(file)
    assert str(file) in str(caught.value), "the error names the file"


@pytest.mark.parametrize(
    "text",
    ['{"a": NaN}', '{"a": 1, "a": 2}', "[]", "", "[" * 100_000, '{"market": 1}', "\xff"],
)
def test_what_is_no_document_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(DocumentError):
        read_cases(written(tmp_path, text))


@given(st.integers(-(10**18), 10**18), st.integers(0, 6))
def test_numbers_are_exact(units: int, digits: int) -> None:
    sign = "-" if units < 0 else ""
    whole, rest = divmod(abs(units), 10**digits)
    text = f"{sign}{whole}" + (f".{rest:0{digits}d}" if digits else "")
    assert scaled(text, 10**6, "amount") == units * 10 ** (6 - digits)


def test_the_command_prints_a_line_a_case(capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate_files(EXAMPLE, json=True) == 0
    line = json.loads(capsys.readouterr().out)
    assert {
        *("file", "case", "mark_to_market", "maintenance_margin", "initial_margin"),
        *("maintenance_excess", "initial_excess", "scenarios", "contingencies", "greeks"),
    } <= line.keys()
    assert len(line["scenarios"]["BTC"]) == 57


def test_the_command_refuses_with_its_codes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate_files(model="spam") == 2
    assert evaluate_files() == 2
    assert evaluate_files(written(tmp_path, "{}")) == 3
    assert "market is missing" in capsys.readouterr().err
    assert evaluate_files(tmp_path / "absent.json") == 4
