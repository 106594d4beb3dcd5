"""Vectors of version 2: when one is admitted, and the rows that it makes (derivatives.md 3).

Rows cost seconds. They are a pure function of what `RowInputs` has, so the last few answers are
remembered: whoever asks for the same rows again, the venue before the step or the step itself, gets
the same object.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from merkat.spec.risk.parameters import RiskSet
from merkat.spec.risk.rows import RowInputs, build_rows
from merkat.spec.risk.surface import CHECKS, Candidate
from merkat.spec.risk.terms import Terms
from merkat.spec.risk.vector import SurfaceVector
from merkat.spec.risk.window import Samples
from merkat.spec.rules import rule
from merkat.spec.settle.delivery import Sampling, sampling
from merkat.spec.settle.leaves import DELIVERED, Group, Instrument
from merkat.spec.settle.outcomes import DeliveryFixed
from merkat.spec.settle.risks import BuiltRows, built_rows
from merkat.spec.settle.state import State
from merkat.spec.values import ONE

REMEMBERED = 16
HELD_END = 3  # a held run of this length is accepted

SURFACE_RULES = {
    each.id: each
    for each in (
        rule("E-07", "surface_value", "forward", "every value of the vector is in its range"),
        rule(
            "E-08", "surface_shape", "surface", "every slice is positive, its wings not too steep"
        ),
        rule("E-09", "surface_butterfly", "surface", "no slice has a negative density at a node"),
        rule("E-10", "surface_calendar", "surface", "total variance never falls with the expiry"),
        rule("E-11", "surface_missing", "expiry", "every expiry that is listed and ahead is there"),
        rule("E-12", "surface_jump", "surface", "no at-the-money volatility jumps"),
        rule("E-13", "surface_domain", "surface", "everything to be priced is in the domain"),
    )
}
E_13 = SURFACE_RULES["E-13"]
E_15 = rule(
    "E-15", "chunk_hashes", "rows", "the hashes are those of the rows; none of a held vector"
)


def check_surface(state: State, vector: SurfaceVector) -> None:
    """Make the checks E-07 to E-13 of a vector, whose rows need not be built for them."""
    refused = _refused_by(candidate(state, vector))
    for rule_id, each in SURFACE_RULES.items():
        holds = refused is None or refused[0] != rule_id
        each.require(holds, None if refused is None else refused[1])


def candidate(state: State, vector: SurfaceVector) -> Candidate:
    """Return a vector and what it is held against."""
    group, built = state.groups[vector.group], state.risks[vector.group].built
    is_young = vector.time - group.epoch_time <= group.halt_ns
    compared = built if is_young and group.held_count == 0 else None
    return Candidate(
        vector=vector,
        terms=live_terms(state, vector.group),
        jump_base=None if compared is None else compared.vector,
        vol_jump=0 if built is None else built.risk_set.scalars.vol_jump,
    )


@lru_cache(maxsize=REMEMBERED)
def _refused_by(asked: Candidate) -> tuple[str, str] | None:
    """Return (rule id, field) of the first check that fails, None when all hold."""
    for rule_id, check in CHECKS.items():
        refused_field = check(asked)
        if refused_field is not None:
            return rule_id, refused_field
    return None


def live_terms(state: State, group: int, fixed: DeliveryFixed | None = None) -> tuple[Terms, ...]:
    """Return the live listings of a group, ascending, with the delivery prices that are known.

    `fixed` is a price that the step fixes whose rows are asked for.
    """
    leaf = state.groups[group]
    expiry, price = leaf.fixed_expiry, leaf.fixed_price
    if fixed is not None:
        expiry, price = fixed.expiry, fixed.price
    return tuple(
        Terms(
            listing=listing,
            kind=instrument.kind,
            strike=instrument.strike,
            expiry=instrument.expiry,
            quantum=instrument.quantum,
            delivery_price=_delivery_price(instrument, expiry, price),
        )
        for listing, instrument in sorted(state.instruments.items())
        if instrument.group == group and instrument.is_live
    )


def _delivery_price(instrument: Instrument, fixed_expiry: int, fixed_price: int) -> int:
    """Return what a listing is delivered at, 0 as long as nobody knows."""
    if instrument.state == DELIVERED:
        return instrument.delivery_price
    return fixed_price if instrument.is_dated and instrument.expiry == fixed_expiry else 0


def sampling_of(state: State, group: int, signed_time_ns: int) -> Sampling | None:
    """Return the samples of a group with a risk set after a step with this signed time."""
    record = state.risks.get(group)
    if record is None:
        return None
    samples_least = record.risk_set.scalars.samples_least
    return sampling(state.groups[group], samples_least, signed_time_ns)


def rows_inputs(state: State, vector: SurfaceVector) -> RowInputs:
    """Return everything that decides about the rows that a vector makes."""
    record, group = state.risks[vector.group], state.groups[vector.group]
    after = sampling_of(state, vector.group, vector.time)
    assert after is not None, "a vector of version 2 is of a group with a risk set (E-14)"
    terms = live_terms(state, vector.group, after.fixed)
    return RowInputs(
        vector=vector,
        risk_set=record.risk_set,
        terms=terms,
        coin=state.instruments[terms[0].listing].coin if terms else 1,
        basis_clamp=group.basis_clamp,
        maintenance_rate=group.maintenance_rate,
        samples=after.samples,
        standing={} if record.built is None else record.built.rows,
        standing_time=0 if record.built is None else record.built.vector.time,
    )


def rows_made(state: State, vector: SurfaceVector) -> BuiltRows | None:
    """Return the rows that a vector makes, None where it will be held; Refused by E-13."""
    group = state.groups[vector.group]
    if held_run(group, vector.index)[0] > 0:
        return None
    built = _built(_question(rows_inputs(state, vector), group))
    E_13.require(built is not None)
    return built


def held_run(group: Group, index: int) -> tuple[int, int, int]:
    """Return (count, low, high) of the held run after a vector; all 0 where it is taken up."""
    if not group.has_vector or abs(index - group.index) * ONE <= group.jump * group.index:
        return 0, 0, 0
    low, high = min(group.held_low, index), max(group.held_high, index)
    agrees = high * ONE <= (ONE + group.agreement) * low
    if group.held_count == 0 or not agrees:
        return 1, index, index
    count = group.held_count + 1
    return (0, 0, 0) if count >= HELD_END else (count, low, high)


@dataclass(frozen=True, slots=True)
class _Question:
    """What rows are asked for; two questions are equal when their inputs are.

    The rows that stand are named by their hashes.
    """

    vector: SurfaceVector
    risk_set: RiskSet
    terms: tuple[Terms, ...]
    numbers: tuple[int, ...]
    samples: Samples
    standing: tuple[bytes, bytes]
    inputs: RowInputs = field(compare=False)


def _question(inputs: RowInputs, group: Group) -> _Question:
    return _Question(
        vector=inputs.vector,
        risk_set=inputs.risk_set,
        terms=inputs.terms,
        numbers=(inputs.coin, inputs.basis_clamp, inputs.maintenance_rate, inputs.standing_time),
        samples=inputs.samples,
        standing=(group.rows_hash, group.row_root),
        inputs=inputs,
    )


@lru_cache(maxsize=REMEMBERED)
def _built(question: _Question) -> BuiltRows | None:
    """Return the rows with their hashes, None where E-13 refuses them."""
    rows = build_rows(question.inputs)
    if rows is None:
        return None
    return built_rows(question.risk_set, question.vector, rows)
