"""A scripted Inbox: until a chain is there, these items stand in for deposits and the timelock."""

from __future__ import annotations

from dataclasses import dataclass, field

from merkat.flow.oracle import THRESHOLD, OracleNodes
from merkat.flow.wallets import Wallets
from merkat.sdk import commands
from merkat.sdk.commands import GroupParameters

ORDERS_MAX = 4_096
# More than any flow needs and below a deposit's bound of 2^96: nothing is refused for margin.
AMPLE_CASH = 10**18
NEW_ACCOUNT_MINIMUM = 1_000_000


@dataclass(frozen=True, slots=True)
class Listing:
    """One perpetual and its terms: lot in base units, tick in 1e-6 USD, fees in 1e-9."""

    size_decimals: int
    lot: int
    tick: int
    maker_fee: int = 0
    taker_fee: int = 0


@dataclass(frozen=True, slots=True)
class Group:
    """A further group: its risk set (encoded; none: perpetuals only), listings as items, fund."""

    parameters: GroupParameters = field(default_factory=GroupParameters)
    risk_set: bytes = b""
    listings: list[bytes] = field(default_factory=list)
    fund: int = 0


@dataclass(frozen=True, slots=True)
class Scene:
    """What the scripted Inbox sets up: a group with its listings, limits, cash and fund.

    Without listings there is no such group: `groups` are then numbered from 0, else from 1.
    """

    listings: list[Listing]
    cash: list[int]
    fund: int = 0
    parameters: GroupParameters = field(default_factory=GroupParameters)
    position_limit: int = 128
    groups: list[Group] = field(default_factory=list)


def scripted_items(scene: Scene, wallets: Wallets, oracle: OracleNodes) -> list[bytes]:
    """Return the Inbox items of a scene in order; deposits open accounts 1, 2, 3 ..."""
    items = []
    if scene.listings:
        items.append(commands.group(0, THRESHOLD, oracle.addresses, scene.parameters))
    limits = (scene.position_limit, ORDERS_MAX, ORDERS_MAX, NEW_ACCOUNT_MINIMUM)
    items.append(commands.venue(*limits))
    items += [
        commands.list_perpetual(
            0, terms.size_decimals, terms.lot, terms.tick, terms.maker_fee, terms.taker_fee
        )
        for terms in scene.listings
    ]
    if scene.fund:
        items.append(commands.fund_deposit(0, scene.fund))
    for number, group in enumerate(scene.groups, start=1 if scene.listings else 0):
        items += _group_items(number, group, oracle)
    items += [
        commands.deposit(address, cash)
        for address, cash in zip(wallets.addresses, scene.cash, strict=True)
    ]
    return items


def _group_items(number: int, group: Group, oracle: OracleNodes) -> list[bytes]:
    items = [commands.group(number, THRESHOLD, oracle.addresses, group.parameters)]
    if group.risk_set:
        items.append(commands.risk(number, group.risk_set))
    items += group.listings
    if group.fund:
        items.append(commands.fund_deposit(number, group.fund))
    return items
