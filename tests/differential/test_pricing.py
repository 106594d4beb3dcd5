"""Both readers price the same options to the bit, over the whole domain of docs/spec/pricing.md."""

from __future__ import annotations

import math
import random
from array import array
from collections.abc import Iterator
from dataclasses import astuple

import pytest

from merkat import _core
from merkat.spec.pricing import black76
from merkat.spec.pricing.q64 import DomainError

ONE = 1 << 64
ROWS = 100_000
GREEKS = 20_000
SEED = 20_261_121
AMOUNT_LEAST, AMOUNT_MOST = 1 << 44, 1 << 104
YEARS_LEAST, YEARS_MOST = ONE // 31_536_000, 16 * ONE
VOL_LEAST, VOL_MOST = ONE // 10_000, 24 * ONE

Option = tuple[int, int, int, int, bool]
Columns = tuple[list[int], list[int], list[int], list[int], list[bool]]


def magnitude(draw: random.Random, least: int, most: int) -> int:
    """Return a number of any order of magnitude between two bounds, now and then a bound."""
    edge = draw.random()
    if edge < 0.02:
        return least if edge < 0.01 else most
    exponent = draw.uniform(math.log2(least), math.log2(most))
    scaled = int(2 ** (exponent % 1 + 52)) << 64 >> (52 + 64 - int(exponent))
    noise = draw.getrandbits(int(exponent)) >> 50
    return min(max(scaled ^ noise, least), most)


def options(draw: random.Random) -> Iterator[Option]:
    """Yield options without end: anything in the domain, and most of them near the money."""
    while True:
        forward = magnitude(draw, AMOUNT_LEAST, AMOUNT_MOST)
        years = 0 if draw.random() < 0.01 else magnitude(draw, YEARS_LEAST, YEARS_MOST)
        vol = 0 if draw.random() < 0.01 else magnitude(draw, VOL_LEAST, VOL_MOST)
        if draw.random() < 0.2:
            strike = magnitude(draw, AMOUNT_LEAST, AMOUNT_MOST)
        else:
            deviation = min(vol / ONE * math.sqrt(years / ONE), 4.0)
            factor = math.exp(max(-20.0, min(20.0, draw.gauss(0, 3) * deviation)))
            strike = int(forward * factor) + draw.getrandbits(8)
            strike = min(max(strike, AMOUNT_LEAST), AMOUNT_MOST)
        yield forward, strike, years, vol, draw.random() < 0.5


def columns_of(rows: list[Option]) -> Columns:
    """Return the columns that the compiled functions take."""
    forward, strike, years, vol, is_call = zip(*rows, strict=True)
    return list(forward), list(strike), list(years), list(vol), list(is_call)


def difference(rows: list[Option], spec: list[object], core: list[object]) -> str:
    """Return a line on the first row in which the readers differ, "" if there is none."""
    for row, expected, found in zip(rows, spec, core, strict=True):
        if expected != found:
            return f"forward, strike, years, vol, is_call = {row}: spec {expected}, core {found}"
    return ""


def spec_price(row: Option) -> int:
    """Return the specification's price."""
    forward, strike, years, vol, is_call = row
    return black76.price(forward, strike, years, vol, is_call=is_call)


def test_the_readers_price_a_hundred_thousand_options_alike() -> None:
    draw = options(random.Random(SEED))
    rows = [next(draw) for _ in range(ROWS)]
    core = _core.black76_q64_batch(*columns_of(rows))
    wrong = difference(rows, [spec_price(row) for row in rows], list(core))
    assert not wrong, wrong
    worth = sum(1 for price in core if price > 0)
    assert worth > 0.7 * ROWS, f"only {worth} prices are positive: the draws test little"


def test_the_readers_give_the_same_greeks() -> None:
    draw = options(random.Random(SEED + 1))
    rows = [next(draw) for _ in range(GREEKS)]
    core = _core.greeks_q64_batch(*columns_of(rows))
    spec = [astuple(black76.greeks(f, k, t, v, is_call=c)) for f, k, t, v, c in rows]
    wrong = difference(rows, list(spec), list(core))
    assert not wrong, wrong
    assert _core.greeks_q64(*rows[0]) == core[0], "one by one and in columns differ"


def test_both_readers_refuse_what_is_outside_the_domain() -> None:
    inside: list[int] = [100 * ONE, 100 * ONE, ONE, ONE]
    bounds = [
        (AMOUNT_LEAST, AMOUNT_MOST),
        (AMOUNT_LEAST, AMOUNT_MOST),
        (YEARS_LEAST, YEARS_MOST),
        (VOL_LEAST, VOL_MOST),
    ]
    for place, (least, most) in enumerate(bounds):
        for value, sound in [(least, True), (most, True), (least - 1, False), (most + 1, False)]:
            changed = list(inside)
            changed[place] = value
            forward, strike, years, vol = changed
            if sound:
                black76.check_domain(forward, strike, years, vol)
                price = black76.price(forward, strike, years, vol, is_call=True)
                assert _core.black76_q64(forward, strike, years, vol, is_call=True) == price
                continue
            with pytest.raises(DomainError):
                black76.check_domain(forward, strike, years, vol)
            with pytest.raises(ValueError, match=r"expected .*refuse the input before"):
                _core.black76_q64(forward, strike, years, vol, is_call=True)
            with pytest.raises(ValueError, match=r"^row 0: "):
                _core.greeks_q64_batch([forward], [strike], [years], [vol], [True])


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="give one length"):
        _core.black76_q64_batch([ONE], [ONE, ONE], [ONE], [ONE], [True])


def test_the_float_kernel_is_near_the_integers_and_its_inverse_gives_the_vol_back() -> None:
    draw = random.Random(SEED + 2)
    count = 1_000
    forward = array("d", [draw.uniform(60_000, 70_000) for _ in range(count)])
    strike = array("d", [draw.uniform(30_000, 120_000) for _ in range(count)])
    years = array("d", [draw.uniform(0.05, 2) for _ in range(count)])
    vol = array("d", [draw.uniform(0.3, 2) for _ in range(count)])
    rate = array("d", [0.0] * count)
    is_call = array("B", [int(k >= f) for f, k in zip(forward, strike, strict=True)])
    values = array("d", _core.black76_values(forward, strike, years, vol, rate, is_call))
    assert len(values) == 8 * count
    prices = values[:count]
    implied = array("d", _core.implied_vols(forward, strike, years, rate, prices, is_call))
    for row in range(count):
        exact = _core.black76_q64(
            int(forward[row] * ONE),
            int(strike[row] * ONE),
            int(years[row] * ONE),
            int(vol[row] * ONE),
            bool(is_call[row]),
        )
        assert abs(prices[row] - exact / ONE) < 1e-9, f"row {row}: {prices[row]}, {exact / ONE}"
        vega = values[3 * count + row]
        if vega > 1:
            assert abs(implied[row] - vol[row]) < 1e-9, f"row {row}: {implied[row]}, {vol[row]}"
    with pytest.raises(ValueError, match="strike has 1 numbers"):
        _core.black76_values(forward, strike[:1], years, vol, rate, is_call)


def test_canary_a_bound_moved_by_one_part_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(black76, "deviation", lambda vol, root: (vol * root >> 64) + 1)
    draw = options(random.Random(SEED))
    rows = [next(draw) for _ in range(200)]
    core = _core.black76_q64_batch(*columns_of(rows))
    assert difference(rows, [spec_price(row) for row in rows], list(core))
