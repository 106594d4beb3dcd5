"""The faults of dated contracts, surfaces, collateral and delivery; the corpus must notice each."""

from __future__ import annotations

from tests.mutants.harness import Mutant

SETTLE = "src/merkat/spec/settle"
VENUE = "src/merkat/spec/venue"
RISK = "src/merkat/spec/risk"

OPTIONS_FAST = (
    Mutant(
        "a vector stands a second longer in the samples",
        "derivatives.md 6, samples",
        f"{SETTLE}/delivery.py",
        "SAMPLE_AGE_NS = 5 * SECOND_NS",
        "SAMPLE_AGE_NS = 6 * SECOND_NS",
    ),
    Mutant(
        "an option is torn up below zero",
        "derivatives.md 4, tear",
        f"{SETTLE}/limits.py",
        "return max(0, torn) if instrument.is_option else torn",
        "return torn",
    ),
    Mutant(
        "any root of rows is taken",
        "A-02",
        f"{VENUE}/oracle.py",
        "A_02.require(command.row_root == (ZERO31 if built is None else built.root))",
        "A_02.require(True)",
    ),
    Mutant(
        "an option's fee has no bound",
        "derivatives.md 4, fee",
        f"{SETTLE}/margin.py",
        "return min(base, ceil_div(scalars.premium_cap * value_of(instrument, size, price), ONE))",
        "return base",
    ),
    Mutant(
        "a hedge may turn the delta",
        "Q-20",
        f"{SETTLE}/limits.py",
        "return abs(delta_sum(state, account, state.instruments[listing].group)) // ONE",
        "return 2 * abs(delta_sum(state, account, state.instruments[listing].group)) // ONE",
    ),
)

OPTIONS_MORE = (
    Mutant(
        "a price is fixed after 08:00 only",
        "derivatives.md 6",
        f"{SETTLE}/delivery.py",
        "if signed_time_ns >= expiry > group.fixed_expiry",
        "if signed_time_ns > expiry > group.fixed_expiry",
    ),
    Mutant(
        "a loan has no limit",
        "derivatives.md 4, F-15",
        f"{SETTLE}/margin.py",
        "return after.wide_equity >= max(after.initial, least) and after.loan <= after.loan_limit",
        "return after.wide_equity >= max(after.initial, least)",
    ),
    Mutant(
        "a wide price counts at its mark",
        "risk.md 6, E_w",
        f"{RISK}/equity.py",
        "return row.low if size > 0 else row.high",
        "return row.mark",
    ),
    Mutant(
        "all collateral counts as a small holding",
        "risk.md 6, collateral",
        f"{RISK}/equity.py",
        "tier = min(value, scalars.haircut_tier)",
        "tier = value",
    ),
    Mutant(
        "the dearer of two bounds",
        "risk.md 5, requirement",
        f"{RISK}/standard.py",
        "return max(0, value + min(isolated, bounded(group, held, unpaired)))",
        "return max(0, value + max(isolated, bounded(group, held, unpaired)))",
    ),
    Mutant(
        "calls short beyond every strike are free",
        "risk.md 5, bounded",
        f"{RISK}/standard.py",
        "return max(0, -worst_payoff) + above",
        "return max(0, -worst_payoff)",
    ),
    Mutant(
        "pinned expiries lose nothing",
        "risk.md 4, P",
        f"{RISK}/portfolio.py",
        "largest = max(largest, -(total // group.coin))",
        "largest = max(largest, 0)",
    ),
    Mutant(
        "a peg below its threshold costs nothing",
        "risk.md 4, peg",
        f"{RISK}/portfolio.py",
        "peg = max(0, scalars.peg_threshold - group.vector.peg) * scalars.peg_factor // ONE",
        "peg = 0",
    ),
    Mutant(
        "the steepest wing of a surface is too steep",
        "E-08",
        f"{RISK}/surface.py",
        "mul(b, ONE + abs(rho)) <= 2 * ONE",
        "mul(b, ONE + abs(rho)) <= ONE",
    ),
    Mutant(
        "volatility may fall as far as it likes",
        "E-12",
        f"{RISK}/surface.py",
        "if abs(change) > candidate.vol_jump:",
        "if change > candidate.vol_jump:",
    ),
    Mutant(
        "more samples than seconds are fixed twice",
        "risk.md 3, delivery window",
        f"{RISK}/window.py",
        "return Window(fixed, WINDOW_SECONDS - taken)",
        "return Window(fixed, WINDOW_SECONDS)",
    ),
    Mutant(
        "coins are sold short",
        "F-17",
        f"{SETTLE}/fill.py",
        "return not state.instruments[side.listing].is_spot or size_after(state, side) >= 0",
        "return True",
    ),
    Mutant(
        "nobody asks for the names",
        "F-18",
        f"{SETTLE}/fill.py",
        "F_18.require(side.names == expected_names(state, side))",
        "F_18.require(True)",
    ),
    Mutant(
        "crumbs of a lot are withdrawn",
        "W-02",
        f"{SETTLE}/collateral.py",
        "return amount % state.instruments[listing].lot == 0 and amount <= held",
        "return amount <= held",
    ),
    Mutant(
        "orders outlive their listing",
        "derivatives.md 5, sweep",
        f"{VENUE}/delivery.py",
        "if 0 < venue.instrument(listing).expiry <= venue.time_ns:",
        "if 0 < venue.instrument(listing).expiry < venue.time_ns:",
    ),
    Mutant(
        "a market order stops at the band's edge off tick",
        "derivatives.md 2, on_tick",
        f"{VENUE}/terms.py",
        "return ceil_div(price, tick) * tick",
        "return price",
    ),
)

ENGINE_OPTIONS = (
    Mutant(
        "years are left out of the hashes of rows",
        "risk.md 3, hashes",
        "crates/pricing/src/commitment.rs",
        "first[24..].copy_from_slice(&row.years.to_be_bytes());",
        "",
    ),
    Mutant(
        "any root of rows is taken",
        "A-02",
        "crates/engine/src/surface.rs",
        "require(root == command.row_root, code::A02_WRONG_ROWS, field::ROWS)",
        "require(true, code::A02_WRONG_ROWS, field::ROWS)",
    ),
    Mutant(
        "a loan has no limit",
        "derivatives.md 4, F-15",
        "crates/settle/src/margin.rs",
        "self.wide >= self.initial && self.loan() <= self.loan_limit",
        "self.wide >= self.initial",
    ),
)
