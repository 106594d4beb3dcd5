"""Cases of coins and margin modes: withdrawals, forced ones, loans (rules W-01 to W-10)."""

from __future__ import annotations

from collections.abc import Callable

from merkat.spec import signatures
from merkat.spec.messages import ForcedWithdraw, Withdraw
from merkat.spec.values import BUY, SELL
from merkat.spec.vectors.corpus import ANYTHING, CaseScript, Corpus, World
from merkat.spec.vectors.desk import (
    CALL_FAR,
    CALL_HIGH,
    COIN,
    FUTURE_FAR,
    LOT,
    PERPETUAL_LISTING,
    PUT_FAR,
    SECOND,
    SPOT_LISTING,
    Desks,
    near_mark,
    publish,
    risk_item,
    trade,
)
from merkat.spec.vectors.script import CONFIG, USD, Script, Trader
from merkat.spec.vectors.wallets import CurveSigner
from merkat.spec.vectors.worlds import ALICE, BOB, CAROL, DAVE, ERIN, MALLORY
from merkat.spec.venue.machine import Venue
from merkat.spec.venue.money import free_cash


def collateral_cases(corpus: Corpus, desks: Desks) -> None:
    """Commands 6 to 8 and items 1 and 8 where coins are held."""
    corpus.family("collateral", "collateral-")
    _withdraw(corpus, desks.open)
    _with_positions(corpus, desks.open)
    _forced(corpus, desks.open)
    _cash(corpus, desks)
    _modes(corpus, desks)
    _inputs(corpus, desks)


def _withdraw(corpus: Corpus, world: World) -> None:
    for name, token, amount, refuses in (
        ("all", 1, 2 * COIN, ""),
        ("lot", 1, LOT, ""),
        ("token-2", 2, LOT, "W-01 token"),
        ("token-4", 4, LOT, "W-01 token"),
        ("zero", 1, 0, "W-02 amount"),
        ("crumbs", 1, LOT - 1, "W-02 amount"),
        ("over", 1, 2 * COIN + LOT, "W-02 amount"),
        ("huge", 1, 2**96, "W-02 amount"),
        ("cash", 0, 1, ""),
        ("cash-over", 0, 200_000 * USD, "W-06 amount"),
    ):
        accepts = "" if refuses else "W-01 W-02 W-06"
        with corpus.venue(f"coins-{name}", "coins leave", world, refuses, accepts) as s:
            s.withdraw(ERIN, amount, token=token)
    with corpus.venue("coins-none", "an account without", world, "W-02 amount") as s:
        s.withdraw(ALICE, LOT, token=1)
    with corpus.venue("coins-stale", "6 s of silence", world, "W-05 group") as s:
        s.wait(6 * SECOND)
        s.withdraw(ERIN, LOT, token=1)
    with corpus.venue("coins-for-sale", "while an order sells them", world, ANYTHING) as s:
        s.place(ERIN, SELL, near_mark(s, SPOT_LISTING, -400), COIN, listing=SPOT_LISTING)
        for amount in (2 * COIN, COIN, COIN // 2):
            s.withdraw(ERIN, amount, token=1)


def _owes(s: Script, mode: int = 0) -> None:
    """Have erin long a call and short a perpetual, with a loss that she owes against two coins."""
    if mode:
        s.margin_mode(ERIN, mode)
    s.margin_mode(BOB, 1)
    trade(s, BOB, ERIN, CALL_FAR, COIN)
    trade(s, ERIN, BOB, PERPETUAL_LISTING, COIN // 2)
    trade(s, BOB, ERIN, FUTURE_FAR, COIN)
    publish(s, 97_000)


def _most(world: World, run: Callable[[Script, int], object], most: int) -> int:
    """Return the largest amount with which the last command is accepted."""

    def accepted(amount: int) -> bool:
        venue = Venue.from_snapshot(CONFIG, world.snapshot, signatures.recover)
        script = Script(venue, CurveSigner(), world.log_number, world.time_ns)
        script.nonces = dict(world.nonces)
        run(script, amount)
        return all(event[0] != 1 for event in script.sent[-1].output.events)

    low, high = 0, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if accepted(middle) else (low, middle)
    return low


def _with_positions(corpus: Corpus, world: World) -> None:
    for mode in (0, 1):

        def takes(s: Script, lots: int, mode: int = mode) -> None:
            _owes(s, mode)
            s.withdraw(ERIN, lots * LOT, token=1)

        lots = _most(world, takes, 2 * COIN // LOT + 1)
        for over in (0, 1):
            refuses = "W-06 amount" if over else ""
            title = "what margin and loan leave"
            with corpus.venue(f"coins-margin-{mode}-{over}", title, world, refuses) as s:
                takes(s, lots + over)
    for cap in (10_000 * USD, 1_000 * USD):

        def limited(s: Script, lots: int, cap: int = cap) -> None:
            s.item(risk_item(loan_cap=cap, loan_limit=100_000_000, loan_maintenance=10**9))
            publish(s)
            _owes(s)
            s.withdraw(ERIN, lots * LOT, token=1)

        lots = _most(world, limited, 2 * COIN // LOT + 1)
        with corpus.venue(f"coins-loan-{cap}", "within the loan", world, ANYTHING) as s:
            limited(s, lots)
            s.withdraw(ERIN, LOT, token=1)
            s.withdraw(ERIN, 1)
            s.transfer(ERIN, ALICE.account, 1)

    def tiered(s: Script, lots: int) -> None:
        s.item(risk_item(haircut_tier=1_000 * USD, haircut_large=9 * 10**8))
        publish(s)
        _owes(s)
        s.withdraw(ERIN, lots * LOT, token=1)

    lots = _most(world, tiered, 2 * COIN // LOT + 1)
    for over in (0, 1):
        refuses = "W-06 amount" if over else ""
        title = "a large holding counts less"
        with corpus.venue(f"coins-tiers-{over}", title, world, refuses) as s:
            tiered(s, lots + over)
    with corpus.venue("coins-offset", "coins that hedge", world, ANYTHING) as s:
        s.item(risk_item(collateral_offset=1))
        publish(s)
        s.margin_mode(ERIN, 1)
        s.place(BOB, BUY, near_mark(s, PERPETUAL_LISTING), 2 * COIN)
        s.place(ERIN, SELL, near_mark(s, PERPETUAL_LISTING), 2 * COIN)
        publish(s, 101_000)
        for amount in (COIN, COIN // 10, LOT):
            s.withdraw(ERIN, amount, token=1)


def _forced(corpus: Corpus, world: World) -> None:
    def forced(s: CaseScript, amount: int, token: int = 1, by: Trader = ERIN) -> None:
        s.item(ForcedWithdraw(0, by.account, by.wallet.address, token, amount))

    for name, amount in (
        ("all", 2 * COIN),
        ("more", 9 * COIN),
        ("crumbs", LOT - 1),
        ("some", 12_345),
    ):
        with corpus.venue(f"forced-coins-{name}", "whole lots", world, "", "I-03 I-21") as s:
            forced(s, amount)
    with corpus.venue("forced-coins-token", "no such token", world, "I-03 token") as s:
        forced(s, COIN, 2)
    with corpus.venue("forced-coins-none", "nothing held", world) as s:
        forced(s, COIN, 1, ALICE)
    for mode in (0, 1):
        with corpus.venue(f"forced-coins-margin-{mode}", "by bisection", world) as s:
            _owes(s, mode)
            forced(s, 2 * COIN)
            forced(s, 2 * COIN)
            forced(s, 10**9, 0)
    with corpus.venue("forced-coins-offset", "where less is not safer", world) as s:
        s.item(risk_item(collateral_offset=1))
        publish(s)
        s.margin_mode(ERIN, 1)
        s.place(BOB, BUY, near_mark(s, PERPETUAL_LISTING), COIN)
        s.place(ERIN, SELL, near_mark(s, PERPETUAL_LISTING), COIN)
        publish(s, 104_000)
        forced(s, 2 * COIN)


def _cash(corpus: Corpus, desks: Desks) -> None:
    """Withdrawals of cash, with the net delta of option books."""
    for by in (ALICE, BOB, CAROL):
        for over in (0, 1):
            refuses = "W-06 amount" if over else ""
            name = f"cash-{by.account}-{over}"
            with corpus.venue(name, "margin or delta stays", desks.held, refuses) as s:
                s.withdraw(by, free_cash(s.venue, by.account) + over)
    with corpus.venue("cash-transfer", "to another", desks.held, "W-06 amount") as s:
        s.transfer(BOB, ALICE.account, free_cash(s.venue, BOB.account) + 1)
    with corpus.venue("cash-in-loan", "against coins", desks.open, ANYTHING) as s:
        trade(s, CAROL, ERIN, FUTURE_FAR, COIN)
        publish(s, 102_000)
        free = free_cash(s.venue, ERIN.account)
        s.withdraw(ERIN, max(1, free))
        s.withdraw(ERIN, 1)
    with corpus.venue("cash-wide", "by the wide prices", desks.held, ANYTHING) as s:
        s.item(risk_item(wide_window_ns=60 * SECOND))
        publish(s)
        s.wait(SECOND)
        publish(s, 104_000)
        for by in (ALICE, BOB, CAROL):
            s.withdraw(by, free_cash(s.venue, by.account))
            s.withdraw(by, 1)
        s.wait(2 * SECOND)
        s.place(ALICE, SELL, near_mark(s, PUT_FAR), COIN // 10, listing=PUT_FAR)


def _modes(corpus: Corpus, desks: Desks) -> None:
    for mode, refuses in ((0, "W-07 mode"), (1, ""), (2, "W-07 mode"), (255, "W-07 mode")):
        accepts = "" if refuses else "W-07 W-08 W-09 W-10"
        with corpus.venue(f"mode-{mode}", "of an account", desks.open, refuses, accepts) as s:
            s.margin_mode(CAROL, mode)
    with corpus.venue("mode-and-back", "there and back", desks.open) as s:
        s.margin_mode(CAROL, 1)
        s.margin_mode(CAROL, 0)
    with corpus.venue("mode-stranger", "by another", desks.open, "C-03 signature") as s:
        s.margin_mode(CAROL, 1, signed_by=MALLORY)
    with corpus.venue("mode-nobody", "of nobody", desks.open, "C-02 account") as s:
        s.margin_mode(Trader(99, CAROL.wallet), 1)
    with corpus.venue("mode-nonce", "an old nonce", desks.open, "C-04 nonce", also=0) as s:
        s.withdraw(CAROL, USD, nonce=50)
        s.margin_mode(CAROL, 1, nonce=50)
    with corpus.venue("mode-nonce-used", "used up", desks.open, "C-04 nonce", also=1) as s:
        s.margin_mode(CAROL, 2, nonce=50)
        s.margin_mode(CAROL, 1, nonce=50)
    with corpus.venue("mode-stale", "6 s of silence", desks.held, "W-09 group") as s:
        s.wait(6 * SECOND)
        s.margin_mode(CAROL, 1)
    with corpus.venue("mode-orders", "its orders count", desks.open, ANYTHING) as s:
        s.place(DAVE, SELL, near_mark(s, CALL_HIGH), COIN // 3, listing=CALL_HIGH)
        s.margin_mode(DAVE, 1)
        s.place(DAVE, SELL, near_mark(s, CALL_HIGH), COIN // 3, listing=CALL_HIGH)
        s.margin_mode(DAVE, 0)
    with corpus.venue("mode-margin", "not in standard mode", desks.open, "W-10 mode") as s:
        s.margin_mode(DAVE, 1)
        s.margin_mode(BOB, 1)
        trade(s, BOB, DAVE, PERPETUAL_LISTING, COIN // 10)
        trade(s, DAVE, BOB, FUTURE_FAR, COIN // 10)
        s.withdraw(DAVE, free_cash(s.venue, DAVE.account))
        s.margin_mode(DAVE, 0)
    for by in (ALICE, BOB, CAROL):
        with corpus.venue(
            f"mode-changes-{by.account}", "with positions", desks.held, ANYTHING
        ) as s:
            mode = s.state.accounts[by.account].margin_mode
            s.margin_mode(by, 1 - mode)
            s.withdraw(by, max(1, free_cash(s.venue, by.account)))


def _inputs(corpus: Corpus, desks: Desks) -> None:
    """The same bodies as inputs of the settlement machine."""
    with corpus.venue("mode-for-inputs", "the command of the inputs", desks.held) as s:
        good = s.margin_mode_body(CAROL, 1)
        spoilt = {
            "account": ("S-02 account", s.margin_mode_body(Trader(99, CAROL.wallet), 1)),
            "signer": ("S-03 signature", s.margin_mode_body(CAROL, 1, signed_by=MALLORY)),
            "value": ("W-07 mode", s.margin_mode_body(CAROL, 2)),
            "present": ("W-07 mode", s.margin_mode_body(CAROL, 0)),
        }
        coins = {
            "token": ("W-01 token", s.withdrawal(ERIN, LOT, token=2)),
            "amount": ("W-02 amount", s.withdrawal(ERIN, LOT + 1, token=1)),
            "over": ("W-02 amount", s.withdrawal(ERIN, 2 * COIN + LOT, token=1)),
        }
        last: Withdraw = s.withdrawal(ERIN, 2 * COIN, token=1)
        s.heartbeat(0)
    for name, (refuses, body) in spoilt.items():
        with corpus.settlement(f"mode-input-{name}", "refused", desks.held, refuses) as inputs:
            inputs.op(body)
    for name, (refuses, taken) in coins.items():
        with corpus.settlement(f"coins-input-{name}", "refused", desks.held, refuses) as inputs:
            inputs.op(taken)
    with corpus.settlement("mode-input", "accepted", desks.held, "", "W-07 W-10") as inputs:
        inputs.op(good)
    with corpus.settlement("mode-input-twice", "its nonce", desks.held, "S-04 nonce") as inputs:
        inputs.op(good)
        inputs.op(good)
    with corpus.settlement("mode-input-stale", "6 s later", desks.held, "W-09 group") as inputs:
        inputs.op(good, time_delta_ns=6 * SECOND)
    with corpus.settlement("coins-input", "accepted", desks.held, "", "W-01 W-06") as inputs:
        inputs.op(last)
