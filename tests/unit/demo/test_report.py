"""The report: good only when every claim holds, each by itself."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal

import pytest

from merkat.demo.report import Report

ROOT, DIGEST = b"\x01" * 32, b"\x02" * 32
GOOD = Report(
    seed=7,
    trades=500,
    options=50,
    liquidations=1,
    fundings=1,
    expiries=1,
    batches=1,
    state_root=ROOT,
    replayed_state_root=ROOT,
    venue_digest=DIGEST,
    replayed_venue_digest=DIGEST,
    killed_state_root=DIGEST,
    returned_state_root=DIGEST,
    killed_venue_digest=ROOT,
    returned_venue_digest=ROOT,
    trades_after_return=1,
    conservation=True,
    proof_verified=True,
    tampered_refused=True,
    withdrawal_paid=True,
    first_trade_s=1.25,
    seconds=20.0,
    profits={"ada": Decimal("-12.345678")},
)


def test_a_whole_run_is_good() -> None:
    assert GOOD.good
    assert GOOD.broken() == []


@pytest.mark.parametrize(
    "change",
    [
        {"trades": 499},
        {"options": 49},
        {"liquidations": 0},
        {"fundings": 0},
        {"expiries": 0},
        {"batches": 0},
        {"replayed_state_root": DIGEST},
        {"replayed_venue_digest": ROOT},
        {"state_root": b"", "replayed_state_root": b""},
        {"returned_state_root": ROOT},
        {"returned_venue_digest": DIGEST},
        {"killed_state_root": b"", "returned_state_root": b""},
        {"trades_after_return": 0},
        {"conservation": False},
        {"proof_verified": False},
        {"tampered_refused": False},
        {"withdrawal_paid": False},
    ],
    ids=lambda change: "-".join(change),
)
def test_canary_one_claim_that_does_not_hold_is_enough(change: dict[str, object]) -> None:
    report = replace(GOOD, **change)  # type: ignore[arg-type]
    assert not report.good
    assert len(report.broken()) == 1


def test_canary_a_run_in_which_nothing_happened_is_not_good() -> None:
    assert len(Report(seed=7).broken()) == 14, "every claim must be earned"


def test_the_object_is_json_with_the_contracts_types() -> None:
    described = json.loads(json.dumps(GOOD.described()))
    assert described["state_root"] == "0x" + ROOT.hex() == described["replayed_state_root"]
    assert described["first_trade_seconds"] == 1.25
    assert described["profits"] == {"ada": "-12.345678"}
    for name in ("conservation", "proof_verified", "tampered_refused", "withdrawal_paid"):
        assert described[name] is True
    for name in ("seed", "trades", "options", "liquidations", "fundings", "expiries", "batches"):
        assert type(described[name]) is int
