"""The faults: each breaks one rule; the corpus must notice every one."""

from __future__ import annotations

from tests.mutants.harness import Mutant
from tests.mutants.option_faults import ENGINE_OPTIONS, OPTIONS_FAST, OPTIONS_MORE
from tests.mutants.session_faults import SESSIONS_FAST, SESSIONS_MORE

SETTLE = "src/merkat/spec/settle"
VENUE = "src/merkat/spec/venue"

SPECIFICATION_FAST = (
    Mutant(
        "fees round down",
        "rules.md 1, taker fee",
        f"{SETTLE}/margin.py",
        "base = ceil_div(product, ONE * instrument.coin)",
        "base = product // (ONE * instrument.coin)",
    ),
    Mutant(
        "two held vectors are enough",
        "rules.md 2.5, effect 2",
        f"{SETTLE}/surfaces.py",
        "HELD_END = 3",
        "HELD_END = 2",
    ),
    Mutant(
        "a node may sign twice",
        "E-06",
        f"{SETTLE}/oracle.py",
        "if not last < each.node < MAX_NODES",
        "if not last <= each.node < MAX_NODES",
    ),
    Mutant(
        "a renewal leaves the old order open",
        "P-09, effect",
        f"{SETTLE}/orders.py",
        "closed = replace(old, state=CLOSED) if old else OrderLeaf(state=CLOSED)",
        "closed = old if old else OrderLeaf(state=CLOSED)",
    ),
    Mutant(
        "withdrawals forget the net delta",
        "W-06",
        f"{VENUE}/money.py",
        "initial_margin(venue, account), margin.net_delta_requirement(state, account)",
        "initial_margin(venue, account), 0",
    ),
    Mutant(
        "an amend of the same size loses its place",
        "rules.md 3.2, amend",
        f"{VENUE}/amend.py",
        "order.size <= old.size",
        "order.size < old.size",
    ),
    Mutant(
        "tear-ups begin with the safest holder",
        "rules.md 3.7, tear_up_all",
        f"{VENUE}/bankruptcy.py",
        "-Fraction(_gross_notional(venue, other), equity)",
        "Fraction(_gross_notional(venue, other), equity)",
    ),
    Mutant(
        "the fund pays more than its day allows",
        "rules.md 2.6, bankrupt",
        f"{SETTLE}/shared.py",
        "return group.fund_day_share * group.fund_day_open // ONE - group.fund_day_used",
        "return group.fund",
    ),
    *OPTIONS_FAST,
    *SESSIONS_FAST,
)

SPECIFICATION_MORE = (
    Mutant(
        "high s is a signature",
        "formats.md 3",
        "src/merkat/spec/weierstrass.py",
        "not 0 < s <= self.order // 2",
        "not 0 < s < self.order",
    ),
    Mutant(
        "a hundred and one nonces are kept",
        "C-04",
        f"{VENUE}/state.py",
        "if len(nonces) > NONCES_KEPT:",
        "if len(nonces) > NONCES_KEPT + 1:",
    ),
    Mutant(
        "the edge of the band is outside",
        "F-09",
        f"{SETTLE}/fill.py",
        "return abs(price - mark(state, listing)) <= band(state, listing)",
        "return abs(price - mark(state, listing)) < band(state, listing)",
    ),
    Mutant(
        "a jump of exactly the bound is held",
        "rules.md 2.5, effect 2",
        f"{SETTLE}/surfaces.py",
        "* ONE <= group.jump * group.index",
        "* ONE < group.jump * group.index",
    ),
    Mutant(
        "a quarter of an hour of samples is enough",
        "rules.md 2.5, effect 1",
        f"{SETTLE}/oracle.py",
        "2 * group.premium_count * group.epoch_period_ns",
        "4 * group.premium_count * group.epoch_period_ns",
    ),
    Mutant(
        "funding rounds toward zero",
        "rules.md 2.5, effect 1",
        f"{SETTLE}/oracle.py",
        "average = group.premium_sum // group.premium_count if sampled_half else 0",
        "average = int(group.premium_sum / group.premium_count) if sampled_half else 0",
    ),
    Mutant(
        "a liquidation stops at the larger bound",
        "rules.md 1, stop",
        f"{SETTLE}/margin.py",
        "return min(ratio * of.maintenance // ONE, of.initial)",
        "return max(ratio * of.maintenance // ONE, of.initial)",
    ),
    Mutant(
        "a liquidation times out a nanosecond late",
        "Q-13",
        f"{SETTLE}/limits.py",
        "return time_ns - leaf.stage_time >= state.groups[leaf.stage_group].stage_timeout_ns",
        "return time_ns - leaf.stage_time > state.groups[leaf.stage_group].stage_timeout_ns",
    ),
    Mutant(
        "a remainder of ten lots goes too",
        "rules.md 2.6, share",
        f"{SETTLE}/limits.py",
        "return everything if everything - slice_size < 10 * lot else slice_size",
        "return everything if everything - slice_size <= 10 * lot else slice_size",
    ),
    Mutant(
        "a slice leaves nine lots alone",
        "rules.md 3.7, slice",
        f"{VENUE}/slice_choice.py",
        "REMAINDER_LOTS = 10",
        "REMAINDER_LOTS = 9",
    ),
    Mutant(
        "lots left over go to the highest account",
        "rules.md 3.7, tear_up_all",
        f"{VENUE}/bankruptcy.py",
        "(-(lots * holder[1] % total), holder[0])",
        "(-(lots * holder[1] % total), -holder[0])",
    ),
    Mutant(
        "the other account of an owner is another",
        "M-02",
        f"{VENUE}/matching.py",
        "M_02.holds(owner != venue.account(taker_account).owner)",
        "M_02.holds(order.account != taker_account)",
    ),
    Mutant(
        "half a minute of silence is a gap",
        "rules.md 3.5",
        f"{VENUE}/oracle.py",
        "if silent_ns <= venue.settlement.groups[number].halt_ns:",
        "if silent_ns < venue.settlement.groups[number].halt_ns:",
    ),
    Mutant(
        "an order outlives its expiry by a tick",
        "rules.md 3.6",
        f"{VENUE}/tick.py",
        "if expiry > venue.time_ns:",
        "if expiry >= venue.time_ns:",
    ),
    Mutant(
        "write-offs take all of the fund",
        "rules.md 2.6, write_off",
        f"{SETTLE}/bankruptcy.py",
        "payment = min(debt, max(0, min(group.fund, left_today(group))))",
        "payment = min(debt, group.fund)",
    ),
    Mutant(
        "the mark is rounded up",
        "rules.md 1, mark",
        f"{SETTLE}/margin.py",
        "return max(quantum, raised // (ONE * quantum) * quantum)",
        "return max(quantum, ceil_div(raised, ONE * quantum) * quantum)",
    ),
    *OPTIONS_MORE,
    *SESSIONS_MORE,
)

ENGINE_FAST = (
    Mutant(
        "a jump of exactly the bound is held",
        "rules.md 2.5, effect 2",
        "crates/settle/src/oracle.rs",
        "(index - standing).abs() * i128::from(RATE_ONE) <= jump * standing",
        "(index - standing).abs() * i128::from(RATE_ONE) < jump * standing",
    ),
    Mutant(
        "a maker trades at its expiry",
        "M-01",
        "crates/engine/src/matching.rs",
        "if detail.order.expiry_ns <= self.time_ns {",
        "if detail.order.expiry_ns < self.time_ns {",
    ),
)

ENGINE_MORE = (
    Mutant(
        "an amend of the same size loses its place",
        "rules.md 3.2, amend",
        "crates/engine/src/amend.rs",
        "order.size <= old.size",
        "order.size < old.size",
    ),
    Mutant(
        "improves forgets the ratio",
        "F-15",
        "crates/settle/src/margin.rs",
        "compare_products(self.equity, before.initial, before.equity, self.initial).is_ge()",
        "true",
    ),
    Mutant(
        "funding rounds toward zero",
        "rules.md 2.5, effect 1",
        "crates/settle/src/oracle.rs",
        ".div_euclid(FUNDING_DIVISOR)",
        "/ FUNDING_DIVISOR",
    ),
    Mutant(
        "a liquidation stops at the larger bound",
        "rules.md 1, stop",
        "crates/settle/src/margin.rs",
        "rate_floor(ratio, figures.maintenance).min(figures.initial)",
        "rate_floor(ratio, figures.maintenance).max(figures.initial)",
    ),
    Mutant(
        "write-offs take all of the fund",
        "rules.md 2.6, write_off",
        "crates/settle/src/ruin.rs",
        "debt.min(group.fund.min(day_allowance(group)).max(0))",
        "debt.min(group.fund)",
    ),
    Mutant(
        "any curve signs for a session",
        "S-03",
        "crates/settle/src/checks.rs",
        "let signed = || scheme_of(signature) == Some(scheme);",
        "let signed = || scheme_of(signature) == Some(scheme) || true;",
    ),
    Mutant(
        "an order of a session may outlive it",
        "K-12",
        "crates/settle/src/sessions.rs",
        "let outlived = order.expiry_ns <= session.expiry_ns;",
        "let outlived = order.expiry_ns > 0;",
    ),
    Mutant(
        "a maker worth too much is matched",
        "M-09",
        "crates/engine/src/session.rs",
        "if order.slot == 0 || detail.opened_version == order.version {",
        "if order.slot == 0 || detail.opened_version <= order.version {",
    ),
    *ENGINE_OPTIONS,
)
