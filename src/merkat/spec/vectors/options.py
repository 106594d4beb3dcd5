"""Cases of orders in dated contracts and collateral: ticks, bands, fees, margin (O-19 to O-24)."""

from __future__ import annotations

from collections.abc import Callable

from merkat.spec import signatures
from merkat.spec.messages import SetInstrument
from merkat.spec.settle import margin
from merkat.spec.settle.state import State
from merkat.spec.values import BUY, ONE, SELL
from merkat.spec.vectors.corpus import ANYTHING, CaseScript, Corpus, World
from merkat.spec.vectors.desk import (
    CALL_FAR,
    CALL_HIGH,
    CALL_NEAR,
    COIN,
    FUTURE_FAR,
    LOT,
    NEAR,
    PERPETUAL_LISTING,
    PUT_FAR,
    PUT_NEAR,
    SECOND,
    SPOT_LISTING,
    VOL,
    Desks,
    dated_item,
    near_mark,
    publish,
    risk_item,
    trade,
)
from merkat.spec.vectors.script import CONFIG, USD, Script, Trader
from merkat.spec.vectors.wallets import CurveSigner
from merkat.spec.vectors.worlds import ALICE, BOB, CAROL, DAVE, ERIN
from merkat.spec.venue.machine import Venue
from merkat.spec.venue.money import free_cash

IOC, POST_ONLY, MARKET = 1, 2, 5
Run = Callable[[Script, int], object]


def option_cases(corpus: Corpus, desks: Desks) -> None:
    """Commands 1 to 3 in dated contracts, in both margin modes."""
    corpus.family("options", "option-")
    _rows(corpus, desks)
    _ticks(corpus, desks.open)
    _bands(corpus, desks.open)
    _fees(corpus, desks.open)
    _spot(corpus, desks.open)
    _standard(corpus, desks.open)
    _portfolio(corpus, desks.open)
    _makers(corpus, desks.open)
    _improves(corpus, desks.held)
    _loans(corpus, desks.open)


def largest(world: World, run: Run, most: int = 1_000 * COIN) -> int:
    """Return the largest size, in whole lots, with which the last command is accepted."""

    def accepted(lots: int) -> bool:
        venue = Venue.from_snapshot(CONFIG, world.snapshot, signatures.recover)
        script = Script(venue, CurveSigner(), world.log_number, world.time_ns)
        script.nonces = dict(world.nonces)
        run(script, lots * LOT)
        return all(event[0] != 1 for event in script.sent[-1].output.events)

    low, high = 0, most // LOT
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if accepted(middle) else (low, middle)
    return low * LOT


def _rows(corpus: Corpus, desks: Desks) -> None:
    for name, listing in (("option", CALL_FAR), ("future", FUTURE_FAR), ("spot", SPOT_LISTING)):
        with corpus.venue(f"row-none-{name}", "no vector yet", desks.listed, "O-23 listing") as s:
            s.place(ALICE, BUY, 1_000 * USD, LOT, listing=listing)
    with corpus.venue("row-none-perpetual", "nor here", desks.listed, "O-23 listing") as s:
        s.place(ALICE, BUY, 100_000 * USD, LOT)
    with corpus.venue("row-new-listing", "listed after it", desks.open, "O-23 listing") as s:
        s.item(dated_item(strike=90_000 * USD, expiry=NEAR))
        s.place(ALICE, BUY, 10_000 * USD, LOT, listing=11)
    with corpus.venue("row-next-vector", "a row with the next", desks.open, "", "O-23") as s:
        s.item(dated_item(strike=90_000 * USD, expiry=NEAR))
        publish(s)
        s.place(ALICE, BUY, 10_000 * USD, LOT, listing=11)
    for late, refuses in ((-1, ""), (0, "O-23 listing")):
        with corpus.venue(f"row-expiry-{late}", "the last ns", desks.open, refuses) as s:
            s.wait(NEAR - s.time_ns - 2 * SECOND)
            publish(s)
            s.wait(NEAR + late - 1_000_000 - s.time_ns)
            s.place(ALICE, BUY, USD, LOT, listing=PUT_NEAR, flags=IOC)
    for what in ("amend", "renew"):
        with corpus.venue(f"row-{what}", "not after it", desks.open, "O-23 listing") as s:
            s.wait(NEAR - s.time_ns - 2 * SECOND)
            publish(s)
            order = s.place(ALICE, BUY, 5 * USD, 2 * LOT, listing=PUT_NEAR)
            s.wait(3 * SECOND)
            if what == "amend":
                s.amend(ALICE, order, size=LOT)
            else:
                s.renew(ALICE, order, 2 * LOT)
        with corpus.venue(f"row-{what}-before", "but before", desks.open, "", "O-23") as s:
            order = s.place(ALICE, BUY, 5 * USD, 2 * LOT, listing=PUT_NEAR)
            if what == "amend":
                s.amend(ALICE, order, size=LOT, limit_price=6 * USD)
            else:
                s.renew(ALICE, order, 2 * LOT)


def _ticks(corpus: Corpus, world: World) -> None:
    for name, price, refuses in (
        ("fine", 999 * USD, ""),
        ("fine-off", 998 * USD + USD // 2, "O-04 limit_price"),
        ("coarse", 1_005 * USD, ""),
        ("coarse-from", 1_000 * USD, ""),
        ("coarse-off", 1_001 * USD, "O-04 limit_price"),
        ("coarse-fine", 1_004 * USD, "O-04 limit_price"),
    ):
        with corpus.venue(f"tick-{name}", "coarse from 1,000 USD on", world, refuses) as s:
            s.place(ALICE, BUY, price, LOT, listing=CALL_FAR)
    with corpus.venue("tick-amend", "amended too", world, "O-04 limit_price") as s:
        order = s.place(ALICE, BUY, 999 * USD, LOT, listing=CALL_FAR)
        s.amend(ALICE, order, limit_price=1_002 * USD)
    for side in (BUY, SELL):
        with corpus.venue(f"tick-market-{side}", "the band's edge in ticks", world) as s:
            price = 5 * USD if side else 50_000 * USD
            edge = near_mark(s, CALL_FAR, 300 if side == BUY else -300)
            s.margin_mode(BOB, 1)
            s.margin_mode(ALICE, 1)
            s.place(BOB, 1 - side, edge, LOT, listing=CALL_FAR)
            s.place(ALICE, side, price, 2 * LOT, listing=CALL_FAR, flags=MARKET)


def _bands(corpus: Corpus, world: World) -> None:
    state = margin_state(world)
    for listing in (CALL_FAR, CALL_HIGH, PUT_NEAR, FUTURE_FAR, SPOT_LISTING):
        mark, band = margin.mark(state, listing), margin.band(state, listing)
        instrument = state.instruments[listing]
        for side in (BUY, SELL):
            edge = mark + band if side == BUY else mark - band
            tick = instrument.coarse_tick if edge >= instrument.coarse_from else instrument.tick
            down = edge // tick * tick
            inside, outside = (down, down + tick) if side == BUY else (-(-edge // tick) * tick, 0)
            outside = outside or inside - tick
            by = BOB if side == BUY else ERIN
            trader = by if listing == SPOT_LISTING else ALICE
            for name, price, refuses in (
                ("inside", inside, ""),
                ("outside", outside, "O-19 limit_price"),
            ):
                if price <= 0:
                    continue
                case_id = f"band-{listing}-{side}-{name}"
                with corpus.venue(case_id, "the edge of the band", world, refuses) as s:
                    s.place(trader, side, price, LOT, listing=listing)
    with corpus.venue("band-narrow", "by another risk set", world, "O-19 limit_price") as s:
        s.item(risk_item(option_band=1_000_000))
        publish(s)
        s.place(ALICE, BUY, near_mark(s, CALL_FAR, 400), LOT, listing=CALL_FAR)
    with corpus.venue("band-leaves", "the maker is outside by then", world, "M-03") as s:
        s.place(ALICE, BUY, near_mark(s, PUT_FAR, 160), LOT, listing=PUT_FAR)
        publish(s, 108_000, VOL - 4 * ONE // 100)
        s.place(BOB, SELL, near_mark(s, PUT_FAR, 0), LOT, listing=PUT_FAR)


def margin_state(world: World) -> State:
    """Return the settlement state of a pre-state."""
    return Venue.from_snapshot(CONFIG, world.snapshot, signatures.recover).settlement


def _fees(corpus: Corpus, world: World) -> None:
    def meet(s: CaseScript, listing: int, price: int, size: int) -> None:
        if s.state.accounts[BOB.account].margin_mode == 0:
            s.margin_mode(BOB, 1)
        s.place(BOB, SELL, price, size, listing=listing)
        s.place(ALICE, BUY, price, size, listing=listing)

    with corpus.venue("fee-index", "a part of the index", world) as s:
        meet(s, CALL_FAR, near_mark(s, CALL_FAR), COIN + LOT)
    with corpus.venue("fee-premium", "at most a part of the premium", world) as s:
        meet(s, CALL_NEAR, near_mark(s, CALL_NEAR, -40), LOT)
        s.item(SetInstrument(1, CALL_HIGH, 1, 10_000_000, 10_000_000))
        meet(s, CALL_HIGH, near_mark(s, CALL_HIGH), 3 * LOT)
    with corpus.venue("fee-rebate", "a rebate has no bound", world) as s:
        s.item(SetInstrument(1, CALL_HIGH, 1, -9_000_000, 10_000_000))
        meet(s, CALL_HIGH, near_mark(s, CALL_HIGH, -1), COIN // 3 // LOT * LOT)
    for name, share in (("all", ONE), ("nothing", 0)):
        with corpus.venue(f"fee-cap-{name}", "by the rows' risk set", world) as s:
            s.item(risk_item(premium_cap=share))
            meet(s, PUT_FAR, near_mark(s, PUT_FAR), 7 * LOT)
            publish(s)
            meet(s, PUT_FAR, near_mark(s, PUT_FAR), 7 * LOT)
    with corpus.venue("fee-future", "of a future as of a perpetual", world) as s:
        meet(s, FUTURE_FAR, near_mark(s, FUTURE_FAR), 13 * LOT)
    with corpus.venue("fee-cap-order", "above what the order bears", world, "O-12 fee_cap") as s:
        s.place(ALICE, BUY, near_mark(s, CALL_FAR), LOT, listing=CALL_FAR, fee_cap=299_999)


def _spot(corpus: Corpus, world: World) -> None:
    price = 100_500 * USD

    def sell(name: str, sizes: tuple[int, ...], refuses: str, by: Trader = ERIN) -> None:
        with corpus.venue(f"spot-{name}", "what is held can be sold", world, refuses) as s:
            for size in sizes:
                s.place(by, SELL, price, size, listing=SPOT_LISTING)

    sell("all", (2 * COIN,), "")
    sell("more", (2 * COIN + LOT,), "O-24 size")
    sell("two", (COIN, COIN), "")
    sell("two-more", (COIN, COIN + LOT), "O-24 size")
    sell("none", (LOT,), "O-24 size", ALICE)
    with corpus.venue("spot-bought", "a coin changes hands", world) as s:
        s.place(ERIN, SELL, price, COIN, listing=SPOT_LISTING)
        s.place(CAROL, BUY, price, COIN // 2, listing=SPOT_LISTING)
        s.place(CAROL, SELL, 100_600 * USD, COIN // 2, listing=SPOT_LISTING)
        s.place(BOB, BUY, 100_600 * USD, COIN, listing=SPOT_LISTING, flags=IOC)
    with corpus.venue("spot-amend", "an amend may ask for more", world) as s:
        order = s.place(ERIN, SELL, price, COIN, listing=SPOT_LISTING)
        s.amend(ERIN, order, size=3 * COIN)
        s.place(ALICE, BUY, price, COIN // 10, listing=SPOT_LISTING)
    with corpus.venue("spot-withdrawn", "gone before it is sold", world, "M-06") as s:
        s.place(ERIN, SELL, price, 2 * COIN, listing=SPOT_LISTING)
        s.withdraw(ERIN, COIN, token=1)
        s.place(BOB, BUY, price, 2 * COIN, listing=SPOT_LISTING)
    with corpus.venue("spot-taker", "more than is held by then", world, "M-07") as s:
        s.place(BOB, BUY, 99_500 * USD, 2 * COIN, listing=SPOT_LISTING)
        order = s.place(ERIN, SELL, price, 2 * COIN, listing=SPOT_LISTING)
        s.withdraw(ERIN, COIN, token=1)
        s.amend(ERIN, order, limit_price=99_000 * USD)


def _at_most(corpus: Corpus, name: str, title: str, world: World, run: Run) -> None:
    """Write two cases: the largest size that margin bears, and a lot more."""
    size = largest(world, run)
    with corpus.venue(f"most-{name}", title, world, "", "O-22") as s:
        run(s, size)
    with corpus.venue(f"most-{name}-over", title, world, "O-22 size") as s:
        run(s, size + LOT)


def _sells(by: Trader, listing: int, ticks: int = 0, mode: int = 0) -> Run:
    def run(s: Script, size: int) -> None:
        if mode:
            s.margin_mode(by, mode)
        s.place(by, SELL, near_mark(s, listing, ticks), size, listing=listing)

    return run


def _buys(by: Trader, listing: int, ticks: int = 0, mode: int = 0) -> Run:
    def run(s: Script, size: int) -> None:
        if mode:
            s.margin_mode(by, mode)
        s.place(by, BUY, near_mark(s, listing, ticks), size, listing=listing)

    return run


def _standard(corpus: Corpus, world: World) -> None:
    for name, run in (
        ("call", _sells(DAVE, CALL_FAR)),
        ("call-high", _sells(DAVE, CALL_HIGH)),
        ("put", _sells(DAVE, PUT_FAR, 3)),
        ("call-below", _sells(DAVE, CALL_FAR, -10)),
        ("buy", _buys(DAVE, CALL_FAR, 4)),
        ("future", _sells(DAVE, FUTURE_FAR, -5)),
        ("perpetual", _buys(DAVE, PERPETUAL_LISTING, 7)),
        ("spot", _buys(DAVE, SPOT_LISTING, -200)),
    ):
        _at_most(corpus, f"standard-{name}", "an order alone, mode standard", world, run)

    def market(s: Script, size: int) -> None:
        s.place(DAVE, SELL, 5 * USD, size, listing=CALL_FAR, flags=MARKET)

    def spread(s: Script, size: int) -> None:
        trade(s, BOB, DAVE, CALL_FAR, COIN)
        s.place(DAVE, SELL, near_mark(s, CALL_HIGH), size, listing=CALL_HIGH)

    def more_open(name: str, listings: tuple[tuple[int, int], ...]) -> None:
        """Have carol trade options with bob, then withdraw what is free and a cent more."""
        with corpus.venue(f"standard-{name}", "isolated or bounded", world) as s:
            s.margin_mode(BOB, 1)
            for listing, size in listings:
                seller, buyer = (CAROL, BOB) if size < 0 else (BOB, CAROL)
                trade(s, seller, buyer, listing, abs(size))
            publish(s, 101_000)
            s.withdraw(CAROL, 20_000 * USD)

    _at_most(corpus, "standard-market", "at the band's edge, in ticks", world, market)
    _at_most(corpus, "standard-spread", "beside a long call", world, spread)
    more_open("straddle", ((CALL_FAR, -COIN), (PUT_FAR, -COIN // 2)))
    more_open("bounded", ((CALL_FAR, COIN), (CALL_HIGH, -COIN), (PUT_FAR, LOT)))
    more_open("unpaired", ((CALL_FAR, COIN // 2), (CALL_HIGH, -COIN)))
    more_open("two-expiries", ((CALL_FAR, COIN // 4), (CALL_NEAR, -COIN // 4), (PUT_NEAR, LOT)))
    more_open("with-future", ((CALL_FAR, -COIN // 4), (FUTURE_FAR, COIN // 4)))


def _portfolio(corpus: Corpus, world: World) -> None:
    for name, run in (
        ("call", _sells(DAVE, CALL_FAR, 0, 1)),
        ("call-high", _sells(DAVE, CALL_HIGH, 2, 1)),
        ("put-near", _sells(DAVE, PUT_NEAR, 0, 1)),
        ("buy", _buys(DAVE, CALL_FAR, 4, 1)),
        ("future", _sells(DAVE, FUTURE_FAR, 0, 1)),
        ("perpetual", _buys(DAVE, PERPETUAL_LISTING, 9, 1)),
        ("spot", _buys(DAVE, SPOT_LISTING, -200, 1)),
    ):
        _at_most(corpus, f"portfolio-{name}", "an order alone, mode portfolio", world, run)

    def against(s: Script, size: int) -> None:
        s.margin_mode(DAVE, 1)
        s.place(DAVE, BUY, near_mark(s, CALL_HIGH, -5), COIN, listing=CALL_HIGH)
        s.place(DAVE, SELL, near_mark(s, PUT_NEAR, 1), COIN // 10, listing=PUT_NEAR)
        s.place(DAVE, SELL, near_mark(s, PERPETUAL_LISTING, 1), size)

    _at_most(corpus, "portfolio-orders", "orders on several sides", world, against)


def _makers(corpus: Corpus, world: World) -> None:
    """Margin at the fill, of makers and takers."""
    size = largest(world, _sells(DAVE, CALL_FAR, 1, 1))
    with corpus.venue("maker-without", "a maker that lost its money", world, "M-06") as s:
        price = near_mark(s, CALL_FAR, 1)
        s.margin_mode(DAVE, 1)
        s.place(DAVE, SELL, price, size, listing=CALL_FAR)
        publish(s, 102_000)
        s.place(ALICE, BUY, price, COIN, listing=CALL_FAR)
    for mode in (0, 1):
        with corpus.venue(f"orders-many-{mode}", "every kind at once", world) as s:
            if mode:
                s.margin_mode(CAROL, 1)
            for listing, side, ticks in (
                (CALL_FAR, BUY, -2),
                (CALL_FAR, SELL, 2),
                (PUT_FAR, SELL, 0),
                (FUTURE_FAR, BUY, -1),
                (PERPETUAL_LISTING, SELL, 30),
                (SPOT_LISTING, BUY, -30),
                (PUT_NEAR, BUY, -1),
            ):
                s.place(CAROL, side, near_mark(s, listing, ticks), COIN // 20, listing=listing)
            publish(s, 99_000)
            s.place(BOB, BUY, near_mark(s, PUT_FAR, 9), COIN // 10, listing=PUT_FAR, flags=IOC)
            s.withdraw(CAROL, 50_000 * USD)


def _improves(corpus: Corpus, world: World) -> None:
    """Accounts below their margin may still become safer; a portfolio account names why."""
    with corpus.venue("improves-portfolio", "names follow", world, ANYTHING) as s:
        s.withdraw(BOB, _free(s, BOB))
        publish(s, 104_000)
        s.place(ALICE, BUY, near_mark(s, PERPETUAL_LISTING), COIN, flags=0)
        trade(s, BOB, ALICE, CALL_FAR, COIN // 10)
        s.place(BOB, SELL, near_mark(s, CALL_HIGH), COIN // 10, listing=CALL_HIGH)
        s.place(ALICE, BUY, near_mark(s, CALL_HIGH), COIN // 10, listing=CALL_HIGH)
    for listing, side in ((CALL_FAR, SELL), (CALL_HIGH, BUY), (PUT_FAR, BUY), (FUTURE_FAR, BUY)):
        for dollars in (92_000, 108_500):
            name = f"improves-{listing}-{side}-{dollars}"
            with corpus.venue(name, "only what makes it safer", world, ANYTHING) as s:
                s.withdraw(ALICE, _free(s, ALICE))
                s.withdraw(BOB, _free(s, BOB))
                publish(s, dollars)
                price, size = near_mark(s, listing), COIN // 10
                s.place(CAROL, 1 - side, price, size, listing=listing)
                s.place(ALICE, side, price, size, listing=listing, flags=IOC)
                s.place(CAROL, 1 - side, price, size, listing=listing)
                s.place(BOB, side, price, size, listing=listing, flags=IOC)


def _free(s: CaseScript, by: Trader) -> int:
    return max(1, free_cash(s.venue, by.account))


def _loans(corpus: Corpus, world: World) -> None:
    """Erin has coins and no cash: what she buys she owes, within the limit."""
    for mode in (0, 1):
        for name, listing in (("call", CALL_FAR), ("future", FUTURE_FAR), ("put", PUT_NEAR)):
            run = _buys(ERIN, listing, 0, mode)
            _at_most(corpus, f"loan-{mode}-{name}", "margin out of coins", world, run)

    def owes(s: Script, size: int) -> None:
        trade(s, BOB, ERIN, CALL_FAR, COIN)
        s.place(ERIN, BUY, near_mark(s, CALL_NEAR), size, listing=CALL_NEAR)

    _at_most(corpus, "loan-more", "and a loan already", world, owes)
    for name, coins, cap, refuses in (
        ("one", 1, 10**12, ""),
        ("three", 3, 10**12, "M-07"),
        ("capped", 1, 50_000 * USD, "M-07"),
    ):
        with corpus.venue(f"loan-spot-{name}", "coins on credit", world, refuses) as s:
            s.item(risk_item(loan_cap=cap))
            publish(s)
            s.deposit(ALICE.wallet, 3 * COIN, ALICE.account, token=1)
            price = near_mark(s, SPOT_LISTING)
            s.place(ALICE, SELL, price, 3 * COIN, listing=SPOT_LISTING)
            s.place(ERIN, BUY, price, coins * COIN, listing=SPOT_LISTING, flags=IOC)
