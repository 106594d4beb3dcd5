//! Prints how long portfolio margin takes for 128 positions in a chain under 57 scenarios, all from nothing and for one
//! position more: `cargo run --release -p merkat-settle --example margin_rate`.

use std::hint::black_box;
use std::time::Instant;

use merkat_pricing::{
    BuildInput, Listing, RiskSet, Samples, Surface, SurfaceVector, admit, build, kind,
};
use merkat_settle::risk::{
    Market, OrderSums, Portfolio, Resting, portfolio_margin, standard_margin,
};

const DAY_NS: u64 = 86_400_000_000_000;
const NOW_NS: u64 = 20_000 * DAY_NS;
const INDEX: i64 = 100_000_000_000;
const COIN: i64 = 100_000_000;
const FUND: i128 = 50_000_000_000_000;
const DAYS: [u64; 13] = [1, 2, 3, 7, 14, 21, 28, 60, 90, 180, 270, 360, 720];

/// A perpetual, and for each expiry a future and 70 calls and puts.
fn listings() -> Vec<Listing> {
    let mut found = Vec::new();
    let mut push = |kind, strike, expiry_ns| {
        found.push(Listing {
            listing: found.len() as u32 + 1,
            kind,
            strike,
            expiry_ns,
            quantum: 1_000,
            delivery_price: None,
        });
    };
    push(kind::PERPETUAL, 0, 0);
    for expiry_ns in DAYS.map(|days| NOW_NS + days * DAY_NS) {
        push(kind::FUTURE, 0, expiry_ns);
        for number in 0..70 {
            let strike = INDEX / 2 + number * 1_500_000_000;
            push(kind::CALL, strike, expiry_ns);
            push(kind::PUT, strike, expiry_ns);
        }
    }
    found
}

fn vector() -> SurfaceVector {
    let surface = |days: u64| Surface {
        expiry_ns: NOW_NS + days * DAY_NS,
        forward: INDEX + 20_000_000 * days as i64,
        // 55 % a year, flat.
        a: 302_500_000_000 * days as i64 / 365,
        sigma: 1_000_000_000_000,
        ..Surface::default()
    };
    SurfaceVector {
        number: 1,
        time_ns: NOW_NS,
        index: INDEX,
        confidence: 1_000_000_000,
        peg: 1_000_000_000,
        vol: 550_000_000,
        vol_mean: 550_000_000,
        expiries: DAYS.map(surface).to_vec(),
        ..SurfaceVector::default()
    }
}

/// The least time of one of `rounds` runs.
fn least_ns(rounds: u32, mut run: impl FnMut()) -> u128 {
    let one = |_| {
        let start = Instant::now();
        run();
        start.elapsed().as_nanos()
    };
    (0..rounds).map(one).min().unwrap_or_default()
}

fn main() {
    let (list, vector, set) = (listings(), vector(), RiskSet::default());
    admit(&vector, &list, None).expect("a flat surface is admitted");
    let input = BuildInput {
        vector: &vector,
        set: &set,
        listings: &list,
        samples: Samples::default(),
        basis_clamp: 5_000_000,
        maintenance_rate: 30_000_000,
        standing: None,
    };
    let rows = build(&input).expect("rows of a flat surface");
    let count = rows.rows().len();
    let ns = least_ns(5, || {
        black_box(build(black_box(&input)).is_ok());
    });
    println!("build {count} rows: {} us", ns / 1_000);
    let ns = least_ns(5, || {
        black_box(black_box(&rows).commitment());
    });
    println!("hash them: {} us", ns / 1_000);

    let market = Market::new(&std::sync::Arc::new(rows.clone()), COIN);
    // 127 options over all expiries, so over three with pin risk too, and the perpetual.
    let held: Vec<(usize, i64)> = (0..128)
        .map(|number| {
            let place = if number == 0 { 0 } else { number * 14 };
            (place, COIN * if number % 3 == 0 { -2 } else { 1 })
        })
        .collect();
    let cold = least_ns(200, || {
        black_box(portfolio_margin(black_box(&market), FUND, black_box(&held)));
    });
    println!("128 positions from nothing: {cold} ns");
    let crowded: Vec<(usize, i64)> = (2..130).map(|place| (place, COIN)).collect();
    let ns = least_ns(200, || {
        black_box(portfolio_margin(
            black_box(&market),
            FUND,
            black_box(&crowded),
        ));
    });
    println!("128 positions in one expiry with pin risk, from nothing: {ns} ns");
    let mut portfolio = Portfolio::new(&market);
    for (place, size) in &held {
        portfolio.change(&market, *place, *size);
    }
    let ns = least_ns(200, || {
        black_box(black_box(&portfolio).margin(&market, FUND));
    });
    println!("margin of sums kept: {ns} ns");
    for (label, place) in [
        ("far option", 1_500),
        ("option with pin risk", 77),
        ("perpetual", 0),
    ] {
        let ns = least_ns(200, || {
            portfolio.change(&market, place, COIN);
            black_box(portfolio.margin(&market, FUND));
        });
        println!("one change and the margin, {label}: {ns} ns");
    }
    let order = Resting {
        place: 700,
        is_buy: true,
        left: COIN,
        limit: rows.rows()[700].mark,
    };
    let mut orders = OrderSums::default();
    let ns = least_ns(200, || orders.add(&market, black_box(&order)));
    println!("one order counted: {ns} ns");
    let ns = least_ns(200, || {
        black_box(portfolio.margin_with_orders(&market, FUND, black_box(&orders)));
    });
    println!("margin of sums kept with orders: {ns} ns");
    let ns = least_ns(200, || {
        black_box(standard_margin(&market, black_box(&held)));
    });
    println!("standard margin of 128 positions: {ns} ns");
    let accounts: Vec<Vec<(usize, i64)>> = (0..10_000)
        .map(|account| {
            let place = |leg: usize| (account * 37 + leg * 181) % count;
            (0..10).map(|leg| (place(leg), COIN)).collect()
        })
        .collect();
    let ns = least_ns(5, || {
        for held in &accounts {
            black_box(portfolio_margin(&market, FUND, held));
        }
    });
    println!(
        "10,000 accounts of 10 positions, from nothing: {} us",
        ns / 1_000
    );
}
