"""What the margin of every account in a group is computed from (risk.md sections 4 to 6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from merkat.spec.pricing.q64 import sqrt, to_units
from merkat.spec.pricing.svi import total_variance
from merkat.spec.risk.parameters import RiskSet
from merkat.spec.risk.rows import Row
from merkat.spec.risk.vector import SurfaceVector
from merkat.spec.risk.window import within_window
from merkat.spec.values import ONE


@dataclass(frozen=True, slots=True)
class GroupRisk:
    """A group with rows, at one vector. Nothing in it changes while the rows stand."""

    risk_set: RiskSet
    """The set that the rows were built with."""
    vector: SurfaceVector
    """The vector that the rows were built from."""
    rows: Mapping[int, Row]
    coin: int
    """Base units of one coin, 10^size_decimals."""
    fund: int
    """The group's insurance fund, 1e-6 USD."""
    maintenance_rate: int
    initial_rate: int

    @property
    def index(self) -> int:
        """The index of the standing vector, 1e-6 USD per coin."""
        return self.vector.index

    def held(self, sizes: Mapping[int, int]) -> list[tuple[Row, int]]:
        """Return the (row, signed size) of positions; a listing without a row counts nothing."""
        return [
            (self.rows[listing], size) for listing, size in sizes.items() if listing in self.rows
        ]

    def at_index(self, size: int) -> int:
        """Return the value of a size at the index, floored, in 1e-6 USD."""
        return size * self.index // self.coin

    def is_alive(self, row: Row) -> bool:
        """Return whether a dated listing had not expired at the vector's time."""
        return row.expiry > self.vector.time

    def is_pinned(self, row: Row) -> bool:
        """Return whether an option's expiry is so near that the payoff itself is tested (P)."""
        scalars, vector = self.risk_set.scalars, self.vector
        if not self.is_alive(row) or row.years <= 0 or within_window(vector.time, row.expiry):
            return False
        quote = vector.quote(row.expiry)
        assert quote is not None, "E-11 admits no vector without the expiry of a live option"
        deviation = to_units(sqrt(total_variance(quote.slice, 0)), ONE)
        is_soon = vector.seconds_to(row.expiry) < scalars.pin_seconds
        return is_soon or deviation < scalars.pin_deviation
