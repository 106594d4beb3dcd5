"""The same work by other libraries: QuantLib, one call a price, and numpy over whole arrays.

Imported only where `merkat bench risk` runs; all of it is in the group `dev` of dependencies.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
import QuantLib  # type: ignore[import-untyped]
from scipy.optimize import elementwise
from scipy.special import ndtr

from merkat.bench import risk_market
from merkat.flow import float_model
from merkat.sdk.commands import KIND_CALL, KIND_PUT
from merkat.sdk.risk_sets import DOWN, MICRO, UP, RiskSet

MONTH_YEARS: Final = 30 / 365
TOLERANCE: Final = 1e-6
Array = float_model.Array


class DisagreementError(Exception):
    """A peer came to another result: it did not do the same work, so its rate means nothing."""


def agree(what: str, ours: Any, theirs: Any, least: float = 0.0) -> None:
    """Compare results by relative difference; `least` is the size below which it is absolute.

    Raises DisagreementError where one differs by more than 1e-6, or is no number.
    """
    left, right = np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)
    if left.shape != right.shape or not left.size:
        raise DisagreementError(f"{what}: shapes {left.shape} and {right.shape}, expected one")
    apart = np.abs(left - right) / np.maximum(np.maximum(np.abs(left), np.abs(right)), least)
    apart = np.where(left == right, 0.0, apart)
    worst = int(np.argmax(np.where(np.isnan(apart), np.inf, apart)))
    if not apart.flat[worst] <= TOLERANCE:
        raise DisagreementError(
            f"{what}: number {worst} is {left.flat[worst]} here and {right.flat[worst]} there, "
            f"expected a relative difference of at most {TOLERANCE}: they do not do the same work"
        )


class FlatPrices:
    """Every price of the options' rows as arrays of one length: forward, strike, deviation.

    The ordinary scenarios and the mark; smile and shocks are done beforehand, which favours a peer.
    """

    def __init__(self, market: risk_market.Market, chosen: RiskSet) -> None:
        wanted = [one for one in market.listings if one[1] in (KIND_CALL, KIND_PUT)]
        quotes = {one.expiry_ns: one for one in market.surface.expiries}
        self.places = np.array([one[0] - 1 for one in wanted])
        strike = np.array([one[2] / 1e6 for one in wanted])
        years = np.array([float_model.years_left(one[3], market.surface.time_ns) for one in wanted])
        forward = np.array([quotes[one[3]].forward / 1e6 for one in wanted])
        vol = np.empty(len(wanted))
        for expiry_ns, quote in quotes.items():
            which = np.array([one[3] == expiry_ns for one in wanted])
            vol[which] = float_model.smile(quote, strike[which], float(years[which][0]))
        moves = [(place, one) for place, one in enumerate(chosen.scenarios) if one.vol <= DOWN]
        self.columns = np.array([place for place, _ in moves])
        shape = (len(wanted), len(moves))
        shocked = np.stack([_shocked(chosen, one.vol, vol, years) for _, one in moves], axis=1)
        price = np.array([one.price / MICRO for _, one in moves])
        self.forward = (forward[:, None] * (1 + price)).ravel()
        self.strike = np.broadcast_to(strike[:, None], shape).ravel()
        self.deviation = (shocked * np.sqrt(years)[:, None]).ravel()
        calls = np.array([one[1] == KIND_CALL for one in wanted])
        self.is_call = np.broadcast_to(calls[:, None], shape).ravel()

    def by_numpy(self) -> Array:
        """Return all prices (USD) in one pass over the arrays."""
        arrays = (self.forward, self.strike, 1.0, self.deviation, self.is_call)
        return float_model.black(*arrays)

    def inputs(self, count: int) -> list[tuple[int, float, float, float]]:
        """Return an even sample as QuantLib takes it: type, strike, forward, deviation."""
        step = max(1, len(self.forward) // count)
        return quantlib_inputs(
            self.is_call[::step][:count],
            self.strike[::step][:count],
            self.forward[::step][:count],
            self.deviation[::step][:count],
        )


def _shocked(chosen: RiskSet, move: int, vol: Array, years: Array) -> Array:
    scalars = chosen.scalars
    if move not in (UP, DOWN):
        return vol
    short, long = scalars.vol_power_short / 1e9, scalars.vol_power_long / 1e9
    stretch = (MONTH_YEARS / np.maximum(years, 1 / 365)) ** np.where(
        years < MONTH_YEARS, short, long
    )
    shock = scalars.vol_up / 1e9 if move == UP else -scalars.vol_down / 1e9
    least = scalars.vol_floor / 1e9 if move == UP else 0.0
    found: Array = np.minimum(24.0, np.maximum(vol, least) * np.maximum(0.1, 1 + shock * stretch))
    return found


def quantlib_inputs(
    is_call: Array, strike: Array, forward: Array, deviation: Array
) -> list[tuple[int, float, float, float]]:
    """Return columns as tuples of plain numbers, so that converting them is no part of the time."""
    kinds = [QuantLib.Option.Call if one else QuantLib.Option.Put for one in is_call]
    columns = (strike.tolist(), forward.tolist(), deviation.tolist())
    return list(zip(kinds, *columns, strict=True))


def quantlib_prices(inputs: list[tuple[int, float, float, float]]) -> list[float]:
    """Return prices (USD), one call each."""
    price = QuantLib.blackFormula
    return [price(kind, strike, forward, deviation) for kind, strike, forward, deviation in inputs]


class MatrixMargin:
    """Ordinary losses of portfolios as numpy makes them from a prepared table of moves (USD)."""

    def __init__(self, rows: Any, chosen: RiskSet, fund: float) -> None:
        scenarios = chosen.scenarios
        self.ordinary = np.array([one.vol <= DOWN for one in scenarios])
        self.mark = rows["mark"].astype(float) / 1e6
        prices = rows["scenarios"].astype(float)[:, self.ordinary] / 1e6
        self.moves = np.ascontiguousarray(prices - self.mark[:, None])
        damp = np.array([one.damp / MICRO for one in scenarios])
        self.damp = damp[self.ordinary]
        self.low, self.high = (
            rate / 1e9 * fund for rate in (chosen.scalars.damp_low, chosen.scalars.damp_high)
        )
        self.factor = chosen.scalars.maintenance_factor / 1e9

    def requirement(self, profits: Array) -> Array:
        """Return the maintenance margin (USD) of profits, one row a portfolio (or one alone)."""
        loss = np.maximum(-profits, 0.0)
        share = np.clip((loss - self.low) / (self.high - self.low), 0.0, 1.0)
        found: Array = self.factor * (loss * (self.damp + (1 - self.damp) * share)).max(axis=-1)
        return found

    def one(self, sizes: Array, moves: Array) -> Array:
        """Return the margin of one portfolio: sizes (coins) times the moves of its listings."""
        return self.requirement(sizes @ moves)

    def many(self, sizes: Array, places: Any) -> Array:
        """Return the margins of portfolios, a row of sizes and of places each."""
        return self.requirement(np.einsum("al,als->as", sizes, self.moves[places]))

    def by_quantlib(self, inputs: list[tuple[int, float, float, float]], legs: Any) -> Array:
        """Return the margin of one portfolio, every leg priced anew in every scenario.

        `legs`: the places among the rows and the sizes in coins.
        """
        places, sizes = legs
        prices = np.array(quantlib_prices(inputs)).reshape(len(places), len(self.damp))
        return self.requirement(sizes @ (prices - self.mark[places][:, None]))


def values_by_numpy(columns: dict[str, Array]) -> Array:
    """Return price, delta, gamma, vega, theta, rho, vanna, volga: eight rows, in numpy."""
    names = ("forward", "strike", "years", "vol", "rate", "is_call")
    forward, strike, years, vol, rate, is_call = (columns[name] for name in names)
    root = np.sqrt(years)
    deviation = vol * root
    d1 = np.log(forward / strike) / deviation + deviation / 2
    d2 = d1 - deviation
    discount = np.exp(-rate * years)
    sign = np.where(is_call, 1.0, -1.0)
    price = discount * sign * (forward * ndtr(sign * d1) - strike * ndtr(sign * d2))
    density = discount * np.exp(-d1 * d1 / 2) / math.sqrt(2 * math.pi)
    vega = forward * density * root
    return np.array(
        [
            price,
            discount * sign * ndtr(sign * d1),
            density / (forward * deviation),
            vega,
            rate * price - forward * density * vol / (2 * root),
            -years * price,
            -density * d2 / vol,
            vega * d1 * d2 / vol,
        ]
    )


def implied_by_scipy(columns: dict[str, Array], price: Array) -> Array:
    """Return implied volatilities by scipy's solver over arrays (bracketing, Chandrupatla)."""
    names = ("forward", "strike", "years", "rate", "is_call")
    forward, strike, years, rate, is_call = (columns[name] for name in names)
    sign = np.where(is_call, 1.0, -1.0)
    discounted, root = price * np.exp(rate * years), np.sqrt(years)
    ratio = np.log(forward / strike)

    def excess(
        vol: Array, f: Array, k: Array, ratio: Array, root: Array, sign: Array, price: Array
    ) -> Array:
        deviation = vol * root
        d1 = ratio / deviation + deviation / 2
        found: Array = sign * (f * ndtr(sign * d1) - k * ndtr(sign * (d1 - deviation))) - price
        return found

    arguments = (forward, strike, ratio, root, sign, discounted)
    bracket = (np.full_like(forward, 1e-3), np.full_like(forward, 24.0))
    solved = elementwise.find_root(excess, bracket, args=arguments)
    found: Array = solved.x
    return found


def quantlib_implied(columns: dict[str, Array], price: Array) -> list[float]:
    """Return implied volatilities, one call each, from the same first guess."""
    undiscounted = price * np.exp(columns["rate"] * columns["years"])
    kinds = [QuantLib.Option.Call if one else QuantLib.Option.Put for one in columns["is_call"]]
    roots = np.sqrt(columns["years"]).tolist()
    lists = (columns["strike"].tolist(), columns["forward"].tolist(), undiscounted.tolist())
    inputs = list(zip(kinds, *lists, roots, strict=True))
    solve = QuantLib.blackFormulaImpliedStdDev
    return [
        solve(kind, strike, forward, paid, 1.0, 0.0, 0.6 * root, 1e-9) / root
        for kind, strike, forward, paid, root in inputs
    ]
