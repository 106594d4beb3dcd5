"""Cases of withdrawals and transfers: what must stay behind (rules W)."""

from __future__ import annotations

from merkat.spec.messages import Transfer, Withdraw
from merkat.spec.values import BUY, SELL
from merkat.spec.vectors.corpus import CaseScript, Corpus, World
from merkat.spec.vectors.script import USD, Trader
from merkat.spec.vectors.worlds import (
    ALICE,
    ALICE_TOO,
    BOB,
    BTC,
    BTC_INDEX,
    CAROL,
    DAVE,
    ERIN,
    MALLORY,
    Worlds,
)
from merkat.spec.venue.money import free_cash

SECOND = 10**9
OUTS = ("withdraw", "transfer")


def money_cases(corpus: Corpus, worlds: Worlds) -> None:
    """Commands 6 and 7, and the same steps as inputs of the settlement machine."""
    corpus.family("money")
    for out in OUTS:
        _amounts(corpus, worlds, out)
        _margins(corpus, worlds, out)
        _oracle(corpus, worlds, out)
        _inputs(corpus, worlds.positions, out)
    _targets(corpus, worlds)
    with corpus.venue("withdraw-token", "another token", worlds.open, "W-01 token") as s:
        s.withdraw(ALICE, USD, token=1)
    with corpus.venue("withdraw-claims", "claims only grow", worlds.open, "", "W-01 W-02") as s:
        s.withdraw(ALICE, USD)
        s.withdraw(ALICE, 2 * USD)
        s.withdraw(BOB, 3 * USD)


def _body(s: CaseScript, out: str, by: Trader, amount: int, **spoilt: int) -> Withdraw | Transfer:
    """Return a signed withdrawal, or a signed transfer to carol."""
    if out == "withdraw":
        return s.withdrawal(by, amount, **spoilt)
    return s.transfer_body(by, CAROL.account, amount, **spoilt)


def _amounts(corpus: Corpus, worlds: Worlds, out: str) -> None:
    for amount in (0, 2**96, 2**128 - 1):
        with corpus.venue(f"{out}-{amount:x}", "no amount", worlds.open, "W-02 amount") as s:
            s.say(_body(s, out, ALICE, amount))
    with corpus.venue(f"{out}-all", "without positions all may go", worlds.open, "", "W-06") as s:
        s.say(_body(s, out, ALICE, 100_000 * USD))
    with corpus.venue(f"{out}-over", "and no more", worlds.open, "W-06 amount") as s:
        s.say(_body(s, out, ALICE, 100_000 * USD + 1))
    with corpus.venue(f"{out}-fills-time", "without positions age is nothing", worlds.open) as s:
        s.wait(3_600 * SECOND)
        s.say(_body(s, out, ALICE, USD))


def _margins(corpus: Corpus, worlds: Worlds, out: str) -> None:
    def to_the_limit(name: str, title: str, world: World, setting: int) -> None:
        for over in (0, 1):
            refuses = "W-06 amount" if over else ""
            with corpus.venue(f"{out}-{name}-{over}", title, world, refuses) as s:
                if setting == 1:
                    s.place(ALICE, BUY, 99_000 * USD, 2 * BTC)
                if setting == 2:
                    s.epoch(0, 104_000 * USD)
                s.say(_body(s, out, ALICE, free_cash(s.venue, ALICE.account) + over))

    to_the_limit("delta", "a tenth of the net position stays", worlds.positions, 0)
    to_the_limit("orders", "the margin of open orders stays", worlds.positions, 1)
    to_the_limit("profit", "profit at mark may go", worlds.positions, 2)
    with corpus.venue(f"{out}-hedged", "opposite listings of a group net", worlds.open) as s:
        s.place(BOB, SELL, BTC_INDEX, BTC // 2)
        s.place(ERIN, BUY, BTC_INDEX, BTC // 2)
        s.place(CAROL, BUY, BTC_INDEX, 48_000, listing=2)
        s.place(ERIN, SELL, BTC_INDEX, 48_000, listing=2, flags=1)
        s.say(_body(s, out, ERIN, 500 * USD))
    with corpus.venue(f"{out}-stage", "not in liquidation", worlds.troubled, "W-04 stage") as s:
        s.say(_body(s, out, DAVE, USD))


def _oracle(corpus: Corpus, worlds: Worlds, out: str) -> None:
    with corpus.venue(f"{out}-stale", "6 s of silence", worlds.positions, "W-05 group") as s:
        s.wait(6 * SECOND)
        s.say(_body(s, out, ALICE, USD))
    with corpus.venue(
        f"{out}-stale-one", "of one of two groups", worlds.positions, "W-05 group"
    ) as s:
        s.wait(6 * SECOND)
        s.heartbeat(1)
        s.say(_body(s, out, ALICE, USD))
    with corpus.venue(f"{out}-held", "a held vector", worlds.positions, "W-05 group") as s:
        s.epoch(0, 112_000 * USD)
        s.say(_body(s, out, ALICE, USD))
    with corpus.venue(f"{out}-five-seconds", "5 s of silence", worlds.positions, "", "W-05") as s:
        heard = s.state.groups[0].epoch_time
        s.time_ns = heard + 5 * SECOND - 1_000_000
        s.say(_body(s, out, ALICE, USD))


def _inputs(corpus: Corpus, world: World, out: str) -> None:
    """The same body as an input: S-02 to S-04 and the rules W without open orders."""
    with corpus.venue(f"{out}-for-inputs", "the command of the inputs", world) as s:
        s.say(_body(s, out, ALICE, USD))
        spoilt = {
            "account": ("S-02 account", _body(s, out, Trader(7, ALICE.wallet), USD)),
            "account-0": ("S-02 account", _body(s, out, Trader(0, ALICE.wallet), USD)),
            "signer": ("S-03 signature", _body(s, out, Trader(1, MALLORY), USD)),
            "amount": ("W-02 amount", _body(s, out, ALICE, 0)),
            "amount-over": ("W-02 amount", _body(s, out, ALICE, 2**96)),
            "margin": ("W-06 amount", _body(s, out, ALICE, 99_000 * USD)),
        }
        same = _body(s, out, ALICE, USD, nonce=5)
        largest = _body(s, out, ALICE, USD, nonce=2**64 - 1)
    for name, (refuses, body) in spoilt.items():
        with corpus.settlement(
            f"{out}-input-{name}", "refused below too", world, refuses
        ) as inputs:
            inputs.op(body)
    for name, nonce in (("same", same), ("largest", largest)):
        with corpus.settlement(
            f"{out}-input-nonce-{name}", "the second time", world, "S-04 nonce"
        ) as inputs:
            inputs.op(nonce)
            inputs.op(nonce)
    with corpus.settlement(f"{out}-input", "accepted", world, "", "S-02 S-03 S-04 W-06") as inputs:
        inputs.op(same)
        inputs.op(largest, time_delta_ns=10**9, log_delta=7)
    with corpus.settlement(f"{out}-input-stale", "6 s later", world, "W-05 group") as inputs:
        inputs.op(same, time_delta_ns=6 * SECOND)


def _targets(corpus: Corpus, worlds: Worlds) -> None:
    world = worlds.open
    with corpus.venue("transfer", "to another owner", world, "", "W-03") as s:
        s.transfer(ALICE, BOB.account, USD)
    with corpus.venue("transfer-own", "to an account of one's own", world, "", "W-03") as s:
        s.transfer(ALICE, ALICE_TOO.account, 100_000 * USD)
    with corpus.venue("transfer-self", "to itself", world, "W-03 to_account") as s:
        s.transfer(ALICE, ALICE.account, USD)
    for account in (0, 7, 2**32 - 1):
        with corpus.venue(f"transfer-to-{account}", "to nobody", world, "S-02 to_account") as s:
            s.transfer(ALICE, account, USD)
    with corpus.venue("transfer-rescues", "in time for the next epoch", worlds.troubled) as s:
        s.transfer(ALICE, DAVE.account, 3_000 * USD)
        s.heartbeat(0)
