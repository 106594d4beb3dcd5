"""A command on its way: its bytes, who signs it, who waits for its fate; and the lanes it takes."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from merkat.gateway.intents import Fate, Intent
from merkat.gateway.signing import Signer

UNSENT: Final = -1
RESTORED: Final = 0


class Settled(NamedTuple):
    """What became of a command. `reason` says why one was never taken."""

    fate: Fate
    log_number: int
    reason: str = ""


@dataclass(slots=True, eq=False)
class Sending:
    """A command on its way.

    Attributes:
        generation: number of the link that carried it; UNSENT; RESTORED: of an earlier run.
        fenced: what a fence stands for, None for other commands.
    """

    body: bytes
    signer: Signer
    intent: Intent | None
    queued_s: float
    command: bytes = b""
    generation: int = UNSENT
    fenced: Sending | None = None
    settled: Settled | None = None
    watchers: list[asyncio.Future[Settled]] = field(default_factory=list)

    def watch(self) -> asyncio.Future[Settled]:
        """Return a future of its fate, the caller's own: cancelling it troubles nobody else."""
        future: asyncio.Future[Settled] = asyncio.get_running_loop().create_future()
        if self.settled is not None:
            future.set_result(self.settled)
        else:
            self.watchers.append(future)
        return future


@dataclass(slots=True, eq=False)
class Lane:
    """Commands that wait to be sent, and how many requests of them are in flight.

    Attributes:
        wake: something waits. go: a request has ended, or many wait: gather no longer.
    """

    commands_max: int
    requests_max: int
    requests: int = 0
    waiting: deque[Sending] = field(default_factory=deque)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    go: asyncio.Event = field(default_factory=asyncio.Event)
