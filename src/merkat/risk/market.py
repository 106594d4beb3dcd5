"""What a portfolio is valued with: one signed vector's worth of numbers for each underlying."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from merkat.sdk.surfaces import ExpiryQuote
from merkat.spec.risk.parameters import DEFAULT_SET, RiskSet
from merkat.spec.values import ONE

Quote = ExpiryQuote
"""Forward (1e-6 USD) and raw SVI of total variance (1e-12) of one expiry (ns)."""


@dataclass(frozen=True, slots=True)
class Underlying:
    """Index and surface of one underlying.

    Attributes:
        index: 1e-6 USD.
        expiries: ascending; every future and option of the portfolio needs its own.
        basis: of the perpetual to the index, 1e-9.
        vol: 30-day at-the-money vol, 1e-9; `vol_mean` its 30-day mean.
        confidence: of the oracle, 1e-9.
        fund: the group's insurance fund, 1e-6 USD; tail losses are damped by it.
        size_decimals: base units are 10^-size_decimals coin.
        lot: base units; with size_decimals it sets the price quantum.
    """

    index: int
    expiries: tuple[Quote, ...] = ()
    basis: int = 0
    vol: int = 500_000_000
    vol_mean: int = 500_000_000
    confidence: int = ONE
    fund: int = 0
    size_decimals: int = 8
    lot: int = 100_000

    @property
    def coin(self) -> int:
        """Base units a coin."""
        coin: int = 10**self.size_decimals
        return coin

    @property
    def quantum(self) -> int:
        """The price step at which one lot moves 1e-6 USD."""
        return self.coin // self.lot


@dataclass(frozen=True, slots=True)
class Market:
    """All underlyings at one time (ns), and the price of one USDC (1e-9 USD)."""

    time_ns: int
    underlyings: Mapping[str, Underlying]
    peg: int = ONE


@dataclass(frozen=True, slots=True)
class Parameters:
    """The numbers of the model: the venue's defaults unless said otherwise.

    Attributes:
        risk_set: scalars and scenarios of every group.
        maintenance_rate: of a linear contract in mode standard, 1e-9; initial_rate likewise.
        basis_clamp: largest basis of a perpetual's mark, 1e-9.
        linear_fee: worst fee of an order in a perpetual or future, 1e-9 of its value.
        option_fee: worst fee of an order in an option, 1e-9 of the index.
    """

    risk_set: RiskSet = field(default=DEFAULT_SET)
    maintenance_rate: int = 50_000_000
    initial_rate: int = 65_000_000
    basis_clamp: int = 5_000_000
    linear_fee: int = 500_000
    option_fee: int = 300_000
