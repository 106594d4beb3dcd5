"""The sender: what is durable first, what settles a command, and what a lost link leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from merkat import _core
from merkat.gateway import sender as sending
from merkat.gateway.intents import Fate, Intent, IntentStore
from merkat.gateway.sender import BrokenWordError, QueueFullError, Sender
from merkat.gateway.signing import Signer, unsigned_part
from merkat.link import Answer, LinkBusyError, LinkClosedError, ReleasedFrame
from merkat.sdk import commands
from merkat.sdk.keys import demo_domain, derive_secret

DOMAIN = demo_domain(1, "sender")
SECRET = derive_secret(1, "session")
SIGNER = Signer(1, 1, commands.SECP256K1, SECRET)
EXPIRY_NS = 1_760_000_000_000_000_000


def place(nonce: int) -> tuple[bytes, Intent]:
    body = commands.place(1, 1, commands.BUY, 0, 100, 10, 0, EXPIRY_NS, nonce, slot=1)
    key = commands.order_key(1, EXPIRY_NS, nonce, 1)
    unsigned = unsigned_part(body)
    return body, Intent(1, 1, "maker", commands.PLACE, nonce, key, EXPIRY_NS, unsigned, 0)


def frame_of(first: int, batch: Sequence[bytes]) -> ReleasedFrame:
    parts = []
    for number, command in enumerate(batch, first):
        parts.append((len(command) << 128 | number << 64 | 5).to_bytes(20, "big") + command)
    return ReleasedFrame(first, len(batch), b"".join(parts), b"", b"", b"")


class FakeVenue:
    """Takes commands by nonce as the machine does: once each, a refusal for the second."""

    def __init__(self, tmp_path: Path) -> None:
        self.log: list[bytes] = []
        self.refused: set[int] = set()
        self.taken: set[int] = set()
        self.store = IntentStore(tmp_path)
        self.sender = Sender(DOMAIN, self.store, self.refused.__contains__, lambda _: None)

    def sequence(self, batch: Sequence[bytes]) -> list[Answer]:
        """Log a batch and release it to the sender."""
        first = len(self.log) + 1
        for number, command in enumerate(batch, first):
            self.log.append(command)
            nonce = nonce_of(command)
            if nonce in self.taken:
                self.refused.add(number)
            self.taken.add(nonce)
        self.release(first)
        return [Answer(first + at, "") for at in range(len(batch))]

    def release(self, first: int) -> None:
        """Release the log from a number on, as a link that follows does."""
        frame = frame_of(first, self.log[first - 1 :])
        matched = self.sender.match(frame)
        self.sender.settle(matched)


def nonce_of(command: bytes) -> int:
    """Return the nonce of an order or a cancel."""
    at = {commands.PLACE: -65 - 9 - 8, commands.CANCEL: -65 - 8}[command[1]]
    return int.from_bytes(command[at : at + 8], "big")


class FakeLink:
    """A link whose venue does what `behave` says with each request."""

    def __init__(self, behave: Callable[[Sequence[bytes]], Awaitable[list[Answer]]]) -> None:
        self.behave = behave
        self.requests: list[list[bytes]] = []

    async def submit(self, batch: Sequence[bytes]) -> list[Answer]:
        self.requests.append(list(batch))
        return await self.behave(batch)


def run(story: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(20):
            await story()

    asyncio.run(bounded())


def test_an_order_is_written_before_it_leaves_and_settled_by_the_log(tmp_path: Path) -> None:
    async def story() -> None:
        venue = FakeVenue(tmp_path)
        known_when_sent = []

        async def behave(batch: Sequence[bytes]) -> list[Answer]:
            known_when_sent.append([one.nonce for one in venue.store.unsettled()])
            return venue.sequence(batch)

        link = FakeLink(behave)
        venue.sender.start()
        await venue.sender.connected(link)
        futures = [venue.sender.send(*_with_signer(place(nonce))) for nonce in (1, 2)]
        results = await asyncio.gather(*futures)
        assert known_when_sent == [[1, 2]], "both intents are durable before their request"
        assert [(one.fate, one.log_number) for one in results] == [(Fate.DONE, 1), (Fate.DONE, 2)]
        signed = link.requests[0][0]
        digest_signer = _core.recover_signers(*DOMAIN.parts, frame_of(1, [signed]).batch)
        assert digest_signer[1:21] == _core.address_of(SECRET)
        assert venue.sender.waiting_count == 0
        await venue.sender.close()
        assert venue.store.unsettled() == [], "what became of them is written at the end"
        venue.store.close()

    run(story)


def _with_signer(placed: tuple[bytes, Intent]) -> tuple[bytes, Signer, Intent]:
    body, intent = placed
    return body, SIGNER, intent


def test_a_rule_of_the_log_and_admission_both_give_definite_refusals(tmp_path: Path) -> None:
    async def story() -> None:
        venue = FakeVenue(tmp_path)
        venue.taken.add(1)

        async def behave(batch: Sequence[bytes]) -> list[Answer]:
            if nonce_of(batch[0]) == 1:
                return venue.sequence(batch)
            return [Answer(0, "wrong_signature") for _ in batch]

        venue.sender.start()
        await venue.sender.connected(FakeLink(behave))
        refused = await venue.sender.send(*_with_signer(place(1)))
        never = await venue.sender.send(*_with_signer(place(2)))
        assert (refused.fate, refused.log_number) == (Fate.REFUSED, 1)
        assert never.fate is Fate.NEVER
        assert "wrong_signature" in never.reason
        await venue.sender.close()
        venue.store.close()

    run(story)


@pytest.mark.parametrize("arrived", [False, True])
def test_a_lost_link_is_fenced_and_the_answer_is_what_the_log_says(
    tmp_path: Path, arrived: bool
) -> None:
    """The order was on its way when the link broke: did the venue have it or not?"""

    async def story() -> None:
        venue = FakeVenue(tmp_path)
        broke = asyncio.Event()

        async def breaks(batch: Sequence[bytes]) -> list[Answer]:
            broke.set()
            raise LinkClosedError("gone")

        async def works(batch: Sequence[bytes]) -> list[Answer]:
            return venue.sequence(batch)

        first, second = FakeLink(breaks), FakeLink(works)
        venue.sender.start()
        await venue.sender.connected(first)
        future = venue.sender.send(*_with_signer(place(1)))
        await broke.wait()
        await asyncio.sleep(0)
        venue.sender.disconnected()
        assert not future.done(), "nothing is known yet, so nothing is said"
        if arrived:
            venue.log.append(first.requests[0][0])
            venue.taken.add(1)
            venue.release(1)  # the new link follows the log to its head first
        await venue.sender.connected(second)
        settled = await future
        if arrived:
            assert (settled.fate, settled.log_number) == (Fate.DONE, 1)
            assert second.requests == [], "what the log shows needs no fence"
        else:
            [[fence]] = second.requests
            assert fence[1] == commands.CANCEL
            assert nonce_of(fence) == 1
            assert settled.fate is Fate.NEVER
            assert settled.log_number == 1, "the fence stands there"
        await venue.sender.close()
        venue.store.close()

    run(story)


def test_an_order_that_comes_after_its_fence_is_refused_by_its_nonce(tmp_path: Path) -> None:
    async def story() -> None:
        venue = FakeVenue(tmp_path)

        async def breaks(batch: Sequence[bytes]) -> list[Answer]:
            raise LinkClosedError("gone")

        async def works(batch: Sequence[bytes]) -> list[Answer]:
            # The late order comes in the same batch, right behind the fence.
            return venue.sequence([*batch, first.requests[0][0]])[:1]

        first, second = FakeLink(breaks), FakeLink(works)
        venue.sender.start()
        await venue.sender.connected(first)
        future = venue.sender.send(*_with_signer(place(1)))
        while not first.requests:
            await asyncio.sleep(0)
        venue.sender.disconnected()
        await venue.sender.connected(second)
        settled = await future
        assert settled.fate in (Fate.NEVER, Fate.REFUSED)
        assert venue.refused == {2}, "exactly one of the two took the nonce"
        await venue.sender.close()
        venue.store.close()

    run(story)


def test_a_cancel_is_sent_again_as_it_was(tmp_path: Path) -> None:
    async def story() -> None:
        venue = FakeVenue(tmp_path)

        async def breaks(batch: Sequence[bytes]) -> list[Answer]:
            raise LinkClosedError("gone")

        async def works(batch: Sequence[bytes]) -> list[Answer]:
            return venue.sequence(batch)

        first, second = FakeLink(breaks), FakeLink(works)
        venue.sender.start()
        await venue.sender.connected(first)
        future = venue.sender.send(commands.cancel(1, 5, 6, 7, slot=1), SIGNER, None)
        while not first.requests:
            await asyncio.sleep(0)
        venue.sender.disconnected()
        await venue.sender.connected(second)
        assert (await future).fate is Fate.DONE
        assert second.requests == first.requests
        await venue.sender.close()
        venue.store.close()

    run(story)


def test_intents_of_a_killed_run_are_fenced_by_the_next(tmp_path: Path) -> None:
    async def story() -> None:
        body, intent = place(9)
        store = IntentStore(tmp_path)
        store.write([intent], [])
        store.close()
        venue = FakeVenue(tmp_path)

        async def works(batch: Sequence[bytes]) -> list[Answer]:
            return venue.sequence(batch)

        assert venue.sender.restore(venue.store.unsettled(), lambda _: SIGNER) == 1
        [waiting] = venue.sender.in_flight(1)
        assert venue.sender.in_flight(2) == []
        venue.sender.start()
        link = FakeLink(works)
        await venue.sender.connected(link)
        assert (await waiting.watch()).fate is Fate.NEVER
        assert unsigned_part(body) not in [unsigned_part(one) for one in link.requests[0]]
        await venue.sender.close()
        assert venue.store.unsettled() == []
        venue.store.close()

    run(story)


def test_an_intent_without_its_key_is_settled_when_its_order_could_no_longer_live(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        _, intent = place(9)
        venue = FakeVenue(tmp_path)
        venue.store.write([intent], [])
        venue.sender.restore(venue.store.unsettled(), lambda _: None)
        [waiting] = venue.sender.in_flight(1)
        venue.sender.start()

        async def unexpected(batch: Sequence[bytes]) -> list[Answer]:
            raise AssertionError("nothing can be signed without the key")

        await venue.sender.connected(FakeLink(unexpected))
        venue.sender.expire(EXPIRY_NS)
        assert waiting.settled is None
        venue.sender.expire(EXPIRY_NS + 1)
        assert (await waiting.watch()).fate is Fate.NEVER
        await venue.sender.close()
        venue.store.close()

    run(story)


def test_a_busy_venue_is_asked_again_and_then_given_up_with_a_definite_answer(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        venue = FakeVenue(tmp_path)
        refusals = [3, 1_000]

        async def behave(batch: Sequence[bytes]) -> list[Answer]:
            refusals[0] -= 1
            if refusals[0] >= 0:
                raise LinkBusyError("full")
            return venue.sequence(batch)

        link = FakeLink(behave)
        venue.sender.start()
        await venue.sender.connected(link)
        settled = await venue.sender.send(*_with_signer(place(1)))
        assert settled.fate is Fate.DONE
        assert len(link.requests) == 4
        assert all(request == link.requests[0] for request in link.requests), "the same bytes"
        refusals[0] = 1_000
        settled = await venue.sender.send(*_with_signer(place(2)))
        assert settled.fate is Fate.NEVER
        assert "queue is full" in settled.reason
        await venue.sender.close()
        venue.store.close()

    run(story)


def test_what_cannot_be_sent_is_given_back_unsent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "UNSENT_S_MAX", 0.05)

    async def story() -> None:
        venue = FakeVenue(tmp_path)
        venue.sender.start()
        settled = await venue.sender.send(*_with_signer(place(1)))
        assert settled.fate is Fate.NEVER
        assert "cannot be reached" in settled.reason
        assert venue.store.unsettled() == [], "what was never sent needs no intent"
        await venue.sender.close()
        venue.store.close()

    run(story)


def test_the_number_of_waiting_commands_is_bounded_and_cancels_have_room_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "IN_FLIGHT_MAX", 2)
    monkeypatch.setattr(sending, "CANCELS_IN_FLIGHT_MAX", 3)

    async def story() -> None:
        venue = FakeVenue(tmp_path)
        for nonce in (1, 2):
            venue.sender.send(*_with_signer(place(nonce)))
        with pytest.raises(QueueFullError):
            venue.sender.send(*_with_signer(place(3)))
        venue.sender.send(commands.cancel(1, 5, 6, 7, slot=1), SIGNER, None)
        await venue.sender.close()
        venue.store.close()

    run(story)


def test_a_log_number_that_the_log_does_not_bear_out_ends_the_gateway(tmp_path: Path) -> None:
    async def story() -> None:
        venue = FakeVenue(tmp_path)

        async def lies(batch: Sequence[bytes]) -> list[Answer]:
            return [Answer(5, "") for _ in batch]

        venue.sender.start()
        await venue.sender.connected(FakeLink(lies))
        future = venue.sender.send(*_with_signer(place(1)))
        with pytest.raises(BrokenWordError, match="log number 5"):
            await venue.sender.wait_failed()
        assert not future.done(), "nobody is told that the order stands"
        await venue.sender.close()
        venue.store.close()

    run(story)
