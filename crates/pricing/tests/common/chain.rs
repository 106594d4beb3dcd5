//! A chain like those of a large venue: listings and a vector that passes every check.
#![allow(clippy::float_arithmetic, reason = "makes test data")]

use merkat_pricing::{Listing, Surface, SurfaceVector, kind};

pub const DAY_NS: u64 = 86_400_000_000_000;
/// 08:00 UTC of a day in 2026.
pub const NOON_NS: u64 = 20_500 * DAY_NS + 28_800_000_000_000;

pub fn usd(value: i64) -> i64 {
    value * 1_000_000
}

/// A perpetual, a spot listing, a future for each expiry, and calls and puts at `strikes` strikes for each.
pub fn listings(expiries: &[u64], strikes: i64, index: i64) -> Vec<Listing> {
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
    push(kind::SPOT, 0, 0);
    for expiry in expiries {
        push(kind::FUTURE, 0, *expiry);
        for number in 0..strikes {
            let strike = index / 2 + index * number / strikes;
            let strike = (strike - strike % 1_000_000).max(1_000);
            push(kind::CALL, strike, *expiry);
            push(kind::PUT, strike, *expiry);
        }
    }
    found
}

/// Surfaces of about 55 % at the money, smiling, with a forward that rises with time.
pub fn vector(time_ns: u64, index: i64, expiries: &[u64]) -> SurfaceVector {
    let surfaces = expiries.iter().filter(|one| **one > time_ns).map(|expiry| {
        let days = ((expiry - time_ns) / 1_000_000_000) as i64;
        // Variance grows by 0.3 a year; b and sigma grow along, so that no calendar spread is free.
        let year = 31_536_000_i64;
        let scaled = |value: i64| (i128::from(value) * i128::from(days) / i128::from(year)) as i64;
        let root = ((days as f64 / year as f64).sqrt() * 1e12) as i64;
        Surface {
            expiry_ns: *expiry,
            forward: index + index / 1_000 * days / year * 40,
            a: scaled(200_000_000_000),
            b: root / 10,
            rho: -200_000_000_000,
            m: 0,
            sigma: root / 2,
        }
    });
    SurfaceVector {
        group: 0,
        number: 1,
        time_ns,
        index,
        confidence: 1_000_000_000,
        peg: 1_000_000_000,
        vol: 550_000_000,
        vol_mean: 600_000_000,
        expiries: surfaces.collect(),
        ..SurfaceVector::default()
    }
}
