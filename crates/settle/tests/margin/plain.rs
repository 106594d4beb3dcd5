//! The tables of risk.md sections 4 and 5, term by term and without sums kept from before. Small numbers only.

use merkat_pricing::{Row, Rows, kind, payoff, scalar};
use merkat_settle::risk::Resting;

pub struct Book<'a> {
    pub rows: &'a Rows,
    pub coin: i128,
    pub fund: i128,
    pub positions: &'a [(usize, i64)],
    pub orders: &'a [Resting],
}

fn ceil(a: i128, b: i128) -> i128 {
    -(-a).div_euclid(b)
}

const G: i128 = 1_000_000_000;

impl Book<'_> {
    fn of(&self, number: usize) -> i128 {
        i128::from(self.rows.set().get(number))
    }

    fn row(&self, place: usize) -> &Row {
        &self.rows.rows()[place]
    }

    fn sum(&self, wanted: impl Fn(&Row) -> bool, worth: impl Fn(usize) -> i64) -> i128 {
        let held = self
            .positions
            .iter()
            .filter(|(place, _)| wanted(self.row(*place)));
        held.map(|(place, q)| {
            i128::from(*q) * (i128::from(worth(*place)) - i128::from(self.row(*place).mark))
        })
        .sum()
    }

    fn expiries(&self, wanted: impl Fn(&Row) -> bool) -> Vec<u64> {
        let held = self.positions.iter().map(|(place, _)| self.row(*place));
        let mut found: Vec<u64> = held
            .filter(|row| wanted(row))
            .map(|row| row.expiry_ns)
            .collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    pub fn ordinary(&self, s: usize, with_orders: bool) -> i128 {
        let scenario = self.rows.set().scenarios[s];
        let mut x = self
            .sum(|_| true, |place| self.rows.entries(place)[s])
            .div_euclid(self.coin);
        for order in self.orders.iter().filter(|_| with_orders) {
            let gain = i128::from(self.rows.entries(order.place)[s]) - i128::from(order.limit);
            let gain = if order.is_buy { gain } else { -gain };
            x += (i128::from(order.left) * gain).div_euclid(self.coin).min(0);
        }
        if x >= 0 {
            return 0;
        }
        let (l, d) = (-x, i128::from(scenario.damp) * 1_000);
        let lo = (self.of(scalar::DAMP_LOW) * self.fund).div_euclid(G);
        let hi = (self.of(scalar::DAMP_HIGH) * self.fund).div_euclid(G);
        let damp = if l >= hi {
            G
        } else if l <= lo {
            d
        } else {
            d + (G - d) * (l - lo) / (hi - lo)
        };
        ceil(l * damp, G)
    }

    fn skew(&self, s: usize) -> i128 {
        let parts = self.expiries(Row::is_option).into_iter().map(|expiry| {
            let of = |row: &Row| row.is_option() && row.expiry_ns == expiry;
            self.sum(of, |place| self.rows.entries(place)[s])
                .div_euclid(self.coin)
                .abs()
        });
        parts.sum()
    }

    fn basis(&self) -> i128 {
        let parts = self.expiries(Row::is_dated).into_iter().map(|expiry| {
            let of = |row: &Row| row.is_dated() && row.expiry_ns == expiry;
            let up = self
                .sum(of, |place| self.row(place).up)
                .div_euclid(self.coin);
            let down = self
                .sum(of, |place| self.row(place).down)
                .div_euclid(self.coin);
            let held = self.positions.iter().map(|(place, _)| self.row(*place));
            let years = held
                .filter(|row| of(row))
                .map(|row| i128::from(row.years))
                .max();
            let weight = self.of(scalar::BASIS_BASE)
                + (self.of(scalar::BASIS_PER_YEAR) * years.expect("it is held")).div_euclid(G);
            ceil(0.max(-up).max(-down) * weight, G)
        });
        parts.sum()
    }

    fn pin(&self) -> i128 {
        let vector = self.rows.vector();
        let mut worst = 0;
        for expiry in self.expiries(Row::is_option) {
            let terms = self
                .rows
                .expiries()
                .iter()
                .find(|one| one.expiry_ns == expiry);
            if !terms.expect("it is held").is_pinned {
                continue;
            }
            let f = i128::from(vector.surface(expiry).expect("it is held").forward);
            let of = |row: &Row| row.is_option() && row.expiry_ns == expiry;
            let range = self.of(scalar::PIN_RANGE);
            for (strike_of, _) in self
                .positions
                .iter()
                .filter(|(place, _)| of(self.row(*place)))
            {
                let strike = self.row(*strike_of).strike;
                let k = i128::from(strike);
                if G * k < f * (G - range) || G * k > f * (G + range) {
                    continue;
                }
                let pays =
                    |place: usize| payoff(self.row(place).kind, self.row(place).strike, strike);
                let mut x = self.sum(of, pays);
                for (place, q) in self.positions {
                    let row = self.row(*place);
                    let counts = row.kind == kind::PERPETUAL
                        || (row.kind == kind::SPOT && row.delta != 0)
                        || (row.kind == kind::FUTURE && row.expiry_ns == expiry);
                    if counts {
                        x += (i128::from(*q) * i128::from(row.mark) * (k - f)).div_euclid(f);
                    }
                }
                worst = worst.max(-x.div_euclid(self.coin));
            }
        }
        worst
    }

    /// R and worst.
    pub fn risk(&self, with_orders: bool) -> (i128, u8) {
        let scenarios = &self.rows.set().scenarios;
        let mut terms: Vec<(i128, u8)> = Vec::new();
        for (s, one) in scenarios.iter().enumerate().filter(|(_, one)| one.vol < 3) {
            let _ = one;
            terms.push((self.ordinary(s, with_orders), s as u8));
        }
        for (s, _) in scenarios.iter().enumerate().filter(|(_, one)| one.vol >= 3) {
            terms.push((self.skew(s), s as u8));
        }
        terms.push((self.basis(), 64));
        terms.push((self.pin(), 65));
        let mut best = (0, 255);
        for (loss, name) in terms {
            if loss > best.0 {
                best = (loss, name);
            }
        }
        best
    }

    fn index(&self) -> i128 {
        i128::from(self.rows.vector().index)
    }

    fn confidence(&self) -> i128 {
        let held = self
            .positions
            .iter()
            .filter(|(place, _)| self.row(*place).kind != kind::SPOT);
        let size: i128 = held.map(|(_, q)| i128::from(q.abs())).sum();
        let below = G - i128::from(self.rows.vector().confidence);
        let value = (size * self.index()).div_euclid(self.coin);
        ceil(self.of(scalar::CONFIDENCE_RATE) * below * value, G * G)
    }

    pub fn naked(&self) -> i128 {
        let mut total = 0;
        let mut seen = Vec::new();
        for (place, _) in self.positions {
            let row = self.row(*place);
            let key = (row.expiry_ns, row.strike);
            if !row.is_option() || seen.contains(&key) {
                continue;
            }
            seen.push(key);
            if row.expiry_ns <= self.rows.vector().time_ns {
                continue;
            }
            let held = self.positions.iter().filter(|(place, _)| {
                let row = self.row(*place);
                row.is_option() && (row.expiry_ns, row.strike) == key
            });
            let sum: i128 = held.map(|(_, q)| i128::from(*q)).sum();
            total += 0.max(-sum);
        }
        total
    }

    /// MM and IM in mode portfolio.
    pub fn portfolio(&self) -> (i128, i128) {
        let naked = (self.naked() * self.index()).div_euclid(self.coin);
        let (mut a_mm, mut a_im) = (
            ceil(self.of(scalar::NAKED_MAINTENANCE) * naked, G),
            ceil(self.of(scalar::NAKED_INITIAL) * naked, G),
        );
        let (mut delta, mut vega) = (0, 0);
        for (place, q) in self.positions {
            let row = self.row(*place);
            let size = i128::from(q.abs());
            delta += i128::from(*q) * i128::from(row.delta);
            vega += i128::from(*q) * i128::from(row.vega);
            if row.kind == kind::PERPETUAL {
                let value = (size * i128::from(row.mark)).div_euclid(self.coin);
                a_mm += ceil(self.of(scalar::PERPETUAL_MAINTENANCE) * value, G);
                a_im += ceil(self.of(scalar::PERPETUAL_INITIAL) * value, G);
            }
            if row.is_dated() {
                let value = (size * i128::from(row.forward)).div_euclid(self.coin);
                let rate = self.of(scalar::ROLL_RATE) * i128::from(row.years);
                a_mm += ceil(value * rate, G * G);
            }
        }
        let delta_usd = (delta.div_euclid(G) * self.index()).div_euclid(self.coin);
        let points = vega.div_euclid(100 * self.coin);
        for (value, threshold, slope) in [
            (delta_usd, scalar::DELTA_THRESHOLD, scalar::DELTA_SLOPE),
            (points, scalar::VEGA_THRESHOLD, scalar::VEGA_SLOPE),
        ] {
            let over = 0.max(value.abs() - self.of(threshold));
            a_mm += ceil(self.of(slope) * over, G);
        }
        let peg = 0.max(self.of(scalar::PEG_THRESHOLD) - i128::from(self.rows.vector().peg))
            * self.of(scalar::PEG_FACTOR)
            / G;
        let (r, r_im) = (self.risk(false).0, self.risk(true).0);
        let mm = ceil(self.of(scalar::MAINTENANCE_FACTOR) * r, G) + a_mm;
        let im = ceil((self.of(scalar::INITIAL_FACTOR) + peg) * r_im, G);
        (mm, im + a_mm + a_im + self.confidence())
    }

    pub fn short(&self, place: usize, n: i128) -> (i128, i128) {
        let row = self.row(place);
        let (k, i) = (i128::from(row.strike), self.index());
        let m = ceil(n * i128::from(row.mark), self.coin);
        let rate = self.of(scalar::STANDARD_MAINTENANCE);
        let out = if row.kind == kind::CALL { k - i } else { i - k };
        let first = ceil(
            (self.of(scalar::STANDARD_INITIAL_LEAST) * n * i)
                .max(self.of(scalar::STANDARD_INITIAL_MOST) * n * i - G * n * 0.max(out)),
            G * self.coin,
        ) + m;
        if row.kind == kind::CALL {
            return (ceil(rate * (n * i).div_euclid(self.coin), G) + m, first);
        }
        let mm = ceil(rate * n * i, G * self.coin).max(ceil(rate * m, G)) + m;
        (mm, first.max(ceil(105 * mm, 100)))
    }

    /// MM and IM of the options in mode standard.
    pub fn standard(&self) -> (i128, i128) {
        let mut total = (0, self.confidence());
        for expiry in self.expiries(Row::is_option) {
            let held: Vec<_> = self
                .positions
                .iter()
                .filter(|(place, _)| {
                    self.row(*place).is_option() && self.row(*place).expiry_ns == expiry
                })
                .collect();
            let (mut v, mut isolated, mut net) = (0, (0, 0), 0);
            for (place, q) in &held {
                let row = self.row(*place);
                v += (i128::from(*q) * i128::from(row.mark)).div_euclid(self.coin);
                if *q < 0 {
                    let (mm, im) = self.short(*place, i128::from(-q));
                    isolated = (isolated.0 + mm, isolated.1 + im);
                }
                if row.kind == kind::CALL {
                    net += i128::from(*q);
                }
            }
            let ends = held
                .iter()
                .map(|(place, _)| self.row(*place).strike)
                .chain([0]);
            let worst = ends.map(|x| {
                let pays = held.iter().map(|(place, q)| {
                    let row = self.row(*place);
                    i128::from(*q) * i128::from(payoff(row.kind, row.strike, x))
                });
                pays.sum::<i128>().div_euclid(self.coin)
            });
            let bounded = 0.max(-worst.min().expect("it is held"));
            let f = i128::from(self.row(held[0].0).forward);
            let unpaired = |rate| {
                if net < 0 {
                    ceil(self.of(rate) * (-net * f).div_euclid(self.coin), G)
                } else {
                    0
                }
            };
            let (low, high) = (
                bounded + unpaired(scalar::STANDARD_UNPAIRED_MAINTENANCE),
                bounded + unpaired(scalar::STANDARD_UNPAIRED_INITIAL),
            );
            total.0 += 0.max(v + isolated.0.min(low));
            total.1 += 0.max(v + isolated.1.min(high));
        }
        total
    }
}
