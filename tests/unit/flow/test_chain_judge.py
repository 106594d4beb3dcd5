"""The judge of liquidations: the needed ones pass, the others are wrong."""

from __future__ import annotations

import pytest

from merkat.flow.chain_books import Terms
from merkat.flow.chain_judge import Judge
from merkat.flow.chain_market import float_group
from merkat.oracle.calibration import YEAR_S
from merkat.sdk.surfaces import ExpiryQuote, Surface
from tests.unit.flow.test_chain_books import COIN, KINDS, QUANTUM, USD, Fed, key, u

DAY_NS = 86_400 * 10**9
NOW = 20_500 * DAY_NS
EXPIRY = NOW + 30 * DAY_NS
INDEX = 50_000 * USD
PERPETUAL, CALL = 1, 2


def surface(index: int = INDEX) -> Surface:
    """Return a flat surface of 60 % vol."""
    variance = round(0.36 * 30 * 86_400 / YEAR_S * 1e12)
    quote = ExpiryQuote(EXPIRY, index, variance, 0, 0, 0, 10**12)
    return Surface(
        group=0,
        number=1,
        time_ns=NOW,
        index=index,
        vol=600_000_000,
        vol_mean=600_000_000,
        expiries=(quote,),
    )


def court(cash: int, size: int, mode: int = 0, index: int = INDEX) -> tuple[Fed, Judge]:
    """Return a judge of account 4, which holds `size` coins of the perpetual."""
    fed = Fed()
    fed.books.terms[CALL] = Terms("C", 0, 3, 50_000 * USD, EXPIRY, COIN, QUANTUM)
    judge = Judge(fed.books, {0: float_group(0)}, 1.15, {(0, 1): surface(index)})
    judge.attach()
    account = fed.books.account(4)
    account.cash, account.positions, account.mode = cash * USD, {PERPETUAL: size * COIN}, mode
    epoch = u(0, 2) + u(1, 8) + u(NOW, 8) + u(index, 8) + u(0, 8)
    fed.feed(bytes([KINDS["epoch"]]) + epoch + b"\x00")
    return fed, judge


def stage(account: int, equity: int, maintenance: int) -> bytes:
    amounts = u(equity * USD, 16) + u(maintenance * USD, 16) + u(0, 16)
    return bytes([KINDS["stage"]]) + u(account, 4) + b"\x01" + amounts


def test_an_entry_below_maintenance_is_right() -> None:
    # E = -97,501 + 2 x 50,000 = 2,499; MM = 5 % of 100,000.
    fed, judge = court(cash=-97_501, size=2)
    fed.feed(stage(4, 2_499, 5_000))
    assert (judge.judged, judge.wrong) == (1, [])
    assert judge.deviation == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("cash", [-95_000, -94_999, -90_000])
def test_canary_an_entry_at_or_above_maintenance_is_wrong(cash: int) -> None:
    fed, judge = court(cash=cash, size=2)
    fed.feed(stage(4, 100_000 + cash, 5_000))
    at_least = -95_000 * (1 + 1e-6)
    assert bool(judge.wrong) == (cash > at_least + 5_000 * 1e-6 - 1e-9 and cash > -95_000), (
        "at maintenance itself the slack decides, above it the entry is wrong"
    )


def test_canary_an_engine_with_other_figures_deviates() -> None:
    fed, judge = court(cash=-97_501, size=2)
    fed.feed(stage(4, 2_499, 5_050))
    assert judge.deviation == pytest.approx(50 / 5_050)


def slice_of(account: int) -> bytes:
    body = u(account, 4) + u(PERPETUAL, 4) + key(3) + u(1, 1)
    body += u(49_000 * USD, 8) + u(COIN, 8) + bytes(48)
    return bytes([KINDS["liquidation"]]) + body


def test_a_slice_is_right_until_the_stop() -> None:
    """Between MM and the stop, 1.15 MM, a slice goes on; beyond it it is wrong."""
    fed, judge = court(cash=-94_400, size=2)
    fed.feed(slice_of(4))
    assert judge.wrong == [], "E = 5,600 lies between MM = 5,000 and the stop at 5,750"
    fed, judge = court(cash=-94_200, size=2)
    fed.feed(slice_of(4))
    assert [one.what for one in judge.wrong] == ["slice"]


def test_a_bankruptcy_needs_danger() -> None:
    bankrupt = bytes([KINDS["bankrupt"]]) + u(4, 4) + u(0, 2) + u(-1, 16) + u(0, 16)
    fed, judge = court(cash=-100_100, size=2)
    fed.feed(bankrupt)
    assert judge.wrong == []
    fed, judge = court(cash=-90_000, size=2)
    fed.feed(bankrupt)
    assert [one.what for one in judge.wrong] == ["bankrupt"]


def test_mode_and_options_count() -> None:
    _, judge = court(cash=0, size=1, mode=1)
    standard = 0.05 * 50_000
    assert judge.figures(4).maintenance > 2 * standard, "portfolio margin of a bare perpetual"
    extra = judge.figures(4, {CALL: -COIN})
    assert extra.value < 50_000
    assert extra.maintenance != judge.figures(4).maintenance


def test_a_held_vector_makes_no_rows() -> None:
    fed, judge = court(cash=0, size=1)
    rows = judge.rows[0]
    judge.surfaces[0, 2] = surface(INDEX * 2)
    epoch = u(0, 2) + u(2, 8) + u(NOW + 10, 8) + u(INDEX * 2, 8) + u(0, 8)
    fed.feed(bytes([KINDS["epoch"]]) + epoch + b"\x01")
    assert judge.rows[0] is rows
    assert fed.books.group(0).index == INDEX
