//! Rules E-07 to E-15, samples of the delivery window, and rows that are built beside the machine.
#![allow(missing_docs)]

mod common;

use common::options::{
    CALL, COIN, DAY, EXPIRY, FUTURE, PERPETUAL, PUT, SPOT, deliver_item, list_dated_item,
    risk_item, terms,
};
use common::{HOUR, SECOND, START, USD, World, signatures, signed};
use merkat_pricing::{RiskSet, SurfaceVector, row_root, scalar};
use merkat_settle::ops::Epoch;
use merkat_settle::{Effect, Fixed, MicroOp, apply, apply_prepared};
use merkat_values::refusal::{code, field};

fn epoch(op: Epoch) -> MicroOp {
    MicroOp::Epoch(op)
}

#[test]
fn e14_a_group_has_vectors_of_one_version() {
    let refused = (code::E14_VECTOR_VERSION, field::VERSION);
    let world = World::options();
    let old = signed(world.vector(world.time(), 100 * USD, 0, 0), signatures());
    world.refused(epoch(old), refused.0, refused.1);
    let plain = World::priced();
    let new = Epoch {
        vector: plain.surface_vector(plain.time(), 100 * USD).into(),
        signatures: signatures(),
        chunk_hashes: Vec::new(),
    };
    plain.refused(epoch(new.clone()), refused.0, refused.1);
    let mut nowhere = plain.surface_vector(plain.time(), 100 * USD);
    nowhere.group = 1;
    let nowhere = Epoch {
        vector: nowhere.into(),
        ..new
    };
    plain.refused(epoch(nowhere), code::E01_EPOCH_GROUP, field::GROUP);
}

/// A vector with something else is refused so.
fn changed(world: &World, change: impl Fn(&mut SurfaceVector), code: u16, field: u8) {
    let time_ns = world.time();
    let mut vector = world.surface_vector(time_ns, 100 * USD);
    change(&mut vector);
    let op = Epoch {
        vector: vector.into(),
        signatures: signatures(),
        chunk_hashes: Vec::new(),
    };
    let refused = world.state.check_epoch(&op.vector, &op.signatures, time_ns);
    let expected = Err(merkat_values::Refusal::new(code, field));
    assert_eq!(refused, expected, "asked beforehand");
    world.refused(epoch(op), code, field);
}

#[test]
fn e02_to_e13_vectors_of_version_2() {
    let mut world = World::options();
    world.ok(SECOND, MicroOp::DropHour(0));
    let surface = field::SURFACE;
    changed(
        &world,
        |v| v.number += 1,
        code::E02_EPOCH_NUMBER,
        field::NUMBER,
    );
    changed(
        &world,
        |v| v.previous = [1; 31],
        code::E03_EPOCH_PREVIOUS,
        field::PREVIOUS,
    );
    changed(
        &world,
        |v| v.time_ns += 1,
        code::E04_EPOCH_TIME,
        field::TIME,
    );
    changed(&world, |v| v.index = 0, code::E05_EPOCH_VALUE, field::INDEX);
    changed(
        &world,
        |v| v.confidence = -1,
        code::E07_SURFACE_VALUE,
        field::CONFIDENCE,
    );
    changed(&world, |v| v.peg = 0, code::E07_SURFACE_VALUE, field::PEG);
    changed(&world, |v| v.vol = 0, code::E07_SURFACE_VALUE, field::VOL);
    changed(
        &world,
        |v| v.vol_mean = 0,
        code::E07_SURFACE_VALUE,
        field::VOL_MEAN,
    );
    let half = code::E07_SURFACE_VALUE;
    changed(
        &world,
        |v| v.expiries[0].expiry_ns += 1,
        half,
        field::EXPIRY,
    );
    changed(
        &world,
        |v| v.expiries[0].forward = 49 * USD,
        half,
        field::FORWARD,
    );
    changed(
        &world,
        |v| v.expiries[0].b = -1,
        code::E08_SURFACE_SHAPE,
        surface,
    );
    let valley = |v: &mut SurfaceVector| {
        let one = &mut v.expiries[0];
        (one.a, one.b, one.sigma) = (0, 1_000_000_000_000, 1_000_000);
    };
    changed(&world, valley, code::E09_SURFACE_BUTTERFLY, surface);
    let twice = |v: &mut SurfaceVector| {
        let mut later = v.expiries[0];
        later.expiry_ns += DAY;
        later.a /= 2;
        v.expiries.push(later);
    };
    changed(&world, twice, code::E10_SURFACE_CALENDAR, surface);
    changed(
        &world,
        |v| v.expiries.clear(),
        code::E11_SURFACE_MISSING,
        field::EXPIRY,
    );
    let leap = |v: &mut SurfaceVector| v.expiries[0].a *= 2;
    changed(&world, leap, code::E12_SURFACE_JUMP, surface);
    let calm = |v: &mut SurfaceVector| v.expiries[0].a = 1;
    changed(&world, calm, code::E12_SURFACE_JUMP, surface);
    let fine = world.surface_vector(world.time(), 100 * USD);
    let checked = world
        .state
        .check_epoch(&fine.clone().into(), &signatures(), world.time());
    assert_eq!(checked, Ok(()), "asked beforehand");
    world.ok(0, epoch(world.surface_op(fine)));
}

#[test]
fn e12_asks_nothing_after_a_silence_and_e13_asks_every_strike() {
    let mut world = World::options();
    world.ok(31 * SECOND, MicroOp::DropHour(0));
    changed(
        &world,
        |v| v.expiries[0].a = 1,
        code::E13_SURFACE_DOMAIN,
        field::SURFACE,
    );
    let mut vector = world.surface_vector(world.time(), 100 * USD);
    vector.expiries[0].a *= 2;
    world.ok(0, epoch(world.surface_op(vector)));
}

#[test]
fn e15_chunk_hashes_are_those_of_the_rows() {
    let refused = (code::E15_CHUNK_HASHES, field::ROWS);
    let mut world = World::listed(&RiskSet::default());
    let vector = world.surface_vector(world.time(), 100 * USD);
    let good = world.surface_op(vector);
    assert_eq!(good.chunk_hashes.len(), 1, "six rows are one chunk");
    let with = |chunk_hashes| Epoch {
        chunk_hashes,
        ..good.clone()
    };
    let twice = [good.chunk_hashes.clone(), good.chunk_hashes.clone()].concat();
    for bad in [vec![], vec![[1; 31]], twice] {
        world.refused(epoch(with(bad)), refused.0, refused.1);
    }
    world.ok(0, epoch(good.clone()));
    let group = world.state.group(0).expect("group 0");
    assert_eq!(group.row_root, row_root(&good.chunk_hashes), "the root");
    let rows = world.state.risk(0).and_then(|risk| risk.rows());
    let rows = rows.expect("rows");
    assert_eq!(group.rows_hash, rows.rows_hash(), "the hash");
    world.check_caches();

    let standing = (group.row_root, group.rows_hash);
    let jump = world.surface_vector(world.time() + SECOND, 200 * USD);
    let held = Epoch {
        vector: jump.into(),
        chunk_hashes: Vec::new(),
        ..good.clone()
    };
    let with_rows = Epoch {
        chunk_hashes: vec![[1; 31]],
        ..held.clone()
    };
    world.refused_after(SECOND, epoch(with_rows), refused.0, refused.1);
    let effect = world.ok(SECOND, epoch(held));
    assert!(
        matches!(effect, Effect::Epoch { held: 1, .. }),
        "{effect:?}"
    );
    let group = world.state.group(0).expect("group 0");
    assert_eq!((group.row_root, group.rows_hash), standing, "rows stand");
    for (_, index) in (0..2).zip([201 * USD, 200 * USD]) {
        let mut vector = world.surface_vector(world.time() + SECOND, index);
        vector.expiries[0].forward = index;
        world.ok(SECOND, epoch(world.surface_op(vector)));
    }
    assert_eq!(
        world.state.quote(PERPETUAL).map(|q| q.mark),
        Some(200 * USD)
    );
    world.check_caches();
}

#[test]
fn rows_price_every_live_listing() {
    let world = World::options();
    let quote = |listing| *world.state.quote(listing).expect("a listing");
    assert_eq!(quote(SPOT).mark, 100 * USD);
    assert_eq!(quote(FUTURE).mark, 100 * USD);
    let (call, put) = (quote(CALL).mark, quote(PUT).mark);
    assert_eq!(call, put, "at the money");
    // 0.4 F vol sqrt(T) = 0.4 x 100 x 0.8 x sqrt(7 / 365) = 4.43 USD.
    assert!((4_400_000..4_460_000).contains(&call), "{call}");
    let five = |price: i64| price % 10_000;
    assert_eq!(five(call), 0, "whole quanta");
    assert!(quote(CALL).has_row() && quote(CALL).maintenance_rate == 0);
}

#[test]
fn prepared_rows_are_taken_only_if_they_are_of_the_same() {
    let world = World::options();
    let vector = world.surface_vector(world.time() + SECOND, 101 * USD);
    let prepared = world.state.row_inputs(&vector).prepare().expect("rows");
    let op = epoch(world.surface_op(vector.clone()));
    let play = |rows| {
        let mut state = world.state.clone();
        let effect = apply_prepared(&mut state, &op, SECOND, 1, rows);
        assert!(effect.is_ok(), "{effect:?}");
        (
            state.encode(),
            state.risk(0).and_then(|risk| risk.rows().cloned()),
        )
    };
    let mut plain = world.state.clone();
    apply(&mut plain, &op, SECOND, 1).expect("the same step");
    let (bytes, rows) = play(Some(&prepared));
    assert_eq!(bytes, plain.encode(), "the same state");
    let rows = rows.expect("rows");
    assert!(std::sync::Arc::ptr_eq(&rows, prepared.rows()), "taken up");
    let other = world.surface_vector(world.time() + SECOND, 102 * USD);
    let stale = world.state.row_inputs(&other).prepare().expect("rows");
    let (bytes, rows) = play(Some(&stale));
    assert_eq!(bytes, plain.encode(), "built instead");
    assert!(!std::sync::Arc::ptr_eq(&rows.expect("rows"), stale.rows()));
}

#[test]
fn samples_of_the_half_hour_fix_the_price() {
    let mut set = RiskSet::default();
    set.scalars[scalar::SAMPLES_LEAST] = 6;
    let mut world = World::listed(&set);
    let opens = EXPIRY - HOUR / 2;
    world.surface(SECOND, 100 * USD);
    let samples = |world: &World| world.state.group(0).expect("group 0").samples;
    // The value of 3.5 s before the window stands for 5 s: seconds 0 and 1 of the window.
    world.surface(opens - world.time() - 7 * SECOND / 2, 100 * USD);
    assert_eq!(samples(&world).count, 0, "before the window");
    world.surface(7 * SECOND, 110 * USD);
    let two = samples(&world);
    assert_eq!((two.count, two.sum), (2, 2 * i128::from(100 * USD)));
    assert_eq!(u64::from(two.day), EXPIRY / DAY);
    // 3.5 s into the window: a heartbeat after 2 s adds the seconds 4 and 5.
    let beat = world.heartbeat(world.time() + 2 * SECOND);
    world.ok(2 * SECOND, MicroOp::Heartbeat(beat));
    let four = samples(&world);
    assert_eq!((four.count, four.sum), (4, 2 * i128::from(210 * USD)));
    // Nothing for half an hour: 5 s count, then the price is fixed by the first step after the expiry.
    let until = EXPIRY - world.time();
    let beat = world.heartbeat(EXPIRY);
    let effect = world.ok(until, MicroOp::Heartbeat(beat));
    let fixed = Fixed {
        expiry_ns: EXPIRY,
        price: (2 * 210 + 5 * 110) * USD / 9,
        samples: 9,
    };
    let told = matches!(effect, Effect::Epoch { fixed: Some(price), .. } if price == fixed);
    assert!(told, "{effect:?}");
    let group = world.state.group(0).expect("group 0");
    let leaf = (group.fixed_expiry_ns, group.fixed_price);
    assert_eq!(leaf, (fixed.expiry_ns, fixed.price));
    let again = world.surface(SECOND, 110 * USD);
    assert!(matches!(again, Effect::Epoch { fixed: None, .. }), "once");
    let row = world
        .state
        .risk(0)
        .and_then(|risk| risk.rows()?.row_of(FUTURE).copied());
    let row = row.expect("the future's row");
    assert_eq!(row.forward, fixed.price, "the delivery price");
    world.check_caches();
}

#[test]
fn too_few_samples_fix_nothing() {
    let mut world = World::options();
    world.surface(EXPIRY - world.time() - SECOND, 100 * USD);
    let effect = world.surface(2 * SECOND, 100 * USD);
    assert!(
        matches!(effect, Effect::Epoch { fixed: None, .. }),
        "one sample"
    );
    assert_eq!(world.state.group(0).expect("group 0").samples.count, 1);
    world.refused(
        MicroOp::Deliver(FUTURE),
        code::D02_DELIVER_PRICE,
        field::EXPIRY,
    );
    let frozen = *world.state.quote(FUTURE).expect("the future");
    assert!(frozen.has_row(), "the row of before the expiry stands");
    world.ok(0, MicroOp::Inbox(deliver_item(0, EXPIRY, 100 * USD)));
    world.ok(0, MicroOp::Deliver(FUTURE));
}

#[test]
fn a_held_vector_is_no_sample() {
    let mut world = World::options();
    world.surface(EXPIRY - HOUR / 2 - world.time(), 100 * USD);
    let before = world.state.group(0).expect("group 0").samples.count;
    assert_eq!(before, 0);
    let mut jump = world.surface_vector(world.time() + SECOND, 200 * USD);
    jump.expiries[0].forward = 200 * USD;
    world.ok(SECOND, epoch(world.surface_op(jump)));
    assert_eq!(world.state.group(0).expect("group 0").samples.count, 1);
    let beat = world.heartbeat(world.time() + 3 * SECOND);
    world.ok(3 * SECOND, MicroOp::Heartbeat(beat));
    let count = world.state.group(0).expect("group 0").samples.count;
    assert_eq!(count, 1, "while a vector is held nothing is sampled");
}

#[test]
fn a_listing_of_after_the_vector_waits_for_the_next() {
    let mut world = World::options();
    world.ok(0, MicroOp::Inbox(list_dated_item(&terms(4, 90 * USD))));
    let listing = 7;
    assert!(!world.state.row_fits(listing, world.time()), "no row yet");
    assert_eq!(world.state.quote(listing).map(|quote| quote.mark), Some(0));
    let keys = (
        world.open_in(listing, 1, 0, USD, COIN),
        world.open_in(listing, 2, 1, USD, COIN),
    );
    let fill = MicroOp::Fill(world.fill_in(listing, keys, USD, COIN, &[]));
    world.refused(fill.clone(), code::F16_FILL_LISTING, field::LISTING);
    world.surface(SECOND, 100 * USD);
    assert!(world.state.row_fits(listing, world.time()));
    world.ok(0, fill);
    world.check_invariants();
}

#[test]
fn a_group_with_a_set_and_no_rows_does_not_trade() {
    let mut world = World::priced();
    world.trade(1, 2, 100 * USD, COIN);
    world.ok(0, MicroOp::Inbox(risk_item(0, &RiskSet::default())));
    let quote = world.state.quote(PERPETUAL).expect("the perpetual");
    assert_eq!(quote.mark, 100 * USD, "it counts by rules.md");
    let keys = (
        world.open_in(PERPETUAL, 1, 0, 100 * USD, COIN),
        world.open_in(PERPETUAL, 2, 1, 100 * USD, COIN),
    );
    let fill = MicroOp::Fill(world.fill_in(PERPETUAL, keys, 100 * USD, COIN, &[]));
    world.refused(fill.clone(), code::F16_FILL_LISTING, field::LISTING);
    world.check_caches();
    world.surface(SECOND, 100 * USD);
    world.ok(0, fill);
    world.check_caches();
    assert!(world.time() > START);
}
