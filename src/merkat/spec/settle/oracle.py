"""Epoch and heartbeat: what a quorum of a group's nodes says about prices.

Sources: rules.md section 2.5, derivatives.md section 3.
"""

from __future__ import annotations

from merkat.spec.messages import AnyVector, Heartbeat, Signatures
from merkat.spec.risk.vector import SurfaceVector
from merkat.spec.rules import rule
from merkat.spec.settle.delivery import write_samples
from merkat.spec.settle.leaves import Group
from merkat.spec.settle.ops import Epoch
from merkat.spec.settle.outcomes import FundingPaid, OracleHeard
from merkat.spec.settle.risks import BuiltRows, GroupRecord
from merkat.spec.settle.state import State
from merkat.spec.settle.surfaces import E_15, check_surface, held_run, rows_made, sampling_of
from merkat.spec.signatures import SECP256K1, Recover, signed_by
from merkat.spec.typed_data import heartbeat_digest, vector_digest
from merkat.spec.values import HOUR_NS, MAX_NODES, ZERO_ADDRESS, clamp, hour_of

INDEX_MAX = 2**52
RATE_MAX = 100_000_000

E_01 = rule("E-01", "epoch_group", "group", "the group exists")
E_02 = rule(
    "E-02",
    "epoch_number",
    "number",
    "an epoch's number is the next; a heartbeat's is the standing one, at least 1",
)
E_03 = rule("E-03", "epoch_previous", "previous", "the named vector is the standing one")
E_04 = rule("E-04", "epoch_time", "time", "the time is after the last one and not after t")
E_05 = rule(
    "E-05",
    "epoch_value",
    "index",
    "1 <= index <= 2^52, abs(basis) <= 1e8, abs(premium) <= 1e8",
)
E_06 = rule(
    "E-06",
    "epoch_quorum",
    "signatures",
    "at least threshold signatures by used nodes in ascending order, each that of its node",
)
E_14 = rule(
    "E-14",
    "vector_version",
    "version",
    "the vector is of version 2 if and only if its group has a risk set",
)


def epoch(state: State, op: Epoch, time_ns: int, recover: Recover) -> OracleHeard:
    """Take a new vector."""
    # AUTHORITY: the quorum of E-06.
    vector = op.vector

    # CHECKS
    check_epoch(state, vector, op.signatures, time_ns, recover)
    built = None
    if isinstance(vector, SurfaceVector):
        built = rows_made(state, vector)
        E_15.require(op.chunk_hashes == (() if built is None else built.chunk_hashes))

    # EFFECT: the samples and the hour are of the index that stood before.
    after = sampling_of(state, vector.group, vector.time)
    group = state.change_group(vector.group)
    if after is not None:
        write_samples(group, after)
    funding = close_hour(group, vector.time)
    take_vector(group, vector)
    take_rows(state, vector.group, built)
    group.epoch_time = vector.time
    sample_premium(group)

    # RESULT
    return OracleHeard(group.held_count, funding, None if after is None else after.fixed)


def heartbeat(state: State, op: Heartbeat, time_ns: int, recover: Recover) -> OracleHeard:
    """Renew the age of the standing vector."""
    # AUTHORITY: the quorum of E-06.
    # CHECKS
    check_heartbeat(state, op, time_ns, recover)

    # EFFECT
    after = sampling_of(state, op.group, op.time)
    group = state.change_group(op.group)
    if after is not None:
        write_samples(group, after)
    funding = close_hour(group, op.time)
    group.epoch_time = op.time
    sample_premium(group)

    # RESULT
    return OracleHeard(group.held_count, funding, None if after is None else after.fixed)


def check_epoch(
    state: State, vector: AnyVector, signatures: Signatures, time_ns: int, recover: Recover
) -> None:
    """Make the checks of a vector that need no rows: E-01, E-14, E-02 to E-06, E-07 to E-13."""
    E_01.require(vector.group < state.globals_.next_group)
    group = state.groups[vector.group]
    E_14.require(isinstance(vector, SurfaceVector) == group.has_risk_set)
    E_02.require(vector.number == group.epoch_number + 1)
    E_03.require(vector.previous == group.input_hash)
    E_04.require(group.epoch_time < vector.time <= time_ns)
    E_05.require(1 <= vector.index <= INDEX_MAX, "index")
    E_05.require(abs(vector.basis) <= RATE_MAX, "basis")
    E_05.require(abs(vector.premium) <= RATE_MAX, "premium")
    E_06.require(is_quorum(group, vector_digest(state.config, vector), signatures, recover))
    if isinstance(vector, SurfaceVector):
        check_surface(state, vector)


def check_heartbeat(state: State, op: Heartbeat, time_ns: int, recover: Recover) -> None:
    """Make the checks of a heartbeat: E-01 to E-04 and E-06."""
    E_01.require(op.group < state.globals_.next_group)
    group = state.groups[op.group]
    E_02.require(op.number == group.epoch_number and op.number >= 1)
    E_03.require(op.vector_hash == group.input_hash)
    E_04.require(group.epoch_time < op.time <= time_ns)
    E_06.require(is_quorum(group, heartbeat_digest(state.config, op), op.signatures, recover))


def is_quorum(group: Group, digest: bytes, signatures: Signatures, recover: Recover) -> bool:
    """Return whether enough of a group's nodes signed a digest, and nobody else (E-06)."""
    last = -1
    for each in signatures.each:
        if not last < each.node < MAX_NODES or group.nodes[each.node] == ZERO_ADDRESS:
            return False
        node = group.nodes[each.node]
        if not signed_by(digest, each.signature, SECP256K1, node, recover):
            return False
        last = each.node
    return len(signatures.each) >= group.threshold


def close_hour(group: Group, signed_time_ns: int) -> FundingPaid | None:
    """Pay the funding of the last hour when the signed time lies in another one."""
    hour = hour_of(signed_time_ns)
    if hour == group.premium_hour:
        return None
    paid = None
    if group.premium_count > 0:
        sampled_half = 2 * group.premium_count * group.epoch_period_ns >= HOUR_NS
        average = group.premium_sum // group.premium_count if sampled_half else 0
        toward_interest = clamp(group.interest - average, group.funding_clamp)
        rate = clamp(average + toward_interest, group.funding_cap)
        group.cumulative_funding += group.index * rate // 8_000
        paid = FundingPaid(group.premium_hour, rate, group.cumulative_funding)
    group.premium_sum = group.premium_count = 0
    group.premium_hour = hour
    return paid


def take_vector(group: Group, vector: AnyVector) -> None:
    """Name the vector; accept its values, or hold them when the index jumps."""
    group.held_count, group.held_low, group.held_high = held_run(group, vector.index)
    group.epoch_number += 1
    group.input_hash = vector.hash
    if group.held_count == 0:
        group.index, group.basis, group.premium = vector.index, vector.basis, vector.premium


def take_rows(state: State, group: int, built: BuiltRows | None) -> None:
    """Put the rows that a vector makes in the place of those that stood."""
    if built is not None:
        state.set_risk(group, GroupRecord(state.risks[group].risk_set, built))


def sample_premium(group: Group) -> None:
    """Count the standing premium towards the hour's funding, unless a run is held."""
    if group.held_count == 0:
        group.premium_sum += group.premium
        group.premium_count += 1
