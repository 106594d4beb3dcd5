"""Cases of the inbox: its order, its items, and who may send them (rules I, C-05, C-06)."""

from __future__ import annotations

from dataclasses import replace

from merkat.spec.messages import (
    Deposit,
    FeeSweep,
    FundDeposit,
    InboxCommand,
    Item,
    SetInstrument,
    SetVenue,
    encode_item,
)
from merkat.spec.settle.ops import Inbox
from merkat.spec.settle.state import State
from merkat.spec.values import ACCOUNTS_END, BUY, DAY_NS, SELL, ZERO_ADDRESS
from merkat.spec.vectors.corpus import Corpus, World
from merkat.spec.vectors.script import (
    CONFIG,
    DEFAULT_PARAMETERS,
    USD,
    group_item,
    group_of_nodes,
    node,
)
from merkat.spec.vectors.worlds import (
    ALICE,
    BOB,
    BTC,
    BTC_INDEX,
    BTC_LISTING,
    CAROL,
    DAVE,
    ETH_INDEX,
    MALLORY,
    Worlds,
)

USER, TIMELOCK = 0, 1


def inbox_cases(corpus: Corpus, worlds: Worlds) -> None:
    """Items, one by one, each with what it must not be."""
    corpus.family("inbox")
    _commands(corpus, worlds.open)
    _malformed(corpus, worlds.open)
    _sources(corpus, worlds.open)
    _deposits(corpus, worlds)
    _groups(corpus, worlds.open)
    _parameters(corpus, worlds.open)
    _nodes(corpus, worlds.open)
    _listings(corpus, worlds.open)
    _changes(corpus, worlds)
    _full(corpus, worlds.open)
    _sweeps(corpus, worlds)


def _refused(corpus: Corpus, world: World, name: str, item: Item, refuses: str) -> None:
    with corpus.venue(f"item-{name}", "an item that does nothing", world, refuses) as s:
        s.item(item)


def _accepted(corpus: Corpus, world: World, name: str, item: Item, accepts: str) -> None:
    with corpus.venue(f"item-{name}", "an item that does its work", world, "", accepts) as s:
        s.item(item)


def _commands(corpus: Corpus, world: World) -> None:
    item = encode_item(Deposit(USER, 0, ALICE.wallet.address, 1, USD))
    with corpus.venue("inbox-in-order", "item by item", world, "", "C-05 C-06 I-01") as s:
        s.item_bytes(item)
        s.item_bytes(item)
    for name, step in (("skipped", 1), ("repeated", -1)):
        with corpus.venue(f"inbox-{name}", "not the item at the cursor", world, "C-05 item") as s:
            s.item_bytes(item, index=s.state.globals_.inbox_cursor + step)
    for length, refuses, also in (
        (0, "C-06 item", 0),
        (1, "C-06 item", 0),
        (1_025, "C-06 item", 0),
    ):
        with corpus.venue(f"inbox-{length}-bytes", "not an item", world, refuses, also=also) as s:
            s.say(InboxCommand(s.state.globals_.inbox_cursor, bytes(length)))
    for length in (2, 1_024):
        with corpus.venue(f"inbox-{length}-bytes", "an item of no kind", world, "I-01 item") as s:
            s.item_bytes(bytes(length))
    with corpus.venue("inbox-after-refused", "a refused item is passed over", world, also=1) as s:
        s.item_bytes(b"\xff\xff")
        s.item_bytes(item)


def _malformed(corpus: Corpus, world: World) -> None:
    good = encode_item(SetVenue(TIMELOCK, 1, 1, 1, 1))
    spoilt = {
        "short": good[:-1],
        "long": good + b"\0",
        "kind-0": b"\0" + good[1:],
        "kind-8": b"\x08" + good[1:],
        "source-2": good[:1] + b"\x02" + good[2:],
    }
    for name, data in spoilt.items():
        with corpus.venue(f"item-{name}", "an item of no kind", world, "I-01 item") as s:
            s.item_bytes(data)


def _sources(corpus: Corpus, world: World) -> None:
    items: dict[str, Item] = {
        "group": group_item(2),
        "list": BTC_LISTING,
        "instrument": SetInstrument(USER, 1, 1, 0, 0),
        "venue": SetVenue(USER, 1, 1, 1, 1),
        "fund": FundDeposit(USER, 0, USD),
        "sweep": FeeSweep(USER, 1),
    }
    for name, item in items.items():
        by_user = replace(item, source=USER)
        _refused(corpus, world, f"{name}-by-user", by_user, "I-02 source")
        _accepted(corpus, world, f"{name}-by-timelock", replace(item, source=TIMELOCK), "I-02")
    by_timelock = Deposit(TIMELOCK, 0, ALICE.wallet.address, 1, USD)
    _accepted(corpus, world, "deposit-by-timelock", by_timelock, "I-01")


def _deposits(corpus: Corpus, worlds: Worlds) -> None:
    world, new = worlds.open, Deposit(USER, 0, MALLORY.address, 0, USD)
    alice = Deposit(USER, 0, ALICE.wallet.address, ALICE.account, USD)
    _accepted(corpus, world, "deposit-new", new, "I-03 I-04 I-05 I-06 I-07")
    _accepted(corpus, world, "deposit-again", alice, "I-03 I-04 I-05")
    _accepted(corpus, world, "deposit-one", replace(alice, amount=1), "I-04")
    _accepted(corpus, world, "deposit-largest", replace(new, amount=2**96 - 1), "I-04")
    _accepted(corpus, world, "deposit-foreign", replace(alice, account=BOB.account), "I-06")
    _accepted(corpus, world, "deposit-unknown-account", replace(alice, account=2**32 - 1), "I-06")
    for token in (1, 3, 4, 255):
        _refused(corpus, world, f"deposit-token-{token}", replace(new, token=token), "I-03 token")
    for amount in (0, 2**96, 2**128 - 1):
        _refused(corpus, world, f"deposit-{amount:x}", replace(new, amount=amount), "I-04 amount")
    _refused(corpus, world, "deposit-owner", replace(new, owner=ZERO_ADDRESS), "I-05 owner")
    _refused(corpus, world, "deposit-minimum", replace(new, amount=USD - 1), "I-06 amount")
    foreign = replace(alice, account=BOB.account, amount=USD - 1)
    _refused(corpus, world, "deposit-foreign-minimum", foreign, "I-06 amount")
    with corpus.venue("item-deposit-new-minimum", "the minimum moves", world, "I-06 amount") as s:
        s.item(SetVenue(TIMELOCK, 128, 10, 10, 50 * USD))
        s.item(replace(new, amount=50 * USD - 1))
    with corpus.venue("item-deposit-in-stage-1", "money comes in time", worlds.troubled) as s:
        s.deposit(DAVE.wallet, 1_000 * USD, account=DAVE.account)
        s.heartbeat(0)


def _groups(corpus: Corpus, world: World) -> None:
    _accepted(corpus, world, "group-new", group_item(2), "I-08 I-09 I-10")
    _accepted(corpus, world, "group-change", group_item(0, band=10_000_000), "I-08 I-09 I-10")
    _refused(corpus, world, "group-gap", group_item(3), "I-08 group")
    _refused(corpus, world, "group-last", group_item(2**16 - 1), "I-08 group")
    _refused(corpus, world, "list-group", replace(BTC_LISTING, group=2), "I-08 group")
    _refused(corpus, world, "fund-group", FundDeposit(TIMELOCK, 2, USD), "I-08 group")
    for amount in (0, 2**96):
        fund = FundDeposit(TIMELOCK, 0, amount)
        _refused(corpus, world, f"fund-{amount:x}", fund, "I-04 amount")
    with corpus.venue("item-fund-next-day", "a new day of the fund", world, "", "I-08 I-04") as s:
        s.wait(DAY_NS)
        s.item(FundDeposit(TIMELOCK, 0, 7 * USD))
        s.item(FundDeposit(TIMELOCK, 0, 2**96 - 1))
    with corpus.venue("item-group-keeps-state", "its vector and fund stay", world) as s:
        s.epoch(0, BTC_INDEX + USD, 1_000_000, -2_000_000)
        s.item(group_item(0, node_count=1, threshold=1, band=10_000_000))
        s.epoch(0, BTC_INDEX)
        s.place(ALICE, BUY, 101_000 * USD, BTC)
    with corpus.venue(
        "item-group-old-nodes", "the old nodes count no more", world, "E-06 signatures"
    ) as s:
        moved = tuple(node(each).address for each in range(1, 8))
        s.item(group_of_nodes(0, moved, 5))
        s.epoch(0, BTC_INDEX)


BOUNDS: dict[str, tuple[int, int]] = {
    "initial_rate": (50_000_000, 10**9),
    "maintenance_rate": (1_000_000, 65_000_000),  # the initial rate comes first in the order
    "band": (1_000_000, 500_000_000),
    "liquidation_fee": (0, 20_000_000),
    "slippage_floor": (0, 50_000_000),
    "slice_share": (10_000_000, 10**9),
    "interest": (-10_000_000, 10_000_000),
    "funding_clamp": (0, 10_000_000),
    "funding_cap": (0, 100_000_000),
    "basis_clamp": (0, 100_000_000),
    "jump": (1_000_000, 10**9),
    "agreement": (1_000_000, 10**9),
    "delta_rate": (0, 10**9),
    "fund_event_share": (0, 10**9),
    "fund_day_share": (0, 10**9),
    "stop_ratio": (10**9, 2 * 10**9),
    "epoch_period_ns": (100_000_000, 3_600_000_000_000),
    "stale_ns": (100_000_000, 30_000_000_000),
    "halt_ns": (5_000_000_000, 86_400_000_000_000),
    "stage_timeout_ns": (1_000_000_000, 86_400_000_000_000),
    "reserved": (0, 0),
}


def _parameters(corpus: Corpus, world: World) -> None:
    """Each parameter at both bounds, and one beyond each."""
    assert list(BOUNDS) == list(DEFAULT_PARAMETERS), "the parameters stand in the item's order"
    for number, (name, (low, high)) in enumerate(BOUNDS.items()):
        for end, inside, outside in (("low", low, low - 1), ("high", high, high + 1)):
            refused = number
            if name == "maintenance_rate" and end == "high":
                refused = 0  # an initial rate below it is refused first
            if name == "stale_ns" and end == "high":
                refused = 18
            inner, outer = group_item(1, **{name: inside}), group_item(1, **{name: outside})
            _accepted(corpus, world, f"{name}-{end}", inner, "I-09")
            beyond = f"I-09 parameter_{refused}"
            _refused(corpus, world, f"{name}-{end}-beyond", outer, beyond)
    largest = group_item(1, maintenance_rate=500_000_000, initial_rate=10**9)
    _accepted(corpus, world, "rates-largest", largest, "I-09")
    larger = group_item(1, maintenance_rate=500_000_001, initial_rate=10**9)
    _refused(corpus, world, "rates-larger", larger, "I-09 parameter_1")
    longest = group_item(1, stale_ns=3_600_000_000_000, halt_ns=3_600_000_000_000)
    _accepted(corpus, world, "stale-longest", longest, "I-09")
    longer = group_item(1, stale_ns=3_600_000_000_001, halt_ns=86_400_000_000_000)
    _refused(corpus, world, "stale-longer", longer, "I-09 parameter_17")


def _nodes(corpus: Corpus, world: World) -> None:
    one, two, three = (node(each).address for each in range(3))
    spoilt = {
        "none": group_of_nodes(2, (), 1),
        "hole": group_of_nodes(2, (one, ZERO_ADDRESS, two), 1),
        "first-zero": group_of_nodes(2, (ZERO_ADDRESS, two), 1),
        "twice": group_of_nodes(2, (one, two, one), 1),
        "threshold-0": group_of_nodes(2, (one, two, three), 0),
        "threshold-over": group_of_nodes(2, (one, two, three), 4),
    }
    for name, item in spoilt.items():
        field = "threshold" if name in ("none", "threshold-0", "threshold-over") else "nodes"
        _refused(corpus, world, f"nodes-{name}-refused", item, f"I-10 {field}")
    eight = tuple(node(each).address for each in range(8))
    _accepted(corpus, world, "nodes-eight", group_of_nodes(2, eight, 8), "I-10")


def _listings(corpus: Corpus, world: World) -> None:
    good = BTC_LISTING
    _accepted(corpus, world, "list", good, "I-08 I-11 I-12 I-13 I-14 I-15 I-16")
    spoilt: dict[str, tuple[str, dict[str, int]]] = {
        "kind-0": ("I-11 kind", {"kind": 0}),
        "kind-2": ("I-11 kind", {"kind": 2}),
        "decimals": ("I-12 size_decimals", {"size_decimals": 19}),
        "lot-zero": ("I-13 lot", {"lot": 0}),
        "lot-negative": ("I-13 lot", {"lot": -1}),
        "lot-no-divisor": ("I-13 lot", {"lot": 3}),
        "lot-over-coin": ("I-13 lot", {"lot": 10**9}),
        "tick-zero": ("I-14 tick", {"tick": 0}),
        "tick-negative": ("I-14 tick", {"tick": -10_000}),
        "tick-no-quantum": ("I-14 tick", {"tick": 10_001}),
        "tick-over": ("I-14 tick", {"tick": 2**40 - 2**40 % 10_000 + 10_000}),
        "taker-negative": ("I-15 taker_fee", {"taker_fee": -1}),
        "taker-over": ("I-15 taker_fee", {"taker_fee": 10_000_001}),
        "maker-over": ("I-15 maker_fee", {"maker_fee": 10_000_001}),
        "rebate-over": ("I-15 maker_fee", {"maker_fee": -500_001}),
        "both-fees": ("I-15 taker_fee", {"maker_fee": 10_000_001, "taker_fee": -1}),
    }
    for name, (refuses, changes) in spoilt.items():
        _refused(corpus, world, f"list-{name}", replace(good, **changes), refuses)
    edges: dict[str, dict[str, int]] = {
        "whole-coin": {"size_decimals": 18, "lot": 10**18, "tick": 1},
        "no-decimals": {"size_decimals": 0, "lot": 1, "tick": 1},
        "tick-largest": {"tick": 2**40, "size_decimals": 0, "lot": 1},
        "fees-largest": {"maker_fee": 10_000_000, "taker_fee": 10_000_000},
        "rebate-largest": {"maker_fee": -10_000_000, "taker_fee": 10_000_000},
    }
    for name, changes in edges.items():
        _accepted(corpus, world, f"list-{name}", replace(good, **changes), "I-13 I-14 I-15")


def _changes(corpus: Corpus, worlds: Worlds) -> None:
    world, good = worlds.open, SetInstrument(TIMELOCK, 1, 2, -300, 400)
    _accepted(corpus, world, "instrument", good, "I-15 I-17 I-18")
    for listing in (0, 4):
        changed = replace(good, listing=listing)
        _refused(corpus, world, f"instrument-{listing}", changed, "I-17 listing")
    for state in (0, 3):
        changed = replace(good, state=state)
        _refused(corpus, world, f"instrument-state-{state}", changed, "I-18 state")
    taker, maker = replace(good, taker_fee=-1), replace(good, maker_fee=-401)
    _refused(corpus, world, "instrument-taker", taker, "I-15 taker_fee")
    _refused(corpus, world, "instrument-maker", maker, "I-15 maker_fee")
    with corpus.venue("item-instrument-reopened", "and open again", world) as s:
        s.item(good)
        s.item(replace(good, state=1))
        s.place(ALICE, BUY, 99_000 * USD, BTC)
    limits = SetVenue(TIMELOCK, 1_024, 4_096, 4_096, 1)
    _accepted(corpus, world, "venue-largest", limits, "I-19")
    _accepted(corpus, world, "venue-smallest", SetVenue(TIMELOCK, 1, 1, 1, 2**64 - 1), "I-19")
    for name, value in (
        ("position_limit", 0),
        ("position_limit", 1_025),
        ("open_orders_account", 0),
        ("open_orders_account", 4_097),
        ("open_orders_listing", 0),
        ("open_orders_listing", 4_097),
        ("new_account_minimum", 0),
    ):
        changed_limits = replace(limits, **{name: value})
        _refused(corpus, world, f"venue-{name}-{value}", changed_limits, f"I-19 {name}")


def _full(corpus: Corpus, world: World) -> None:
    """States that no short run of commands reaches: the last account and listing are taken."""
    accounts = State.decode(CONFIG, world.settlement)
    accounts.globals_.next_account = ACCOUNTS_END
    full = corpus.keep_settlement("accounts-full", world, accounts)
    opens = encode_item(Deposit(USER, 0, MALLORY.address, 0, USD))
    raises = encode_item(Deposit(USER, 0, ALICE.wallet.address, ALICE.account, USD))
    with corpus.settlement("accounts-full", "no index is left", full, "I-07 account") as inputs:
        inputs.op(Inbox(opens))
    with corpus.settlement("accounts-full-old", "an old account takes", full, "", "I-04") as inputs:
        inputs.op(Inbox(raises))
    listings = State.decode(CONFIG, world.settlement)
    listings.globals_.next_listing = 2**32 - 1
    full = corpus.keep_settlement("listings-full", world, listings)
    with corpus.settlement("listings-full", "no number is left", full, "I-16 listing") as inputs:
        inputs.op(Inbox(encode_item(BTC_LISTING)))


def _sweeps(corpus: Corpus, worlds: Worlds) -> None:
    sweep = FeeSweep(TIMELOCK, CAROL.account)
    _accepted(corpus, worlds.positions, "sweep", sweep, "I-20")
    _accepted(corpus, worlds.open, "sweep-nothing", sweep, "I-20")
    for account in (0, 7, 2**32 - 1):
        other = replace(sweep, account=account)
        _refused(corpus, worlds.positions, f"sweep-{account}", other, "I-20 account")
    with corpus.venue("item-sweep-rebate", "a rebate leaves little to sweep", worlds.open) as s:
        s.item(SetInstrument(TIMELOCK, 3, 1, -10_000_000, 10_000_000))
        s.place(ALICE, BUY, ETH_INDEX, 1_000, listing=3)
        s.place(BOB, SELL, ETH_INDEX, 1_000, listing=3)
        s.item(sweep)
