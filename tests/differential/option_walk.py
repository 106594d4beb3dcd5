"""Random markets with dated contracts, collateral and surfaces: what happens next, and when.

Group 0 has a risk set and contracts that are listed, expire and are listed again; group 1 has
perpetuals. Surfaces move at random, some further than they may; the clock jumps over 08:00.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from merkat.spec.messages import (
    Activate,
    Deliver,
    Deposit,
    ForcedWithdraw,
    FundDeposit,
    Item,
    ListDated,
    SetGroup,
    SetInstrument,
    SetRisk,
)
from merkat.spec.risk.parameters import BOUNDS, RiskSet, Scalars, Scenario
from merkat.spec.risk.terms import CALL, FUTURE, PUT, SPOT
from merkat.spec.risk.vector import ExpiryQuote
from merkat.spec.settle import margin
from merkat.spec.values import BUY, DAY_NS, HOUR_NS, ONE, SELL
from merkat.spec.vectors.desk import SCENARIOS, SMALL_SET, quote
from merkat.spec.vectors.script import STEP_NS, USD, Script, Trader
from merkat.spec.vectors.wallets import Wallet
from merkat.spec.venue.money import free_cash
from tests.differential import moves
from tests.differential.session_moves import open_session, revoke_session, signing
from tests.differential.walk import MAKERS, SECOND, Group, Walk, fake_key, fake_owner

OPTION_GROUP = 0
DATED_MAX = 8
SAMPLES_LEAST = 8
VOL_LEAST, VOL_MOST = ONE // 5, 2 * ONE


class OptionWalk(Walk):
    """One seeded market of options, futures, coins and perpetuals."""

    def __init__(
        self,
        script: Script,
        seed: int,
        owner: Callable[[int], Wallet] = fake_owner,
        key: Callable[[int, int], Wallet] = fake_key,
    ) -> None:
        super().__init__(script, seed, owner, key)
        self.moves = MOVES
        self.slow = False
        self.period_ns = 60 * SECOND
        self.vol = ONE // 2
        self.decimals = self.draws.between(4, 8)
        self.lot = 10 ** self.draws.between(0, 2)

    # Setup

    def open(self) -> None:
        """Make both groups, a risk set, contracts in three expiries, owners with cash and coins."""
        draws, script = self.draws, self.script
        for number, base in enumerate((60_000 * USD, 2_500 * USD)):
            self.groups.append(Group(number, base, base))
            script.item(self.group_item(number))
        script.item(replace(self.listing_item(0), size_decimals=self.decimals, **self._steps(1)))
        script.item(self.listing_item(1))
        script.item(SetRisk(1, OPTION_GROUP, SMALL_SET))
        script.item(self.risk_item())
        script.wait(DAY_NS)
        script.item(self.dated_item(SPOT))
        for days in (0, 9):
            for kind in (FUTURE, CALL, PUT):
                script.item(self.dated_item(kind, self.expiry_in(days)))
        for number in range(MAKERS):
            self.traders.append(script.deposit(self.owner(number), 3_000_000 * USD))
        for _ in range(10):
            self.open_account()
        for number in range(2):
            amount = draws.choice((10, 20_000, 500_000)) * USD
            script.item(FundDeposit(1, number, amount))
        self.learn()
        self.speak(self.groups[0])
        script.epoch(1, self.groups[1].index)
        for trader in (*self.traders[:MAKERS], *self.traders[-5:]):
            script.margin_mode(trader, 1)

    def _steps(self, coarse: int) -> dict[str, int]:
        quantum = 10**self.decimals // self.lot
        tick = quantum * max(1, 10_000 * self.draws.choice((1, 10)) // quantum)
        return {"lot": self.lot, "tick": tick * coarse}

    def group_item(self, number: int, **chosen: int) -> SetGroup:
        """Return a group's item; the age limits are those of a slower oracle."""
        return super().group_item(number, **chosen)

    def open_account(self, dollars: int = 0) -> Trader:
        """Open an account with cash, coins or both."""
        trader = super().open_account(dollars)
        if self.draws.chance(40):
            self.bring_coins(trader)
        return trader

    def bring_coins(self, trader: Trader) -> None:
        """Deposit a few coins for a trader, seldom whole lots."""
        coin = 10**self.decimals
        amount = coin * self.draws.between(1, 300) // 100 + self.draws.below(2)
        owner = trader.wallet.address
        self.script.item(Deposit(0, 1, owner, trader.account, max(1, amount)))

    def risk_item(self) -> SetRisk:
        """Return a risk set near the defaults, a few scalars anywhere in their bounds."""
        draws = self.draws
        chosen: dict[str, int] = {"samples_least": SAMPLES_LEAST}
        for _ in range(draws.below(4)):
            name, least, most = draws.choice(BOUNDS)
            if isinstance(least, int) and isinstance(most, int):
                value = getattr(SMALL_SET.scalars, name) * draws.between(0, 30) // 10
                chosen[name] = min(most, max(least, value))
        if draws.chance(50):
            chosen["wide_window_ns"] = draws.choice((0, 0, 60, 600)) * SECOND
            chosen["collateral_offset"] = draws.below(2)
        scalars = replace(Scalars(), **chosen)
        scenarios = tuple(draws.shuffled(SCENARIOS)[: draws.between(5, len(SCENARIOS))])
        if not any(scenario.is_plain for scenario in scenarios) and draws.chance(90):
            scenarios = (*scenarios, Scenario(-100_000, 1))
        return SetRisk(1, OPTION_GROUP, RiskSet(scalars, scenarios))

    def dated_item(self, kind: int, expiry: int = 0) -> ListDated:
        """Return the item of a contract about the money."""
        draws = self.draws
        quantum = 10**self.decimals // self.lot
        tick = self._steps(1)["tick"]
        coarse = tick * draws.choice((1, 5, 10))
        taker = draws.choice((0, 300_000, 2_000_000))
        strike = 0
        if kind in (CALL, PUT):
            strike = self.groups[0].index * draws.between(80, 120) // 100 // quantum * quantum
        return ListDated(
            source=1,
            kind=kind,
            group=OPTION_GROUP,
            size_decimals=self.decimals,
            lot=self.lot,
            tick=tick,
            coarse_tick=coarse,
            coarse_from=coarse * draws.choice((0, 1_000, 100_000)),
            maker_fee=draws.choice((-taker // 3, 0, taker)),
            taker_fee=taker,
            delivery_fee=0 if kind == SPOT else draws.choice((0, 150_000, 5_000_000)),
            strike=max(quantum, strike) if kind in (CALL, PUT) else 0,
            expiry=expiry,
            token=1 if kind == SPOT else 0,
        )

    def expiry_in(self, days: int) -> int:
        """Return the 08:00 that is so many days after the next one."""
        hour = 8 * HOUR_NS
        return (self.now_ns + STEP_NS - hour) // DAY_NS * DAY_NS + DAY_NS + hour + days * DAY_NS

    # Reading

    def learn(self) -> None:
        """Look which listings there are that may trade; now and then one that may not."""
        state = self.script.state
        live = [
            listing
            for listing, instrument in state.instruments.items()
            if margin.tradable(state, listing, self.now_ns) or self.draws.permille(15)
        ]
        self.listings = live or list(state.instruments)

    def unit_price(self, listing: int) -> int:
        """Return a part of the index: an option's size follows from what a coin moves."""
        instrument = self.script.state.instruments[listing]
        return self.groups[instrument.group].index // 4 if instrument.is_option else 0

    def live_expiries(self) -> list[int]:
        """Return the expiries that are listed and still ahead at the next command, ascending."""
        instruments = self.script.state.instruments.values()
        least = self.now_ns + STEP_NS + SECOND
        return sorted(
            {each.expiry for each in instruments if each.is_dated and each.expiry > least}
        )

    # Oracle

    def due(self) -> Group | None:
        """Return a group that should be heard; look at the listings anew."""
        self.learn()
        return super().due()

    def speak(self, group: Group) -> None:
        """Bring a vector of either group; a surface is taken up, mostly."""
        if group.number != OPTION_GROUP:
            super().speak(group)
            return
        draws, script = self.draws, self.script
        group.next_ns = self.now_ns + self.period_ns
        leaf = script.group_leaf(group.number)
        if leaf.has_vector and draws.chance(20):
            script.heartbeat(group.number)
            return
        index = group.index
        if leaf.held_count > 0:
            index = self._after_jump(leaf.index, leaf.held_low)
        elif leaf.has_vector:
            index = self._moved(group, leaf.index)
        group.index = index if leaf.held_count == 0 else group.index
        points = draws.between(-12, 12) if draws.permille(60) else draws.between(-2, 2)
        self.vol = min(VOL_MOST, max(VOL_LEAST, self.vol + points * ONE // 200))
        spoilt = _said_beside(self)
        script.say(script.surface_body(OPTION_GROUP, index, _quotes(self, index), **spoilt))
        if draws.permille(120):
            return
        take_up(self)


def _said_beside(walk: OptionWalk) -> dict[str, Any]:
    draws = walk.draws
    said: dict[str, int] = {}
    if draws.chance(20):
        said["basis"] = draws.between(-8_000_000, 8_000_000)
        said["premium"] = draws.between(-6_000_000, 6_000_000)
    if draws.chance(10):
        said["confidence"] = draws.between(0, ONE)
        said["peg"] = draws.between(900_000_000, 1_010_000_000)
        said["vol_mean"] = draws.between(200_000_000, 900_000_000)
    if draws.permille(15):
        name = draws.choice(("confidence", "peg", "vol", "vol_mean", "index"))
        said[name] = draws.choice((-1, 0, 1, 2 * ONE + 1, 25 * ONE))
    return said


def _quotes(walk: OptionWalk, index: int) -> tuple[ExpiryQuote, ...]:
    """Return a smile for every live expiry and sometimes another; sometimes one that is wrong."""
    draws, time_ns = walk.draws, walk.now_ns + STEP_NS
    expiries = walk.live_expiries()
    if draws.chance(10):
        expiries = sorted({*expiries, walk.expiry_in(draws.between(1, 40))})
    quotes = []
    for expiry in expiries:
        days = (expiry - time_ns) // DAY_NS
        forward = index + index * draws.between(0, 2 + days) // 2_000
        made = quote(expiry, time_ns, forward, walk.vol)
        if draws.chance(30):
            made = replace(made, rho=draws.between(-3, 3) * 10**11)
        if draws.permille(12):
            name = draws.choice(("forward", "a", "b", "rho", "m", "sigma"))
            value: int = getattr(made, name) * draws.choice((-1, 0, 2, 3, 10))
            made = replace(made, **{name: value})
        quotes.append(made)
    if draws.permille(15) and quotes:
        del quotes[draws.below(len(quotes))]
    return tuple(quotes[:16])


def take_up(walk: Walk) -> None:
    """Activate what waits, now and then with another root or number."""
    draws, script = walk.draws, walk.script
    leaf = script.group_leaf(OPTION_GROUP)
    pending = script.venue.pending_vectors.get(OPTION_GROUP)
    if pending is None or draws.permille(20):
        script.say(Activate(OPTION_GROUP, leaf.epoch_number + draws.below(3), bytes(31)))
        return
    if draws.permille(30):
        script.activate(OPTION_GROUP, row_root=draws.data(31))
    current = pending.vector.number == leaf.epoch_number + 1
    script.activate(OPTION_GROUP, **({} if current else {"row_root": bytes(31)}))


# Moves


def _walk(walk: Walk) -> OptionWalk:
    assert isinstance(walk, OptionWalk), "moves of derivatives need a walk of derivatives"
    return walk


def list_more(walk: Walk) -> None:
    """The timelock lists another contract, or one that it may not."""
    options, draws = _walk(walk), walk.draws
    live = [
        each for each in walk.script.state.instruments.values() if each.is_dated and each.is_live
    ]
    if len(live) >= DATED_MAX and draws.chance(90):
        return moves.quote(walk)
    kind = draws.choice((FUTURE, CALL, PUT, CALL, PUT))
    item: Any = options.dated_item(kind, options.expiry_in(draws.choice((0, 1, 2, 9, 30))))
    if draws.permille(150):
        name = draws.choice(("strike", "expiry", "token", "coarse_tick", "kind", "size_decimals"))
        item = replace(item, **{name: draws.choice((0, 1, 7, 2**40)) % 256})
    walk.script.item(item)
    return None


def change_risk(walk: Walk) -> None:
    """The timelock changes the risk set."""
    item = _walk(walk).risk_item()
    walk.script.item(replace(item, group=walk.draws.choice((0, 0, 0, 0, 0, 2))))


def deliver(walk: Walk) -> None:
    """The timelock names a delivery price, mostly where none is due."""
    options, draws = _walk(walk), walk.draws
    waiting = [
        each.expiry
        for each in walk.script.state.instruments.values()
        if each.is_dated and each.state < 3 and each.expiry <= walk.now_ns
    ]
    expiry = draws.choice(waiting) if waiting else options.expiry_in(0)
    price = options.groups[0].index * draws.between(90, 110) // 100
    walk.script.item(Deliver(1, draws.choice((0, 0, 0, 1)), expiry, price))


def to_the_hour(walk: Walk) -> None:
    """The clock goes to the window before the next 08:00, or to 08:00 itself."""
    options, draws = _walk(walk), walk.draws
    ahead = options.expiry_in(0) - walk.now_ns
    early = draws.choice((1_815, 1_500, 60, 20, 3, 0)) * SECOND
    if ahead > 9 * HOUR_NS and draws.chance(60):
        return moves.quote(walk)
    walk.script.wait(max(0, ahead - early))
    return None


def window_beats(walk: Walk) -> None:
    """A few steps of the oracle, close together: samples, when in the window."""
    for _ in range(walk.draws.between(2, 5)):
        walk.script.wait(walk.draws.between(1, 6) * SECOND)
        if walk.draws.chance(60):
            walk.script.heartbeat(OPTION_GROUP)
        else:
            _walk(walk).speak(walk.groups[0])


def change_mode(walk: Walk) -> None:
    """An owner has its margin counted another way."""
    trader = walk.standing_trader()
    mode = 1 - walk.script.state.accounts[trader.account].margin_mode
    walk.script.margin_mode(trader, 2 if walk.draws.permille(40) else mode)


def coins(walk: Walk) -> None:
    """Coins come and go."""
    options, draws = _walk(walk), walk.draws
    trader = walk.standing_trader()
    instruments = walk.script.state.instruments
    spot = next((each for each, one in instruments.items() if one.is_spot), 0)
    held = walk.script.state.accounts[trader.account].size_of(spot)
    if held == 0 or draws.chance(35):
        return options.bring_coins(trader)
    lots = max(1, held // options.lot * draws.choice((1, 10, 50, 100, 101)) // 100)
    if draws.chance(70):
        walk.script.withdraw(trader, lots * options.lot + draws.permille(50), token=1)
    else:
        owner = trader.wallet.address
        walk.script.item(ForcedWithdraw(0, trader.account, owner, 1, lots * options.lot))
    return None


def forced(walk: Walk) -> None:
    """An owner withdraws on the chain."""
    trader = walk.trader()
    token, amount = walk.draws.below(3), walk.draws.choice((1, USD, 10**9, 10**12))
    walk.script.item(ForcedWithdraw(0, trader.account, trader.wallet.address, token, amount))


def settings(walk: Walk) -> None:
    """The timelock changes a listing, dated or not."""
    draws = walk.draws
    listing = draws.choice(sorted(walk.script.state.instruments))
    taker = draws.choice((0, 300_000, 3_000_000))
    state = draws.weighted([(8, 1), (2, 2), (1, 3)])
    item: Item = SetInstrument(1, listing, state, draws.choice((-taker // 2, 0, taker)), taker)
    walk.script.item(item)


def options_near(walk: Walk) -> None:
    """A maker with money quotes both sides of an option."""
    draws, script = walk.draws, walk.script
    by = walk.traders[draws.below(MAKERS)]
    listing = draws.choice(walk.listings)
    instrument, mark = script.state.instruments[listing], walk.mark(listing)
    if mark == 0:
        return moves.quote(walk)
    unit = max(mark, walk.unit_price(listing))
    for side in (BUY, SELL):
        away = mark * draws.between(1, 60) // 1_000
        price = mark - away if side == BUY else mark + away
        tick = instrument.tick_at(price)
        price = max(tick, price // tick * tick)
        size = draws.between(2_000, 60_000) * USD * 10**instrument.size_decimals // unit
        size = max(1, size // instrument.lot) * instrument.lot
        script.place(by, side, price, size, listing=listing)
    return None


def hit(walk: Walk) -> None:
    """An owner takes a part of the best order of a book."""
    draws, script = walk.draws, walk.script
    by, side = signing(walk, walk.standing_trader()), draws.below(2)
    books = [each for each in walk.listings if script.venue.books[each].best(side) is not None]
    if not books:
        return moves.quote(walk)
    listing = draws.choice(books)
    best = script.venue.books[listing].best(side)
    assert best is not None, "the book has an order on that side"
    instrument, price = script.state.instruments[listing], best.order.limit_price
    equity = max(USD, margin.figures(script.state, by.account).equity)
    unit = max(price, walk.unit_price(listing))
    size = equity * draws.choice((1, 2, 5, 9)) * 10**instrument.size_decimals // unit
    held = script.state.accounts[by.account].size_of(listing)
    if instrument.is_spot and side == BUY:
        size = held
    size = min(best.remaining, max(1, size // instrument.lot) * instrument.lot)
    script.place(by, 1 - side, price, size, listing=listing, flags=draws.choice((0, 1)))
    return None


def squeeze(walk: Walk) -> None:
    """An owner sells or buys a lot on little, drains what is free, and the index moves."""
    draws, script = walk.draws, walk.script
    by = walk.standing_trader()
    if draws.chance(40):
        script.margin_mode(by, 1)
    for _ in range(3):
        hit(walk)
    script.withdraw(by, max(1, free_cash(script.venue, by.account)))
    group = walk.groups[0]
    group.drift = draws.choice((-30, 30, -15, 15, 0))


MOVES: list[tuple[int, moves.Move]] = [
    (300, moves.place),
    (110, moves.quote),
    (160, options_near),
    (60, moves.amend),
    (20, moves.renew),
    (35, moves.cancel),
    (4, moves.floor),
    (22, moves.withdraw),
    (10, moves.transfer),
    (14, moves.rescue),
    (8, moves.item),
    (25, moves.tick),
    (8, moves.bad_epoch),
    (25, moves.mangled),
    (10, moves.spoilt_order),
    (6, moves.awkward_order),
    (4, moves.stolen),
    (16, list_more),
    (5, change_risk),
    (8, deliver),
    (4, to_the_hour),
    (12, window_beats),
    (22, change_mode),
    (26, coins),
    (8, forced),
    (8, settings),
    (40, squeeze),
    (170, hit),
    (8, take_up),
    (40, open_session),
    (9, revoke_session),
]
