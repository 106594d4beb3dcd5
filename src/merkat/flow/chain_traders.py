"""Who trades on recorded chains: makers, takers, and owners with leverage.

Nobody here asks for a liquidation: those follow from leverage and the recorded market. A trader
sizes by its own margin in floats, looks at the recorded quotes, and never at a book.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol

from merkat.oracle.snapshot import Chain, OptionQuote
from merkat.sdk.commands import (
    BUY,
    GOOD_TILL,
    IMMEDIATE,
    KIND_CALL,
    KIND_PUT,
    PORTFOLIO,
    POST_ONLY,
    SELL,
    STANDARD,
)

MICRO: Final = 1_000_000
DAY_NS: Final = 86_400 * 1_000_000_000
CORE_DELTA: Final = 0.08
POSITIONS_LIKED: Final = 60  # a taker with more closes some


class Want(NamedTuple):
    """An order: price in USD (rounded away from a fill later), size in coins."""

    account: int
    listing: int
    side: int
    flags: int
    price: float
    size: float


class Scenery(Protocol):
    """What a trader of one group sees: the recorded chain, listings, and its own account."""

    chain: Chain
    time_ns: int
    session: int  # counted from 0
    perpetual: int

    def listing_of(self, quote: OptionQuote) -> int | None:
        """Return the listing of a row, None where it was refused or has expired."""

    def mark(self, listing: int) -> float:
        """Return a listing's mark, USD."""

    def index(self) -> float:
        """Return the index, USD."""

    def equity(self, account: int) -> float:
        """Return an account's E, USD."""

    def initial(self, account: int, extra: dict[int, float]) -> float:
        """Return the IM of an account with further positions (coins), USD."""

    def is_flat(self, account: int) -> bool:
        """Return whether the account is in stage 0 without a position."""

    def positions(self, account: int) -> dict[int, float]:
        """Return an account's positions by listing, coins."""


class Trader(Protocol):
    """One account with a habit."""

    account: int
    mode: int
    cash: int

    def act(self, scenery: Scenery) -> Iterator[Want]:
        """Yield what the trader wants now."""


@dataclass(slots=True)
class Scale:
    """Sizes of a coin's market: a maker's quote of an option and of the perpetual, coins."""

    quote: float
    linear: float


SCALES: Final = (Scale(2.0, 400.0), Scale(30.0, 8_000.0))  # BTC, ETH


@dataclass(slots=True)
class Maker:
    """Quotes what was recorded, in the listings that are given to it."""

    account: int
    random: random.Random
    scale: Scale
    listings: set[int] = field(default_factory=set)
    mode: int = PORTFOLIO
    cash: int = 1_000_000_000 * MICRO

    def act(self, scenery: Scenery) -> Iterator[Want]:
        """Quote both sides of each row, where somebody quoted."""
        for quote in scenery.chain.quotes:
            listing = scenery.listing_of(quote)
            if listing not in self.listings:
                continue
            assert listing is not None, "None is in no set of listings"
            size = self.scale.quote * self.random.uniform(0.5, 1.5)
            for side, price in ((BUY, quote.bid), (SELL, quote.ask)):
                if price is not None:
                    usd = price * quote.forward
                    yield Want(self.account, listing, side, GOOD_TILL, usd, size)


@dataclass(slots=True)
class LinearMaker:
    """Quotes perpetual and futures in a ladder around their marks."""

    account: int
    random: random.Random
    scale: Scale
    listings: set[int] = field(default_factory=set)
    mode: int = PORTFOLIO
    cash: int = 1_000_000_000 * MICRO
    levels: int = 3

    def act(self, scenery: Scenery) -> Iterator[Want]:
        """Quote both sides of each listing."""
        for listing in sorted(self.listings):
            mark = scenery.mark(listing)
            if not mark:
                continue
            for level in range(self.levels):
                away = mark * (0.0004 + 0.0012 * level)
                deep = self.scale.linear if listing == scenery.perpetual else self.scale.quote
                size = deep * (1 + level) * self.random.uniform(0.8, 1.2)
                yield Want(self.account, listing, BUY, POST_ONLY, mark - away, size)
                yield Want(self.account, listing, SELL, POST_ONLY, mark + away, size)


@dataclass(slots=True)
class Taker:
    """Crosses some recorded quotes with little beside its cash."""

    account: int
    random: random.Random
    scale: Scale
    mode: int
    cash: int = 20_000_000 * MICRO
    orders: int = 5

    def act(self, scenery: Scenery) -> Iterator[Want]:
        """Take a few quotes, and sometimes the perpetual."""
        quotes = two_sided(scenery.chain)
        held = scenery.positions(self.account)
        if len(held) > POSITIONS_LIKED:
            quotes = [one for one in quotes if scenery.listing_of(one) in held]
        for quote in self.random.sample(quotes, min(self.orders, len(quotes))):
            listing = scenery.listing_of(quote)
            if listing is None:
                continue
            own = held.get(listing, 0.0)
            side = self.random.choice((BUY, SELL)) if not own else SELL if own > 0 else BUY
            size = abs(own) or self.scale.quote * self.random.uniform(0.1, 0.8)
            yield take(self.account, listing, side, quote, size)
        if self.random.random() < 0.4:
            side = self.random.choice((BUY, SELL))
            yield _cross(self, scenery, scenery.perpetual, side, self.scale.quote * 2)


@dataclass(slots=True)
class LeveredLong:
    """Holds as much of the perpetual as its appetite allows, and starts again when it is flat.

    Attributes:
        appetite: of its equity, what goes into initial margin.
        starts: the session in which it comes.
    """

    account: int
    random: random.Random
    cash: int
    appetite: float
    starts: int
    mode: int = STANDARD
    initial_rate: float = 0.0662

    def act(self, scenery: Scenery) -> Iterator[Want]:
        """Buy, if flat."""
        equity = scenery.equity(self.account)
        broke = equity * MICRO < self.cash / 20
        if scenery.session < self.starts or broke or not scenery.is_flat(self.account):
            return
        size = equity * self.appetite / self.initial_rate / scenery.index()
        yield _cross(self, scenery, scenery.perpetual, BUY, size)


@dataclass(slots=True)
class Writer:
    """Sells options of one expiry near its own limit: straddles, or puts under the market.

    Attributes:
        money: strike over forward that it looks for.
        both: sells the call of a strike too.
        strikes: how many strikes it sells.
        days: the time to expiry that it looks for.
        starts: the session in which it comes.
    """

    account: int
    random: random.Random
    cash: int
    mode: int
    money: float
    both: bool
    days: float
    starts: int
    strikes: int = 1
    appetite: float = 0.8

    def act(self, scenery: Scenery) -> Iterator[Want]:
        """Sell, if flat."""
        equity = scenery.equity(self.account)
        broke = equity * MICRO < self.cash / 10
        if scenery.session < self.starts or broke or not scenery.is_flat(self.account):
            return
        legs = self._legs(scenery)
        if not legs:
            return
        listings = {listing: -1.0 for _, listing in legs}
        unit = scenery.initial(self.account, listings)
        # Requirements grow faster than sizes (tails lose their dampers): twice is near enough.
        size = equity * self.appetite / max(unit, 1e-9)
        for _ in range(2):
            need = scenery.initial(self.account, dict.fromkeys(listings, -size))
            size *= min(1.5, equity * self.appetite / max(need, 1e-9))
        for quote, listing in legs:
            yield take(self.account, listing, SELL, quote, size)

    def _legs(self, scenery: Scenery) -> list[tuple[OptionQuote, int]]:
        """Return the rows to sell: the strike nearest to what it looks for, bid for."""
        chain = scenery.chain
        later = [one for one in chain.expiries() if one > scenery.time_ns + DAY_NS]
        if not later:
            return []
        aim = scenery.time_ns + int(self.days * DAY_NS)
        expiry_ns = min(later, key=lambda one: abs(one - aim))
        kinds = (KIND_CALL, KIND_PUT) if self.both else (KIND_PUT,)
        strikes: dict[int, list[tuple[OptionQuote, int]]] = {}
        for quote in chain.of_expiry(expiry_ns):
            kind = KIND_CALL if quote.is_call else KIND_PUT
            listing = scenery.listing_of(quote)
            if kind in kinds and quote.bid is not None and listing is not None:
                strikes.setdefault(quote.strike, []).append((quote, listing))
        target = chain.forward(expiry_ns) * self.money
        whole = [strike for strike, legs in strikes.items() if len(legs) == len(kinds)]
        whole.sort(key=lambda strike: abs(strike - target))
        return [leg for strike in whole[: self.strikes] for leg in strikes[strike]]


def two_sided(chain: Chain) -> list[OptionQuote]:
    """Return the rows that somebody would take: both sides quoted, not too far from the money."""
    return [one for one in chain.quotes if one.two_sided and CORE_DELTA < abs(one.delta) < 0.92]


def take(account: int, listing: int, side: int, quote: OptionQuote, size: float) -> Want:
    """Return an order that crosses a recorded quote by a little."""
    price = quote.ask if side == BUY else quote.bid
    assert price is not None, "the caller looked for a quote on that side"
    reach = 1.05 if side == BUY else 0.95
    return Want(account, listing, side, IMMEDIATE, price * quote.forward * reach, size)


def _cross(trader: Trader, scenery: Scenery, listing: int, side: int, size: float) -> Want:
    mark = scenery.mark(listing)
    reach = 1.006 if side == BUY else 0.994
    return Want(trader.account, listing, side, IMMEDIATE, mark * reach, size)


OPTION_MAKERS: Final = 12


def traders_of(seed: int, group: int, first_account: int) -> list[Trader]:
    """Return the traders of a group: makers first, then takers, then those with leverage."""
    scale = SCALES[group]
    coin = (1.0, 0.35)[group]  # how large a stake is beside one on BTC
    found: list[Trader] = []

    def own() -> tuple[int, random.Random]:
        account = first_account + len(found)
        return account, random.Random(f"merkat chain trader {seed} {account}")

    for _ in range(OPTION_MAKERS):
        found.append(Maker(*own(), scale))
    found.append(LinearMaker(*own(), scale))
    for mode in (STANDARD, PORTFOLIO, PORTFOLIO, STANDARD, PORTFOLIO):
        found.append(Taker(*own(), scale, mode))
    for stake, appetite, starts in _LONGS:
        found.append(LeveredLong(*own(), int(stake * coin) * MICRO, appetite, starts))
    for stake, *habit in _WRITERS:
        found.append(Writer(*own(), int(stake * coin) * MICRO, *habit))
    return found


# Stake in USD, appetite, first session.
_LONGS: Final = (
    (60_000, 0.9, 0),
    (150_000, 0.3, 0),
    (240_000, 0.2, 0),
    (100_000, 0.7, 1),
    (120_000, 0.5, 2),
    (80_000, 0.85, 4),
    (90_000, 0.6, 7),
)
# Stake in USD, mode, strike over forward, with the call too, days to expiry, first session, and
# how many strikes.
_WRITERS: Final[tuple[tuple[Any, ...], ...]] = (
    (30_000, PORTFOLIO, 1.0, True, 10.0, 0),
    (25_000, PORTFOLIO, 1.0, True, 40.0, 1),
    (40_000, PORTFOLIO, 0.92, False, 20.0, 1),
    (20_000, PORTFOLIO, 0.9, False, 60.0, 0),
    (30_000, PORTFOLIO, 1.0, True, 25.0, 4),
    (60_000, PORTFOLIO, 0.95, False, 25.0, 1, 6),
    (60_000, PORTFOLIO, 0.95, False, 15.0, 3, 8),
    (30_000, STANDARD, 0.94, False, 15.0, 1),
    (20_000, STANDARD, 0.9, False, 50.0, 0),
    (35_000, STANDARD, 1.0, True, 25.0, 2),
    (25_000, STANDARD, 0.95, False, 10.0, 5),
)


def by_kind(traders: Sequence[Trader]) -> tuple[list[Maker], list[LinearMaker], list[Trader]]:
    """Return makers of options, makers of the rest, and those who take."""
    makers = [one for one in traders if isinstance(one, Maker)]
    linear = [one for one in traders if isinstance(one, LinearMaker)]
    others = [one for one in traders if not isinstance(one, Maker | LinearMaker)]
    return makers, linear, others
