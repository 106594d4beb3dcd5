"""A venue that is killed, flooded, starved of readers, spoken to in nonsense, or badly started."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import signal
import subprocess
import time
from pathlib import Path
from typing import Any, Final

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from merkat import _core
from merkat.api.client import RpcClient
from merkat.link import (
    Answer,
    LinkBusyError,
    LinkClient,
    LinkClosedError,
    frames,
)
from merkat.sdk import commands
from merkat.sequencer import venue_file
from merkat.sequencer.reading import open_reading, replay
from merkat.settlement.chain import EmbeddedChain
from merkat.settlement.contracts import find
from merkat.settlement.rebuild import rebuild_from_chain
from tests.support.running_venue import (
    OWNERS,
    PATIENCE_S,
    SECOND_NS,
    START_NS,
    Hands,
    RunningVenue,
    first_start,
    running,
    scene_file,
    small_scene,
    start,
    up,
)

KILLS: Final = 3
WORKERS: Final = 8


async def state_of(venue: RunningVenue) -> Any:
    async with await RpcClient.connect(venue.ws_url) as rpc:
        return await rpc.call("venue/get_state_root", {})


class Load:
    """Submits orders until the link ends; knows what was answered and what was not."""

    def __init__(self, hands: Hands) -> None:
        self.hands = hands
        self.answered: dict[int, bytes] = {}
        self.unknown: list[bytes] = []

    async def work(self, link: LinkClient, account: int) -> None:
        """Submit one order after the other."""
        price = 59_000
        while True:
            price = 59_000 + (price + 1) % 500
            order = self.hands.order(account, commands.BUY, price, 1, link.hello.time_ns)
            try:
                (answer,) = await link.submit([order])
            except LinkClosedError:
                self.unknown.append(order)
                return
            self.answered[answer.log_number] = order

    async def until_killed(self, venue: RunningVenue, seconds: float) -> None:
        """Work on a venue, and kill it after a while, in the middle of what it does."""
        async with await LinkClient.connect(venue.link_url) as link:
            workers = [
                asyncio.create_task(self.work(link, 1 + place % 3)) for place in range(WORKERS)
            ]
            await asyncio.sleep(seconds)
            venue.process.send_signal(signal.SIGKILL)
            await asyncio.gather(*workers)
        venue.process.wait(PATIENCE_S)


def test_nothing_that_was_answered_is_lost_by_kills_under_load(tmp_path: Path) -> None:
    """Kill a wall-clock venue that posts batches each second; compare with journal and chain."""
    data, options = first_start(tmp_path, small_scene(start_ns=None))
    options += ["--block-seconds", "1", "--demo"]
    choice = random.Random(3)
    load = None
    for _ in range(KILLS):
        with running(data, *options) as venue:
            if load is None:
                load = Load(Hands(asyncio.run(hello_of(venue)).domain))
            asyncio.run(load.until_killed(venue, 0.3 + choice.random()))
        options = []
    assert load is not None
    assert load.answered, "the load reached the venue"
    with running(data) as venue:
        assert venue.ready["resumed"]
        state = asyncio.run(state_of(venue))
        assert venue.stop() == 0
    with open_reading(data / "venue", venue_file.read(data / "venue")) as reading:
        records = {one.log_number: one.command for one in reading.records(1, reading.head)}
        digests = replay(reading, from_snapshot=False).digests
        same = replay(reading, from_snapshot=True).digests
    assert digests == same
    assert digests.log_number >= state["log_number"]
    missing = [number for number, order in load.answered.items() if records[number] != order]
    assert not missing, f"answered and not in the journal: {missing[:5]}"
    taken = list(records.values())
    for order in [*load.answered.values(), *load.unknown]:
        assert taken.count(order) <= 1, "an order is in the journal once at most"
    chain = EmbeddedChain.reopen(data / "chain")
    try:
        found = rebuild_from_chain(chain)
        assert found.equal, "the chain's data lead to the anchored root"
        contracts = find(chain)
        last = contracts.read("Anchor", "lastBatch")
        assert contracts.read("Anchor", "batch", last)[0] == digests.state_root, "sealed at the end"
    finally:
        chain.close()


async def hello_of(venue: RunningVenue) -> frames.Hello:
    async with await LinkClient.connect(venue.link_url) as link:
        return link.hello


def test_a_virtual_venue_goes_on_after_kills_as_if_nothing_had_been(tmp_path: Path) -> None:
    """The same story, once in one piece and once with a kill after each of its steps."""

    async def step(venue: RunningVenue, hands: Hands, number: int) -> None:
        async with await LinkClient.connect(venue.link_url) as link:
            time_ns = START_NS + number * 5 * SECOND_NS
            await link.advance(time_ns)
            await link.submit([hands.epoch(time_ns, 60_000 + 10 * number)])
            await link.submit([hands.order(1, commands.SELL, 60_100, 2, time_ns)])
            await link.submit([hands.order(2, commands.BUY, 60_200, 1, time_ns)])
            await link.advance(time_ns + SECOND_NS)

    def story(directory: Path, kills: bool) -> Any:
        directory.mkdir()
        data, options = first_start(directory)
        options += ["--virtual-clock", "--seed", "1"]
        venue = start(data, *options)
        try:
            hands = Hands(asyncio.run(hello_of(venue)).domain)
            for number in range(4):
                asyncio.run(step(venue, hands, number))
                if kills:
                    venue.kill()
                    venue = start(data)
            return asyncio.run(state_of(venue))
        finally:
            venue.close()

    whole, killed = story(tmp_path / "whole", False), story(tmp_path / "killed", True)
    for name in ("log_number", "state_root", "venue_digest"):
        assert whole[name] == killed[name], f"{name} differs after kills"
    assert whole["batch"]["state_root"] == killed["batch"]["state_root"]


def test_what_was_withdrawn_before_a_kill_is_paid_after_it_once(tmp_path: Path) -> None:
    data, options = first_start(tmp_path)
    owner = _core.address_of(OWNERS[0])

    async def advance(venue: RunningVenue, seconds: int, *submitted: bytes) -> None:
        async with await LinkClient.connect(venue.link_url) as link:
            for command in submitted:
                await link.submit([command])
            await link.advance(START_NS + seconds * SECOND_NS)

    def paid() -> int:
        chain = EmbeddedChain.reopen(data / "chain")
        try:
            balance: int = find(chain).read("TestToken", "balanceOf", owner)
            return balance
        finally:
            chain.close()

    with running(data, *options, "--virtual-clock") as venue:
        hands = Hands(asyncio.run(hello_of(venue)).domain)
        asyncio.run(advance(venue, 40, hands.withdrawal(1, 3_000_000, START_NS)))
        venue.kill()
    assert paid() == 0
    for seconds, expected in ((3_700, 3_000_000), (3_800, 3_000_000)):
        with running(data) as venue:
            asyncio.run(advance(venue, seconds))
            venue.kill()
        assert paid() == expected


MANY: Final = [{"owner": f"0x{number:040x}", "amount": "10"} for number in range(1, 120)]
STEADY: Final = ["--virtual-clock", "--seed", "1"]


@pytest.fixture(scope="module")
def in_one_piece(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return where a venue stands whose set-up nobody has killed."""
    data, options = first_start(tmp_path_factory.mktemp("whole"), small_scene(deposits=MANY))
    with running(data, *options, *STEADY) as venue:
        return asyncio.run(state_of(venue))


@pytest.mark.parametrize("seconds", [0.0, 0.1, 0.3])
def test_a_set_up_that_was_killed_is_done_again(
    tmp_path: Path, seconds: float, in_one_piece: Any
) -> None:
    data, options = first_start(tmp_path, small_scene(deposits=MANY))
    with (tmp_path / "first.log").open("wb") as sink:
        process = subprocess.Popen(
            up(data, *options, *STEADY), stdin=subprocess.DEVNULL, stdout=sink, stderr=sink
        )
    deadline_s = time.monotonic() + PATIENCE_S
    while not (data / "up.json").exists() and process.poll() is None:
        assert time.monotonic() < deadline_s, "the set-up never began"
        time.sleep(0.001)
    time.sleep(seconds)
    process.kill()
    process.wait(PATIENCE_S)
    was_ready = json.loads((data / "up.json").read_text())["state"] == "ready"
    with running(data) as venue:
        assert venue.ready["resumed"] == was_ready
        assert venue.ready["log_number"] == 4 + len(MANY)
        assert asyncio.run(state_of(venue)) == in_one_piece, "the same venue as in one piece"


async def raw_link(venue: RunningVenue) -> ClientConnection:
    link = await connect(venue.link_url, compression=None, max_size=None, proxy=None)
    assert isinstance(frames.decode_venue(bytes(await link.recv())), frames.Hello)  # type: ignore[arg-type]
    return link


async def closed_by(link: ClientConnection) -> tuple[int, str]:
    """Read a link to its end; returns the venue's code and reason."""
    with contextlib.suppress(ConnectionClosed):
        while True:
            await link.recv()
    await link.wait_closed()
    return link.close_code or 0, link.close_reason or ""


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        ("text", "a text message"),
        (b"", "no bytes"),
        (b"\x09", "kind: 9"),
        (b"\x01\x00", "follow: 2 bytes, expected 9"),
        (b"\x02" + bytes(9), "submit: 10 bytes"),
        (b"\x02" + bytes(10), "count 0"),
        (frames.encode_clock(5), "kind: 19"),
        (frames.encode_advance(1, (1 << 64) - 1), "400 days"),
    ],
    ids=["text", "empty", "kind", "short", "cut", "count", "venue's", "far"],
)
def test_a_malformed_frame_closes_the_link_and_nothing_else(
    malformed_venue: RunningVenue, sent: str | bytes, says: str
) -> None:
    async def body() -> None:
        link = await raw_link(malformed_venue)
        await link.send(sent)
        code, reason = await closed_by(link)
        assert (code, says in reason) == (1008, True), reason
        async with await LinkClient.connect(malformed_venue.link_url) as other:
            assert await other.submit([b"\x01\x63"]) == [Answer(0, "malformed_command")]

    asyncio.run(body())


def test_following_twice_and_too_large_a_frame_close_the_link(
    malformed_venue: RunningVenue,
) -> None:
    async def body() -> None:
        for data, code in (
            (frames.encode_follow(1), 1008),
            (b"\x02" + bytes(frames.FRAME_BYTES_MAX + 1), 1009),
        ):
            link = await raw_link(malformed_venue)
            await link.send(frames.encode_follow(1))
            with contextlib.suppress(ConnectionClosed):
                await link.send(data)
            assert (await closed_by(link))[0] == code

    asyncio.run(body())


@pytest.fixture(scope="module")
def malformed_venue(tmp_path_factory: pytest.TempPathFactory) -> Any:
    directory = tmp_path_factory.mktemp("venue")
    data, options = first_start(directory)
    with running(data, *options, "--virtual-clock") as venue:
        yield venue
        assert venue.stop() == 0, "bad links change nothing of how it ends"


def test_a_flood_is_answered_busy_and_nothing_taken_is_lost(tmp_path: Path) -> None:
    data, options = first_start(tmp_path)

    async def body(venue: RunningVenue) -> None:
        async with (
            await LinkClient.connect(venue.link_url) as link,
            await LinkClient.connect(venue.link_url) as other,
        ):
            hands = Hands(link.hello.domain)
            requests = [
                [hands.order(1, commands.BUY, 100 + at, 1, START_NS) for at in range(256)]
                for _ in range(40)
            ]
            flood = [asyncio.create_task(link.submit(one)) for one in requests]
            await asyncio.sleep(0)
            cancel = hands.signed(commands.cancel(2, 1, 1, 5), b"\x01" * 32)
            late = asyncio.create_task(other.submit([cancel]))
            results = await asyncio.gather(*flood, return_exceptions=True)
            assert (await late)[0].log_number, "cancels have places of their own"
            busy = [one for one in results if isinstance(one, LinkBusyError)]
            done = [one for one in results if isinstance(one, list)]
            assert busy, "10,240 commands at once do not fit 4,096 places"
            assert len(busy) + len(done) == len(requests)
            numbers = [answer.log_number for one in done for answer in one]
            assert all(numbers)
            assert len(set(numbers)) == len(numbers) == 256 * len(done)
            (after,) = await link.submit([hands.order(1, commands.BUY, 99, 1, START_NS)])
            assert after.log_number > max(numbers), "it goes on"
            head = (await state_of(venue))["log_number"]
            assert head == after.log_number

    with running(data, *options, "--virtual-clock") as venue:
        asyncio.run(body(venue))
        assert venue.stop() == 0


def test_the_65th_request_of_a_link_is_busy(tmp_path: Path) -> None:
    data, options = first_start(tmp_path)

    async def body(venue: RunningVenue) -> None:
        link = await raw_link(venue)
        for request in range(200):
            await link.send(frames.encode_submit(request, [b"\x01\x63"] * 16))
        seen: dict[type[Any], int] = {}
        while sum(seen.values()) < 200:
            frame = frames.decode_venue(bytes(await link.recv()))  # type: ignore[arg-type]
            seen[type(frame)] = seen.get(type(frame), 0) + 1
        assert set(seen) <= {frames.Submitted, frames.Busy}
        assert seen[frames.Submitted] >= frames.REQUESTS_IN_FLIGHT_MAX
        await link.close()

    with running(data, *options, "--virtual-clock") as venue:
        asyncio.run(body(venue))


def test_two_venues_one_folder_and_other_wrong_starts(tmp_path: Path) -> None:
    data, options = first_start(tmp_path)

    def refused(*arguments: str, at: Path = data) -> tuple[int, str]:
        done = subprocess.run(
            up(at, *arguments), capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )
        assert not done.stdout, "nothing but readiness is said on standard output"
        return done.returncode, done.stderr

    with running(data, *options, "--virtual-clock") as venue:
        code, said = refused()
        assert (code, "another venue has it open" in said) == (3, True), said
        port = str(venue.ready["url"]).rpartition(":")[2]
        (tmp_path / "b").mkdir()
        other, its_options = first_start(tmp_path / "b")
        code, said = refused(*its_options, "--port", port, at=other)
        assert (code, port in said) == (4, True), said
        assert venue.stop() == 0
    bad = scene_file(tmp_path / "b", small_scene(deposits=[{"owner": "0x1", "amount": "1"}]))
    code, said = refused("--scene", str(bad), at=tmp_path / "c")
    assert (code, "deposits[0].owner: was 0x1" in said) == (3, True), said
    assert [path.name for path in (tmp_path / "c").iterdir()] == ["lock"], "nothing is begun"


def test_a_clock_behind_the_journal_is_refused(tmp_path: Path) -> None:
    """A folder whose journal is of the future: the scene says so."""
    future_ns = time.time_ns() + 86_400 * SECOND_NS
    data, options = first_start(tmp_path, small_scene(start_ns=future_ns))
    done = subprocess.run(
        up(data, *options), capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert done.returncode == 4
    assert "behind the journal's last record" in done.stderr
    assert "set the machine's clock" in done.stderr
