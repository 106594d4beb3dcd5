//! Random rows and books.

use merkat_pricing::{RiskSet, Row, Rows, Surface, SurfaceVector, kind, scalar};
use merkat_settle::risk::Resting;

/// xorshift64*: the same books on every run.
pub struct Draw(pub u64);

impl Draw {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, bound: i64) -> i64 {
        (self.next() % bound as u64) as i64
    }

    pub fn between(&mut self, least: i64, most: i64) -> i64 {
        least + self.below(most - least + 1)
    }

    pub fn one_in(&mut self, count: i64) -> bool {
        self.below(count) == 0
    }
}

pub const COIN: i64 = 10_000;
const SECOND: u64 = 1_000_000_000;
const NOW: u64 = 2_000_000 * SECOND;

/// A set whose every scalar is in play, thresholds low enough to be passed.
fn set(draw: &mut Draw) -> RiskSet {
    let mut set = RiskSet::default();
    set.scalars[scalar::DELTA_THRESHOLD] = draw.below(2_000_000_000);
    set.scalars[scalar::VEGA_THRESHOLD] = draw.below(2_000_000);
    set.scalars[scalar::ROLL_RATE] = draw.below(100_000_000);
    set.scalars[scalar::MAINTENANCE_FACTOR] = draw.between(500_000_001, 999_999_999);
    if draw.one_in(4) {
        set.scenarios.truncate(draw.between(1, 10) as usize);
        for one in &mut set.scenarios {
            one.damp = if draw.one_in(2) {
                1_000_000
            } else {
                draw.below(1_000_000) as u32
            };
        }
        set.scenarios[0].damp = 1_000_000;
    }
    set
}

/// Rows with numbers drawn freely around an index of 100 USD; kinds, strikes and expiries of a small chain.
pub fn rows(draw: &mut Draw) -> Rows {
    let set = set(draw);
    let index = draw.between(50_000_000, 150_000_000);
    // Past, in its window, a day, a year.
    let expiries = [
        NOW - 3_600 * SECOND,
        NOW + 900 * SECOND,
        NOW + 86_400 * SECOND,
        NOW + 31_536_000 * SECOND,
    ];
    let surfaces = expiries[1..].iter().map(|expiry_ns| Surface {
        expiry_ns: *expiry_ns,
        forward: index + draw.between(-3_000_000, 3_000_000),
        a: 100_000_000_000,
        b: 10_000_000_000,
        sigma: 100_000_000_000,
        ..Surface::default()
    });
    let vector = SurfaceVector {
        time_ns: NOW,
        index,
        expiries: surfaces.collect(),
        confidence: draw.between(900_000_000, 1_000_000_000),
        peg: draw.between(980_000_000, 1_000_000_000),
        ..SurfaceVector::default()
    };
    let columns = set.scenarios.len();
    let (mut rows, mut entries) = (Vec::new(), Vec::new());
    let mut push = |draw: &mut Draw, kind: u8, strike: i64, expiry_ns: u64, forward: i64| {
        let mark = match kind {
            kind::CALL => (forward - strike).max(0) + draw.below(5_000_000),
            kind::PUT => (strike - forward).max(0) + draw.below(5_000_000),
            _ => forward,
        };
        let spread = if draw.one_in(20) {
            0
        } else {
            30_000_000.min(mark + 1_000_000)
        };
        let mut near = |by: i64| (mark + draw.between(-by, by)).max(0);
        let (up, down) = (near(spread / 3), near(spread / 3));
        entries.extend((0..columns).map(|_| near(spread)));
        rows.push(Row {
            listing: 3 * rows.len() as u32 + 1,
            kind,
            strike,
            expiry_ns,
            forward,
            mark,
            low: mark,
            high: mark,
            unit_risk: 1,
            delta: if kind == kind::SPOT && draw.one_in(2) {
                0
            } else {
                draw.between(-1_000_000_000, 1_000_000_000)
            },
            gamma: draw.below(1_000_000),
            vega: draw.below(60_000_000),
            theta: -draw.below(60_000_000),
            years: if expiry_ns == 0 {
                0
            } else {
                expiry_ns.saturating_sub(NOW - 7_200 * SECOND) as i64 / 31_536_000
            },
            up,
            down,
        });
    };
    push(draw, kind::PERPETUAL, 0, 0, index);
    push(draw, kind::SPOT, 0, 0, index);
    push(draw, kind::PERPETUAL, 0, 0, index);
    for expiry_ns in expiries {
        let surface = vector.surface(expiry_ns);
        let forward = surface.map_or(index, |one| one.forward);
        push(draw, kind::FUTURE, 0, expiry_ns, forward);
        for strike in [
            60_000_000,
            90_000_000,
            100_000_000,
            101_000_000,
            115_000_000,
            140_000_000,
        ] {
            push(draw, kind::CALL, strike, expiry_ns, forward);
            push(draw, kind::PUT, strike, expiry_ns, forward);
        }
    }
    Rows::new(set, vector, rows, entries)
}

/// Up to `most` positions in different listings, clustered on one expiry half of the time.
pub fn positions(draw: &mut Draw, rows: &Rows, most: i64) -> Vec<(usize, i64)> {
    let mut found: Vec<(usize, i64)> = Vec::new();
    let start = 3 + 13 * draw.below(4);
    let cluster = draw.one_in(2);
    for _ in 0..draw.between(0, most) {
        let place = if cluster && !draw.one_in(3) {
            start + draw.below(13)
        } else {
            draw.below(rows.rows().len() as i64)
        } as usize;
        let size = draw.between(-3 * COIN, 3 * COIN);
        let is_spot = rows.rows()[place].kind == kind::SPOT;
        let size = if is_spot { size.abs() } else { size };
        if size != 0 && found.iter().all(|(other, _)| *other != place) {
            found.push((place, size));
        }
    }
    found
}

pub fn orders(draw: &mut Draw, rows: &Rows, most: i64) -> Vec<Resting> {
    let count = draw.between(0, most);
    (0..count)
        .map(|_| {
            let place = draw.below(rows.rows().len() as i64) as usize;
            let mark = rows.rows()[place].mark;
            Resting {
                place,
                is_buy: draw.one_in(2),
                left: draw.between(1, 2 * COIN),
                limit: (mark + draw.between(-10_000_000, 10_000_000)).max(1),
            }
        })
        .collect()
}
