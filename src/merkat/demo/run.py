"""`merkat demo`: from an empty folder to a report, with everything ended at the end."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import uvloop

from merkat.api.client import RpcClosedError, RpcError
from merkat.demo.board import Board
from merkat.demo.children import ChildError
from merkat.demo.keep import Kept
from merkat.demo.listings import kept_listings, story_listings, story_start_ns
from merkat.demo.oracle import OracleError
from merkat.demo.pace import Pace
from merkat.demo.report import Report
from merkat.demo.stage import HOST, Stage, StageError
from merkat.demo.story import Story
from merkat.demo.view import Teller
from merkat.link import LinkBusyError, LinkClosedError
from merkat.market.replica import ReplicaError

T = TypeVar("T")

STEP_S: Final = 0.1
# How a run can fail: a part of the venue does not do what it must, and the text says what.
FAILURES: Final = (
    ChildError,
    StageError,
    OracleError,
    LinkClosedError,
    LinkBusyError,
    RpcError,
    RpcClosedError,
    ReplicaError,
)
ENDINGS: Final = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True, slots=True)
class Options:
    """How the demonstration is run: see `merkat demo --help`.

    Attributes:
        host, port: where the gateway listens; port 0 picks a free one.
        data: where venue and gateway are kept; None: in a temporary folder.
        evidence: where the evidence folder is written; None: nowhere.
    """

    seed: int
    fast: bool = False
    host: str = HOST
    port: int = 0
    data: Path | None = None
    evidence: Path | None = None


async def play(options: Options, board: Board, teller: Teller, started_s: float) -> Report:
    """Play the story and judge what it has left.

    Raises:
        ChildError, StageError: venue or gateway fail.
        asyncio.CancelledError: somebody asked to stop; the children have ended.
    """
    report = Report(options.seed)
    with data_folder(options.data) as folder:
        stage = Stage(folder, options.seed, story_listings(options.seed), board, story_start_ns())
        try:
            await stage.open_venue()
            await stage.open_gateway(options.host, options.port)
            pace = Pace(0.0 if options.fast else STEP_S)
            await Story(stage, teller, pace, report).run(started_s)
        finally:
            await asyncio.shield(stage.close())
        board.act = "replay"
        await asyncio.to_thread(_judge, options, stage, report)
        _tell_verdict(teller, report)
        report.seconds = time.perf_counter() - started_s
    return report


def _judge(options: Options, stage: Stage, report: Report) -> None:
    """Replay, balance and write the evidence, from what is on disk."""
    # Imported when it is needed: the first trade need not wait for the specification.
    from merkat.demo import aftermath
    from merkat.settlement.chain import ChainError

    try:
        found = aftermath.look_back(stage.venue_folder, stage.domain)
    except ChainError as error:
        raise StageError(f"what the venue has left cannot be read: {error}") from error
    report.replayed_state_root = found.state_root
    report.replayed_venue_digest = found.venue_digest
    report.conservation = not found.broken
    if options.evidence is not None:
        aftermath.write(
            options.evidence,
            stage.venue_folder,
            stage.domain,
            found,
            sequencer=stage.observer.replica.sequencer,
            nodes=stage.oracle.nodes.addresses,
            receipts=stage.observer.receipts(),
            liquidated=stage.observer.liquidated,
        )


def _tell_verdict(teller: Teller, report: Report) -> None:
    same = (report.state_root, report.venue_digest) == (
        report.replayed_state_root,
        report.replayed_venue_digest,
    )
    words = "the same two digests" if same else "ANOTHER STATE"
    teller.line("replay", f"{report.commands:,} commands by a fresh engine: {words}")
    balance = "balance to 1e-6 USD" if report.conservation else "DO NOT BALANCE"
    teller.line("books", f"what is owned, what was deposited, what the Vault holds: {balance}")


@contextlib.contextmanager
def data_folder(data: Path | None) -> Iterator[Path]:
    """Yield the folder to keep everything in. Raises FileExistsError where it is not empty."""
    if data is None:
        with tempfile.TemporaryDirectory(prefix="merkat-demo-") as made:
            yield Path(made)
        return
    data.mkdir(parents=True, exist_ok=True)
    if any(data.iterdir()):
        raise FileExistsError(17, "is not empty; name a new folder", str(data))
    yield data


async def keep(options: Options, say: Callable[[dict[str, Any]], None]) -> None:
    """Keep a venue until SIGTERM or SIGINT; `say` is given what a program needs to connect.

    Raises:
        ChildError, StageError: venue or gateway fail.
        asyncio.CancelledError: somebody asked to stop; the children have ended.
    """
    with data_folder(options.data) as folder:
        listed = kept_listings(options.seed, time.time_ns())
        stage = Stage(folder, options.seed, listed, Board(options.seed), start_ns=None)
        try:
            kept = Kept(stage)
            await kept.open(options.host, options.port)
            say(kept.ready())
            await kept.run()
        finally:
            await asyncio.shield(stage.close())


def run(body: Coroutine[Any, Any, T]) -> T | None:
    """Run to the end; None where SIGTERM or SIGINT came first. Raises what the body raises."""

    async def until_asked() -> T | None:
        loop = asyncio.get_running_loop()
        task = asyncio.create_task(body)
        for number in ENDINGS:
            loop.add_signal_handler(number, task.cancel)
        try:
            return await task
        except asyncio.CancelledError:
            return None
        finally:
            for number in ENDINGS:
                loop.remove_signal_handler(number)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(until_asked())
