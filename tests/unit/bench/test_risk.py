"""`merkat bench risk --short`: every figure, beside peers that did the same work."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from typing import Any

import pytest

pytest.importorskip("QuantLib", reason="the group dev is not installed")

from merkat.bench import risk, risk_market, risk_orders, risk_peers
from merkat.cli import bench
from merkat.sdk.risk_sets import risk_set
from merkat.sequencer.reading import split_batch

FIGURES = {
    "rows",
    "rows_beside_numpy",
    "rows_beside_flat_numpy",
    "margin_cold",
    "margin_cold_beside_numpy",
    "margin_warm",
    "margin_warm_beside_numpy",
    "margin_leg",
    "margin_leg_beside_numpy",
    "margin_sweep",
    "orders_portfolio",
    "rows_of_engine",
    "values",
    "implied",
    "implied_beside_quantlib",
}


def test_every_figure_of_risk_says_what_it_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.command("risk", short=True, json=True) == 0
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])["figures"]
    assert set(figures) == FIGURES
    for name, figure in figures.items():
        assert figure["unit"], f"{name} does not say what it counts"
        assert figure["control"], f"{name} does not say what its control is"
        for number in ("count", "seconds", "rate", "control_rate", "ratio"):
            assert figure[number] > 0, f"{name} has no {number}"


# Each of these peers made wrong by ten times the tolerance, in one number.
BROKEN = [
    (risk_peers, "quantlib_prices", "prices, QuantLib"),
    (risk_peers.FlatPrices, "by_numpy", "prices, numpy"),
    (risk_peers.MatrixMargin, "one", "margin, numpy"),
    (risk_peers.MatrixMargin, "by_quantlib", "margin, QuantLib"),
    (risk_peers.MatrixMargin, "many", "margins of accounts, numpy"),
    (risk_peers, "values_by_numpy", "price, numpy"),
    (risk_peers, "implied_by_scipy", "implied vols, scipy"),
    (risk_peers, "quantlib_implied", "implied vols, QuantLib"),
]


@pytest.mark.parametrize(("owner", "name", "told"), BROKEN, ids=[one[2] for one in BROKEN])
def test_a_peer_that_comes_to_something_else_ends_the_run(
    owner: Any,
    name: str,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    right = getattr(owner, name)

    def wrong(*arguments: Any) -> Any:
        found = right(*arguments)
        if isinstance(found, list):
            return [one * (1 + 1e-5) for one in found]
        return found * (1 + 1e-5)

    monkeypatch.setattr(owner, name, wrong)
    # Orders have no such peer, and take the longest.
    monkeypatch.setattr(risk, "orders", lambda sizes, market: iter(()))
    assert bench.command("risk", short=True, json=True) == 1, "a wrong control passed as good"
    assert told in capsys.readouterr().err


def test_rows_of_another_vector_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    market = risk_market.market(risk.SHORT.instruments)
    other = risk_set(vol_up=500_001_000)
    build = risk_market.Market.build_rows
    monkeypatch.setattr(risk_market.Market, "build_rows", lambda self, chosen: build(self, other))
    with pytest.raises(risk_peers.DisagreementError, match="rows, scenarios"):
        list(risk.rows(risk.SHORT, market))


def test_a_command_that_the_specification_did_not_get_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    measured = 20

    def one_less(batch: bytes) -> Any:
        records = list(split_batch(batch))
        return records[:-1] if len(records) == measured else records

    monkeypatch.setattr(risk, "split_batch", one_less)
    workload = risk_orders.OptionOrders(risk_market.market(100), 2)
    with pytest.raises(risk_peers.DisagreementError, match="different states"):
        risk._specified(workload, measured)


@pytest.mark.parametrize(
    ("ours", "theirs", "least"),
    [
        ([1.0], [1.0 + 2e-6], 0.0),
        ([1.0], [float("nan")], 0.0),
        ([1.0, 1.0], [1.0], 0.0),
        ([], [], 0.0),
    ],
)
def test_results_apart_disagree(ours: list[float], theirs: list[float], least: float) -> None:
    with pytest.raises(risk_peers.DisagreementError):
        risk_peers.agree("numbers", ours, theirs, least)


def test_results_within_the_tolerance_agree() -> None:
    risk_peers.agree("numbers", [1.0, 0.0, 1e-9], [1.0 + 5e-7, 0.0, 2e-9], least=1.0)


def test_missing_peers_are_named_before_anything_is_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def absent(name: str) -> Any:
        return None if name == "QuantLib" else find_spec(name)

    monkeypatch.setattr(risk, "find_spec", absent)
    assert bench.command("risk", short=True) == 4
    told = capsys.readouterr().err
    assert "QuantLib: not installed" in told
    assert "group dev" in told, "the message does not say what to install"
    assert "numpy:" not in told, "numpy is there"


def test_the_command_imports_no_peer_until_it_is_asked() -> None:
    source = (
        "import sys, merkat.cli.bench, merkat.bench.measure, merkat.bench.risk\n"
        "print([name for name in ('QuantLib', 'numpy', 'scipy') if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
