//! Whatever the steps: cash is conserved, positions sum to 0, and the cached figures are those of a fresh reading.
#![allow(missing_docs)]

mod common;

use common::{HOUR, SECOND, USD, World, deposit_item, open_op, owner};
use merkat_settle::ops::{Bankrupt, Fill, Liquidate, Stage, TearUp};
use merkat_settle::{MicroOp, OrderKey, State};
use proptest::prelude::*;

const COIN: i64 = 100_000_000;

/// One random step out of a number; most are accepted, the rest is refused without harm.
fn step(world: &mut World, keys: &mut Vec<OrderKey>, kind: u8, a: u8, b: u8, amount: u16) {
    let (account, other) = (u32::from(a % 4) + 1, u32::from(b % 4) + 1);
    let index = i64::from(amount % 40 + 80) * USD;
    let key = |choice: u8| keys.get(usize::from(choice) % keys.len().max(1)).copied();
    let op = match kind % 8 {
        0 => MicroOp::Inbox(deposit_item(
            0,
            owner(a % 4 + 1),
            account,
            u128::from(amount) + 1,
        )),
        1 | 2 => {
            let size = i64::from(amount % 900 + 1) * COIN;
            let price = index / USD * USD;
            let (buy, sell) = (
                world.order(account, 0, price, size),
                world.order(other, 1, price, size),
            );
            keys.extend([buy, sell].iter().filter_map(|order| order.key()));
            let _ = world.apply(0, &open_op(buy));
            let _ = world.apply(0, &open_op(sell));
            let (Some(maker), Some(taker)) = (buy.key(), sell.key()) else {
                return;
            };
            let mark = world.state.quote(1).map_or(price, |quote| quote.mark);
            let price = if b.is_multiple_of(2) { price } else { mark };
            MicroOp::Fill(world.fill_op(maker, taker, price, size / 2 / COIN * COIN))
        }
        3 => {
            let vector = world.vector(world.time() + SECOND, index, i64::from(a) * 9_999, 5_000);
            let delta = if b == 0 { HOUR } else { SECOND };
            let op = MicroOp::Epoch(world.epoch(vector));
            let _ = world.apply(delta, &op);
            return;
        }
        4 => MicroOp::Stage(Stage {
            account,
            group: 0,
            stage: a % 2,
        }),
        5 => {
            let Some(maker) = key(b) else { return };
            let maker_slot = world
                .state
                .account(maker.account())
                .map_or(0, |leaf| leaf.slot_for(1));
            let price = world.state.quote(1).map_or(1, |quote| quote.mark);
            let size = i64::from(amount % 50 + 1) * COIN;
            MicroOp::Liquidate(Liquidate {
                account,
                slot: 0,
                maker,
                maker_slot,
                price,
                size,
                margin_rules: 1,
                names: None,
            })
        }
        6 => MicroOp::Bankrupt(Bankrupt { account, group: 0 }),
        _ => {
            let leaf = world.account(account);
            let Some(position) = leaf.position_in(1).copied() else {
                return;
            };
            let figures = world.state.figures(leaf);
            let price = world
                .state
                .tear_price(leaf, &position, &figures)
                .unwrap_or(0);
            let size = (world.account(other).size_in(1).abs()).min(position.size.abs());
            MicroOp::TearUp(TearUp {
                account,
                slot: position.slot,
                other,
                other_slot: 0,
                price,
                size,
            })
        }
    };
    let mut op = op;
    if let MicroOp::Fill(Fill { margin_rules, .. }) = &mut op {
        *margin_rules = a % 4;
    }
    let _ = world.apply(0, &op);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn cash_and_positions_are_conserved(
        steps in prop::collection::vec((any::<u8>(), any::<u8>(), any::<u8>(), any::<u16>()), 1..120),
    ) {
        let mut world = World::priced();
        let mut keys = Vec::new();
        for (kind, a, b, amount) in steps {
            step(&mut world, &mut keys, kind, a, b, amount);
            world.check_invariants();
        }
        let bytes = world.state.encode();
        let read = State::decode_alone(&bytes).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(read.encode(), bytes, "a state survives its snapshot");
        prop_assert_eq!(read.quote(1), world.state.quote(1), "no cached figure lags");
    }
}
