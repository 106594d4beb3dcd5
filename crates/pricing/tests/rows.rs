//! Rows of risk.md section 3, each kind against its definition.

mod common;

use common::chain::{DAY_NS, NOON_NS, listings, usd, vector};
use common::plain_rows::{Mix, option_row};
use merkat_pricing::{
    BuildInput, Listing, RiskSet, Row, Rows, Samples, SurfaceVector, admit, build, kind, scalar,
};
use merkat_values::Refusal;
use merkat_values::codec::{Reader, Short};
use num_bigint::BigInt;

const SECOND_NS: u64 = 1_000_000_000;
const MAINTENANCE_RATE: i64 = 30_000_000;
const INDEX: i64 = 100_000_000_000;

struct World {
    set: RiskSet,
    vector: SurfaceVector,
    listings: Vec<Listing>,
    samples: Samples,
}

impl World {
    fn new(time_ns: u64, index: i64, expiries: &[u64], strikes: i64) -> Self {
        Self {
            set: RiskSet::default(),
            vector: vector(time_ns, index, expiries),
            listings: listings(expiries, strikes, index),
            samples: Samples::default(),
        }
    }

    fn build(&self, standing: Option<&Rows>) -> Result<Rows, Refusal> {
        build(&BuildInput {
            vector: &self.vector,
            set: &self.set,
            listings: &self.listings,
            samples: self.samples,
            basis_clamp: 5_000_000,
            maintenance_rate: MAINTENANCE_RATE,
            standing,
        })
    }

    fn rows(&self, standing: Option<&Rows>) -> Rows {
        admit(&self.vector, &self.listings, standing).expect("the surface is sound");
        self.build(standing).expect("every value fits")
    }
}

fn listing_of<'a>(world: &'a World, row: &Row) -> &'a Listing {
    let found = world.listings.iter().find(|one| one.listing == row.listing);
    found.expect("a row is of a listing")
}

fn check_option(world: &World, rows: &Rows, place: usize, mix: Option<Mix>) {
    let row = &rows.rows()[place];
    let surface = world
        .vector
        .surface(row.expiry_ns)
        .expect("the vector has it");
    let expected = option_row(
        &world.set,
        &world.vector,
        surface,
        row.strike,
        row.kind == kind::CALL,
        mix,
    );
    let name = format!("{} {} at {}", row.listing, row.strike, world.vector.time_ns);
    let quantum = listing_of(world, row).quantum;
    assert_eq!(
        BigInt::from(row.mark),
        &expected.mark - &expected.mark % quantum,
        "mark, {name}"
    );
    assert_eq!(
        [row.up, row.down].map(BigInt::from),
        [expected.up, expected.down],
        "{name}"
    );
    let entries: Vec<_> = rows
        .entries(place)
        .iter()
        .map(|one| BigInt::from(*one))
        .collect();
    assert_eq!(entries, expected.entries, "{name}");
    let greeks = [row.delta, row.gamma, row.vega, row.theta].map(BigInt::from);
    assert_eq!(greeks, expected.greeks, "Greeks, {name}");
    assert_eq!(row.forward, surface.forward, "{name}");
    let counted = world.set.scenarios.iter().zip(rows.entries(place));
    let moves = counted
        .filter(|(scenario, _)| scenario.vol < 3 && scenario.damp == 1_000_000)
        .map(|(_, entry)| (entry - row.mark).abs());
    let largest = moves.max().expect("one counts in full").max(1);
    assert_eq!(row.unit_risk, largest * 1_000_000, "unit risk, {name}");
}

#[test]
fn options_are_priced_as_the_pages_say() {
    let minutes = |count: u64| 60 * SECOND_NS * count;
    let expiries = [
        NOON_NS,
        NOON_NS + DAY_NS,
        NOON_NS + 29 * DAY_NS,
        NOON_NS + 31 * DAY_NS,
        NOON_NS + 700 * DAY_NS,
    ];
    for (time_ns, index, vol) in [
        (NOON_NS - minutes(60), INDEX, 550_000_000),
        (NOON_NS - minutes(2_000), 37, 700_000_000),
        (NOON_NS - minutes(31) - 1, usd(3_000), 600_000_000),
    ] {
        let mut world = World::new(time_ns, index, &expiries, 5);
        world.vector.vol = vol;
        if index == 37 {
            world.listings.iter_mut().for_each(|one| one.quantum = 1);
            world
                .listings
                .retain(|one| !one.is_option() || one.strike < 60_000);
        }
        world.set.scalars[scalar::SKEW_BASE] = -90_000_000;
        let rows = world.rows(None);
        let options = (0..rows.rows().len()).filter(|place| rows.rows()[*place].is_option());
        let options: Vec<_> = options.collect();
        assert!(options.len() >= 10);
        for place in options {
            check_option(&world, &rows, place, None);
        }
    }
}

#[test]
fn in_the_delivery_window_the_fixed_share_is_not_shocked() {
    let expiries = [NOON_NS, NOON_NS + DAY_NS];
    for (seconds, count) in [
        (1_800, 1),
        (1_000, 800),
        (60, 1_740),
        (1, 1_799),
        (1, 1_805),
    ] {
        let mut world = World::new(NOON_NS - seconds * SECOND_NS, INDEX, &expiries, 6);
        let day = (NOON_NS / DAY_NS) as u32;
        let sum = i128::from(count) * i128::from(INDEX + 123_456_789);
        world.samples = Samples { day, count, sum };
        let held = i64::from(count).min(1_800);
        let fixed = (i128::from(INDEX + 123_456_789) * i128::from(held)).div_euclid(1_800);
        let mix = Mix {
            fixed: fixed as i64,
            free: 1_800 - held,
        };
        let rows = world.rows(None);
        for (place, row) in rows.rows().iter().enumerate() {
            if row.is_option() {
                check_option(
                    &world,
                    &rows,
                    place,
                    (row.expiry_ns == NOON_NS).then_some(mix),
                );
            }
        }
        let future = rows.rows().iter().find(|row| row.kind == kind::FUTURE);
        let future = *future.expect("the chain has futures");
        let mixed = |x: i64| i64::try_from(mix.price(&x.into())).expect("a price");
        assert_eq!(future.mark, mixed(future.forward) / 1_000 * 1_000);
        assert_eq!(future.delta, 1_000_000_000 * mix.free / 1_800);
        let up = i128::from(future.forward) * 1_045_000_000 / 1_000_000_000;
        assert_eq!(future.up, mixed(up as i64));
        // Samples of another day are no part of this expiry.
        world.samples.day -= 1;
        let other = world.rows(None);
        let place = other.place_of(future.listing).expect("it has a row");
        assert_eq!(other.rows()[place].delta, 1_000_000_000, "nothing is fixed");
        check_option(&world, &other, place + 1, None);
    }
}

#[test]
fn perpetuals_spot_and_futures() {
    let mut world = World::new(NOON_NS, INDEX, &[NOON_NS + DAY_NS], 1);
    world.vector.basis = 9_000_000;
    for offset in [0, 1] {
        world.set.scalars[scalar::COLLATERAL_OFFSET] = offset;
        let rows = world.rows(None);
        let [perpetual, spot, future, ..] = rows.rows() else {
            panic!("three kinds first");
        };
        assert_eq!(
            perpetual.mark,
            INDEX / 1_000 * 1_005,
            "the basis is clamped to 0.5 %"
        );
        assert_eq!(
            (perpetual.delta, perpetual.years, perpetual.forward),
            (1_000_000_000, 0, INDEX)
        );
        assert_eq!(
            perpetual.unit_risk,
            perpetual.mark / 1_000 * MAINTENANCE_RATE
        );
        assert_eq!(
            (perpetual.up, perpetual.down),
            (perpetual.mark, perpetual.mark)
        );
        assert_eq!((spot.mark, spot.delta), (INDEX, offset * 1_000_000_000));
        let moved = |mark: i64, price: i32| mark / 1_000_000 * (1_000_000 + i64::from(price));
        for (s, scenario) in world.set.scenarios.iter().enumerate() {
            assert_eq!(rows.entries(0)[s], moved(perpetual.mark, scenario.price));
            let expected = if offset == 1 {
                moved(INDEX, scenario.price)
            } else {
                INDEX
            };
            assert_eq!(rows.entries(1)[s], expected, "spot, offset {offset}");
        }
        let forward = future.forward;
        assert_eq!(future.mark, forward / 1_000 * 1_000);
        let shocked = |parts: i128| (i128::from(forward) * parts).div_euclid(1_000) as i64;
        assert_eq!((future.up, future.down), (shocked(1_045), shocked(955)));
        assert_eq!(future.years, 1_000_000_000 / 365);
    }
    // Below a quantum a mark is a quantum.
    world.vector = vector(NOON_NS, 37, &[NOON_NS + DAY_NS]);
    world.listings.retain(|one| !one.is_option());
    assert!(world.rows(None).rows().iter().all(|row| row.mark == 1_000));
}

#[test]
fn after_the_expiry_the_row_stands_and_then_pays() {
    let expiries = [NOON_NS, NOON_NS + DAY_NS];
    let mut world = World::new(NOON_NS - 60 * SECOND_NS, INDEX, &expiries, 4);
    let standing = world.rows(None);
    world.vector = vector(NOON_NS, INDEX + usd(500), &expiries);
    world.set.scenarios.truncate(40);
    let new = Listing {
        listing: 1_000,
        kind: kind::CALL,
        strike: INDEX,
        expiry_ns: NOON_NS,
        quantum: 1_000,
        delivery_price: None,
    };
    world.listings.push(new);
    let rows = world.rows(Some(&standing));
    assert_eq!(
        rows.row_of(1_000),
        None,
        "a listing that never had a row has none"
    );
    let dead = |row: &&Row| row.expiry_ns == NOON_NS;
    assert_eq!(
        rows.rows().iter().filter(dead).count(),
        9,
        "a future and eight options stand"
    );
    for row in rows.rows().iter().filter(dead) {
        let old = standing.place_of(row.listing).expect("it stood");
        let place = rows.place_of(row.listing).expect("it stands");
        assert_eq!(*row, standing.rows()[old]);
        assert_eq!(
            *rows.entries(place),
            standing.entries(old)[..40],
            "cut to the new count"
        );
    }
    // Back to more scenarios: filled up with the mark.
    world.set = RiskSet::default();
    let more = world.rows(Some(&rows));
    for row in more.rows().iter().filter(dead) {
        let place = more.place_of(row.listing).expect("it stands");
        assert!(
            more.entries(place)[40..]
                .iter()
                .all(|entry| *entry == row.mark)
        );
        assert_eq!(more.entries(place)[..40], *rows.entries(place));
    }
    // The delivery price makes every column what it pays.
    let paid = INDEX + 1_234_567;
    for one in world
        .listings
        .iter_mut()
        .filter(|one| one.expiry_ns == NOON_NS)
    {
        one.delivery_price = Some(paid);
    }
    world.set.scalars[scalar::WIDE_WINDOW_NS] = 600_000_000_000;
    let rows = world.rows(Some(&more));
    for row in rows.rows().iter().filter(dead) {
        let pay = match row.kind {
            kind::CALL => (paid - row.strike).max(0),
            kind::PUT => (row.strike - paid).max(0),
            _ => paid,
        };
        let mark = pay / 1_000 * 1_000;
        let place = rows.place_of(row.listing).expect("it pays");
        assert!(rows.entries(place).iter().all(|entry| *entry == mark));
        assert_eq!([row.mark, row.low, row.high, row.up, row.down], [mark; 5]);
        assert_eq!(
            [
                row.delta,
                row.gamma,
                row.vega,
                row.theta,
                row.years,
                row.unit_risk
            ],
            [0; 6]
        );
        assert_eq!(row.forward, paid);
    }
}

#[test]
fn low_and_high_follow_the_mark_slowly() {
    let expiries = [NOON_NS + DAY_NS];
    let mut world = World::new(NOON_NS, INDEX, &expiries, 3);
    let first = world.rows(None);
    assert!(
        first
            .rows()
            .iter()
            .all(|row| row.low == row.mark && row.high == row.mark)
    );
    world.set.scalars[scalar::WIDE_WINDOW_NS] = 100 * SECOND_NS as i64;
    world.vector = vector(NOON_NS + 30 * SECOND_NS, INDEX + 1_000_000, &expiries);
    let second = world.rows(Some(&first));
    for (old, row) in first.rows().iter().zip(second.rows()) {
        let (old, mark) = (old.mark, row.mark);
        // Three tenths of the way, to whole quanta away from the mark.
        let toward = i128::from(old) * 10 + i128::from(mark - old) * 3;
        let low = toward.div_euclid(10_000) * 1_000;
        let high = -(-toward).div_euclid(10_000) * 1_000;
        assert_eq!(
            i128::from(row.low),
            low.min(i128::from(mark)),
            "listing {}",
            row.listing
        );
        assert_eq!(
            i128::from(row.high),
            high.max(i128::from(mark)),
            "listing {}",
            row.listing
        );
    }
    let lag = second
        .rows()
        .iter()
        .filter(|row| row.low < row.mark)
        .count();
    assert!(lag > 3, "the marks rose, so low lags: {lag}");
    world.vector = vector(NOON_NS + 200 * SECOND_NS, INDEX, &expiries);
    let third = world.rows(Some(&second));
    assert!(
        third
            .rows()
            .iter()
            .all(|row| row.low == row.mark && row.high == row.mark)
    );
}

#[test]
fn a_value_that_does_not_fit_refuses_the_vector() {
    let mut world = World::new(NOON_NS, 1, &[NOON_NS + SECOND_NS], 0);
    world.listings.push(Listing {
        listing: 50,
        kind: kind::CALL,
        strike: 1,
        expiry_ns: NOON_NS + SECOND_NS,
        quantum: 1,
        delivery_price: None,
    });
    for surface in &mut world.vector.expiries {
        // Vol 0.0056 of a coin worth 1e-6 USD with a second left: gamma is near 4e23.
        (surface.forward, surface.a, surface.b, surface.sigma) = (1, 1, 0, 1);
    }
    let refused = Err(Refusal::new(613, 48));
    let found = world.build(None).map(|rows| rows.rows().len());
    assert_eq!(found, refused, "E-13: gamma leaves 63 bits");
    world.listings.pop();
    assert!(
        world.build(None).is_ok(),
        "canary: without the option it is taken"
    );
}

#[test]
fn rows_are_written_and_read_back() {
    let world = World::new(NOON_NS, INDEX, &[NOON_NS + DAY_NS], 3);
    let rows = world.rows(None);
    let mut bytes = Vec::new();
    rows.write(&mut bytes);
    assert_eq!(
        bytes.len(),
        4 + rows.rows().len() * (117 + 8 * 57),
        "117 + 8 S a row"
    );
    let read = |bytes: &[u8]| {
        Rows::read(
            &mut Reader::new(bytes),
            world.set.clone(),
            world.vector.clone(),
        )
    };
    assert_eq!(read(&bytes), Ok(rows.clone()));
    assert_eq!(read(&bytes[..bytes.len() - 1]), Err(Short));
    let mut twice = bytes.clone();
    twice[4 + 117 + 8 * 57 + 3] = twice[7];
    assert_eq!(read(&twice), Err(Short), "two rows of one listing");
    assert_ne!(rows.rows_hash(), [0; 31]);
}
