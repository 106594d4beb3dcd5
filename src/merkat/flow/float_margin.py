"""The requirements of both modes over the float rows of `merkat.flow.float_model`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from merkat.flow.float_model import (
    MICRO,
    NOTHING,
    RATE,
    SECOND_NS,
    WINDOW_S,
    Array,
    Figures,
    Group,
    Listing,
    Rows,
    money_deviation,
    pays,
)
from merkat.sdk.commands import KIND_CALL, KIND_FUTURE, KIND_PERPETUAL, KIND_PUT, PORTFOLIO
from merkat.sdk.risk_sets import SKEW_ABSOLUTE, SKEW_LINEAR

_OPTIONS: Final = (KIND_CALL, KIND_PUT)


def figures(group: Group, rows: Rows, sizes: Mapping[int, int], mode: int, fund: float) -> Figures:
    """Return value and requirements of positions (base units by listing) in a group, USD."""
    place_of = rows.place_of()
    held = {place_of[listing]: size / group.coin for listing, size in sizes.items() if size}
    if not held:
        return NOTHING
    book = _Book(group, rows, held)
    value = float((book.size * rows.mark[book.places]).sum())
    if mode == PORTFOLIO:
        maintenance, initial = book.portfolio(fund)
    else:
        maintenance, initial = book.standard()
    return Figures(value, maintenance, initial)


class _Book:
    """The positions of one account in one group."""

    def __init__(self, group: Group, rows: Rows, held: Mapping[int, float]) -> None:
        self.group = group
        self.rows = rows
        self.scalars = group.risk_set.scalars
        self.places = np.array(sorted(held))
        self.size = np.array([held[place] for place in sorted(held)])
        self.listings = [rows.listings[place] for place in self.places]
        self.mark = rows.mark[self.places]
        self.index = rows.surface.index / MICRO
        self.time_ns = rows.surface.time_ns

    def _rate(self, name: str) -> float:
        return float(getattr(self.scalars, name)) / RATE

    def _where(self, *kinds: int) -> Array:
        return np.array([one.kind in kinds for one in self.listings])

    def _expiries(self, *kinds: int) -> dict[int, Array]:
        """Return by expiry which positions of these kinds belong to it."""
        right = self._where(*kinds)
        expiry = np.array([one.expiry_ns for one in self.listings])
        return {int(one): right & (expiry == one) for one in sorted(set(expiry[right].tolist()))}

    # --- mode portfolio ---

    def portfolio(self, fund: float) -> tuple[float, float]:
        """Return MM and IM of risk.md section 4 for positions without orders."""
        risk = self.risk(fund)
        notional = float(np.abs(self.size * self.mark)[self._where(KIND_PERPETUAL)].sum())
        naked = self._naked() * self.index
        add_mm = self._rate("perpetual_maintenance") * notional
        add_mm += self._rate("naked_maintenance") * naked + self._roll() + self._brackets()
        add_im = self._rate("perpetual_initial") * notional + self._rate("naked_initial") * naked
        surface = self.rows.surface
        peg = max(0.0, self._rate("peg_threshold") - surface.peg / RATE) * self._rate("peg_factor")
        maintenance = self._rate("maintenance_factor") * risk + add_mm
        initial = (self._rate("initial_factor") + peg) * risk + add_mm + add_im
        return maintenance, initial + self._confidence()

    def _confidence(self) -> float:
        gross = float(np.abs(self.size).sum()) * self.index
        return self._rate("confidence_rate") * (1 - self.rows.surface.confidence / RATE) * gross

    def risk(self, fund: float) -> float:
        """Return R: the largest of the scenario losses, skews, basis and pin."""
        moves = self.rows.scenarios[self.places] - self.mark[:, None]
        loss = -(self.size @ moves)
        ordinary = []
        skewed = []
        for column, scenario in enumerate(self.group.risk_set.scenarios):
            if scenario.vol in (SKEW_LINEAR, SKEW_ABSOLUTE):
                skewed.append(self._skew(moves[:, column]))
            else:
                ordinary.append(self._damped(float(loss[column]), scenario.damp / MICRO, fund))
        return max(0.0, *ordinary, *skewed, self._basis(), self._pin())

    def _damped(self, loss: float, damp: float, fund: float) -> float:
        if loss <= 0:
            return 0.0
        low, high = self._rate("damp_low") * fund, self._rate("damp_high") * fund
        if loss >= high:
            return loss
        if loss <= low:
            return loss * damp
        return loss * (damp + (1 - damp) * (loss - low) / (high - low))

    def _skew(self, moves: Array) -> float:
        groups = self._expiries(*_OPTIONS).values()
        return sum(abs(float((self.size * moves)[which].sum())) for which in groups)

    def _basis(self) -> float:
        total = 0.0
        up = self.size * (self.rows.up[self.places] - self.mark)
        down = self.size * (self.rows.down[self.places] - self.mark)
        years = self.rows.years[self.places]
        for which in self._expiries(KIND_FUTURE, *_OPTIONS).values():
            worst = max(0.0, -float(up[which].sum()), -float(down[which].sum()))
            weight = self._rate("basis_base")
            weight += self._rate("basis_per_year") * float(years[which].max())
            total += worst * weight
        return total

    def _pin(self) -> float:
        worst = 0.0
        for expiry_ns, which in self._expiries(*_OPTIONS).items():
            if not self._near(expiry_ns):
                continue
            forward = float(self.rows.forward[self.places][which][0])
            reach = self._rate("pin_range")
            strikes = {
                one.strike for one, inside in zip(self.listings, which, strict=True) if inside
            }
            for strike in strikes:
                if forward * (1 - reach) <= strike <= forward * (1 + reach):
                    worst = max(worst, -self._at_strike(expiry_ns, which, strike, forward))
        return worst

    def _near(self, expiry_ns: int) -> bool:
        """Return whether pin risk of an expiry counts: near, and before its delivery window."""
        left_s = (expiry_ns - self.time_ns) // SECOND_NS
        if expiry_ns - WINDOW_S * SECOND_NS <= self.time_ns:
            return False
        quote = next(one for one in self.rows.surface.expiries if one.expiry_ns == expiry_ns)
        return left_s < self.scalars.pin_seconds or money_deviation(quote) < self._rate(
            "pin_deviation"
        )

    def _at_strike(self, expiry_ns: int, which: Array, strike: float, forward: float) -> float:
        """Return the profit of options and delta-one positions if the expiry ends at a strike."""
        total = 0.0
        for place, listing in enumerate(self.listings):
            if which[place]:
                total += self.size[place] * (pays(listing, strike) - self.mark[place])
            elif listing.kind == KIND_PERPETUAL or (
                listing.kind == KIND_FUTURE and listing.expiry_ns == expiry_ns
            ):
                total += self.size[place] * self.mark[place] * (strike - forward) / forward
        return float(total)

    def _naked(self) -> float:
        """Return N, coins: the net short options of each expiry and strike."""
        net: dict[tuple[int, float], float] = {}
        for size, listing in zip(self.size.tolist(), self.listings, strict=True):
            if listing.kind in _OPTIONS and listing.expiry_ns > self.time_ns:
                key = (listing.expiry_ns, listing.strike)
                net[key] = net.get(key, 0.0) + size
        return sum(max(0.0, -size) for size in net.values())

    def _roll(self) -> float:
        dated = self._where(KIND_FUTURE, *_OPTIONS)
        gross = np.abs(self.size * self.rows.forward[self.places]) * self.rows.years[self.places]
        return self._rate("roll_rate") * float(gross[dated].sum())

    def _brackets(self) -> float:
        delta = float((self.size * self.rows.delta[self.places]).sum()) * self.index
        vega = float((self.size * self.rows.vega[self.places]).sum()) / 100
        scalars = self.scalars
        over_delta = max(0.0, abs(delta) - scalars.delta_threshold / MICRO)
        over_vega = max(0.0, abs(vega) - scalars.vega_threshold / MICRO)
        return self._rate("delta_slope") * over_delta + self._rate("vega_slope") * over_vega

    # --- mode standard ---

    def standard(self) -> tuple[float, float]:
        """Return MM and IM of risk.md section 5."""
        linear = self._where(KIND_PERPETUAL, KIND_FUTURE)
        gross = float(np.abs(self.size * self.mark)[linear].sum())
        maintenance = self.group.maintenance_rate * gross
        initial = self.group.initial_rate * gross
        for which in self._expiries(*_OPTIONS).values():
            need = [self._expiry_requirement(which, kind) for kind in (0, 1)]
            maintenance += need[0]
            initial += need[1]
        return maintenance, initial + self._confidence()

    def _expiry_requirement(self, which: Array, initial: int) -> float:
        """Return the requirement of an expiry's options: MM (0) or IM (1)."""
        places = [place for place in range(len(self.listings)) if which[place]]
        value = float((self.size * self.mark)[which].sum())
        isolated = sum(
            self._short(self.listings[place], -float(self.size[place]), place)[initial]
            for place in places
            if self.size[place] < 0
        )
        points = {0.0, *(self.listings[place].strike for place in places)}
        worst = min(
            sum(float(self.size[place]) * pays(self.listings[place], point) for place in places)
            for point in points
        )
        bounded = max(0.0, -worst)
        net = sum(
            float(self.size[place]) for place in places if self.listings[place].kind == KIND_CALL
        )
        if net < 0:
            name = "standard_unpaired_initial" if initial else "standard_unpaired_maintenance"
            bounded += self._rate(name) * -net * float(self.rows.forward[self.places[places[0]]])
        return max(0.0, value + min(isolated, bounded))

    def _short(self, listing: Listing, size: float, place: int) -> tuple[float, float]:
        """Return MM and IM of a short of `size` coins in an option."""
        m = size * float(self.mark[place])
        notional = size * self.index
        is_call = listing.kind == KIND_CALL
        outside = max(0.0, listing.strike - self.index if is_call else self.index - listing.strike)
        most, least = self._rate("standard_initial_most"), self._rate("standard_initial_least")
        initial = max(least * notional, most * notional - size * outside) + m
        rate = self._rate("standard_maintenance")
        if is_call:
            return rate * notional + m, initial
        maintenance = max(rate * notional, rate * m) + m
        return maintenance, max(initial, 1.05 * maintenance)
