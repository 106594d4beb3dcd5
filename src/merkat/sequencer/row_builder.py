"""Rows beside the machine: a worker builds them while commands go on, `activate` takes them up.

    epoch (version 2) ──► engine: pending vector ──► row_job ──► worker: build ──► offer_rows
                                                                                       │
                          log ◄── activate with the row root ◄─────────── take ◄───────┘

One job a group: a newer vector replaces an older one, whose rows are thrown away. The state has the
pending vectors, so after a restart the same jobs begin again. Replay needs no worker: the engine
builds by itself what it is not offered, to the same bytes.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as finished
from dataclasses import dataclass
from typing import Any, Final, Protocol

from merkat.sdk import commands
from merkat.sdk.surfaces import VERSION as SURFACE_VERSION

WORKERS: Final = 2
# So often the engine may refuse an `activate` whose rows no longer fit its state: what comes
# between, such as a listing, can do that once or twice, but not for ever.
ATTEMPTS_MAX: Final = 5


_GROUP: Final = slice(2, 4)  # of an `activate`


class Rows(Protocol):
    """The rows that a vector makes."""

    @property
    def root(self) -> bytes:
        """Return the row root, 31 bytes; zeros when the vector will be held."""


class RowJob(Protocol):
    """A copy of what building rows needs."""

    def build(self) -> Rows:
        """Build the rows, once. Raises ValueError where the vector's rows are refused."""


class RowEngine(Protocol):
    """What the builder needs of `_core.Engine`."""

    def pending_vectors(self) -> list[tuple[int, int, bytes]]:
        """Return group, number and hash of each pending vector, ascending by group."""

    def row_job(self, group: int) -> RowJob | None:
        """Return what building the rows of a group's pending vector takes; None without one."""

    def offer_rows(self, rows: Any) -> None:
        """Keep the rows that a job built for the `activate` of their vector."""


class RowsError(RuntimeError):
    """Rows cannot be built, or the engine does not take them: the venue must not go on so."""


@dataclass(slots=True)
class _Job:
    """The rows of one vector: being built, or (`told`) their `activate` was handed out.

    The hash names the vector: one that replaces a pending one has the same number.
    """

    number: int
    hash: bytes
    future: Future[Rows]
    attempts: int
    told: bool = False


class RowBuilder:
    """Builds the rows of pending vectors. Every call comes from the thread of the engine."""

    def __init__(self, engine: RowEngine) -> None:
        self._engine = engine
        self._jobs: dict[int, _Job] = {}
        self._workers: ThreadPoolExecutor | None = None

    @property
    def building(self) -> tuple[int, ...]:
        """Return the groups whose rows are under way, or built and not handed out yet."""
        return tuple(sorted(group for group, job in self._jobs.items() if not job.told))

    def applied(self, applied: Sequence[bytes]) -> None:
        """Look for work after the engine has applied these commands.

        Raises:
            RowsError: the engine refuses rows again and again.
        """
        received = False
        activated = set()
        for command in applied:
            if command[1] == commands.EPOCH:
                received = received or command[2] == SURFACE_VERSION
            elif command[1] == commands.ACTIVATE:
                activated.add(int.from_bytes(command[_GROUP], "big"))
        if received or activated:
            self.look(activated)

    def look(self, activated: Collection[int] = ()) -> None:
        """Begin a job for each pending vector that has none.

        `activated` are the groups of which an `activate` has been applied: a vector that was told
        and is still pending was refused, its rows no longer fit and are built again.
        """
        pending = {group: (number, name) for group, number, name in self._engine.pending_vectors()}
        for group in [group for group in self._jobs if group not in pending]:
            self._drop(group)
        for group, (number, name) in pending.items():
            job = self._jobs.get(group)
            if job is not None and job.hash == name:
                if job.told and group in activated:
                    self._begin(group, number, name, job.attempts + 1)
            elif job is None or job.told or job.future.cancel() or job.future.done():
                self._begin(group, number, name, 1)
            # Else the worker has an older vector's rows in hand: `take` begins the newer job.

    def take(self, wait: bool) -> list[bytes]:
        """Offer the rows that are ready to the engine; returns an `activate` command for each.

        The commands must be applied next: an item or heartbeat of the group before them may change
        what the rows must be. Each is handed out once.

        Args:
            wait: wait for the rows of every pending vector.

        Raises:
            RowsError: a worker failed.
        """
        ready = []
        for group in self.building:
            job = self._newest(group, wait)
            if job is not None and (wait or job.future.done()):
                ready.append(commands.activate(group, job.number, self._offer(group, job)))
                job.told = True
        return ready

    def close(self) -> None:
        """Give up what is under way and end the workers."""
        self._jobs.clear()
        if self._workers is not None:
            self._workers.shutdown(wait=True, cancel_futures=True)
            self._workers = None

    def _newest(self, group: int, wait: bool) -> _Job | None:
        """Return the job of the group's pending vector; an older one that is done is replaced."""
        job = self._jobs[group]
        newest = next((one for one in self._engine.pending_vectors() if one[0] == group), None)
        if newest is None:
            self._drop(group)
            return None
        if job.hash == newest[2]:
            return job
        if not wait and not job.future.done():
            return None
        finished([job.future])
        self._begin(*newest, 1)
        return self._jobs[group]

    def _begin(self, group: int, number: int, name: bytes, attempt: int) -> None:
        if attempt > ATTEMPTS_MAX:
            raise RowsError(
                f"group {group}: the rows of vector {number} were refused {ATTEMPTS_MAX} times "
                "(A-02); submit what `activations` gives before anything else of the group"
            )
        if self._workers is None:
            self._workers = ThreadPoolExecutor(WORKERS, "rows")
        row_job = self._engine.row_job(group)
        assert row_job is not None, "the group's vector is pending: the engine has just said so"
        future = self._workers.submit(row_job.build)
        self._jobs[group] = _Job(number, name, future, attempt)

    def _drop(self, group: int) -> None:
        self._jobs.pop(group).future.cancel()

    def _offer(self, group: int, job: _Job) -> bytes:
        """Give the engine built rows and return the root that `activate` names.

        A vector whose rows are refused gets an `activate` all the same: it is refused and the
        vector is no longer pending.
        """
        try:
            rows = job.future.result()
        except ValueError:
            return commands.NO_ROWS
        except Exception as error:
            raise RowsError(
                f"group {group}: the rows of vector {job.number} could not be built: {error!r}"
            ) from error
        self._engine.offer_rows(rows)
        return rows.root
