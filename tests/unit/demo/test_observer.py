"""The observer: follows the log by itself and shows what it leads to."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import cast

import pytest

from merkat.demo.board import Board
from merkat.demo.cast import BULL, PERPETUAL_MAKER, Cast
from merkat.demo.listings import SECOND_NS, story_listings, story_start_ns
from merkat.demo.observer import KINDS, LIQUIDATIONS, Observer
from merkat.demo.oracle import Oracle
from merkat.demo.path import MarketPath
from merkat.link import LinkClient
from merkat.sdk import commands
from merkat.settlement.evidence.records import LIQUIDATION_EVENTS
from tests.unit.demo.local import LocalLink

SEED = 7
LISTED = story_listings(SEED)
PERPETUAL, OPTION = 1, 3
HOUR_NS = 3_600 * SECOND_NS
FEE_CAP = 1_000_000
BTC = 10**8


@pytest.fixture
def link(tmp_path: Path) -> Iterator[LocalLink]:
    link = LocalLink(tmp_path / "venue", SEED, story_start_ns())
    yield link
    link.sequencer.close()


def place(
    link: LocalLink, cast_: Cast, name: str, listing: int, side: int, price: int, size: int
) -> bytes:
    member = cast_[name]
    nonce = link.now_ns // 1_000_000 + listing * 2 + side
    command = commands.place(
        member.account, listing, side, 0, price, size, FEE_CAP, link.now_ns + HOUR_NS, nonce
    )
    return member.sign(link.domain, command)


def test_trades_margins_and_greeks_come_from_the_log(link: LocalLink) -> None:
    members, board = Cast(SEED), Board(SEED)
    observer = Observer(link.domain, link.sequencer.address, board)
    link.followers.append(observer.on_released)
    link.list_all(SEED, LISTED)
    link.take(
        *(commands.deposit(one.owner, one.role.deposit_usd * 10**6) for one in members.members)
    )
    oracle = Oracle(link.domain, SEED, LISTED.expiries_ns)
    link.followers.append(oracle.standing.on_released)
    [report] = islice(MarketPath(SEED, LISTED.opening, link.now_ns, SECOND_NS).reports(), 1)
    asyncio.run(oracle.tell(cast(LinkClient, link), report))
    assert observer.first_trade_s == 0.0
    price = observer.replica.view.marks[PERPETUAL] // 500_000 * 500_000
    option_price = observer.replica.view.marks[OPTION] // 5_000_000 * 5_000_000 + 5_000_000
    asyncio.run(
        link.submit(
            [
                place(link, members, PERPETUAL_MAKER, PERPETUAL, commands.SELL, price, 2 * BTC),
                place(link, members, BULL, PERPETUAL, commands.BUY, price, 2 * BTC),
                place(
                    link, members, PERPETUAL_MAKER, OPTION, commands.SELL, option_price, BTC // 10
                ),
                place(link, members, BULL, OPTION, commands.BUY, option_price, BTC // 10),
            ]
        )
    )
    observer.update(members, LISTED.perpetual, BULL)
    assert (observer.tally.trades, observer.options) == (2, 1)
    assert observer.first_trade_s > 0
    assert [(trade.name, trade.side) for trade in board.recent] == [
        (LISTED.perpetual, "buy"),
        (LISTED.options[0], "buy"),
    ]
    assert board.margin is not None
    assert board.margin.position == Decimal(2)
    assert 0 < board.margin.maintenance < board.margin.equity < members[BULL].deposit + 1
    holders = {holder.name: holder for holder in board.holders}
    assert holders[BULL].delta > 2 > -2 > holders[PERPETUAL_MAKER].delta, "the option's is added"
    assert holders[BULL].profit + holders[PERPETUAL_MAKER].profit < 0, "both paid fees"
    assert len(board.chain) == 6, "six strikes of the nearer expiry"
    assert board.chain_name == "26NOV26"
    assert board.index == Decimal(report.index).scaleb(-6)
    assert len(observer.receipts()) == observer.log_number
    assert observer.digests() == link.sequencer.digests()[1:], "its own engine stands alike"


def test_what_the_evidence_has_to_explain_is_what_the_observer_notes() -> None:
    assert {KINDS[name] for name in LIQUIDATIONS} == set(LIQUIDATION_EVENTS)
