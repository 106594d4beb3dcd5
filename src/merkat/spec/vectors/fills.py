"""Cases of the step `fill`, most of which no venue would emit (rules F)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from merkat.spec import signatures
from merkat.spec.messages import Deposit, Item, List, SetInstrument, SetVenue, encode_item
from merkat.spec.settle.ops import Epoch, Fill, Inbox, MicroOp, OrderClose, OrderOpen
from merkat.spec.settle.state import State
from merkat.spec.values import BUY, SELL, ZERO31
from merkat.spec.vectors.corpus import Corpus, World
from merkat.spec.vectors.script import CONFIG, USD, Script, Trader, group_item
from merkat.spec.vectors.wallets import CurveSigner
from merkat.spec.vectors.worlds import (
    ALICE,
    ALICE_TOO,
    BOB,
    BTC,
    CAROL,
    DAVE,
    ERIN,
    ETH,
    ETH_INDEX,
    Worlds,
)
from merkat.spec.venue.machine import Venue

SECOND = 10**9
SIZE = BTC // 100
BID, ASK = 99_900 * USD, 99_800 * USD
PRICE = 99_850 * USD  # between both limits
LOT = QUANTUM = 10_000
IMPROVES_MAKER, IMPROVES_TAKER = 1, 2


def fill_cases(corpus: Corpus, worlds: Worlds) -> None:
    """F-01 to F-15, each from both sides."""
    corpus.family("fills")
    _fields(Duels(corpus, worlds.open))
    _orders(Duels(corpus, worlds.open))
    _limits(Duels(corpus, worlds.open))
    _stages(corpus, worlds)
    _slots(corpus, worlds)
    _groups(corpus, worlds.open)
    _bounds(corpus, worlds.open)
    _restricted(corpus, worlds)
    _margins(corpus, worlds)


@dataclass(frozen=True)
class Duel:
    """A buy and a sell as settlement learns of them, and their fill with the buy as maker."""

    buy: OrderOpen
    sell: OrderOpen
    fill: Fill

    @property
    def steps(self) -> list[MicroOp]:
        """Both orders open, then they trade."""
        return [self.buy, self.sell, self.fill]


class Duels:
    """Writes cases of one pre-state: setup, two orders, a fill."""

    def __init__(self, corpus: Corpus, world: World) -> None:
        self.corpus, self.world = corpus, world
        venue = Venue.from_snapshot(CONFIG, world.snapshot, signatures.recover)
        self.script = Script(venue, CurveSigner(), world.log_number, world.time_ns)
        self.script.nonces = dict(world.nonces)

    def opened(self, by: Trader, side: int, price: int, size: int, **terms: Any) -> OrderOpen:
        """Return the step that makes a signed order known."""
        order = self.script.order(by, side, price, size, **terms)
        return OrderOpen(order, self.script.signed(order, by.wallet))

    def duel(
        self,
        buyer: Trader = ALICE,
        seller: Trader = BOB,
        buy: dict[str, Any] | None = None,
        sell: dict[str, Any] | None = None,
        **fill: Any,
    ) -> Duel:
        """Return a fill that is accepted unless the terms given spoil it."""
        bid = {"side": BUY, "price": BID, "size": 2 * SIZE} | (buy or {})
        ask = {"side": SELL, "price": ASK, "size": 2 * SIZE} | (sell or {})
        buys, sells = self.opened(buyer, **bid), self.opened(seller, **ask)
        step = Fill(buys.order.key, sells.order.key, 0, 0, PRICE, SIZE, 0)
        return Duel(buys, sells, replace(step, **fill))

    def first_epoch(self, group: int, index: int) -> Epoch:
        """Return the first vector of a group that the setup makes, signed by its one node."""
        vector = replace(self.script.vector(0, index), group=group, number=1, previous=ZERO31)
        return Epoch(vector, self.script.vector_signatures(vector, [0]))

    def case(
        self,
        name: str,
        title: str,
        refuses: str,
        steps: Sequence[MicroOp],
        last_delta_ns: int = 0,
        items: Sequence[Item] = (),
    ) -> None:
        """Write a case: inbox items, then steps, the last after a pause."""
        accepts = "" if refuses else "F-01 F-05 F-09 F-13 F-15"
        with self.corpus.settlement(f"fill-{name}", title, self.world, refuses, accepts) as inputs:
            for item in items:
                inputs.op(Inbox(encode_item(item)))
            for step in steps[:-1]:
                inputs.op(step)
            inputs.op(steps[-1], last_delta_ns)


def _fields(duels: Duels) -> None:
    """The fields of the step itself."""
    good = duels.duel()
    duels.case("good", "buyer makes, seller takes", "", good.steps)
    swapped = replace(good.fill, maker_key=good.fill.taker_key, taker_key=good.fill.maker_key)
    duels.case("swapped", "seller makes, buyer takes", "", [*good.steps[:2], swapped])
    for name, price, refuses in (
        ("buyer-limit", BID, ""),
        ("seller-limit", ASK, ""),
        ("above-buyer", BID + QUANTUM, "F-05 price"),
        ("below-seller", ASK - QUANTUM, "F-05 price"),
        ("no-quantum", PRICE + 1, "F-05 price"),
        ("zero", 0, "F-05 price"),
        ("negative", -PRICE, "F-05 price"),
    ):
        step = replace(good.fill, price=price)
        duels.case(f"price-{name}", "the price", refuses, [*good.steps[:2], step])
    for name, size, refuses in (
        ("one-lot", LOT, ""),
        ("all", 2 * SIZE, ""),
        ("over", 2 * SIZE + LOT, "F-06 size"),
        ("no-lot", SIZE + 1, "F-06 size"),
        ("zero", 0, "F-06 size"),
        ("negative", -SIZE, "F-06 size"),
    ):
        step = replace(good.fill, size=size)
        duels.case(f"size-{name}", "the size", refuses, [*good.steps[:2], step])
    rest = replace(good.fill, size=SIZE)
    duels.case("twice", "what is left", "", [*good.steps, rest])
    duels.case("thrice", "nothing is left", "F-06 size", [*good.steps, rest, rest])
    unknown = 9 << 44 | 77
    for name, change, refuses in (
        ("maker-account", {"maker_key": unknown}, "S-02 account"),
        ("taker-account", {"taker_key": unknown}, "S-02 account"),
        ("maker-account-0", {"maker_key": 0}, "S-02 account"),
        ("maker-absent", {"maker_key": good.fill.maker_key + 1}, "F-01 counter"),
        ("taker-absent", {"taker_key": good.fill.taker_key + 1}, "F-01 counter"),
        ("both-one", {"taker_key": good.fill.maker_key}, "F-01 side"),
    ):
        changes: dict[str, Any] = dict(change)
        step = replace(good.fill, **changes)
        duels.case(name, "the orders it names", refuses, [*good.steps[:2], step])


def _orders(duels: Duels) -> None:
    """What the orders must be."""
    good = duels.duel()
    for name, order in (("maker", good.buy), ("taker", good.sell)):
        close = OrderClose(order.order.key)
        steps: list[MicroOp] = [good.buy, good.sell, close, good.fill]
        duels.case(f"{name}-closed", "after order_close", "F-01 counter", steps)
    other = duels.duel(sell={"listing": 2, "price": 99_800 * USD, "size": 10_000})
    duels.case("listings", "two listings", "F-01 listing", other.steps)
    same = duels.duel(sell={"side": BUY})
    duels.case("sides", "two buys", "F-01 side", same.steps)
    for name, by, order in (("maker", ALICE, good.buy), ("taker", BOB, good.sell)):
        for over in (0, -1):
            floor = duels.script.floor_body(by, order.order.counter + over)
            voided: list[MicroOp] = [good.buy, good.sell, floor, good.fill]
            refuses = "" if over else "F-02 counter"
            duels.case(f"{name}-floor-{-over}", "a floor voids", refuses, voided)
    for name, buy, sell in (
        ("maker", {"life_ns": SECOND}, {}),
        ("taker", {}, {"life_ns": SECOND}),
    ):
        short = duels.duel(buy=buy, sell=sell)
        expiry = min(short.buy.order.expiry, short.sell.order.expiry)
        for early in (0, 1):
            delta = expiry - duels.world.time_ns - early
            refuses = "" if early else "F-03 expiry"
            duels.case(f"{name}-expiry-{early}", "at its expiry", refuses, short.steps, delta)
    own = duels.duel(buyer=ALICE, seller=ALICE_TOO)
    duels.case("self", "two accounts of one owner", "F-04 owner", own.steps)
    alone = duels.duel(buyer=ALICE, seller=ALICE)
    duels.case("self-account", "one account", "F-04 owner", alone.steps)
    for name, fee, buy_cap, sell_cap, refuses in (
        ("maker-equal", 100_000, 100_000, 10**7, ""),
        ("maker-below", 100_000, 99_999, 10**7, "F-07 fee_cap"),
        ("taker-equal", 100_000, 10**7, 500_000, ""),
        ("taker-below", 100_000, 10**7, 499_999, "F-07 fee_cap"),
    ):
        capped = duels.duel(buy={"fee_cap": buy_cap}, sell={"fee_cap": sell_cap})
        items = [SetInstrument(1, 1, 1, fee, 500_000)]
        duels.case(f"cap-{name}", "the fee cap", refuses, capped.steps, items=items)


def _limits(duels: Duels) -> None:
    """The band around the mark, and a group without a mark."""
    for name, price, refuses in (
        ("top", 103_000 * USD, ""),
        ("over", 103_000 * USD + QUANTUM, "F-09 price"),
        ("bottom", 97_000 * USD, ""),
        ("under", 97_000 * USD - QUANTUM, "F-09 price"),
    ):
        wide = duels.duel(buy={"price": 110_000 * USD}, sell={"price": 90_000 * USD}, price=price)
        duels.case(f"band-{name}", "the band", refuses, wide.steps)
    silent: list[Item] = [
        group_item(2, node_count=1, threshold=1),
        List(1, 1, 2, 8, LOT, 10_000, 0, 0),
    ]
    early = duels.duel(buy={"listing": 4}, sell={"listing": 4})
    duels.case("no-vector", "no vector yet", "F-08 group", early.steps, items=silent)


def _stages(corpus: Corpus, worlds: Worlds) -> None:
    duels = Duels(corpus, worlds.troubled)
    price = {"price": 97_900 * USD}
    for name, buyer, seller in (("maker", DAVE, ERIN), ("taker", ERIN, DAVE)):
        step = duels.duel(buyer, seller, price, price, price=97_900 * USD)
        duels.case(f"stage-{name}", "an account in stage 1", "F-10 stage", step.steps)


def _slots(corpus: Corpus, worlds: Worlds) -> None:
    duels = Duels(corpus, worlds.positions)  # alice and bob hold listing 1 in slot 0, 3 in slot 2
    for name, slots, refuses in (
        ("held", (0, 0), ""),
        ("maker-second", (3, 0), "F-11 slot"),
        ("taker-second", (0, 3), "F-11 slot"),
        ("maker-other", (1, 0), "F-11 slot"),
        ("taker-over", (0, 1_024), "F-11 slot"),
    ):
        step = duels.duel(maker_slot=slots[0], taker_slot=slots[1])
        duels.case(f"slot-{name}", "the slot of the listing", refuses, step.steps)
    for name, slot, refuses in (
        ("free", 0, ""),
        ("highest", 1_023, ""),
        ("over", 1_024, "F-11 slot"),
        ("largest", 65_535, "F-11 slot"),
    ):
        step = duels.duel(buyer=ERIN, maker_slot=slot)
        duels.case(f"slot-new-{name}", "an empty slot", refuses, step.steps)
    for limit, refuses in ((4, ""), (3, "F-11 slot")):
        step = duels.duel(
            buy={"listing": 4, "price": ETH_INDEX, "size": ETH},
            sell={"listing": 4, "price": ETH_INDEX, "size": ETH},
            maker_slot=3,
            taker_slot=3,
            price=ETH_INDEX,
            size=ETH,
        )
        items: list[Item] = [List(1, 1, 1, 6, 1_000, 10_000, 0, 0), SetVenue(1, limit, 10, 10, 1)]
        duels.case(f"slot-limit-{limit}", "position_limit", refuses, step.steps, items=items)
    held = duels.duel()
    items_held: list[Item] = [SetVenue(1, 1, 10, 10, 1)]
    duels.case("slot-limit-held", "a held slot needs no limit", "", held.steps, items=items_held)


def _groups(corpus: Corpus, world: World) -> None:
    """Alice and bob trade in groups 1 to 9, one after the other."""
    duels = Duels(corpus, world)
    groups = [group_item(each, node_count=1, threshold=1) for each in range(2, 10)]
    lists = [List(1, 1, each, 6, 1_000, 10_000, 0, 0) for each in range(2, 10)]
    epochs = [duels.first_epoch(each, ETH_INDEX) for each in range(2, 10)]
    listings = range(3, 12)
    steps: list[MicroOp] = list(epochs)
    for count, listing in enumerate(listings):
        terms = {"listing": listing, "price": ETH_INDEX, "size": ETH}
        duel = duels.duel(
            buy=terms,
            sell=terms,
            price=ETH_INDEX,
            size=ETH,
            maker_slot=count,
            taker_slot=count,
        )
        steps += duel.steps
    pause = 10**7
    eight = steps[: len(epochs) + 8 * 3]
    for name, taken, refuses in (("eight", eight, ""), ("nine", steps, "F-12 group")):
        accepts = "" if refuses else "F-12"
        with corpus.settlement(f"fill-groups-{name}", "groups", world, refuses, accepts) as inputs:
            setup: list[Item] = [*groups, *lists]
            for item in setup:
                inputs.op(Inbox(encode_item(item)), 0)
            for number, step in enumerate(taken):
                inputs.op(step, pause if number == 0 else 0)


def _bounds(corpus: Corpus, world: World) -> None:
    """Positions of nearly 2^56 base units: 0.072 of a coin that costs 1 or 5,000 USD."""
    for name, index, sizes, refuses in (
        ("size-most", USD, (40_000, 32_057), ""),
        ("size-over", USD, (40_000, 32_058), "F-13 size"),
        ("value-most", 5_000 * USD, (40_000, 21_897), ""),
        ("value-over", 5_000 * USD, (40_000, 21_898), "F-13 size"),
    ):
        duels = Duels(corpus, world)
        items: list[Item] = [
            group_item(2, node_count=1, threshold=1),
            List(1, 1, 2, 18, 10**12, USD, 0, 0),
        ]
        steps: list[MicroOp] = [duels.first_epoch(2, index)]
        for lots in sizes:
            terms = {"listing": 4, "price": index, "size": lots * 10**12}
            duel = duels.duel(buy=terms, sell=terms, price=index, size=lots * 10**12)
            steps += duel.steps
        with corpus.settlement(f"fill-bound-{name}", "bounds", world, refuses) as inputs:
            for item in items:
                inputs.op(Inbox(encode_item(item)))
            for number, step in enumerate(steps):
                inputs.op(step, 10**7 if number == 0 else 0)
    _whole_coins(corpus, world)
    _open_interest(corpus, world)


def _whole_coins(corpus: Corpus, world: World) -> None:
    """The bounds themselves, which only whole coins without decimals can reach."""
    riches = 2**95
    for name, price, sizes, refuses in (
        ("size-below", 1, (2**55, 2**55 - 1), ""),
        ("size-equal", 1, (2**55, 2**55), "F-13 size"),
        ("value-below", 2**40, (2**47, 2**47 - 1), ""),
        ("value-equal", 2**40, (2**47, 2**47), "F-13 size"),
    ):
        duels = Duels(corpus, world)
        items: list[Item] = [
            group_item(2, node_count=1, threshold=1),
            List(1, 1, 2, 0, 1, 1, 0, 0),
            Deposit(0, 0, ALICE.wallet.address, ALICE.account, riches),
            Deposit(0, 0, BOB.wallet.address, BOB.account, riches),
        ]
        steps: list[MicroOp] = [duels.first_epoch(2, price)]
        for size in sizes:
            terms = {"listing": 4, "price": price, "size": size}
            steps += duels.duel(buy=terms, sell=terms, price=price, size=size).steps
        with corpus.settlement(f"fill-whole-{name}", "2^56, 2^88", world, refuses) as inputs:
            for item in items:
                inputs.op(Inbox(encode_item(item)))
            for number, step in enumerate(steps):
                inputs.op(step, 10**7 if number == 0 else 0)
    for name, price, size, refuses in (
        ("size-largest", 1, 2**56 - 1, ""),
        ("size-equal", 1, 2**56, "P-04 size"),
        ("value-largest", 2**40, 2**48 - 1, ""),
        ("value-equal", 2**40, 2**48, "P-04 size"),
        ("price-largest", 2**52, 1, ""),
        ("price-over", 2**52 + 1, 1, "P-03 limit_price"),
    ):
        duels = Duels(corpus, world)
        opened = duels.opened(ALICE, BUY, price, size, listing=4)
        listing = List(1, 1, 0, 0, 1, 1, 0, 0)
        with corpus.settlement(f"open-whole-{name}", "bounds", world, refuses) as inputs:
            inputs.op(Inbox(encode_item(listing)))
            inputs.op(opened)


def _open_interest(corpus: Corpus, world: World) -> None:
    full = State.decode(CONFIG, world.settlement)
    full.instruments[1].open_interest = 2**63 - SIZE
    kept = corpus.keep_settlement("open-interest-full", world, full)
    duels = Duels(corpus, world)
    for less in (0, LOT):
        duel = duels.duel(size=SIZE - less)
        refuses = "" if less else "F-13 size"
        with corpus.settlement(f"fill-interest-{less}", "2^63", kept, refuses) as inputs:
            for step in duel.steps:
                inputs.op(step)


def _restricted(corpus: Corpus, worlds: Worlds) -> None:
    duels = Duels(corpus, worlds.positions)
    late = 6 * SECOND
    adds = duels.duel(buyer=ALICE, seller=CAROL)
    for name, buyer, seller, refuses in (
        ("both-reduce", BOB, ALICE, ""),
        ("maker-adds", ALICE, BOB, "F-14 group"),
        ("taker-opens", BOB, CAROL, "F-14 group"),
        ("maker-opens", CAROL, ALICE, "F-14 group"),
    ):
        step = duels.duel(buyer, seller)
        duels.case(f"stale-{name}", "6 s of silence", refuses, step.steps, late)
        items = [SetInstrument(1, 1, 2, 100_000, 500_000)]
        duels.case(f"reductions-{name}", "reductions only", refuses, step.steps, items=items)
    for name, size, refuses in (
        ("all", BTC // 2, ""),
        ("turns", BTC // 2 + LOT, "F-14 group"),
    ):
        terms = {"size": BTC}
        step = duels.duel(BOB, ALICE, terms, terms, size=size)
        duels.case(f"stale-{name}", "not beyond nothing", refuses, step.steps, late)
    duels.case("fresh-adds", "5 s are fresh", "", adds.steps, 4 * SECOND)


def _margins(corpus: Corpus, worlds: Worlds) -> None:
    duels = Duels(corpus, worlds.open)
    for name, size, refuses in (
        ("holds", 153_600_000, ""),
        ("fails", 153_610_000, "F-15 margin_rule"),
    ):
        terms = {"price": 100_000 * USD, "size": 2 * BTC}
        step = duels.duel(ERIN, BOB, terms, terms, price=100_000 * USD, size=size)
        swapped = replace(step.fill, maker_key=step.fill.taker_key, taker_key=step.fill.maker_key)
        # As a maker erin pays 0.01 %: 10,000 / 6,510 coins; as a taker 0.05 %: fewer.
        less = replace(swapped, size=size - 930_000)
        duels.case(f"margin-{name}", "the maker's IM", refuses, [*step.steps])
        duels.case(f"margin-taker-{name}", "the taker's IM", refuses, [*step.steps[:2], less])
    below = Duels(corpus, worlds.leveraged)
    body = below.script.epoch_body(0, 99_000 * USD)
    drop = Epoch(body.vector, body.signatures)
    for name, seller_price, rules, refuses in (
        ("improves", 99_000 * USD, IMPROVES_TAKER, ""),
        ("not-holds", 99_000 * USD, 0, "F-15 margin_rule"),
        ("maker-not", 99_000 * USD, IMPROVES_TAKER | IMPROVES_MAKER, "F-15 margin_rule"),
    ):
        terms = {"price": seller_price, "size": BTC // 10}
        step = below.duel(CAROL, DAVE, terms, terms, price=seller_price, margin_rules=rules)
        steps: list[MicroOp] = [drop, *step.steps]
        with corpus.settlement(f"fill-margin-{name}", "below IM", below.world, refuses) as inputs:
            for number, each in enumerate(steps):
                inputs.op(each, 10**7 if number == 0 else 0)
