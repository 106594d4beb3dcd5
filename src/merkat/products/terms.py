"""The default terms of contracts: lots, ticks and fees, and the items that list them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Final

from merkat.products.names import DATED, OPTIONS, Contract, ContractNameError
from merkat.sdk import commands

FRIDAY: Final = 4

# 1e-9: of the notional; of options the index's.
LINEAR_MAKER_FEE: Final = 0
LINEAR_TAKER_FEE: Final = 500_000
OPTION_MAKER_FEE: Final = 300_000
OPTION_TAKER_FEE: Final = 300_000
FUTURE_DELIVERY_FEE: Final = 250_000
OPTION_DELIVERY_FEE: Final = 150_000


@dataclass(frozen=True, slots=True)
class Terms:
    """Lot (base units), ticks (1e-6 USD; the coarse one from `coarse_from` on), fees (1e-9)."""

    lot: int
    tick: int
    coarse_tick: int
    coarse_from: int
    maker_fee: int
    taker_fee: int
    delivery_fee: int = 0

    @property
    def tick_size_steps(self) -> tuple[tuple[int, int], ...]:
        """Return (price from which it holds, tick) of every tick but the first, 1e-6 USD."""
        if self.coarse_tick == self.tick:
            return ()
        return ((self.coarse_from, self.coarse_tick),)


@dataclass(frozen=True, slots=True)
class Underlying:
    """The terms of everything that is listed on one coin, and its decimals.

    Attributes:
        size_decimals: a base unit is 10^-size_decimals coin, in all listings of the group.
    """

    base: str
    size_decimals: int
    linear: Terms
    option: Terms

    def terms(self, contract: Contract) -> Terms:
        """Return the terms of a contract; its delivery fee is 0 where there is no delivery.

        Raises:
            ContractNameError: the contract is on another coin.
        """
        if contract.base != self.base:
            raise ContractNameError(
                f"base: {contract.base!r}, expected {self.base!r}: terms are those of one coin"
            )
        kept = self.option if contract.kind in OPTIONS else self.linear
        pays = contract.expiry is not None and not is_daily(contract.expiry)
        fee = kept.delivery_fee if contract.kind in DATED and pays else 0
        return Terms(
            kept.lot,
            kept.tick,
            kept.coarse_tick,
            kept.coarse_from,
            kept.maker_fee,
            kept.taker_fee,
            fee,
        )

    def quantum(self, contract: Contract) -> int:
        """Return the price step (1e-6 USD) at which one lot moves 1e-6 USD."""
        return int(10**self.size_decimals) // self.terms(contract).lot

    def item(self, contract: Contract, group: int, token: int = 0) -> bytes:
        """Return the timelock's item that lists a contract in a group.

        `token` is that of a spot market, 1 to 3.
        """
        terms = self.terms(contract)
        if contract.kind == commands.KIND_PERPETUAL:
            return commands.list_perpetual(
                group, self.size_decimals, terms.lot, terms.tick, terms.maker_fee, terms.taker_fee
            )
        return commands.list_dated(
            contract.kind,
            group,
            self.size_decimals,
            terms.lot,
            terms.tick,
            coarse_tick=terms.coarse_tick,
            coarse_from=terms.coarse_from,
            maker_fee=terms.maker_fee,
            taker_fee=terms.taker_fee,
            delivery_fee=terms.delivery_fee,
            strike=contract.strike or 0,
            expiry_ns=contract.expiry_ns,
            token=token,
        )


def is_daily(expiry: date) -> bool:
    """Return whether an expiry is a daily one: all longer ones are Fridays."""
    return expiry.weekday() != FRIDAY


def _linear(lot: int, tick: int) -> Terms:
    return Terms(lot, tick, tick, 0, LINEAR_MAKER_FEE, LINEAR_TAKER_FEE, FUTURE_DELIVERY_FEE)


def _option(lot: int, tick: int, coarse_tick: int, coarse_from: int) -> Terms:
    fees = (OPTION_MAKER_FEE, OPTION_TAKER_FEE, OPTION_DELIVERY_FEE)
    return Terms(lot, tick, coarse_tick, coarse_from, *fees)


BTC: Final = Underlying(
    "BTC",
    8,
    linear=_linear(100_000, 500_000),
    option=_option(1_000_000, 1_000_000, 5_000_000, 100_000_000),
)
ETH: Final = Underlying(
    "ETH",
    8,
    linear=_linear(1_000_000, 50_000),
    option=_option(10_000_000, 100_000, 500_000, 10_000_000),
)
UNDERLYINGS: Final[Mapping[str, Underlying]] = MappingProxyType(
    {underlying.base: underlying for underlying in (BTC, ETH)}
)
