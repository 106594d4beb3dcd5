//! Whatever the steps of a venue with options, collateral and delivery: cash and coins are conserved, and what is kept
//! beside the leaves is what a fresh reading of them makes.
#![allow(missing_docs)]

mod common;

use common::options::{CALL, COIN, EXPIRY, LOT, PERPETUAL, deliver_item, mode_op, withdraw_op};
use common::{SECOND, USD, World, deposit_item, domain, item, open_op, owner, recover};
use merkat_settle::ops::{Bankrupt, Liquidate, Stage, TearUp};
use merkat_settle::{Effect, MicroOp, Order, State, apply_input};
use merkat_values::codec::Writer;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Perpetual, spot, future and three options.
const LISTINGS: u32 = 6;

#[derive(Clone, Copy, Debug)]
struct Step {
    kind: u8,
    a: u8,
    b: u8,
    amount: u16,
}

impl Step {
    fn account(&self) -> u32 {
        u32::from(self.a % 4) + 1
    }

    fn other(&self) -> u32 {
        u32::from(self.b % 4) + 1
    }

    fn listing(&self) -> u32 {
        u32::from(self.amount) % LISTINGS + 1
    }
}

/// How many steps of each kind were accepted.
type Seen = BTreeMap<u8, u32>;

fn attempt(world: &mut World, seen: &mut Seen, delta_ns: u64, op: &MicroOp) -> bool {
    let result = world.apply(delta_ns, op);
    let accepted = !matches!(result, Err(_) | Ok(Effect::ItemRefused(_)));
    *seen.entry(op.kind()).or_insert(0) += u32::from(accepted);
    accepted
}

/// Both orders are opened and filled at mark; an account improves if it does not hold.
fn deal(world: &mut World, seen: &mut Seen, step: Step) {
    let listing = step.listing();
    let (long, short) = (step.account(), step.other());
    let (mark, size) = (
        world.mark(listing).max(10_000),
        i64::from(step.amount % 250 + 1) * COIN,
    );
    let order = |world: &mut World, account: u32, side: u8| Order {
        listing,
        ..world.order(account, side, mark, size)
    };
    let (buy, sell) = (order(world, long, 0), order(world, short, 1));
    attempt(world, seen, 0, &open_op(buy));
    attempt(world, seen, 0, &open_op(sell));
    let (Some(buy), Some(sell)) = (buy.key(), sell.key()) else {
        return;
    };
    for improving in [vec![], vec![long], vec![short], vec![long, short]] {
        let fill = world.fill_in(listing, (buy, sell), mark, size, &improving);
        if attempt(world, seen, 0, &MicroOp::Fill(fill)) {
            return;
        }
    }
}

/// A slice or hedge of an account against an order that is opened for it.
fn liquidate(world: &mut World, seen: &mut Seen, step: Step, hedge: bool) {
    let listing = if hedge { PERPETUAL } else { step.listing() };
    let account = step.account();
    let maker = account % 4 + 1;
    let held = world.account(account).size_in(listing);
    let side = match hedge {
        true => world
            .state
            .hedge_bound(world.account(account), listing)
            .map_or(0, |bound| bound.side ^ 1),
        false => u8::from(held < 0),
    };
    let (mark, size) = (
        world.mark(listing).max(10_000),
        i64::from(step.amount % 50 + 1) * COIN,
    );
    let order = Order {
        listing,
        ..world.order(maker, side, mark, size)
    };
    attempt(world, seen, 0, &open_op(order));
    let Some(key) = order.key() else { return };
    let op = Liquidate {
        account,
        slot: world.account(account).slot_for(listing),
        maker: key,
        maker_slot: world.account(maker).slot_for(listing),
        price: mark,
        size,
        margin_rules: 0,
        names: None,
    };
    let op = if hedge {
        MicroOp::Hedge(op)
    } else {
        MicroOp::Liquidate(op)
    };
    attempt(world, seen, 0, &op);
}

/// Every position of the account against every holder.
fn tear_up(world: &mut World, seen: &mut Seen, step: Step) {
    let account = step.account();
    for listing in 1..=LISTINGS {
        for other in (1..=4).filter(|other| *other != account) {
            let leaf = world.account(account);
            let Some(position) = leaf.position_in(listing).copied() else {
                break;
            };
            let figures = world.state.figures(leaf);
            let price = world.state.tear_price(leaf, &position, &figures);
            let holder = world.account(other);
            let op = TearUp {
                account,
                slot: position.slot,
                other,
                other_slot: holder.slot_for(listing),
                price: price.unwrap_or(0),
                size: position.size.abs().min(holder.size_in(listing).abs()),
            };
            attempt(world, seen, 0, &MicroOp::TearUp(op));
        }
    }
    attempt(world, seen, 0, &MicroOp::WriteOff(account));
}

/// A vector of an index that is not far from the last, or the expiry and the day after it.
fn oracle(world: &mut World, seen: &mut Seen, step: Step) {
    let index = world.state.group(0).expect("group 0").index;
    let moved = i64::from(step.amount % 200) - 100;
    let index = (index + index * moved / 1_200).clamp(10 * USD, 1_000 * USD) / 10_000 * 10_000;
    let delta = match step.b {
        0..=3 => EXPIRY.saturating_sub(world.time() + 2 * SECOND).max(SECOND),
        4..=9 => 3 * SECOND,
        _ => SECOND,
    };
    let vector = world.surface_vector(world.time() + delta, index);
    let op = MicroOp::Epoch(world.surface_op(vector));
    attempt(world, seen, delta, &op);
}

fn deliver(world: &mut World, seen: &mut Seen, step: Step) {
    let price = i64::from(step.amount) * 4_001 + 1;
    attempt(
        world,
        seen,
        0,
        &MicroOp::Inbox(deliver_item(0, EXPIRY, price)),
    );
    attempt(world, seen, 0, &MicroOp::Deliver(step.listing()));
    for slot in 0..4 {
        let account = step.account();
        attempt(world, seen, 0, &MicroOp::Expire { account, slot });
    }
}

fn play(world: &mut World, seen: &mut Seen, step: Step) {
    let (account, amount) = (step.account(), step.amount);
    let nonce = world.account(account).nonce + 1;
    let op = match step.kind % 16 {
        0..=4 => return deal(world, seen, step),
        5 | 6 => return oracle(world, seen, step),
        7 => return liquidate(world, seen, step, false),
        8 => return liquidate(world, seen, step, true),
        9 => return tear_up(world, seen, step),
        10 => return deliver(world, seen, step),
        11 => mode_op(account, step.b % 2, nonce),
        12 => {
            let token = step.b % 2;
            let coins = u128::from(amount % 90) * LOT as u128 * 1_000 + u128::from(step.b);
            MicroOp::Inbox(deposit_item(token, owner(account as u8), account, coins))
        }
        13 => {
            let token = step.b % 2;
            let coins = u128::from(amount % 40) * LOT as u128 * 5_000;
            withdraw_op(account, token, coins, nonce)
        }
        14 => MicroOp::Inbox(item(8, 0, |bytes| {
            bytes.put_u32(account);
            bytes.put(&owner(account as u8));
            bytes.put_u8(step.b % 2);
            bytes.put_u128(u128::from(amount) * 10_000_000);
        })),
        _ => {
            for (account, op) in
                (1..=4).flat_map(|account| [(account, 0), (account, 1), (account, 2)])
            {
                let op = match op {
                    0 => MicroOp::Bankrupt(Bankrupt { account, group: 0 }),
                    stage => MicroOp::Stage(Stage {
                        account,
                        group: 0,
                        stage: stage % 2,
                    }),
                };
                attempt(world, seen, 0, &op);
            }
            return;
        }
    };
    attempt(world, seen, 0, &op);
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (any::<u8>(), any::<u8>(), any::<u8>(), any::<u16>());
    let step = step.prop_map(|(kind, a, b, amount)| Step { kind, a, b, amount });
    prop::collection::vec(step, 1..120)
}

/// Accounts that hold something of everything.
fn busy() -> World {
    let mut world = World::options();
    for account in [1, 2] {
        world.ok(0, mode_op(account, 1, 1));
        world.deposit_coins(account, 5);
    }
    for listing in 1..=LISTINGS {
        let price = world.mark(listing).max(10_000);
        world.deal(listing, 1 + listing % 2, 2 - listing % 2, price, 2 * COIN);
    }
    world
}

#[test]
fn random_steps_reach_every_kind() {
    let mut seen = Seen::new();
    let mut seed = 1_u64;
    for _ in 0..150 {
        let mut world = busy();
        for _ in 0..120 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let [kind, a, b, high, low, ..] = (seed >> 24).to_le_bytes();
            let amount = u16::from_le_bytes([high, low]);
            play(&mut world, &mut seen, Step { kind, a, b, amount });
            world.check_invariants();
        }
        world.check_caches();
    }
    for kind in [1, 2, 4, 5, 8, 10, 11, 12, 13, 17, 18, 19, 20] {
        assert!(
            seen.get(&kind).is_some_and(|count| *count > 5),
            "{kind} of {seen:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn cash_coins_and_positions_are_conserved(steps in steps()) {
        let (mut world, mut seen) = (busy(), Seen::new());
        for step in steps {
            play(&mut world, &mut seen, step);
            world.check_invariants();
        }
        world.check_caches();
    }
}

/// Steps of every kind that fit the busy venue.
fn tried(world: &mut World) -> Vec<MicroOp> {
    let price = world.mark(CALL);
    let keys = (
        world.open_in(CALL, 3, 0, price, COIN),
        world.open_in(CALL, 1, 1, price, COIN),
    );
    let slice = Liquidate {
        account: 1,
        slot: 0,
        maker: keys.0,
        maker_slot: 0,
        price,
        size: COIN,
        margin_rules: 0,
        names: None,
    };
    let vector = world.surface_vector(world.time() + SECOND, 103 * USD);
    vec![
        MicroOp::Fill(world.fill_in(CALL, keys, price, COIN, &[1])),
        MicroOp::Fill(world.fill_in(CALL, keys, price, COIN, &[])),
        MicroOp::Liquidate(slice),
        MicroOp::Hedge(slice),
        MicroOp::Stage(Stage {
            account: 1,
            group: 0,
            stage: 1,
        }),
        mode_op(3, 1, 1),
        mode_op(1, 0, 2),
        MicroOp::Inbox(deposit_item(1, owner(3), 3, COIN as u128)),
        withdraw_op(1, 1, COIN as u128, 2),
        MicroOp::Epoch(world.surface_op(vector)),
        MicroOp::Heartbeat(world.heartbeat(world.time() + SECOND)),
        MicroOp::Bankrupt(Bankrupt {
            account: 1,
            group: 0,
        }),
        MicroOp::Inbox(deliver_item(0, EXPIRY, 100 * USD)),
        MicroOp::Deliver(CALL),
        MicroOp::Expire {
            account: 1,
            slot: 0,
        },
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    /// A snapshot with turned bytes is refused, or read into a state on which every step can be tried.
    #[test]
    fn turned_snapshots_with_rows_never_panic(
        turns in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut world = busy();
        let ops = tried(&mut world);
        let mut bytes = world.state.encode();
        for (place, value) in turns {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        if let Ok(mut state) = State::decode_alone(&bytes) {
            for op in ops {
                let mut op_bytes = Vec::new();
                op.encode(SECOND, 1, &mut op_bytes);
                let _ = apply_input(&mut state, &domain(), &op_bytes, &recover);
            }
        }
    }
}
