"""Snapshot batches: a full state as `put` steps, and the state that such a batch gives back.

Their last root must be the anchored one of the batch whose index they name; they never become a
head of the chain's batches (batches.md section 3).
"""

from __future__ import annotations

from merkat.settlement.batch import SNAPSHOT, VERSION, Batch, BatchError, BatchHeader, decode
from merkat.settlement.decode import Divergence
from merkat.spec.settle.put import PutError, Rebuilding, puts
from merkat.spec.settle.state import State
from merkat.spec.typed_data import Config
from merkat.spec.values import ZERO32, cut


def snapshot_of(state: State, index: int) -> Batch:
    """Return the snapshot of the state that batch `index` ended in.

    Raises BatchError when it is encoded if the state is larger than a batch may be.
    """
    rebuilding = Rebuilding(state.config)
    inputs = list(puts(state))
    checkpoints = []
    for put in inputs:
        rebuilding.put(put)
        checkpoints.append(cut(rebuilding.root()))
    globals_ = state.globals_
    header = BatchHeader(
        version=VERSION,
        kind=SNAPSHOT,
        index=index,
        previous_root=ZERO32,
        cursor_first=0,
        cursor_end=0,
        inbox_cursor=globals_.inbox_cursor,
        log_number=globals_.log_number,
        time_first=globals_.time,
        time_last=globals_.time,
        input_count=len(inputs),
    )
    batch = Batch(header, inputs, checkpoints)
    batch.check_root(state.root())
    return batch


def state_of(config: Config, data: bytes, index: int, anchored_root: bytes) -> State:
    """Return the state that a snapshot batch's bytes give. Raises Divergence.

    `index` and `anchored_root` are those of the batch, on the chain, that it must repeat.
    """
    try:
        batch = decode(data)
    except BatchError as error:
        raise Divergence(index, None, "malformed_batch", str(error)) from error
    header = batch.header
    _check(index, "header.kind", header.kind, SNAPSHOT)
    _check(index, "header.index", header.index, index)
    rebuilding = Rebuilding(config)
    for number, (put, checkpoint) in enumerate(zip(batch.inputs, batch.checkpoints, strict=True)):
        try:
            rebuilding.put(put)
        except PutError as error:
            raise Divergence(index, number, "put", str(error)) from error
        root = rebuilding.root()
        if cut(root) != checkpoint:
            raise Divergence(
                index,
                number,
                "checkpoint",
                f"put: the checkpoint is 0x{checkpoint.hex()}, the leaves give 0x{cut(root).hex()}",
            )
    try:
        state = rebuilding.finish()
    except PutError as error:
        raise Divergence(index, None, "put", str(error)) from error
    globals_ = state.globals_
    _check(index, "header.inbox_cursor", header.inbox_cursor, globals_.inbox_cursor)
    _check(index, "header.log_number", header.log_number, globals_.log_number)
    _check(index, "header.time_first", header.time_first, globals_.time)
    _check(index, "header.time_last", header.time_last, globals_.time)
    if state.root() != anchored_root:
        raise Divergence(
            index,
            None,
            "anchored_root",
            f"the snapshot gives 0x{state.root().hex()}, anchored is 0x{anchored_root.hex()}",
        )
    return state


def _check(index: int, name: str, found: int, expected: int) -> None:
    if found != expected:
        raise Divergence(index, None, name, f"is {found}, expected {expected}")
