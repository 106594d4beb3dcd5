"""The pre-states that many cases share, each made by commands from the empty venue."""

from __future__ import annotations

from dataclasses import dataclass

from merkat.spec.messages import FundDeposit, List
from merkat.spec.values import BUY, DAY_NS, SELL
from merkat.spec.vectors.corpus import CaseScript, Corpus, World
from merkat.spec.vectors.script import USD, Trader, group_item
from merkat.spec.vectors.wallets import wallet

BTC = 100_000_000  # base units of one coin of listing 1
SMALL_BTC = 100_000  # of listing 2
ETH = 1_000_000  # of listing 3

ALICE = Trader(1, wallet("alice"))
BOB = Trader(2, wallet("bob"))
CAROL = Trader(3, wallet("carol"))
DAVE = Trader(4, wallet("dave"))
ERIN = Trader(5, wallet("erin"))
ALICE_TOO = Trader(6, wallet("alice"))
MALLORY = wallet("mallory")  # owns no account

BTC_INDEX = 100_000 * USD
ETH_INDEX = 3_000 * USD

BTC_LISTING = List(1, 1, 0, 8, 10_000, 10_000, 100_000, 500_000)
SMALL_LISTING = List(1, 1, 0, 5, 10, 50_000, -50_000, 400_000)
ETH_LISTING = List(1, 1, 1, 6, 1_000, 10_000, 0, 0)


@dataclass(frozen=True)
class Worlds:
    """The shared pre-states.

    open: two groups, three listings, six funded accounts, fresh vectors, nothing else.
    book: open, and orders rest on both sides of listing 1.
    positions: open, and alice is long and bob short in all three listings.
    leveraged: open, and dave is long 1 BTC against bob with 6,950 USD.
    troubled: leveraged, and dave is in stage 1 because the index fell to 97,900 USD.
    """

    genesis: World
    open: World
    book: World
    positions: World
    leveraged: World
    troubled: World


def make_worlds(corpus: Corpus) -> Worlds:
    """Make the shared pre-states; each is a case too."""
    corpus.family("worlds")
    genesis = corpus.genesis
    opened = corpus.world("open", "groups, listings, accounts and prices", genesis, _open)
    book = corpus.world("book", "orders rest on both sides", opened, _book)
    positions = corpus.world("positions", "alice long, bob short everywhere", opened, _positions)
    leveraged = corpus.world("leveraged", "dave is long with leverage 14", opened, _leveraged)
    troubled = corpus.world("troubled", "dave enters stage 1, nobody buys", leveraged, _troubled)
    return Worlds(genesis, opened, book, positions, leveraged, troubled)


def _open(s: CaseScript) -> None:
    s.item(group_item(0))
    s.item(group_item(1, node_count=3, threshold=2, band=200_000_000, halt_ns=60_000_000_000))
    for listing in (BTC_LISTING, SMALL_LISTING, ETH_LISTING):
        s.item(listing)
    for trader, dollars in (
        (ALICE, 100_000),
        (BOB, 100_000),
        (CAROL, 20_000),
        (DAVE, 7_000),
        (ERIN, 10_000),
        (ALICE_TOO, 5_000),
    ):
        assert s.deposit(trader.wallet, dollars * USD) == trader, f"{trader} has another number"
    s.item(FundDeposit(1, 0, 4_000 * USD))
    s.item(FundDeposit(1, 1, 100 * USD))
    s.wait(DAY_NS)  # a fund pays by what it held when the day began
    s.epoch(0, BTC_INDEX)
    s.epoch(1, ETH_INDEX)


def _book(s: CaseScript) -> None:
    for trader, side, price, size in (
        (ALICE, BUY, 99_900, BTC // 10),
        (CAROL, BUY, 99_900, BTC // 20),
        (ALICE, BUY, 99_500, BTC // 2),
        (BOB, SELL, 100_100, BTC // 10),
        (CAROL, SELL, 100_100, BTC // 20),
        (BOB, SELL, 100_500, BTC // 2),
    ):
        s.place(trader, side, price * USD, size)


def _positions(s: CaseScript) -> None:
    for listing, price, size in (
        (1, BTC_INDEX, BTC // 2),
        (2, BTC_INDEX, SMALL_BTC // 4),
        (3, ETH_INDEX, 5 * ETH),
    ):
        s.place(BOB, SELL, price, size, listing=listing)
        s.place(ALICE, BUY, price, size, listing=listing)


def _leveraged(s: CaseScript) -> None:
    s.place(BOB, SELL, BTC_INDEX, BTC)
    s.place(DAVE, BUY, BTC_INDEX, BTC)


def _troubled(s: CaseScript) -> None:
    s.epoch(0, 97_900 * USD)
