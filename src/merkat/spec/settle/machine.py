"""The settlement machine: decode, add the deltas, check, write."""

from __future__ import annotations

from dataclasses import dataclass

from merkat.spec import signatures
from merkat.spec.codec import MalformedError
from merkat.spec.messages import (
    Floor,
    Heartbeat,
    MarginMode,
    Transfer,
    Withdraw,
)
from merkat.spec.rules import Refused
from merkat.spec.session_messages import SessionOpen, SessionRevoke
from merkat.spec.settle import (
    bankruptcy,
    delivery,
    fill,
    inbox,
    liquidation,
    money,
    oracle,
    orders,
    sessions,
)
from merkat.spec.settle.ops import (
    Bankrupt,
    Deliver,
    DropHour,
    Epoch,
    Expire,
    Fill,
    Hedge,
    Inbox,
    Liquidate,
    MicroOp,
    OrderClose,
    OrderOpen,
    Stage,
    TearUp,
    WriteOff,
    decode_op,
    encode_op,
)
from merkat.spec.settle.outcomes import ItemRefused, Outcome
from merkat.spec.settle.shared import S_01, S_05
from merkat.spec.settle.state import State
from merkat.spec.signatures import Recover
from merkat.spec.values import TIME_END

FRAME_BYTES = 2


@dataclass(frozen=True, slots=True)
class Result:
    """What became of an input: 0, 0 when nothing was refused.

    An inbox step whose item was refused is `accepted` and carries the item's code and field.
    """

    code: int
    field: int
    accepted: bool


def apply_input(state: State, op_bytes: bytes, recover: Recover = signatures.recover) -> Result:
    """Apply one input, given without its frame. Every byte string is an input.

    A malformed or refused one moves the input cursor only.
    """
    cursor = state.globals_.input_cursor
    try:
        op, time_delta_ns, log_delta = _decoded(op_bytes)
        outcome = apply_op(state, op, time_delta_ns, log_delta, recover)
    except Refused as refused:
        state.globals_.input_cursor = cursor + FRAME_BYTES + len(op_bytes)
        return Result(refused.code, refused.field_number, accepted=False)
    if isinstance(outcome, ItemRefused):
        return Result(outcome.code, outcome.field_number, accepted=True)
    return Result(0, 0, accepted=True)


def apply_op(
    state: State,
    op: MicroOp,
    time_delta_ns: int,
    log_delta: int,
    recover: Recover = signatures.recover,
) -> Outcome:
    """Apply one micro-op and return what it gave.

    Raises Refused, and then the state is as before (the cursor too: see `apply_input`).
    """
    time_ns = state.globals_.time + time_delta_ns
    log_number = state.globals_.log_number + log_delta
    S_05.require(time_ns < TIME_END and log_number < TIME_END)
    outcome = _step(state, op, time_ns, recover)
    state.globals_.time = time_ns
    state.globals_.log_number = log_number
    state.globals_.input_cursor += FRAME_BYTES + len(encode_op(op, time_delta_ns, log_delta))
    return outcome


def _decoded(op_bytes: bytes) -> tuple[MicroOp, int, int]:
    try:
        decoded = decode_op(op_bytes)
    except MalformedError:
        decoded = None
    S_01.require(decoded is not None)
    assert decoded is not None
    return decoded


def _step(state: State, op: MicroOp, time_ns: int, recover: Recover) -> Outcome:
    """Run the step function of a micro-op."""
    match op:
        case Inbox():
            return inbox.inbox(state, op, time_ns)
        case Withdraw():
            return money.withdraw(state, op, time_ns, recover)
        case Transfer():
            return money.transfer(state, op, time_ns, recover)
        case OrderOpen():
            return orders.order_open(state, op, time_ns, recover)
        case Fill():
            return fill.fill(state, op, time_ns)
        case OrderClose():
            return orders.order_close(state, op)
        case Floor():
            return orders.floor(state, op, recover)
        case Epoch():
            return oracle.epoch(state, op, time_ns, recover)
        case Heartbeat():
            return oracle.heartbeat(state, op, time_ns, recover)
        case Stage():
            return liquidation.stage(state, op, time_ns)
        case Liquidate():
            return liquidation.liquidate(state, op, time_ns)
        case Bankrupt():
            return bankruptcy.bankrupt(state, op, time_ns)
        case TearUp():
            return bankruptcy.tear_up(state, op, time_ns)
        case WriteOff():
            return bankruptcy.write_off(state, op, time_ns)
        case DropHour():
            return orders.drop_hour(state, op, time_ns)
        case MarginMode():
            return money.margin_mode(state, op, time_ns, recover)
        case Deliver():
            return delivery.deliver(state, op)
        case Expire():
            return delivery.expire(state, op)
        case Hedge():
            return liquidation.hedge(state, op, time_ns)
        case SessionOpen():
            return sessions.session_open(state, op, time_ns, recover)
        case SessionRevoke():
            return sessions.session_revoke(state, op, recover)
