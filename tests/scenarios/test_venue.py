"""A venue as a process: orders over the link, its own answers, its chain, restarts."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from merkat import _core
from merkat.api.client import RpcClient, RpcError
from merkat.link import Answer, LinkClient, LinkClosedError, ReleasedFrame
from merkat.sdk import commands
from merkat.sdk.keys import derive_secret
from merkat.sequencer import venue_file
from merkat.sequencer.reading import open_reading, replay
from merkat.sequencer.receipts import ReceiptChecker
from merkat.settlement.chain import RpcChain, TransactionRefusedError, development_secrets
from merkat.settlement.contracts import Contracts, find
from merkat.settlement.proofs import AccountProof
from tests.support.running_venue import (
    OWNERS,
    SECOND_NS,
    START_NS,
    Hands,
    RunningVenue,
    events_of,
    first_start,
    running,
    small_scene,
)

DAY_NS = 86_400 * SECOND_NS


class Follower:
    """Checks every receipt of what is released to it, and keeps the events."""

    def __init__(self) -> None:
        self.frames: list[ReleasedFrame] = []
        self.checker: ReceiptChecker | None = None

    def __call__(self, frame: ReleasedFrame) -> None:
        self.frames.append(frame)

    def check(self, link: LinkClient) -> list[str]:
        """Check the receipts so far; returns the kinds of all events."""
        checker = ReceiptChecker(link.hello.domain, link.hello.sequencer)
        for frame in self.frames:
            checker.check(frame.batch, frame.first_log_number, frame.hashes, frame.signatures)
        return [kind for frame in self.frames for _, kind in events_of(frame.outputs)]

    @property
    def head(self) -> int:
        """Return the last log number that came."""
        last = self.frames[-1]
        return last.first_log_number + last.count - 1


async def trade(link: LinkClient, hands: Hands, time_ns: int) -> list[Answer]:
    """Set a price and let accounts 1 and 2 trade; every command goes by itself."""
    answers = await link.submit([hands.epoch(time_ns, 60_000)])
    answers += await link.submit([hands.order(1, commands.SELL, 60_010, 20, time_ns)])
    answers += await link.submit([hands.order(2, commands.BUY, 60_020, 5, time_ns)])
    return answers


def test_orders_are_answered_when_durable_and_everything_is_followed(tmp_path: Path) -> None:
    data, options = first_start(tmp_path)

    async def body(venue: RunningVenue) -> None:
        follower = Follower()
        link = await LinkClient.connect(venue.link_url, follow_from=1, on_released=follower)
        assert link.hello.virtual
        assert link.hello.time_ns == START_NS
        hands = Hands(link.hello.domain)
        answers = await trade(link, hands, START_NS)
        first = venue.ready["log_number"] + 1
        assert answers == [Answer(first + place, "") for place in range(3)]
        assert follower.head == first + 2, "what is answered was released before"
        kinds = follower.check(link)
        assert kinds.count("deposited") == 3
        assert kinds.count("trade") == 1
        wrong = bytearray(hands.order(1, commands.BUY, 59_000, 5, START_NS))
        wrong[-1] = 99
        refused = await link.submit(
            [bytes(wrong), b"\x01\x63", commands.tick(), commands.inbox(9, b"\x01\x00")]
        )
        reasons = ["wrong_signature", "malformed_command", *["sequencer_command"] * 2]
        assert refused == [Answer(0, reason) for reason in reasons]
        assert link.hello.head == first - 1
        await link.close()

    with running(data, *options, "--virtual-clock") as venue:
        asyncio.run(body(venue))
        assert venue.stop() == 0


def test_following_begins_anywhere_and_history_is_made_again(tmp_path: Path) -> None:
    data, options = first_start(tmp_path)

    async def followed(venue: RunningVenue, first: int, head: int) -> bytes:
        follower = Follower()
        link = await LinkClient.connect(venue.link_url, follow_from=first, on_released=follower)
        while not follower.frames or follower.head < head:
            await asyncio.sleep(0.005)
        await link.close()
        assert follower.frames[0].first_log_number == max(1, first)
        parts = [(one.batch, one.outputs, one.hashes, one.signatures) for one in follower.frames]
        return b"".join(b"".join(part[kind] for part in parts) for kind in range(4))

    async def work(venue: RunningVenue) -> int:
        link = await LinkClient.connect(venue.link_url)
        hands = Hands(link.hello.domain)
        head = (await trade(link, hands, START_NS))[-1].log_number
        await link.close()
        return head

    async def refused(venue: RunningVenue, first: int) -> None:
        link = await LinkClient.connect(venue.link_url, follow_from=first)
        await link.wait_closed()
        assert "1008" in link.closed_reason
        assert f"expected at most {first - 1}" in link.closed_reason

    with running(data, *options, "--virtual-clock") as venue:
        head = asyncio.run(work(venue))
        live = {first: asyncio.run(followed(venue, first, head)) for first in (0, 1, 3, head)}
        assert live[0] == live[1]
        asyncio.run(refused(venue, head + 2))
        assert venue.stop() == 0
    with running(data) as venue:
        assert venue.ready["log_number"] == head
        for first, expected in live.items():
            again = asyncio.run(followed(venue, first, head))
            assert again == expected, f"history from {first} is not what was live"


@contextlib.asynccontextmanager
async def contracts_of(venue: RunningVenue) -> AsyncIterator[Contracts]:
    """Find the venue's contracts as anyone does who has only the chain's address."""
    chain = await asyncio.to_thread(RpcChain, venue.chain_url, development_secrets(4))
    try:
        yield await asyncio.to_thread(find, chain)
    finally:
        chain.close()


@contextlib.asynccontextmanager
async def both(venue: RunningVenue) -> AsyncIterator[tuple[LinkClient, RpcClient]]:
    """Open a link and the JSON-RPC of a venue."""
    async with (
        await LinkClient.connect(venue.link_url) as link,
        await RpcClient.connect(venue.ws_url) as rpc,
    ):
        yield link, rpc


def proof_of(answer: dict[str, Any]) -> AccountProof:
    def raw(texts: list[str]) -> tuple[bytes, ...]:
        return tuple(bytes.fromhex(text[2:]) for text in texts)

    return AccountProof(
        answer["account"],
        raw(answer["words"]),
        raw(answer["siblings"]),
        raw(list(answer["roots"].values())),
    )


def test_money_goes_in_is_proved_and_comes_out(tmp_path: Path) -> None:
    data, options = first_start(tmp_path)
    owner = _core.address_of(OWNERS[0])
    treasurer = _core.address_of(development_secrets(1)[0])

    async def body(venue: RunningVenue) -> None:
        async with both(venue) as (link, rpc), contracts_of(venue) as contracts:
            hands = Hands(link.hello.domain)
            before = await rpc.call("venue/get_state_root", {})
            assert before["batch"] is None, "nothing is anchored yet"
            with pytest.raises(RpcError, match="batch"):
                await rpc.call("venue/get_account_proof", {"account": 1})
            withdrawal = "0x" + hands.withdrawal(1, 7_000_000, START_NS).hex()
            done = await rpc.call("venue/submit_signed_command", {"command": withdrawal})
            assert [event["kind"] for event in done["events"]] == ["withdrawn"]
            await link.advance(START_NS + 30 * SECOND_NS)
            state = await rpc.call("venue/get_state_root", {})
            assert state["log_number"] == done["log_number"] + 1, "a tick at the end, none between"
            batch = await rpc.call("venue/get_batch", {"index": 1})
            assert state["batch"] == batch
            assert not batch["final"]
            answer = await rpc.call("venue/get_account_proof", {"account": 1})
            root = (await asyncio.to_thread(contracts.read, "Anchor", "batch", 1))[0]
            assert proof_of(answer).root() == root == bytes.fromhex(batch["state_root"][2:])
            assert answer["claimable"] == 7
            await deposit(contracts, treasurer, owner, 1, 5_000_000)
            await link.advance(START_NS + 120 * SECOND_NS)
            await link.advance(START_NS + 3_700 * SECOND_NS)
            answer = await rpc.call("venue/get_account_proof", {"account": 1})
            assert answer["cash"] == 1_000_000 - 7 + 5
            paid = await asyncio.to_thread(contracts.read, "TestToken", "balanceOf", owner)
            assert paid == 7_000_000, "the venue has claimed for the owner"
            assert (await rpc.call("venue/get_batch", {"index": 1}))["final"]
            with pytest.raises(RpcError, match="index"):
                await rpc.call("venue/get_batch", {"index": 99})
            with pytest.raises(RpcError, match="account"):
                await rpc.call("venue/get_account_proof", {"account": 99})

    with running(data, *options, "--virtual-clock", "--demo") as venue:
        asyncio.run(body(venue))
        assert venue.stop() == 0


async def deposit(
    contracts: Contracts, sender: bytes, owner: bytes, account: int, amount: int
) -> None:
    """Have somebody deposit for an owner, 1e-6 USD; account 0 opens one."""
    fee = await asyncio.to_thread(contracts.read, "Inbox", "feeWei")
    await asyncio.to_thread(
        lambda: contracts.send(sender, "Vault", "deposit", 0, amount, owner, account, value_wei=fee)
    )


def test_what_a_signature_is_of_and_whose_it_is(tmp_path: Path) -> None:
    data, options = first_start(tmp_path)

    async def body(venue: RunningVenue) -> None:
        async with both(venue) as (link, rpc):
            hands = Hands(link.hello.domain)
            good = hands.order(1, commands.BUY, 60_000, 1, START_NS)
            shown = await rpc.call("venue/debug_signature", {"command": "0x" + good.hex()})
            assert shown["good"]
            owner = "0x" + _core.address_of(OWNERS[0]).hex()
            assert shown["recovered"] == shown["expected"] == owner
            typed = shown["typed_data"]
            params = {"typed_data": typed, "signature": "0x" + good[-65:].hex()}
            assert await rpc.call("venue/debug_signature", params) == shown
            with pytest.raises(RpcError, match="command"):
                await rpc.call("venue/debug_signature", {})
            typed["message"]["limitPrice"] = "1"
            forged = hands.signed(good[:-65] + bytes(65), OWNERS[1])
            shown = await rpc.call(
                "venue/debug_signature", {"command": "0x" + forged.hex(), "typed_data": typed}
            )
            assert not shown["good"]
            assert shown["recovered"] == "0x" + _core.address_of(OWNERS[1]).hex()
            difference = {"field": "message.limitPrice", "was": "1", "expected": "60000000000"}
            assert shown["difference"] == difference
            (answer,) = await link.submit([forged])
            assert answer.log_number, "who may sign is the engine's to judge, with a receipt"
            for command, says in (
                ("0x0118", "kind 1 to 10"),
                ("hello", "0x and hex digits"),
                ("0x" + good[:50].hex(), "whole"),
            ):
                with pytest.raises(RpcError, match=r"command") as refused:
                    await rpc.call("venue/debug_signature", {"command": command})
                assert says in str(refused.value.data)
            broken = "0x" + (good[:-1] + b"\x63").hex()
            with pytest.raises(RpcError, match="invalid_input"):
                await rpc.call("venue/submit_signed_command", {"command": broken})
            with pytest.raises(RpcError, match="kind 24"):
                await rpc.call("venue/submit_signed_command", {"command": "0x0118"})

    with running(data, *options, "--virtual-clock") as venue:
        asyncio.run(body(venue))
        assert venue.stop() == 0


def test_receipts_of_old_and_new_commands(tmp_path: Path) -> None:
    data, options = first_start(tmp_path)

    async def receipts(venue: RunningVenue, last: int) -> list[Any]:
        async with both(venue) as (_, rpc):
            with pytest.raises(RpcError, match="log_number"):
                await rpc.call("venue/get_receipt", {"log_number": last + 1})
            return [
                await rpc.call("venue/get_receipt", {"log_number": number})
                for number in range(1, last + 1)
            ]

    async def work(venue: RunningVenue) -> int:
        link = await LinkClient.connect(venue.link_url)
        head = (await trade(link, Hands(link.hello.domain), START_NS))[-1].log_number
        await link.close()
        return head

    with running(data, *options, "--virtual-clock") as venue:
        head = asyncio.run(work(venue))
        live = asyncio.run(receipts(venue, head))
        venue.kill()
    with running(data) as venue:
        assert asyncio.run(receipts(venue, head)) == live, "from memory and from the journal"
    assert live[-1]["kind"] == "place"


def test_sessions_are_opened_through_the_venue(tmp_path: Path) -> None:
    data, options = first_start(tmp_path)
    key = derive_secret(9, "session")
    expiry, nonce = START_NS + 30 * DAY_NS, START_NS // 10**6

    async def body(venue: RunningVenue) -> None:
        async with both(venue) as (link, rpc):
            hands = Hands(link.hello.domain)
            command = commands.session_open(
                1, 2, 1, _core.address_of(key), 1, 1, 500_000_000, expiry, nonce
            )
            fields = {
                "account": 1,
                "slot": 2,
                "scheme": "secp256k1",
                "key": "0x" + _core.address_of(key).hex(),
                "groups": [0],
                "kinds": ["perpetual"],
                "notional": "500",
                "expiry_ns": str(expiry),
                "nonce": str(nonce),
                "signature": "0x" + hands.signed(command, OWNERS[0])[-65:].hex(),
            }
            other = await rpc.call("venue/register_session_key", {**fields, "notional": "501"})
            assert other["refused"]["name"] == "wrong_signature", "a flipped field is not signed"
            done = await rpc.call("venue/register_session_key", fields)
            assert done["refused"] is None, done
            assert [event["kind"] for event in done["events"]] == ["session_opened"]
            again = await rpc.call("venue/register_session_key", fields)
            assert again["refused"]["name"] == "used_nonce", "a replayed signature does nothing"
            order = commands.place(
                1, 1, commands.BUY, 0, 10**10, 10**5, 10**7, expiry, nonce + 1, slot=2
            )
            shown = await rpc.call(
                "venue/debug_signature", {"command": "0x" + hands.signed(order, key).hex()}
            )
            assert shown["good"], "the session's key may sign for its slot"
            for name, value in (("slot", 16), ("scheme", "rsa"), ("key", "0x01"), ("nonce", "-1")):
                with pytest.raises(RpcError, match=name):
                    await rpc.call("venue/register_session_key", {**fields, name: value})

    with running(data, *options, "--virtual-clock") as venue:
        asyncio.run(body(venue))


def test_the_same_submissions_give_the_same_digests(tmp_path: Path) -> None:
    async def body(venue: RunningVenue) -> tuple[Any, ...]:
        async with both(venue) as (link, rpc):
            hands = Hands(link.hello.domain)
            time_ns = START_NS
            for step in range(8):
                await trade(link, hands, time_ns)
                time_ns = await link.advance(time_ns + (3 + step) * SECOND_NS)
            await link.submit([hands.withdrawal(1, 1_000_000, time_ns)])
            time_ns = await link.advance(time_ns + 400 * SECOND_NS)
            return time_ns, await rpc.call("venue/get_state_root", {})

    found = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        data, options = first_start(tmp_path / name)
        with running(data, *options, "--virtual-clock", "--seed", "3") as venue:
            found.append((venue.ready["state_root"], *asyncio.run(body(venue))))
            assert venue.stop() == 0
    assert found[0] == found[1], "batches and blocks are the same too"
    assert found[0][2]["batch"]["index"] >= 2


def test_the_journal_replays_to_what_the_venue_says(tmp_path: Path) -> None:
    data, options = first_start(tmp_path)

    async def body(venue: RunningVenue) -> Any:
        async with both(venue) as (link, rpc):
            await trade(link, Hands(link.hello.domain), START_NS)
            await link.advance(START_NS + 60 * SECOND_NS)
            return await rpc.call("venue/get_state_root", {})

    with running(data, *options, "--virtual-clock") as venue:
        state = asyncio.run(body(venue))
        assert venue.stop() == 0
    with open_reading(data / "venue", venue_file.read(data / "venue")) as reading:
        digests = replay(reading, from_snapshot=False).digests
    assert digests.log_number == state["log_number"]
    assert "0x" + digests.state_root.hex() == state["state_root"]
    assert "0x" + digests.venue_digest.hex() == state["venue_digest"]


def test_a_wall_clock_ticks_takes_deposits_and_refuses_to_be_moved(tmp_path: Path) -> None:
    data, options = first_start(tmp_path, small_scene(start_ns=None))
    newcomer = _core.address_of(derive_secret(77, "newcomer"))
    treasurer = _core.address_of(development_secrets(1)[0])

    async def body(venue: RunningVenue) -> None:
        follower, times = Follower(), list[int]()
        async with (
            contracts_of(venue) as contracts,
            await LinkClient.connect(
                venue.link_url, follow_from=1, on_released=follower, on_clock=times.append
            ) as link,
        ):
            with pytest.raises(TransactionRefusedError, match="not known"):
                await deposit(contracts, newcomer, newcomer, 0, 9_000_000)
            await deposit(contracts, treasurer, newcomer, 0, 9_000_000)
            chain = contracts.chain
            assert isinstance(chain, RpcChain)
            for _ in range(3):
                await asyncio.to_thread(chain.mine)
            while follower.check(link).count("deposited") < 4 or len(times) < 2:
                await asyncio.sleep(0.02)
            assert times == sorted(times)
            with pytest.raises(LinkClosedError, match="wall's clock"):
                await link.advance(times[-1] + SECOND_NS)

    with running(data, *options, "--demo", "--block-seconds", "1") as venue:
        asyncio.run(body(venue))
        assert venue.stop() == 0
