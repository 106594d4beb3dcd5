"""Random markets: a seed gives groups, listings, owners with leverage, and what happens to them.

The walk looks at the specification's venue to choose what is likely to matter next: it follows a
held jump with vectors that agree, it amends what is partly filled, it drains what it can.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from merkat.spec.messages import FundDeposit, List, SetGroup
from merkat.spec.settle import margin
from merkat.spec.settle.leaves import STANDARD
from merkat.spec.values import DAY_NS, HOUR_NS
from merkat.spec.vectors.draws import Draws
from merkat.spec.vectors.script import USD, Script, Trader, group_item
from merkat.spec.vectors.wallets import Wallet
from merkat.spec.venue.book import RestingOrder

SECOND = 10**9
OWNERS = 12
MAKERS = 2
MAKER_DOLLARS = 3_000_000
ACCOUNTS_MAX = 60


def fake_owner(number: int) -> Wallet:
    """Return an owner whose address is its number, for injected signatures."""
    return Wallet(f"owner {number}", bytes(32), (0xA0000 + number).to_bytes(20, "big"))


def fake_key(number: int, scheme: int) -> Wallet:
    """Return a session key whose address is its number."""
    return Wallet(f"key {number}", bytes(32), (0xB0000 + number).to_bytes(20, "big"), scheme)


@dataclass
class Group:
    """What the walk remembers of a group."""

    number: int
    base: int
    index: int
    next_ns: int = 0
    drift: int = 0
    premium: int = 0


class Walk:
    """One seeded market on a script.

    `moves` has (weight, move) pairs; empty: those of a market of perpetuals.
    """

    moves: Sequence[tuple[int, Callable[[Walk], None]]] = ()

    def __init__(
        self,
        script: Script,
        seed: int,
        owner: Callable[[int], Wallet] = fake_owner,
        key: Callable[[int, int], Wallet] = fake_key,
    ) -> None:
        self.script = script
        self.owner = owner
        self.key = key
        self.draws = Draws(seed)
        self.slow = self.draws.chance(35)
        self.period_ns = 300 * SECOND if self.slow else 2 * SECOND
        self.groups: list[Group] = []
        self.listings: list[int] = []
        self.traders: list[Trader] = []
        self.keys: dict[tuple[int, int], Trader] = {}
        """By account and slot: who signs by the newest key that the slot has had."""

    # Setup

    def open(self) -> None:
        """Make groups, listings, accounts and first vectors."""
        for number, base in enumerate((60_000 * USD, 2_500 * USD)):
            self.groups.append(Group(number, base, base))
            self.script.item(self.group_item(number))
            for _ in range(2):
                self.script.item(self.listing_item(number))
                self.listings.append(len(self.listings) + 1)
        for number in range(MAKERS):
            self.traders.append(self.script.deposit(self.owner(number), MAKER_DOLLARS * USD))
        for _ in range(OWNERS):
            self.open_account()
        for number in range(2):
            if self.draws.chance(85):
                amount = self.draws.choice((10, 2_000, 50_000)) * USD
                self.script.item(FundDeposit(1, number, amount))
        self.script.wait(DAY_NS)
        for group in self.groups:
            self.script.epoch(group.number, group.index)

    def group_item(self, number: int, **chosen: int) -> SetGroup:
        """Return a group's item with parameters of the walk's kind, but for those chosen."""
        pick = self.draws.choice
        parameters = {
            "epoch_period_ns": self.period_ns,
            "stale_ns": self.period_ns * 5 // 2,
            "halt_ns": 15 * self.period_ns,
            "stage_timeout_ns": pick((4, 60)) * self.period_ns,
            "liquidation_fee": pick((0, 5_000_000, 12_000_000)),
            "slippage_floor": pick((0, 2_500_000, 10_000_000)),
            "slice_share": pick((50_000_000, 200_000_000, 10**9)),
            "fund_event_share": pick((0, 250_000_000, 10**9)),
            "fund_day_share": pick((100_000_000, 500_000_000, 10**9)),
            "jump": pick((100_000_000,) * 5 + (10**9,)),
            "band": pick((30_000_000, 60_000_000, 300_000_000)),
            "stop_ratio": pick((10**9, 1_150_000_000, 2 * 10**9)),
        }
        count, threshold = ((7, 5), (3, 2))[number % 2]
        return group_item(number, count, threshold, **(parameters | chosen))

    def listing_item(self, group: int) -> List:
        """Return a listing's item: quanta and ticks of many sizes."""
        decimals = self.draws.between(3, 8)
        lot = 10 ** self.draws.between(0, 2)
        quantum = 10**decimals // lot
        tick = quantum * max(1, self.draws.choice((1, 5, 20)) * 10_000 // quantum)
        taker = self.draws.choice((0, 450_000, 2_000_000))
        maker = self.draws.choice((-taker // 3, 0, taker // 5, taker))
        return List(1, 1, group, decimals, lot, tick, maker, taker)

    def open_account(self, dollars: int = 0) -> Trader:
        """Have an owner, new or old, open an account with little money."""
        dollars = dollars or self.draws.choice((40, 300, 2_000, 9_000, 30_000))
        number = MAKERS + self.draws.below(OWNERS + 4)
        self.traders.append(self.script.deposit(self.owner(number), dollars * USD))
        return self.traders[-1]

    # Reading

    @property
    def now_ns(self) -> int:
        """When the last command was applied."""
        return self.script.time_ns

    def trader(self) -> Trader:
        """Return a trader, one of the newer accounts more often."""
        newest = self.traders[-OWNERS:]
        return self.draws.choice(newest if self.draws.chance(70) else self.traders)

    def standing_trader(self) -> Trader:
        """Return a trader that may trade, nearly always, if there is one."""
        stages = self.script.state.accounts
        standing = [each for each in self.traders if stages[each.account].stage == STANDARD]
        if not standing or self.draws.permille(20):
            return self.trader()
        return self.draws.choice(standing[-OWNERS:] if self.draws.chance(80) else standing)

    def resting(self) -> RestingOrder | None:
        """Return a random resting order, a partly filled one more often; None when none rests."""
        venue = self.script.venue
        if not venue.expiries:
            return None
        for _ in range(4):
            _, key = self.draws.choice(venue.expiries)
            found = venue.resting(key)
            if found is None or found.filled > 0:
                break
        return found

    def trader_of(self, account: int) -> Trader:
        """Return the trader of an account."""
        return next(trader for trader in self.traders if trader.account == account)

    def mark(self, listing: int) -> int:
        """Return a listing's mark; that of the base price before the first vector."""
        return margin.mark(self.script.state, listing)

    def unit_price(self, listing: int) -> int:
        """Return a price of which a coin's risk is a part, where its own price is not: 1e-6 USD."""
        return 0

    # Time and oracle

    def pass_time(self) -> None:
        """Let some time pass: mostly little, sometimes an hour, seldom more than a week."""
        draws = self.draws
        if draws.permille(1):
            self.script.wait(8 * DAY_NS + draws.below(HOUR_NS))
        elif draws.permille(6):
            self.script.wait(draws.between(1, 90) * 60 * SECOND)
        elif draws.permille(15):
            self.script.wait(draws.between(1, 20) * self.period_ns)
        else:
            self.script.wait(draws.below(self.period_ns // 3))

    def due(self) -> Group | None:
        """Return a group whose nodes should speak; sometimes they fall silent instead."""
        for group in self.groups:
            if group.next_ns <= self.now_ns:
                if self.draws.permille(8):
                    group.next_ns = self.now_ns + self.draws.between(2, 25) * self.period_ns
                    continue
                return group
        return None

    def speak(self, group: Group) -> None:
        """Bring a vector or a heartbeat of a group."""
        draws, leaf = self.draws, self.script.group_leaf(group.number)
        group.next_ns = self.now_ns + self.period_ns
        if draws.chance(15):
            self.script.heartbeat(group.number)
            return
        if leaf.held_count > 0:
            index = self._after_jump(leaf.index, leaf.held_low)
        else:
            index = self._moved(group, leaf.index)
        if draws.chance(5):
            group.premium = draws.between(-6_000_000, 6_000_000)
        basis = draws.between(-2_000_000, 2_000_000) if draws.chance(20) else 0
        self.script.epoch(group.number, index, basis, group.premium)

    def _after_jump(self, standing: int, held: int) -> int:
        draws = self.draws
        if draws.chance(65):
            return held * draws.between(992, 1_008) // 1_000
        if draws.chance(50):
            return standing * draws.between(950, 1_050) // 1_000
        return max(1, standing * draws.between(500, 1_900) // 1_000)

    def _moved(self, group: Group, standing: int) -> int:
        draws = self.draws
        if draws.chance(6):
            group.drift = draws.between(-6, 6)
        if standing > 3 * group.base:
            group.drift = -6
        elif standing < group.base // 3:
            group.drift = 6
        permyriad = draws.between(-25, 25) + group.drift * 3
        if draws.permille(35):
            permyriad = draws.between(150, 950) * draws.choice((-1, 1))
        elif draws.permille(12):
            permyriad = draws.between(1_050, 4_500) * draws.choice((-1, 1))
        return max(1, standing * (10_000 + permyriad) // 10_000 + draws.below(1_000))
