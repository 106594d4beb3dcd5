"""The translation of a market-by-order file: what is sent for each message."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from merkat.flow import market_by_order
from merkat.flow.market_by_order import (
    DBN_MAGIC,
    ZSTD_MAGIC,
    MarketByOrderFlow,
    Message,
    Recording,
    expiry_of,
    is_market_by_order,
)
from merkat.flow.market_file import MarketFileError
from merkat.flow.tally import Tally
from merkat.flow.wallets import Wallets
from merkat.sdk import commands, layouts
from merkat.sdk.commands import BUY, SELL

FILE = Path("market/orderflow/cme-es-mbo-20231225.dbn.zst")
START = 1_703_462_400_000_000_000
HERE = Path("es.dbn")
ES = 4_800_000_000
TICK = market_by_order.TICK


class Recorder:
    """Stands for a player: keeps what is sent, answers when it is told to."""

    def __init__(self) -> None:
        self.tally = Tally(1)
        self.sent: list[layouts.Shown] = []
        self.settled = 0
        self.unsettled = False
        self.answers: list[bytes] = []

    def send(self, time_ns: int, command: bytes, secret: bytes = b"") -> None:
        shown = layouts.show_command(command)
        if shown.kind not in ("tick", "epoch", "heartbeat"):
            self.sent.append(shown)
            self.unsettled = True

    def activate(self, time_ns: int) -> None:
        pass

    def settle(self) -> None:
        self.settled += 1
        self.unsettled = False
        for answer in self.answers:
            for hook in self.tally._hooks[answer[0]]:
                hook(0, answer[1:])
        self.answers = []


class Silent:
    """Stands for the oracle's nodes."""

    def surface(self, make: Any) -> bytes:
        assert make(0, 1, bytes(31)).expiries, "the future's expiry is in every vector"
        return commands.tick()

    def heartbeat(self, time_ns: int) -> bytes:
        return commands.tick()


def message(action: str, side: int | None, price: int, size: int, identifier: int) -> Message:
    message.count += 1  # type: ignore[attr-defined]
    time_ns = START + message.count * 1_000_000  # type: ignore[attr-defined]
    return Message(time_ns, action, side, price, size, identifier)


message.count = 0  # type: ignore[attr-defined]


def flow_of(monkeypatch: pytest.MonkeyPatch, messages: list[Message]) -> MarketByOrderFlow:
    monkeypatch.setattr(market_by_order, "read", lambda path: Recording("ESH4", messages))
    return MarketByOrderFlow(HERE)


def play(
    monkeypatch: pytest.MonkeyPatch, messages: list[Message]
) -> tuple[Recorder, MarketByOrderFlow]:
    """Play messages; nothing is ever answered."""
    flow = flow_of(monkeypatch, messages)
    recorder = Recorder()
    steps = flow.play(recorder, Wallets(1, market_by_order.ACCOUNTS), Silent())  # type: ignore[arg-type]
    for _ in steps:
        pass
    return recorder, flow


def test_adds_are_post_only_and_trades_are_immediate(monkeypatch: pytest.MonkeyPatch) -> None:
    recorder, flow = play(
        monkeypatch,
        [
            message("A", SELL, ES + TICK, 5, 11),
            message("T", BUY, ES + TICK, 2, 99),
            message("F", SELL, ES + TICK, 2, 11),
        ],
    )
    add, take = recorder.sent
    assert (add.kind, add.fields["flags"], add.fields["side"]) == ("place", 2, SELL)
    assert (take.fields["flags"], take.fields["side"], take.fields["size"]) == (1, BUY, 2)
    assert flow.counts["aggressions"] == flow.counts["fills"] == 1


def test_an_auction_trade_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    recorder, flow = play(
        monkeypatch,
        [
            message("A", SELL, ES, 5, 11),
            message("T", None, ES, 5, 0),
            message("F", None, ES, 5, 11),
            message("C", SELL, ES, 5, 11),
        ],
    )
    assert [one.kind for one in recorder.sent] == ["place", "cancel"], (
        "what the auction fills must not rest here for ever"
    )
    assert flow.counts["auction_trades"] == flow.counts["auction_fills"] == 1


def test_a_modify_is_an_amend_and_a_cancel_a_cancel(monkeypatch: pytest.MonkeyPatch) -> None:
    recorder, flow = play(
        monkeypatch,
        [
            message("A", BUY, ES, 5, 11),
            message("M", BUY, ES - TICK, 7, 11),
            message("C", BUY, ES - TICK, 7, 11),
            message("C", BUY, ES - TICK, 7, 11),
        ],
    )
    place, amend, cancel = recorder.sent
    assert amend.kind == "amend"
    assert (amend.fields["limit_price"], amend.fields["size"]) == (ES - TICK, 7)
    assert amend.fields["counter"] == place.fields["counter"]
    assert amend.fields["version"] == 2
    assert cancel.kind == "cancel"
    assert recorder.tally.rejected["unknown_order"] == 1, "a second cancel names nothing"
    assert (flow.counts["amends"], flow.counts["cancels"]) == (1, 1)


def test_a_part_cancel_is_an_amend_to_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    recorder, _ = play(monkeypatch, [message("A", BUY, ES, 5, 11), message("C", BUY, ES, 2, 11)])
    assert recorder.sent[1].kind == "amend"
    assert recorder.sent[1].fields["size"] == 3


def test_the_echo_of_a_fill_that_we_missed_brings_our_order_in_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Our venue has filled nothing: the order is brought to what the file has left of it."""
    messages = [
        message("A", SELL, ES, 5, 11),
        message("T", BUY, ES, 2, 99),
        message("F", SELL, ES, 2, 11),
        message("M", SELL, ES, 3, 11),
    ]
    flow = flow_of(monkeypatch, messages)
    recorder = Recorder()
    steps = flow.play(recorder, Wallets(1, market_by_order.ACCOUNTS), Silent())  # type: ignore[arg-type]
    original = flow._place

    def place(*arguments: Any) -> Any:
        order = original(*arguments)
        recorder.answers.append(b"\x02" + order.key + bytes(22))
        return order

    monkeypatch.setattr(flow, "_place", place)
    for _ in steps:
        pass
    assert [one.kind for one in recorder.sent] == ["place", "place", "amend"]
    assert recorder.sent[2].fields["size"] == 3
    assert flow.counts["brought_in_line"] == 1
    assert flow.described()["market_by_order"]["aggressions_filled_as_recorded"] == 0  # type: ignore[index]


def test_the_echo_of_a_fill_that_we_made_sends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    messages = [
        message("A", SELL, ES, 5, 11),
        message("T", BUY, ES, 2, 99),
        message("F", SELL, ES, 2, 11),
        message("M", SELL, ES, 3, 11),
    ]
    flow = flow_of(monkeypatch, messages)
    recorder = Recorder()
    steps = flow.play(recorder, Wallets(1, market_by_order.ACCOUNTS), Silent())  # type: ignore[arg-type]
    original = flow._place
    keys: list[bytes] = []

    def place(*arguments: Any) -> Any:
        order = original(*arguments)
        keys.append(order.key)
        recorder.answers.append(b"\x02" + order.key + bytes(22))
        if len(keys) == 2:
            price, size = ES.to_bytes(8, "big"), (2).to_bytes(8, "big")
            body = bytes(4) + keys[0] + keys[1] + b"\x00" + price + size + bytes(32)
            recorder.answers.append(b"\x04" + body)
        return order

    monkeypatch.setattr(flow, "_place", place)
    for _ in steps:
        pass
    assert [one.kind for one in recorder.sent] == ["place", "place"]
    assert flow.described()["market_by_order"]["aggressions_filled_as_recorded"] == 1  # type: ignore[index]


def test_an_aggressor_that_rested_is_cancelled_first(monkeypatch: pytest.MonkeyPatch) -> None:
    recorder, _ = play(
        monkeypatch,
        [
            message("A", BUY, ES - TICK, 3, 11),
            message("T", BUY, ES, 1, 11),
            message("F", BUY, ES, 1, 11),
            message("M", BUY, ES, 2, 11),
        ],
    )
    assert [one.kind for one in recorder.sent] == ["place", "cancel", "place", "place"]
    assert recorder.sent[3].fields["size"] == 2, "what is left of the aggressor rests"
    assert recorder.sent[3].fields["flags"] == 2


@pytest.mark.parametrize(
    ("symbol", "expected"),
    [
        ("ESH4", 1_710_489_600),
        ("ESZ3", None),
        ("ESZ4", 1_734_681_600),
        ("ES", None),
        ("ESA4", None),
    ],
)
def test_the_expiry_is_the_third_friday(symbol: str, expected: int | None) -> None:
    if expected is None:
        with pytest.raises(MarketFileError, match="symbol"):
            expiry_of(HERE, symbol, START)
    else:
        assert expiry_of(HERE, symbol, START) == expected * 10**9


@pytest.mark.parametrize("content", [ZSTD_MAGIC + b"123", DBN_MAGIC + b"\x01abc", DBN_MAGIC])
def test_what_is_no_such_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.dbn"
    path.write_bytes(content)
    assert is_market_by_order(path), "it is known by how it begins"
    with pytest.raises(MarketFileError, match="not a DBN file"):
        market_by_order.read(path)


def test_a_tape_is_none(tmp_path: Path) -> None:
    path = tmp_path / "x.tape"
    path.write_bytes(bytes(24))
    assert not is_market_by_order(path)


def test_without_its_reader_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("merkat.oracle.extra.find_spec", lambda name: None)
    with pytest.raises(ImportError, match="pip install databento-dbn"):
        market_by_order.read(HERE)


def test_the_recorded_file_is_read(merkat_data: Path) -> None:
    recording = market_by_order.read(merkat_data / FILE)
    assert recording.symbol == "ESH4"
    assert len(recording.messages) == 68_792
