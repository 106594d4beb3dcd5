//! Bytes: every truncation is refused, random bytes never panic, snapshots survive a round trip.
#![allow(missing_docs)]

mod common;

use common::{SECOND, USD, World, domain, recover};
use merkat_pricing::{Surface, SurfaceVector};
use merkat_settle::ops::TimedOp;
use merkat_settle::state::State;
use merkat_settle::{MicroOp, OrderKey, apply_input};
use merkat_values::Refusal;
use merkat_values::refusal::{code, field};
use proptest::prelude::*;

const COIN: i64 = 100_000_000;

fn busy() -> World {
    let mut world = World::priced();
    world.trade(1, 2, 100 * USD, 1_000 * COIN);
    world.price(SECOND, 91 * USD, 1_000_000, -500_000);
    let stage = merkat_settle::ops::Stage {
        account: 1,
        group: 0,
        stage: 1,
    };
    world.ok(0, MicroOp::Stage(stage));
    world
}

fn surface_vector() -> SurfaceVector {
    SurfaceVector {
        index: 100 * USD,
        expiries: vec![Surface::default(); 2],
        ..SurfaceVector::default()
    }
}

fn every_op() -> Vec<MicroOp> {
    use merkat_settle::ops::{
        Bankrupt, Epoch, Fill, Liquidate, MarginMode, Stage, TearUp, Transfer, Withdraw,
    };
    let mut world = busy();
    let order = world.order(3, 0, 91 * USD, COIN);
    let key = order.key().expect("a key");
    let signature = common::sign(common::owner(3));
    let vector = world.vector(world.time(), 90 * USD, 0, 0);
    vec![
        MicroOp::Inbox(common::deposit_item(0, common::owner(9), 0, 5)),
        MicroOp::Withdraw(Withdraw {
            account: 3,
            token: 0,
            amount: 5,
            nonce: 1,
            signature,
        }),
        MicroOp::Transfer(Transfer {
            account: 3,
            to_account: 4,
            amount: 5,
            nonce: 1,
            signature,
        }),
        common::open_op(order),
        MicroOp::Fill(world.fill_op(key, key, 1, 1)),
        MicroOp::OrderClose(key),
        common::floor_op(3, 5),
        MicroOp::Epoch(world.epoch(vector)),
        MicroOp::Heartbeat(world.heartbeat(world.time())),
        MicroOp::Stage(Stage {
            account: 1,
            group: 0,
            stage: 0,
        }),
        MicroOp::Liquidate(Liquidate {
            account: 1,
            slot: 0,
            maker: key,
            maker_slot: 0,
            price: 1,
            size: 1,
            margin_rules: 0,
            names: None,
        }),
        MicroOp::Bankrupt(Bankrupt {
            account: 1,
            group: 0,
        }),
        MicroOp::TearUp(TearUp {
            account: 1,
            slot: 0,
            other: 2,
            other_slot: 0,
            price: -5,
            size: 1,
        }),
        MicroOp::WriteOff(1),
        MicroOp::DropHour(1),
        MicroOp::MarginMode(MarginMode {
            account: 3,
            mode: 1,
            nonce: 1,
            signature,
        }),
        common::session_op(3, 1, common::session(&world, [9; 20]), 2),
        common::revoke_op(3, 1, 0, 3),
        MicroOp::Deliver(1),
        MicroOp::Expire {
            account: 3,
            slot: 0,
        },
        MicroOp::Hedge(Liquidate {
            account: 1,
            slot: 0,
            maker: key,
            maker_slot: 0,
            price: 1,
            size: 1,
            margin_rules: 0,
            names: Some([1; 8]),
        }),
        MicroOp::Fill(Fill {
            margin_rules: 0xf3,
            names: [Some([1; 8]), Some([2; 8])],
            ..world.fill_op(key, key, 1, 1)
        }),
        MicroOp::Epoch(Epoch {
            vector: surface_vector().into(),
            signatures: common::signatures(),
            chunk_hashes: vec![[3; 31]; 2],
        }),
    ]
}

#[test]
fn s01_every_truncation_and_every_longer_op_is_malformed() {
    let malformed = Err(Refusal::new(code::S01_MALFORMED, field::COMMAND));
    let mut world = busy();
    for op in every_op() {
        let mut bytes = Vec::new();
        op.encode(0, 1, &mut bytes);
        assert_eq!(
            TimedOp::decode(&bytes).expect("a whole op").op,
            op,
            "round trip"
        );
        for length in 0..bytes.len() {
            // An item of 2 bytes or more is an op; what it lacks its own rule says.
            if op.kind() == 1 && length >= 15 {
                continue;
            }
            let result = apply_input(&mut world.state, &domain(), &bytes[..length], &recover);
            assert_eq!(result, malformed, "{op:?} cut to {length} bytes");
        }
        if op.kind() != 1 {
            bytes.push(0);
            let result = apply_input(&mut world.state, &domain(), &bytes, &recover);
            assert_eq!(result, malformed, "{op:?} with a byte more");
        }
    }
    for item_bytes in [0, 1, 1_025] {
        let bytes = [vec![1; 13], vec![0; item_bytes]].concat();
        let result = apply_input(&mut world.state, &domain(), &bytes, &recover);
        assert_eq!(result, malformed, "an item of {item_bytes} bytes");
    }
}

#[test]
fn s05_clocks_stay_below_two_to_the_63() {
    let world = busy();
    let late = u64::MAX - world.time();
    world.refused_after(
        late,
        MicroOp::DropHour(1),
        code::S05_TIME_OVERFLOW,
        field::TIME,
    );
}

#[test]
fn snapshots_round_trip_and_every_truncation_is_refused() {
    let world = busy();
    let bytes = world.state.encode();
    let read = State::decode_alone(&bytes).expect("a snapshot that was just written");
    assert_eq!(read.encode(), bytes, "round trip");
    assert_eq!(
        read.quote(1),
        world.state.quote(1),
        "figures are recomputed"
    );
    for length in 0..bytes.len() {
        assert!(
            State::decode(&bytes[..length]).is_err(),
            "cut to {length} bytes"
        );
        let mut shorter = bytes[..length].to_vec();
        if length >= 4 {
            shorter[..4].copy_from_slice(&((length - 4) as u32).to_be_bytes());
            assert!(
                State::decode(&shorter).is_err(),
                "honestly cut to {length} bytes"
            );
        }
    }
    let longer = [bytes.clone(), vec![0]].concat();
    assert!(State::decode_alone(&longer).is_err(), "a byte more");
    let mut wrong = bytes;
    wrong[4] = 1; // the zero padding of the first word
    let error = State::decode(&wrong).expect_err("padding").to_string();
    assert!(
        error.contains("globals"),
        "the error names what is wrong: {error}"
    );
}

#[test]
fn keys_take_their_bits() {
    let key = OrderKey::new(1_000_000, 268_435_455, 15, (1 << 40) - 1).expect("the largest parts");
    let parts = (key.hour(), key.account(), key.session_slot(), key.counter());
    assert_eq!(parts, (1_000_000, 268_435_455, 15, (1 << 40) - 1));
    assert_eq!(OrderKey::from_bytes(key.to_bytes()), key, "round trip");
    assert_eq!(OrderKey::new(1 << 20, 1, 0, 1), None, "an hour of 21 bits");
    assert_eq!(
        OrderKey::new(1, 1 << 28, 0, 1),
        None,
        "an account of 29 bits"
    );
    assert_eq!(OrderKey::new(1, 1, 16, 1), None, "a slot of 5 bits");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn random_bytes_never_panic(kind in 0_u8..25, op in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut world = busy();
        let bytes = [vec![kind], op].concat();
        let _ = apply_input(&mut world.state, &domain(), &bytes, &recover);
    }

    /// An op of the right shape with a few bytes turned: it passes more checks than noise does.
    #[test]
    fn turned_bytes_never_panic_and_leave_a_state_that_can_be_read(
        turns in prop::collection::vec((0..23_usize, any::<prop::sample::Index>(), any::<u8>()), 1..12),
    ) {
        let mut world = busy();
        let ops = every_op();
        for (op, place, value) in turns {
            let mut bytes = Vec::new();
            ops[op].encode(0, 1, &mut bytes);
            // The clocks stay: else the first turn would end the story.
            let place = 13 + place.index(bytes.len() - 13);
            bytes[place] = value;
            let _ = apply_input(&mut world.state, &domain(), &bytes, &recover);
        }
        let bytes = world.state.encode();
        let read = State::decode_alone(&bytes).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(read.encode(), bytes);
    }

    /// A snapshot with turned bytes is refused, or read into a state on which every op can be tried.
    #[test]
    fn turned_snapshots_never_panic(turns in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let mut bytes = busy().state.encode();
        for (place, value) in turns {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        if let Ok(mut state) = State::decode_alone(&bytes) {
            for op in every_op() {
                let mut op_bytes = Vec::new();
                op.encode(0, 1, &mut op_bytes);
                let _ = apply_input(&mut state, &domain(), &op_bytes, &recover);
            }
        }
    }
}
