"""The snapshot batch of a state (docs/spec/batches.md section 3), made anew to be compared."""

from __future__ import annotations

from merkat.settlement.evidence.batch_bytes import SNAPSHOT, Batch, Header
from merkat.spec.settle.put import Rebuilding, puts
from merkat.spec.settle.state import State
from merkat.spec.values import ZERO32, cut


def snapshot_batch(state: State, index: int) -> Batch:
    """Return the batch of `put` steps that makes `state`, the one after batch `index`."""
    rebuilding = Rebuilding(state.config)
    inputs, checkpoints = [], []
    for put in puts(state):
        rebuilding.put(put)
        inputs.append(put)
        checkpoints.append(cut(rebuilding.root()))
    totals = state.globals_
    header = Header(
        version=1,
        kind=SNAPSHOT,
        index=index,
        previous_root=ZERO32,
        cursor_first=0,
        cursor_end=0,
        inbox_cursor=totals.inbox_cursor,
        log_number=totals.log_number,
        time_first=totals.time,
        time_last=totals.time,
        input_count=len(inputs),
    )
    return Batch(header, tuple(inputs), tuple(checkpoints))
