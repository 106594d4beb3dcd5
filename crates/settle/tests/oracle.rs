//! Rules E-01 to E-06 and the effects of vectors.
#![allow(missing_docs)]

mod common;

use common::{HOUR, SECOND, USD, World, sign, signatures, signed};
use merkat_settle::ops::Heartbeat;
use merkat_settle::{Effect, MicroOp, Vector};
use merkat_values::refusal::{code, field};

#[test]
fn e01_to_e05_vectors() {
    let mut world = World::priced();
    world.ok(SECOND, MicroOp::DropHour(0));
    let good = world.vector(world.time(), 100 * USD, 0, 0);
    let standing = world.state.group(0).expect("group 0").epoch_time_ns;
    let cases = [
        (
            Vector { group: 1, ..good },
            code::E01_EPOCH_GROUP,
            field::GROUP,
        ),
        (
            Vector { number: 1, ..good },
            code::E02_EPOCH_NUMBER,
            field::NUMBER,
        ),
        (
            Vector {
                previous: [0; 31],
                ..good
            },
            code::E03_EPOCH_PREVIOUS,
            field::PREVIOUS,
        ),
        (
            Vector {
                time_ns: standing,
                ..good
            },
            code::E04_EPOCH_TIME,
            field::TIME,
        ),
        (
            Vector {
                time_ns: world.time() + 1,
                ..good
            },
            code::E04_EPOCH_TIME,
            field::TIME,
        ),
        (
            Vector { index: 0, ..good },
            code::E05_EPOCH_VALUE,
            field::INDEX,
        ),
        (
            Vector {
                index: (1 << 52) + 1,
                ..good
            },
            code::E05_EPOCH_VALUE,
            field::INDEX,
        ),
        (
            Vector {
                basis: 100_000_001,
                ..good
            },
            code::E05_EPOCH_VALUE,
            field::BASIS,
        ),
        (
            Vector {
                premium: i64::MIN,
                ..good
            },
            code::E05_EPOCH_VALUE,
            field::PREMIUM,
        ),
    ];
    for (vector, code, field) in cases {
        world.refused(MicroOp::Epoch(world.epoch(vector)), code, field);
    }
    let beat = world.heartbeat(world.time());
    let wrong = Heartbeat {
        number: 2,
        ..beat.clone()
    };
    world.refused(
        MicroOp::Heartbeat(wrong),
        code::E02_EPOCH_NUMBER,
        field::NUMBER,
    );
    let wrong = Heartbeat {
        vector_hash: [1; 31],
        ..beat.clone()
    };
    world.refused(
        MicroOp::Heartbeat(wrong),
        code::E03_EPOCH_PREVIOUS,
        field::PREVIOUS,
    );
    world.ok(0, MicroOp::Heartbeat(beat));
    let first = World::new();
    let early = first.heartbeat(first.time());
    first.refused(
        MicroOp::Heartbeat(early),
        code::E02_EPOCH_NUMBER,
        field::NUMBER,
    );
}

#[test]
fn e06_quorum() {
    let world = World::new();
    let vector = world.vector(world.time(), 100 * USD, 0, 0);
    let good = signatures();
    let mut unused = good.clone();
    unused[1].node = 3;
    let mut forged = good.clone();
    forged[1].signature = sign([9; 20]);
    let reversed = vec![good[1], good[0]];
    let twice = vec![good[0], good[0]];
    for signatures in [vec![good[0]], unused, forged, reversed, twice] {
        let op = MicroOp::Epoch(signed(vector, signatures));
        world.refused(op, code::E06_EPOCH_QUORUM, field::SIGNATURES);
    }
    world.clone().ok(0, MicroOp::Epoch(signed(vector, good)));
}

#[test]
fn a_jump_is_held_until_three_vectors_agree() {
    let mut world = World::priced();
    let held = |effect| matches!(effect, Effect::Epoch { held, .. } if held > 0);
    assert!(
        !held(world.price(SECOND, 110 * USD, 0, 0)),
        "10 % is no jump"
    );
    assert!(held(world.price(SECOND, 130 * USD, 0, 0)), "a jump is held");
    assert!(
        held(world.price(SECOND, 131 * USD, 0, 0)),
        "the second agrees"
    );
    assert!(held(world.price(SECOND, 140 * USD, 0, 0)), "a new run");
    assert!(held(world.price(SECOND, 141 * USD, 0, 0)), "two");
    assert_eq!(
        world.state.group(0).map(|group| group.index),
        Some(110 * USD),
        "still standing"
    );
    assert!(!held(world.price(SECOND, 140 * USD, 0, 0)), "three agree");
    assert_eq!(
        world.state.quote(1).map(|quote| quote.mark),
        Some(140 * USD),
        "the mark moved"
    );
}

#[test]
fn an_hour_of_samples_pays_and_a_gap_does_not() {
    let mut world = World::priced();
    // Half an hour of periods of 2 s is 900 samples; the first hour has one.
    let effect = world.price(HOUR, 100 * USD, 0, 1_000_000);
    let Effect::Epoch {
        funding: Some(funding),
        ..
    } = effect
    else {
        panic!("an hour with a sample closes: {effect:?}");
    };
    assert_eq!(
        funding.rate, 100_000,
        "too few samples: P = 0, interest alone"
    );
    assert_eq!(
        funding.cumulative,
        i128::from(100 * USD) * 100_000 / 8_000,
        "1e-12 USD per coin"
    );
    for _ in 0..900 {
        world.price(2 * SECOND, 100 * USD, 0, 1_000_000);
    }
    let effect = world.price(HOUR, 100 * USD, 0, 0);
    let Effect::Epoch {
        funding: Some(paid),
        ..
    } = effect
    else {
        panic!("the hour closes: {effect:?}");
    };
    assert_eq!(
        paid.rate, 500_000,
        "1,000,000 pulled by the clamp of 500,000 toward the interest"
    );
    let quote = world.state.quote(1).expect("listing 1");
    let whole = paid.cumulative.div_euclid(10_000 * 1_000_000);
    assert_eq!(i128::from(quote.funding_units), whole, "F in whole quanta");
}
