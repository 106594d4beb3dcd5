"""Each rule of the settlement machine is seen to hold and to fail by the cases of the rules."""

from __future__ import annotations

from dataclasses import replace

from merkat.spec.messages import encode_item
from merkat.spec.rules import Rule, all_rules, tracing
from merkat.spec.settle.machine import apply_input
from merkat.spec.settle.ops import Inbox, WriteOff, encode_op
from tests.unit.spec.option_world import OptionWorld
from tests.unit.spec.settle import test_rules as perpetuals
from tests.unit.spec.settle import test_rules_of_derivatives as derivatives
from tests.unit.spec.settle import test_rules_of_sessions as sessions
from tests.unit.spec.world import ALICE, COIN, World, recover


def run_cases() -> None:
    for _, _, make in perpetuals.CASES:
        world = World.ready()
        refused, accepted = make(world)
        apply_input(world.state, encode_op(refused, 0, 1), recover)
        apply_input(world.state, encode_op(accepted, 1, 1), recover)
    for _, _, make in sessions.CASES:
        world = World.ready()
        refused, accepted = make(world)
        apply_input(world.state, encode_op(refused, 0, 1), recover)
        apply_input(world.state, encode_op(accepted, 1, 1), recover)
    for _, _, make_market in derivatives.CASES:
        market = OptionWorld.ready()
        refused, accepted = make_market(market)
        apply_input(market.state, encode_op(refused, 0, 1), recover)
        apply_input(market.state, encode_op(accepted, 1, 1), recover)


def run_items() -> None:
    world = World.ready()
    world.item(world.venue_item())
    world.item(world.instrument_item())
    world.item(world.sweep_item())
    world.item(world.forced_item())
    for _, _, data in perpetuals.bad_items(world):
        world.step(Inbox(data))
    perpetuals.test_item_rule_refuses_when_full("I-07", "account", 2**28)
    perpetuals.test_item_rule_refuses_when_full("I-16", "listing", 2**32 - 1)
    market = derivatives.with_two_groups()
    for _, _, item in derivatives.bad_items(market):
        market.step(Inbox(encode_item(item)))
    derivatives.test_items_at_their_bounds_are_taken()
    derivatives.test_i_32_and_i_33_a_delivery_waits_for_its_expiry_and_a_price()
    derivatives.test_i_34_the_state_of_a_delivered_listing_is_not_set()


def run_others() -> None:
    perpetuals.test_s_01_every_malformed_input_moves_the_cursor_only()
    perpetuals.test_s_05_time_and_log_number_stay_below_2_to_the_63()
    derivatives.test_e_13_refuses_a_volatility_beyond_the_domain()
    world = World.ready()
    world.alice_bankrupt()
    world.step(replace(perpetuals.tear_op(world), size=1_000 * COIN))
    if world.state.accounts[ALICE].cash >= 0:
        world.state.change_account(ALICE).cash = -1
    world.step(WriteOff(ALICE))


def test_every_settlement_rule_is_seen_from_both_sides() -> None:
    seen: set[tuple[str, bool]] = set()

    def tracer(rule: Rule, held: bool) -> None:
        seen.add((rule.id, held))

    with tracing(tracer):
        run_cases()
        run_items()
        run_others()

    rules = [rule.id for rule in all_rules() if rule.id[0] in "SIWPFEQDK"]
    missing = [(rule, side) for rule in rules for side in (True, False) if (rule, side) not in seen]
    assert not missing, f"these sides of rules are not tested: {missing}"
    expected = 83 + 13 + 3 + 4 + 9 + 2 + 3 + 12
    assert len(rules) == expected, (
        "rules.md has 83; derivatives.md I 13, F 3, W 4, E 9, Q 2, D 3; sessions.md K 12"
    )
