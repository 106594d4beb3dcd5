"""The groups that recorded chains are played on: listing, surfaces, quotes, delivery by timelock.

A session, at the time of its snapshot:

    deliver what expired ─► list what is new ─► a vector a group, activated ─► makers quote, others
    take ─► further vectors, two seconds apart ─► quotes are withdrawn
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from merkat.flow.chain_books import Books
from merkat.flow.chain_data import CURRENCIES, IndexHistory, contract_of, linear_contracts
from merkat.flow.chain_desk import LISTINGS_EACH, Clock, Desk
from merkat.flow.chain_judge import Judge
from merkat.flow.chain_traders import Trader, Want
from merkat.flow.float_model import Group as FloatGroup
from merkat.flow.oracle import OracleNodes
from merkat.flow.player import Player
from merkat.flow.setup import Group, Scene
from merkat.flow.wallets import Wallets
from merkat.oracle.calibration import Calibration, aged
from merkat.oracle.snapshot import Chain
from merkat.products.names import Contract, format_name
from merkat.products.terms import UNDERLYINGS
from merkat.sdk import commands
from merkat.sdk.commands import GroupParameters
from merkat.sdk.layouts import EVENTS
from merkat.sdk.risk_sets import RiskSet
from merkat.sdk.surfaces import Surface

MICRO: Final = 1_000_000
RATE: Final = 1_000_000_000
FUNDS: Final = (60_000_000 * MICRO, 30_000_000 * MICRO)
PARAMETERS: Final = GroupParameters()
RISK_SET: Final = RiskSet()
HELD_RUN: Final = 3
_LISTED: Final = next(kind for kind, (name, _) in EVENTS.items() if name == "listed")
_REFUSED: Final = next(kind for kind, (name, _) in EVENTS.items() if name == "inbox_refused")


def rule_ids() -> dict[int, str]:
    """Return the id of every rule by its refusal code, from the specification's registry."""
    import merkat.spec.venue.machine  # noqa: F401
    from merkat.spec.rules import all_rules

    return {rule.code: rule.id for rule in all_rules()}


def option_group(place: int) -> Group:
    """Return what the scripted Inbox sets up of a chain's group; its listings come later."""
    return Group(PARAMETERS, RISK_SET.encode(), [], FUNDS[place])


def float_group(place: int) -> FloatGroup:
    """Return the same group for the float model."""
    return FloatGroup(
        RISK_SET,
        float(10 ** UNDERLYINGS[CURRENCIES[place]].size_decimals),
        PARAMETERS.maintenance_rate / RATE,
        PARAMETERS.initial_rate / RATE,
        PARAMETERS.basis_clamp / RATE,
    )


@dataclass(slots=True)
class Listed:
    """How much of the recorded chains is listed, and which rows were refused by which rule."""

    rows: int = 0
    listed: int = 0
    instruments: int = 0
    refused: dict[str, str] = field(default_factory=dict)

    @property
    def share(self) -> float:
        """Return the share of the rows that is listed."""
        return self.listed / self.rows if self.rows else 0.0


class ChainMarket:
    """Both groups of a flow with recorded chains.

    Its books begin with what the scripted Inbox of the `scene` has paid in.
    """

    def __init__(
        self,
        player: Player,
        wallets: Wallets,
        oracle: OracleNodes,
        traders: Sequence[list[Trader]],
        scene: Scene,
        history: IndexHistory,
        first_group: int = 0,
        step_ns: int = 0,
    ) -> None:
        self.player = player
        self.history = history
        self.first_group = first_group
        self.clock = Clock(step_ns=step_ns)
        self.books = Books(player.tally)
        for account, cash in enumerate(scene.cash, start=1):
            self.books.account(account).cash = cash
        for place, group in enumerate(scene.groups):
            self.books.group(first_group + place).fund = group.fund
        groups = {first_group + place: float_group(place) for place in range(len(CURRENCIES))}
        self.judge = Judge(self.books, groups, PARAMETERS.stop_ratio / RATE)
        self.judge.attach()
        self.nodes = [oracle.of_group(first_group + place) for place in range(len(CURRENCIES))]
        self.desks = [
            Desk(
                place,
                first_group + place,
                list(own),
                player,
                wallets,
                self.books,
                self.judge,
                self.clock,
            )
            for place, own in enumerate(traders)
        ]
        self.listed = Listed()
        self.epochs: Counter[int] = Counter()
        self.heartbeats = 0
        self.held = 0
        self.now: dict[int, Calibration] = {}
        self._rules = rule_ids()
        self._asked: dict[int, tuple[Desk, Contract]] = {}
        self._ever_asked: set[Contract] = set()
        self._waiting: deque[int] = deque()
        player.tally.hook(_LISTED, self._on_listed)
        player.tally.hook(_REFUSED, self._on_refused)
        self.books.after["epoch"].append(self._on_epoch)

    # --- listing and delivery ---

    def at(self, time_ns: int) -> None:
        """Let the clock stand at a time; it never goes back."""
        self.clock.now_ns = max(self.clock.now_ns, time_ns)

    def _inbox(self, item: bytes) -> int:
        """Send an item of the Inbox; returns its index."""
        index = self.player.inbox_cursor
        self.player.inbox(self.clock.now_ns, item)
        return index

    def list_chains(self, chains: Sequence[Chain]) -> None:
        """List what is new in the chains; count and name what is refused."""
        for desk, chain in zip(self.desks, chains, strict=True):
            contracts = [contract_of(desk.currency, quote) for quote in chain.quotes]
            for contract in (*linear_contracts(chain), *contracts):
                self._list(desk, contract)
        self.player.settle()
        for desk, chain in zip(self.desks, chains, strict=True):
            known = desk.listing_by_contract
            contracts = [contract_of(desk.currency, quote) for quote in chain.quotes]
            self.listed.rows += len(contracts)
            self.listed.listed += sum(contract in known for contract in contracts)
            for maker in desk.makers:
                assert len(maker.listings) <= LISTINGS_EACH, "more makers are needed for this chain"

    def _list(self, desk: Desk, contract: Contract) -> None:
        if contract in self._ever_asked:
            return
        self._ever_asked.add(contract)
        index = self._inbox(desk.underlying.item(contract, desk.group))
        self._asked[index] = (desk, contract)
        self._waiting.append(index)

    def _on_listed(self, log_number: int, body: bytes) -> None:
        # Only items that were asked for here list anything once the flow has begun.
        if not self._waiting:
            return
        desk, contract = self._asked.pop(self._waiting.popleft())
        desk.listed(int.from_bytes(body[:4], "big"), contract)
        self.listed.instruments += 1

    def _on_refused(self, log_number: int, body: bytes) -> None:
        index = int.from_bytes(body[:8], "big")
        if index in self._asked:
            self._waiting.remove(index)
            _, contract = self._asked.pop(index)
            code = int.from_bytes(body[8:10], "big")
            self.listed.refused[format_name(contract)] = self._rules.get(code, f"code {code}")

    def deliver(self, time_ns: int) -> list[dict[str, object]]:
        """Name a delivery price, from the recorded index, for each expiry that has passed."""
        found = []
        self.player.settle()
        for desk in self.desks:
            for expiry_ns in desk.live_expiries():
                if expiry_ns > time_ns:
                    continue
                price = self.history.at(desk.currency, expiry_ns)
                self._inbox(commands.deliver(desk.group, expiry_ns, price))
                # What one command could not settle is settled by the next tick.
                self.player.send(self.clock.next(), commands.tick())
                desk.forget(expiry_ns)
                found.append({"coin": desk.currency, "expiry_ns": expiry_ns, "price": price})
        self.player.settle()
        return found

    # --- the oracle ---

    def sign(self, calibrations: Iterable[Calibration]) -> None:
        """Send a vector to each group at the clock's time, take them up, and read the answers."""
        time_ns = self.clock.next()
        for desk, nodes, found in zip(self.desks, self.nodes, calibrations, strict=True):
            self.now[desk.group] = found
            self.player.send(time_ns, nodes.surface(self._surface_at(time_ns, found)))
            self.epochs[desk.group] += 1
        self.player.activate(time_ns)
        self.player.settle()

    def _surface_at(self, time_ns: int, found: Calibration) -> Any:
        def make(group: int, number: int, previous: bytes) -> Surface:
            surface = found.surface(group, number, previous, time_ns, premium=found.basis)
            self.judge.surfaces[group, number] = surface
            return surface

        return make

    def heartbeat(self) -> None:
        """Renew the age of both vectors at the clock's time."""
        time_ns = self.clock.next()
        for nodes in self.nodes:
            self.player.send(time_ns, nodes.heartbeat(time_ns))
        self.heartbeats += 1

    def _on_epoch(self, event: dict[str, Any]) -> None:
        own = any(desk.group == event["group"] for desk in self.desks)
        self.held += own and event["held"] > 0

    def is_held(self) -> bool:
        """Return whether some group's newest vector is held."""
        return any(self.books.group(desk.group).held for desk in self.desks)

    # --- trading ---

    def set_modes(self) -> None:
        """Move every account to its margin mode."""
        for desk in self.desks:
            desk.set_modes()

    def show(self, chains: Sequence[Chain], session: int) -> None:
        """Let everybody see these recorded chains from now on, in a session of this number."""
        for desk, chain in zip(self.desks, chains, strict=True):
            desk.chain, desk.time_ns, desk.session = chain, self.clock.now_ns, session

    def quote(self) -> int:
        """Have the makers quote; returns how many orders were sent."""
        return sum(desk.quote() for desk in self.desks)

    def take(self) -> None:
        """Have everybody else trade."""
        for desk in self.desks:
            desk.take()

    def withdraw_quotes(self) -> None:
        """Take every quote back and read the answers."""
        for desk in self.desks:
            desk.withdraw_quotes()
        self.player.settle()

    def probe(self) -> int:
        """Try to trade while the groups are silent; returns how many orders were refused so."""
        self.player.settle()
        rejected = self.player.tally.rejected
        before = rejected["halted"]
        for desk in self.desks:
            if desk.perpetual:
                price = desk.index() * 0.9
                desk.send(Want(desk.takers[0].account, desk.perpetual, commands.BUY, 0, price, 1.0))
        self.player.settle()
        return rejected["halted"] - before


def aged_to(calibrations: Iterable[Calibration], time_ns: int) -> list[Calibration]:
    """Return calibrations at another time."""
    return [aged(one, time_ns) for one in calibrations]
