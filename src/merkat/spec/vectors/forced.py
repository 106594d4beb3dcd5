"""Cases of the forced withdrawal, inbox item 8: who may ask (I-21), and what it pays."""

from __future__ import annotations

from dataclasses import replace

from merkat.spec.messages import ForcedWithdraw, encode_item
from merkat.spec.settle.money import free_cash
from merkat.spec.settle.ops import Inbox, TearUp
from merkat.spec.values import BUY, SELL, ZERO_ADDRESS
from merkat.spec.vectors.corpus import CaseScript, Corpus, World
from merkat.spec.vectors.moments import moment_before
from merkat.spec.vectors.script import USD, Script, Trader, group_item
from merkat.spec.vectors.worlds import (
    ALICE,
    ALICE_TOO,
    BOB,
    BTC,
    BTC_INDEX,
    CAROL,
    DAVE,
    MALLORY,
    Worlds,
)
from merkat.spec.venue.events import ForcedWithdrawn

USER, TIMELOCK = 0, 1
SECOND = 10**9
ALL = 2**96 - 1
NOBODY = 7
"""The number of the account that is opened next."""


def forced_cases(corpus: Corpus, worlds: Worlds) -> None:
    """Item 8, in the order of its checks, then what it pays by stage, margin and age."""
    corpus.family("forced")
    _malformed(corpus, worlds.open)
    _refusals(corpus, worlds.open)
    _amounts(corpus, worlds.open)
    _margins(corpus, worlds)
    _stages(corpus, worlds)
    _bankrupts(corpus, worlds)
    _oracle(corpus, worlds)
    _orders(corpus, worlds)
    _inputs(corpus, worlds.positions)


def _item(by: Trader, amount: int) -> ForcedWithdraw:
    return ForcedWithdraw(USER, by.account, by.wallet.address, 0, amount)


def _force(s: CaseScript, by: Trader, amount: int, paid: int) -> None:
    """Bring the item of an owner; it must pay this much."""
    s.item(_item(by, amount))
    (event,) = s.last_events()
    claimable = s.state.accounts[by.account].claimable[0]
    expected = ForcedWithdrawn(by.account, 0, amount, paid, claimable)
    assert event == expected, f"{s.case.id}: {event}, expected {expected}"


def _malformed(corpus: Corpus, world: World) -> None:
    good = encode_item(_item(ALICE, USD))
    spoilt = {
        "short": good[:-1],
        "long": good + b"\0",
        "source-2": good[:1] + b"\x02" + good[2:],
        "kind-9": b"\x09" + good[1:],
    }
    for name, data in spoilt.items():
        with corpus.venue(f"forced-{name}", "an item of no kind", world, "I-01 item") as s:
            s.item_bytes(data)


def _refusals(corpus: Corpus, world: World) -> None:
    good = _item(ALICE, USD)
    nobody = replace(good, account=NOBODY, owner=ZERO_ADDRESS)
    spoilt = {
        "token-1": (replace(good, token=1), "I-03 token"),
        "token-4": (replace(good, token=4), "I-03 token"),
        "token-255": (replace(good, token=255), "I-03 token"),
        "token-first": (replace(nobody, token=1, amount=0), "I-03 token"),
        "nothing": (replace(good, amount=0), "I-04 amount"),
        "too-much": (replace(good, amount=2**96), "I-04 amount"),
        "largest": (replace(good, amount=2**128 - 1), "I-04 amount"),
        "amount-second": (replace(nobody, amount=0), "I-04 amount"),
        "account-0": (replace(good, account=0), "I-21 account"),
        "account-7": (replace(good, account=NOBODY), "I-21 account"),
        "account-over": (replace(good, account=2**28), "I-21 account"),
        "account-last": (replace(good, account=2**32 - 1), "I-21 account"),
        "account-third": (nobody, "I-21 account"),
        "owner-zero": (replace(good, owner=ZERO_ADDRESS), "I-21 owner"),
        "owner-none": (replace(good, owner=MALLORY.address), "I-21 owner"),
        "owner-of-another": (replace(good, owner=BOB.wallet.address), "I-21 owner"),
        "account-of-another": (replace(good, account=BOB.account), "I-21 owner"),
    }
    for name, (item, refuses) in spoilt.items():
        with corpus.venue(f"forced-{name}", "an item that does nothing", world, refuses) as s:
            s.item(item)


def _amounts(corpus: Corpus, world: World) -> None:
    accepts = "I-01 I-03 I-04 I-21"
    with corpus.venue("forced", "paid whole", world, "", accepts) as s:
        _force(s, ALICE, 10 * USD, 10 * USD)
    with corpus.venue("forced-one", "the smallest amount", world, "", accepts) as s:
        _force(s, ALICE, 1, 1)
    with corpus.venue("forced-all", "without positions all may go", world, "", accepts) as s:
        _force(s, ALICE, 100_000 * USD, 100_000 * USD)
    with corpus.venue("forced-over", "cut to what is there", world, "", accepts) as s:
        _force(s, ALICE, 100_000 * USD + 1, 100_000 * USD)
    with corpus.venue("forced-cut-twice", "the second pays nothing", world, "", accepts) as s:
        _force(s, ALICE, ALL, 100_000 * USD)
        _force(s, ALICE, ALL, 0)
    with corpus.venue("forced-of-two", "each account for itself", world, "", accepts) as s:
        _force(s, ALICE_TOO, 5_001 * USD, 5_000 * USD)
        _force(s, ALICE, USD, USD)
    with corpus.venue("forced-claims", "claims of both kinds add up", world, "", accepts) as s:
        s.withdraw(ALICE, USD)
        _force(s, ALICE, 2 * USD, 2 * USD)
        s.withdraw(ALICE, 3 * USD)
        _force(s, BOB, 4 * USD, 4 * USD)
    with corpus.venue("forced-by-timelock", "only items 2 to 7 are its own", world) as s:
        s.item(replace(_item(ALICE, USD), source=TIMELOCK))
    with corpus.venue("forced-then-withdraw", "nothing is left", world, "W-06 amount") as s:
        _force(s, ALICE, ALL, 100_000 * USD)
        s.withdraw(ALICE, 1)


def _margins(corpus: Corpus, worlds: Worlds) -> None:
    world = worlds.positions
    for over in (-1, 0, 1):
        with corpus.venue(f"forced-delta-{over + 1}", "a tenth of the position stays", world) as s:
            free = free_cash(s.state, ALICE.account)
            _force(s, ALICE, free + over, min(free, free + over))
    with corpus.venue("forced-of-short", "of a short likewise", world) as s:
        _force(s, BOB, ALL, free_cash(s.state, BOB.account))
    with corpus.venue("forced-profit", "profit at the mark may go", world) as s:
        s.epoch(0, 104_000 * USD)
        _force(s, ALICE, ALL, free_cash(s.state, ALICE.account))
    with corpus.venue("forced-debt", "cash may become negative", worlds.leveraged) as s:
        s.epoch(0, 109_000 * USD)
        s.epoch(0, 118_000 * USD)
        _force(s, DAVE, ALL, free_cash(s.state, DAVE.account))
        assert s.state.accounts[DAVE.account].cash < 0, "all of it was profit"
        s.epoch(0, 117_000 * USD)
    with corpus.venue("forced-below-delta", "below D nothing leaves", worlds.leveraged) as s:
        assert free_cash(s.state, DAVE.account) < 0
        _force(s, DAVE, USD, 0)
    with corpus.venue("forced-below-initial", "between MM and IM neither", worlds.leveraged) as s:
        s.epoch(0, 99_000 * USD)
        _force(s, DAVE, USD, 0)
    with corpus.venue("forced-no-delta", "IM alone", world) as s:
        s.item(group_item(0, delta_rate=0))
        _force(s, ALICE, ALL, free_cash(s.state, ALICE.account))


def _stages(corpus: Corpus, worlds: Worlds) -> None:
    with corpus.venue("forced-stage-1", "nothing leaves in liquidation", worlds.troubled) as s:
        _force(s, DAVE, USD, 0)
        _force(s, CAROL, USD, USD)
    with corpus.venue("forced-stage-1-rich", "even with money enough", worlds.troubled) as s:
        s.deposit(DAVE.wallet, 50_000 * USD, account=DAVE.account)
        assert free_cash(s.state, DAVE.account) > USD
        _force(s, DAVE, USD, 0)
    with corpus.venue("forced-after-stage-1", "again in stage 0", worlds.troubled) as s:
        s.deposit(DAVE.wallet, 50_000 * USD, account=DAVE.account)
        s.heartbeat(0)
        _force(s, DAVE, USD, USD)


def _bankrupts(corpus: Corpus, worlds: Worlds) -> None:
    with corpus.venue("forced-stage-3", "its owner gets what is left", worlds.troubled) as s:
        s.wait(120 * SECOND)
        s.epoch(0, 97_900 * USD)
        leaf = s.state.accounts[DAVE.account]
        assert (leaf.stage, leaf.positions) == (3, {})
        assert leaf.cash > 0
        _force(s, DAVE, leaf.cash - 1, leaf.cash - 1)
        _force(s, DAVE, 2, 1)
    with corpus.venue("forced-stage-3-empty", "where nothing is left", worlds.leveraged) as s:
        s.epoch(0, 91_000 * USD)
        assert s.state.accounts[DAVE.account].stage == 3
        _force(s, DAVE, USD, max(0, s.state.accounts[DAVE.account].cash))

    def time_out(s: Script) -> None:
        s.wait(120 * SECOND)
        s.epoch(0, 97_900 * USD)

    held = moment_before(corpus, "bankrupt-holds", worlds.troubled, time_out, TearUp)
    with corpus.settlement("forced-stage-3-holds", "not with a position", held.world) as inputs:
        leaf = inputs.state.accounts[DAVE.account]
        assert leaf.stage == 3
        assert leaf.positions
        inputs.op(Inbox(encode_item(_item(DAVE, USD))), held.time_delta_ns)
        assert leaf.claimable[0] == 0, "stage 3 with a position pays nothing"
    with corpus.settlement("forced-stage-3-torn", "but after the last", held.world) as inputs:
        inputs.op(held.op, held.time_delta_ns)
        leaf = inputs.state.accounts[DAVE.account]
        assert not leaf.positions
        inputs.op(Inbox(encode_item(_item(DAVE, USD))))
        assert leaf.claimable[0] == USD


def _oracle(corpus: Corpus, worlds: Worlds) -> None:
    world = worlds.positions
    for name, title, seconds in (
        ("stale", "a stale mark counts", 6),
        ("halted", "a halted group's too", 60),
        ("year", "and after a year", 365 * 86_400),
    ):
        with corpus.venue(f"forced-{name}", title, world) as s:
            s.wait(seconds * SECOND)
            _force(s, ALICE, ALL, free_cash(s.state, ALICE.account))
    with corpus.venue("forced-held", "the accepted index, not the held", world) as s:
        free = free_cash(s.state, ALICE.account)
        s.epoch(0, 112_000 * USD)
        assert s.state.groups[0].held_count == 1
        _force(s, ALICE, ALL, free)
    with corpus.venue("forced-stale-below", "by the mark that stood", worlds.leveraged) as s:
        s.wait(60 * SECOND)
        _force(s, DAVE, USD, 0)


def _orders(corpus: Corpus, worlds: Worlds) -> None:
    with corpus.venue("forced-orders", "open orders hold nothing back", worlds.open) as s:
        s.place(ALICE, BUY, 99_900 * USD, BTC)
        _force(s, ALICE, ALL, 100_000 * USD)
    with corpus.venue(
        "forced-orders-met", "the order falls when it is met", worlds.open, "M-06"
    ) as s:
        s.place(ALICE, BUY, 99_900 * USD, BTC)
        _force(s, ALICE, ALL, 100_000 * USD)
        s.place(BOB, SELL, 99_900 * USD, BTC // 10)
    with corpus.venue("forced-orders-part", "the part that it can bear trades", worlds.open) as s:
        s.place(ALICE, BUY, BTC_INDEX, BTC // 10)
        _force(s, ALICE, 99_000 * USD, 99_000 * USD)
        s.place(BOB, SELL, BTC_INDEX, BTC // 10)
    with corpus.venue("forced-then-place", "no margin is left", worlds.open, "O-22 size") as s:
        _force(s, ALICE, ALL, 100_000 * USD)
        s.place(ALICE, BUY, 99_900 * USD, BTC // 10)


def _inputs(corpus: Corpus, world: World) -> None:
    """The item as an input: refused inside an accepted step, or paid at the step's time."""
    foreign = replace(_item(ALICE, USD), owner=BOB.wallet.address)
    for name, item, refuses in (
        ("owner", foreign, "I-21 owner"),
        ("account", replace(foreign, account=NOBODY), "I-21 account"),
        ("token", replace(foreign, token=3), "I-03 token"),
        ("amount", replace(foreign, amount=0), "I-04 amount"),
    ):
        case_id = f"forced-input-{name}"
        with corpus.settlement(case_id, "an item that does nothing", world, refuses) as inputs:
            inputs.op(Inbox(encode_item(item)), SECOND)
    with corpus.settlement("forced-input", "paid", world, "", "I-21") as inputs:
        inputs.op(Inbox(encode_item(_item(ALICE, USD))), 60 * SECOND)
        inputs.op(Inbox(encode_item(_item(ALICE, ALL))))
        assert free_cash(inputs.state, ALICE.account) == 0
