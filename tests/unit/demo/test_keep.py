"""A kept venue: one bot's trouble is nobody else's, and a lost connection is opened again."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from merkat.api.client import RpcClosedError, RpcError
from merkat.bots.desk import Desk
from merkat.demo import keep
from merkat.demo.crowd import Crowd, Turn
from merkat.demo.keep import Kept
from merkat.demo.listings import story_listings
from merkat.demo.oracle import OracleError
from merkat.demo.stage import Stage, StageError
from merkat.link import LinkBusyError, LinkClosedError


class Line:
    """A connection that does nothing."""

    def __init__(self) -> None:
        self.closed = False

    async def call(self, method: str, params: dict[str, Any]) -> Any:
        raise AssertionError(f"nobody asks {method}")

    async def close(self) -> None:
        self.closed = True


class Troubled:
    """A bot that meets an error at each turn."""

    def __init__(self, error: Exception | None) -> None:
        self.desk = Desk(Line())
        self.error = error
        self.acted = 0

    async def act(self, now_ms: int) -> None:
        self.acted += 1
        if self.error is not None:
            raise self.error


class FakeStage:
    """What Kept needs of a stage; `errors` are what the oracle meets, one after the other."""

    def __init__(self, bots: dict[str, Troubled], errors: list[Exception]) -> None:
        self.seed = 7
        self.listed = story_listings(7)
        self.apis: dict[str, Any] = {name: bot.desk.api for name, bot in bots.items()}
        self.connected: list[str] = []
        self.followed = 0
        self.unreachable: list[Exception] = []
        self._errors = errors

    async def connect(self, name: str) -> Line:
        self.connected.append(name)
        return Line()

    async def follow(self, observe: bool) -> None:
        self.followed += 1
        if self.unreachable:
            raise self.unreachable.pop(0)

    async def tell(self, report: object) -> None:
        if self._errors:
            raise self._errors.pop(0)


def kept_with(bots: dict[str, Troubled], *errors: Exception) -> tuple[Kept, FakeStage]:
    stage = FakeStage(bots, list(errors))
    kept = Kept(cast(Stage, stage))
    desks = {name: bot.desk for name, bot in bots.items()}
    turns = [Turn(bot, every=1) for bot in bots.values()]
    kept._crowd = Crowd(desks, turns, "BTC_USDC-PERPETUAL")
    return kept, stage


def test_a_refused_bot_keeps_nobody_from_trading() -> None:
    bots = {"ada": Troubled(RpcError(11051, "stale", None)), "tom": Troubled(None)}
    kept, stage = kept_with(bots)
    for _ in range(3):
        asyncio.run(kept._round())
    assert bots["tom"].acted == bots["ada"].acted == 3
    assert bots["ada"].desk.refused == {11051: 3}
    assert stage.connected == []


@pytest.mark.parametrize("error", [RpcClosedError("gone"), TimeoutError()])
def test_a_lost_connection_is_opened_again(error: Exception) -> None:
    bots = {"ada": Troubled(error), "tom": Troubled(None)}
    kept, stage = kept_with(bots)
    before = bots["ada"].desk.api
    asyncio.run(kept._round())
    assert stage.connected == ["ada"]
    assert isinstance(before, Line)
    assert before.closed
    assert bots["ada"].desk.api is stage.apis["ada"] is not before
    assert bots["tom"].acted == 1


def test_a_refused_oracle_reports_again_and_a_closed_link_is_followed_anew() -> None:
    errors = (OracleError("late"), LinkBusyError("full"), LinkClosedError("cut"))
    kept, stage = kept_with({}, *errors)
    for _ in errors:
        asyncio.run(kept._report())
    assert (kept.failures, stage.followed) == (3, 1)
    asyncio.run(kept._report())
    assert kept.failures == 0, "a report that is taken makes all good"


def test_a_venue_that_cannot_be_followed_yet_is_asked_again_with_the_next_report() -> None:
    kept, stage = kept_with({}, LinkClosedError("cut"), TimeoutError(), LinkClosedError("cut"))
    stage.unreachable = [LinkClosedError("no venue answers"), TimeoutError()]
    for _ in range(3):
        asyncio.run(kept._report())
    assert (kept.failures, stage.followed) == (3, 3), "no failure of the link ends the venue"
    asyncio.run(kept._report())
    assert kept.failures == 0


def test_canary_an_oracle_that_fails_for_ever_ends_the_demonstration() -> None:
    kept, _ = kept_with({}, *(OracleError("late") for _ in range(keep.FAILURES_MAX + 1)))

    async def fail_for_ever() -> None:
        for _ in range(keep.FAILURES_MAX + 1):
            await kept._report()

    with pytest.raises(StageError, match="again and again"):
        asyncio.run(fail_for_ever())


def test_a_kept_venue_says_what_a_program_needs() -> None:
    kept, stage = kept_with({})
    ready = {"url": "http://127.0.0.1:1", "ws_url": "ws://127.0.0.1:1/ws/api/v2", "pid": 1}
    stage.gateway = SimpleNamespace(ready=ready)  # type: ignore[attr-defined]
    you = SimpleNamespace(client_id="demo-you", client_secret="abc")
    stage.cast = {"you": you}  # type: ignore[attr-defined]
    assert kept.ready() == {
        "url": "http://127.0.0.1:1",
        "ws_url": "ws://127.0.0.1:1/ws/api/v2",
        "client_id": "demo-you",
        "client_secret": "abc",
    }
