"""The decoder: from what the chain has, every step once more, by the specification alone.

Nothing here knows the engine. `Rebuilder` takes batches in order and compares every checkpoint;
where one differs, it names batch, input and rule.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from merkat.settlement.batch import STEPS, Batch, BatchError
from merkat.settlement.batch import decode as decode_batch
from merkat.spec import signatures
from merkat.spec.rules import all_rules
from merkat.spec.settle.machine import Result, apply_input
from merkat.spec.settle.ops import OP_KINDS
from merkat.spec.settle.state import State
from merkat.spec.signatures import Recover
from merkat.spec.typed_data import Config
from merkat.spec.values import cut


@dataclass(frozen=True, slots=True)
class PostedHeader:
    """What was posted on the chain beside the data. Times in ns."""

    index: int
    previous_root: bytes
    state_root: bytes
    inbox_cursor: int
    inbox_hash: bytes
    time_first: int
    time_last: int
    input_count: int


class Divergence(Exception):  # noqa: N818 - a finding about the venue, not an error of the program
    """A batch is not what its data give: names the batch, the input (None: the header), the rule.

    `rule` is the id of the settlement rule that refused the input, or the name of the check of the
    batch that failed, such as `checkpoint` or `header.log_number`.
    """

    def __init__(self, batch: int, input_number: int | None, rule: str, text: str) -> None:
        where = f"batch {batch}" + ("" if input_number is None else f", input {input_number}")
        super().__init__(f"{where}: {rule}: {text}")
        self.batch = batch
        self.input_number = input_number
        self.rule = rule


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild came to."""

    batches: int
    micro_ops: int
    refused: int
    state_root: bytes
    anchored_root: bytes


class Rebuilder:
    """Re-executes batches from genesis with the specification's settlement machine.

    `recover` is who recovers signers; by default the specification, slow and without a
    dependency. A caller may give a faster one that does the same.
    """

    def __init__(self, config: Config, recover: Recover = signatures.recover) -> None:
        self.state = State(config)
        self.root = self.state.root()
        self.anchored_root = self.root
        self.batches = 0
        self.micro_ops = 0
        self.refused = 0
        self.kinds: Counter[str] = Counter()
        self._recover = recover

    def take(self, posted: PostedHeader | None, data: bytes) -> Batch:
        """Re-execute the next batch and return it. Raises Divergence.

        `posted` is None where the batch is not on the chain yet: it is compared with itself only.
        """
        index = self.batches + 1
        try:
            batch = decode_batch(data)
        except BatchError as error:
            raise Divergence(index, None, "malformed_batch", str(error)) from error
        self._check_start(index, batch, posted)
        for number, (op, checkpoint) in enumerate(
            zip(batch.inputs, batch.checkpoints, strict=True)
        ):
            self._step(index, number, op, checkpoint)
        self._check_end(index, batch, posted)
        self.batches = index
        return batch

    def _check_start(self, index: int, batch: Batch, posted: PostedHeader | None) -> None:
        header, globals_ = batch.header, self.state.globals_

        def check(name: str, found: object, expected: object) -> None:
            _check(index, name, found, expected)

        check("header.kind", header.kind, STEPS)
        check("header.index", header.index, index)
        check("header.previous_root", header.previous_root, self.root)
        check("header.cursor_first", header.cursor_first, globals_.input_cursor)
        if index > 1:
            check("header.time_first", header.time_first, globals_.time)
        if posted is None:
            return
        check("posted.index", posted.index, index)
        check("posted.previous_root", posted.previous_root, self.root)
        check("posted.inbox_cursor", posted.inbox_cursor, header.inbox_cursor)
        check("posted.time_first", posted.time_first, header.time_first)
        check("posted.time_last", posted.time_last, header.time_last)
        check("posted.input_count", posted.input_count, header.input_count)

    def _step(self, index: int, number: int, op: bytes, checkpoint: bytes) -> None:
        result = apply_input(self.state, op, self._recover)
        self.root = self.state.root()
        self.micro_ops += 1
        self.refused += not result.accepted
        self.kinds[op_name(op)] += 1
        if cut(self.root) != checkpoint:
            rule, why = _reason(result)
            raise Divergence(
                index,
                number,
                rule,
                f"{op_name(op)}: the checkpoint is 0x{checkpoint.hex()}, re-execution gives "
                f"0x{cut(self.root).hex()}; {why}",
            )

    def _check_end(self, index: int, batch: Batch, posted: PostedHeader | None) -> None:
        header, globals_ = batch.header, self.state.globals_

        def check(name: str, found: object, expected: object) -> None:
            _check(index, name, found, expected)

        check("header.cursor_end", header.cursor_end, globals_.input_cursor)
        check("header.inbox_cursor", header.inbox_cursor, globals_.inbox_cursor)
        check("header.log_number", header.log_number, globals_.log_number)
        check("header.time_last", header.time_last, globals_.time)
        if index == 1:
            op = batch.inputs[0]
            check("header.time_first", header.time_first, int.from_bytes(op[1:9], "big"))
        if posted is not None:
            check("posted.state_root", posted.state_root, self.root)
            check("posted.inbox_hash", posted.inbox_hash, globals_.inbox_hash)
            self.anchored_root = posted.state_root

    def rebuilt(self) -> Rebuilt:
        """Return what the batches so far came to."""
        return Rebuilt(self.batches, self.micro_ops, self.refused, self.root, self.anchored_root)


def rebuild(
    config: Config,
    posts: Iterable[tuple[PostedHeader, bytes]],
    recover: Recover = signatures.recover,
    progress: Callable[[Rebuilder], None] | None = None,
) -> Rebuilder:
    """Re-execute every batch that the chain has, in order. Raises Divergence."""
    rebuilder = Rebuilder(config, recover)
    for posted, data in posts:
        rebuilder.take(posted, data)
        if progress is not None:
            progress(rebuilder)
    return rebuilder


def op_name(op: bytes) -> str:
    """Return the name of a micro-op's kind, `unknown` where it has none."""
    kind = OP_KINDS.get(op[0]) if op else None
    return "unknown" if kind is None else kind.__name__


def _reason(result: Result) -> tuple[str, str]:
    """Return id of the rule that refused an input, and the sentence about it."""
    if not result.code:
        return "checkpoint", "the input is accepted"
    rule = next((rule for rule in all_rules() if rule.code == result.code), None)
    if rule is None:
        return f"code_{result.code}", "refused"
    what = "the inbox item is refused" if result.accepted else "the input is refused"
    return rule.id, f"{what}: {rule.name} holds when {rule.text}"


def _check(index: int, name: str, found: object, expected: object) -> None:
    if found == expected:
        return

    def shown(value: object) -> str:
        return "0x" + value.hex() if isinstance(value, bytes) else str(value)

    raise Divergence(index, None, name, f"is {shown(found)}, expected {shown(expected)}")
