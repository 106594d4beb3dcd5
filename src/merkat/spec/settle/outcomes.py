"""What a step gives besides the new state: the amounts that the venue's events announce."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from merkat.spec.rules import FIELDS, Rule


@dataclass(frozen=True, slots=True)
class ItemRefused:
    """An inbox item that its checks refuse; the step itself is accepted."""

    rule: Rule
    field: str

    @property
    def code(self) -> int:
        """The refusal code."""
        return self.rule.code

    @property
    def field_number(self) -> int:
        """The number of the refused field."""
        return FIELDS[self.field]


@dataclass(frozen=True, slots=True)
class Deposited:
    """The account that a deposit went to, and whether it was opened for it."""

    account: int
    opened: bool


@dataclass(frozen=True, slots=True)
class Listed:
    """The number of a new listing."""

    listing: int


@dataclass(frozen=True, slots=True)
class FeesSwept:
    """What a fee sweep paid to the account and what it took off the bad debt."""

    amount: int
    repaid: int


@dataclass(frozen=True, slots=True)
class ForcedWithdrawn:
    """What a forced withdrawal paid, possibly 0."""

    amount: int


@dataclass(frozen=True, slots=True)
class Filled:
    """The fees of a trade; a negative one is a rebate."""

    maker_fee: int
    taker_fee: int


@dataclass(frozen=True, slots=True)
class FundingPaid:
    """The funding of an hour that closed."""

    hour: int
    rate: int
    cumulative: int


@dataclass(frozen=True, slots=True)
class DeliveryFixed:
    """The delivery price of an expiry, and how many index samples it is the mean of."""

    expiry: int
    price: int
    samples: int


@dataclass(frozen=True, slots=True)
class OracleHeard:
    """What an epoch or heartbeat did; `held` counts the held run, 0 when the vector stands."""

    held: int
    funding: FundingPaid | None
    fixed: DeliveryFixed | None = None


@dataclass(frozen=True, slots=True)
class Delivered:
    """The price at which a listing is delivered."""

    price: int


@dataclass(frozen=True, slots=True)
class Expired:
    """A position that is gone: its signed size, what a coin of it paid, the fee."""

    listing: int
    size: int
    price: int
    fee: int


@dataclass(frozen=True, slots=True)
class Liquidated:
    """The fees of a liquidation's trade, a hedge's too."""

    maker_fee: int
    taker_fee: int
    liquidation_fee: int


@dataclass(frozen=True, slots=True)
class WentBankrupt:
    """The equity before the fund paid, and its payment."""

    equity: int
    payment: int


@dataclass(frozen=True, slots=True)
class TornUp:
    """What was left of a bankrupt's equity after a tear-up, for the fund."""

    surplus: int


@dataclass(frozen=True, slots=True)
class WrittenOff:
    """What the fund paid of a debt, and what became bad debt."""

    payment: int
    bad_debt: int


Outcome: TypeAlias = (
    ItemRefused
    | Deposited
    | Listed
    | FeesSwept
    | ForcedWithdrawn
    | Filled
    | OracleHeard
    | Delivered
    | Expired
    | Liquidated
    | WentBankrupt
    | TornUp
    | WrittenOff
    | None
)
