"""The committer: applies the venue's micro-ops, keeps the trees, seals batches.

It holds a settlement machine of its own, beside the engine, and updates its trees step by step: no
tree is ever built anew. Time, log number, cursors and the inbox hash follow from the micro-ops
alone, because the engine emits none that settlement refuses.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Protocol

from merkat.sdk.keys import Domain
from merkat.settlement.batch import (
    BATCH_BYTES_MAX,
    CHECKPOINT_BYTES,
    FRAME_BYTES,
    HEADER_BYTES,
    INPUTS_MAX,
    STEPS,
    VERSION,
    Batch,
    BatchHeader,
)
from merkat.settlement.data import BLOB, BLOB_BATCH_BYTES_MAX, CALLDATA
from merkat.spec.settle.state import State
from merkat.spec.typed_data import Config
from merkat.spec.values import ZERO32, keccak256

SECOND_NS: Final = 1_000_000_000
# A transaction of 128 KiB is the largest that nodes relay.
CALLDATA_BATCH_BYTES_MAX: Final = 120_000
INTERVAL_NS: Final = 10 * SECOND_NS
# Batches that end more than 15 minutes before their block cost the month's budget.
INTERVAL_NS_MAX: Final = 600 * SECOND_NS
BATCHES_AN_INTERVAL: Final = 64

OP_HEAD_BYTES: Final = 13
INBOX_OP: Final = 1
WITHDRAW_OP: Final = 2
FORCED_WITHDRAW_ITEM: Final = 8


class SettlementMachine(Protocol):
    """What the committer needs of `_core.Settlement`."""

    def apply_inputs(self, framed: bytes) -> bytes:
        """Apply framed inputs; returns cut(state root) after each. Raises ValueError."""

    def account_proof(self, account: int) -> bytes:
        """Return an account's leaf with its path to the state root."""

    def root(self) -> bytes:
        """Return the state root."""


class CommitError(Exception):
    """The committer and what it is compared with are not at the same state."""


@dataclass(frozen=True, slots=True)
class Limits:
    """When a batch is sealed. The interval doubles after each 64 batches, up to ten minutes.

    So a flow of an hour has some two hundred batches and one of a day has three hundred.
    """

    batch_bytes_max: int = CALLDATA_BATCH_BYTES_MAX
    inputs_max: int = INPUTS_MAX
    interval_ns: int = INTERVAL_NS
    interval_ns_max: int = INTERVAL_NS_MAX

    def __post_init__(self) -> None:
        """Refuse limits that no batch can keep."""
        smallest = HEADER_BYTES + FRAME_BYTES + 0xFFFF + CHECKPOINT_BYTES
        if not smallest <= self.batch_bytes_max <= BATCH_BYTES_MAX:
            raise ValueError(
                f"batch_bytes_max is {self.batch_bytes_max}, "
                f"expected {smallest} to {BATCH_BYTES_MAX}"
            )
        if not 1 <= self.inputs_max <= INPUTS_MAX:
            raise ValueError(f"inputs_max is {self.inputs_max}, expected 1 to {INPUTS_MAX}")
        if self.interval_ns < 1:
            raise ValueError(f"interval_ns is {self.interval_ns}, expected 1 or more")

    @classmethod
    def of_mode(cls, mode: int) -> Limits:
        """Return the limits of a data mode."""
        bounds = {BLOB: BLOB_BATCH_BYTES_MAX, CALLDATA: CALLDATA_BATCH_BYTES_MAX}
        return cls(batch_bytes_max=bounds[mode])

    def interval_of(self, index: int) -> int:
        """Return after how long batch `index` is sealed."""
        longest = max(self.interval_ns, self.interval_ns_max)
        return min(longest, self.interval_ns << min(62, (index - 1) // BATCHES_AN_INTERVAL))


@dataclass(frozen=True, slots=True)
class Sealed:
    """A batch as it will be posted, and the proofs of the accounts that it lets claim more."""

    batch: Batch
    data: bytes
    state_root: bytes
    inbox_hash: bytes
    proofs: dict[int, bytes]

    @property
    def header(self) -> BatchHeader:
        """Return the batch's header."""
        return self.batch.header


@dataclass(slots=True)
class Figures:
    """What the globals leaf says, as it follows from the micro-ops."""

    time_ns: int = 0
    log_number: int = 0
    input_cursor: int = 0
    inbox_cursor: int = 0
    inbox_hash: bytes = ZERO32

    def step(self, op: bytes) -> None:
        """Take in one accepted micro-op."""
        self.time_ns += int.from_bytes(op[1:9], "big")
        self.log_number += int.from_bytes(op[9:OP_HEAD_BYTES], "big")
        self.input_cursor += FRAME_BYTES + len(op)
        if op[0] == INBOX_OP:
            self.inbox_cursor += 1
            self.inbox_hash = keccak256(self.inbox_hash + keccak256(op[OP_HEAD_BYTES:]))


@dataclass(slots=True)
class _Open:
    """The batch that is being filled."""

    previous_root: bytes
    cursor_first: int
    time_first: int
    first_ns: int = 0  # time of its first input: how old the batch is
    size: int = HEADER_BYTES
    inputs: list[bytes] = field(default_factory=list)
    checkpoints: bytearray = field(default_factory=bytearray)
    claimers: set[int] = field(default_factory=set)


def genesis(domain: Domain) -> tuple[bytes, bytes]:
    """Return settlement part and state root of the state before the first input."""
    state = State(Config(*domain.parts))
    return state.encode(), state.root()


class Committer:
    """Turns micro-ops into sealed batches. One writer.

    `resealed` has, of batches that the chain had already, the proofs of the accounts that they let
    claim more.
    """

    def __init__(
        self,
        machine: SettlementMachine,
        limits: Limits,
        posted: Iterable[tuple[int, bytes]] = (),
        apply_at_seal: bool = False,
    ) -> None:
        """Start at genesis, with a machine that stands there.

        Args:
            posted: (input count, state root) of the batches that the chain already has: they are
                sealed again at the same inputs, and their roots are compared.
            apply_at_seal: apply a batch's inputs when it is sealed and not before: so the machine
                stands at the newest sealed batch, and its proofs are of that root.
        """
        self.machine = machine
        self.limits = limits
        self.figures = Figures()
        self.index = 1
        self.resealed: dict[int, dict[int, bytes]] = {}
        self._apply_at_seal = apply_at_seal
        self._unapplied: list[bytes] = []
        self._posted = deque(posted)
        self._open = _Open(machine.root(), 0, 0)

    @property
    def pending(self) -> int:
        """Return how many inputs no batch holds yet."""
        return len(self._open.inputs)

    def add(self, framed_ops: bytes) -> list[Sealed]:
        """Apply framed micro-ops in order and return the batches that were sealed on the way."""
        sealed = []
        start = at = 0
        while at < len(framed_ops):
            end = at + FRAME_BYTES + int.from_bytes(framed_ops[at : at + FRAME_BYTES], "big")
            op = framed_ops[at + FRAME_BYTES : end]
            if self._is_full(op):
                self._apply(framed_ops[start:at])
                start = at
                sealed += self._seal_now()
            self._take(op)
            at = end
            if self._posted and len(self._open.inputs) == self._posted[0][0]:
                self._apply(framed_ops[start:at])
                start = at
                sealed += self._seal_now()
        self._apply(framed_ops[start:])
        return sealed

    def advance(self, time_ns: int) -> list[Sealed]:
        """Seal the open batch if it is due at a time."""
        if self._posted or not self._open.inputs or not self._is_due(time_ns):
            return []
        return self._seal_now()

    def seal(self) -> list[Sealed]:
        """Seal what is there, on demand; nothing if nothing is."""
        if self._posted:
            raise CommitError(
                f"{len(self._posted)} posted batches from {self.index} on have not been reached: "
                "add their micro-ops first"
            )
        return self._seal_now() if self._open.inputs else []

    @property
    def due_ns(self) -> int | None:
        """Return when the open batch is due, ns; None where nothing is open."""
        if self._posted or not self._open.inputs:
            return None
        return self._open.first_ns + self.limits.interval_of(self.index)

    def _is_due(self, time_ns: int) -> bool:
        return time_ns - self._open.first_ns >= self.limits.interval_of(self.index)

    def _is_full(self, op: bytes) -> bool:
        """Return whether the open batch ends before `op`."""
        opened = self._open
        count = len(opened.inputs)
        if self._posted or not count:
            return False
        time_ns = self.figures.time_ns + int.from_bytes(op[1:9], "big")
        size = opened.size + FRAME_BYTES + len(op) + CHECKPOINT_BYTES
        full = count >= self.limits.inputs_max or size > self.limits.batch_bytes_max
        return full or self._is_due(time_ns)

    def _take(self, op: bytes) -> None:
        """Note an input of the open batch; it is applied with its neighbours."""
        opened, figures = self._open, self.figures
        figures.step(op)
        if not opened.inputs:
            opened.first_ns = figures.time_ns
            if self.index == 1:
                opened.time_first = figures.time_ns
        opened.inputs.append(op)
        opened.size += FRAME_BYTES + len(op) + CHECKPOINT_BYTES
        body = op[OP_HEAD_BYTES:]
        if op[0] == WITHDRAW_OP:
            opened.claimers.add(int.from_bytes(body[:4], "big"))
        elif op[0] == INBOX_OP and body[0] == FORCED_WITHDRAW_ITEM:
            opened.claimers.add(int.from_bytes(body[2:6], "big"))

    def _apply(self, framed_ops: bytes) -> None:
        if not framed_ops:
            return
        if self._apply_at_seal:
            self._unapplied.append(framed_ops)
        else:
            self._open.checkpoints += self.machine.apply_inputs(framed_ops)

    def _seal_now(self) -> list[Sealed]:
        opened, figures = self._open, self.figures
        if self._unapplied:
            opened.checkpoints += self.machine.apply_inputs(b"".join(self._unapplied))
            self._unapplied.clear()
        root = self.machine.root()
        checkpoints = bytes(opened.checkpoints)
        header = BatchHeader(
            version=VERSION,
            kind=STEPS,
            index=self.index,
            previous_root=opened.previous_root,
            cursor_first=opened.cursor_first,
            cursor_end=figures.input_cursor,
            inbox_cursor=figures.inbox_cursor,
            log_number=figures.log_number,
            time_first=opened.time_first,
            time_last=figures.time_ns,
            input_count=len(opened.inputs),
        )
        batch = Batch(
            header,
            opened.inputs,
            [
                checkpoints[at : at + CHECKPOINT_BYTES]
                for at in range(0, len(checkpoints), CHECKPOINT_BYTES)
            ],
        )
        batch.check_root(root)
        self.index += 1
        self._open = _Open(root, figures.input_cursor, figures.time_ns)
        was_posted = bool(self._posted)
        if was_posted:
            _, expected = self._posted.popleft()
            if root != expected:
                raise CommitError(
                    f"batch {header.index} ends in 0x{root.hex()}, "
                    f"the chain has 0x{expected.hex()}: journal and chain are of different venues"
                )
        proofs = {
            account: self.machine.account_proof(account) for account in sorted(opened.claimers)
        }
        if was_posted:
            if proofs:
                self.resealed[header.index] = proofs
            return []
        return [Sealed(batch, batch.encode(), root, figures.inbox_hash, proofs)]
