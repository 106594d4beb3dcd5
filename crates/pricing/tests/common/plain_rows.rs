//! Surfaces, shocks and option rows of pricing.md and risk.md over unbounded integers, line by line.

use merkat_pricing::{RiskSet, Surface, SurfaceVector, scalar};
use num_bigint::BigInt;

use super::plain::{div, exp, greeks, ln, mul, price, sqrt};

fn one() -> BigInt {
    BigInt::from(1) << 64_u32
}

pub fn floor(a: &BigInt, b: i128) -> BigInt {
    let b = BigInt::from(b);
    let (quotient, rest) = (a / &b, a % &b);
    if (rest < BigInt::ZERO) != (b < BigInt::ZERO) && rest != BigInt::ZERO {
        quotient - 1
    } else {
        quotient
    }
}

fn q(x: i64, parts: i128) -> BigInt {
    floor(&(BigInt::from(x) << 64_u32), parts)
}

pub fn usd(x: i64) -> BigInt {
    q(x, 1_000_000)
}

fn rate(x: i64) -> BigInt {
    q(x, 1_000_000_000)
}

fn small(x: &BigInt) -> i128 {
    i128::try_from(x.clone()).expect("fits 127 bits")
}

pub fn years_of(seconds: u64) -> BigInt {
    (BigInt::from(seconds) << 64_u32) / 31_536_000
}

pub struct Svi {
    a: BigInt,
    b: BigInt,
    rho: BigInt,
    m: BigInt,
    sigma: BigInt,
}

impl Svi {
    pub fn new(surface: &Surface) -> Self {
        let part = |x| q(x, 1_000_000_000_000);
        Self {
            a: part(surface.a),
            b: part(surface.b),
            rho: part(surface.rho),
            m: part(surface.m),
            sigma: part(surface.sigma),
        }
    }

    pub fn reach(&self) -> BigInt {
        4 * sqrt(&(&self.a + mul(&self.b, &self.sigma)))
    }

    fn root(&self, d: &BigInt) -> BigInt {
        sqrt(&(mul(d, d) + mul(&self.sigma, &self.sigma)))
    }

    /// With the clamp.
    pub fn w(&self, k: &BigInt) -> BigInt {
        let c = self.reach();
        let k = k.clone().min(c.clone()).max(-c);
        let d = k - &self.m;
        &self.a + mul(&self.b, &(mul(&self.rho, &d) + self.root(&d)))
    }

    pub fn vol(&self, k: &BigInt, years: &BigInt) -> BigInt {
        let w = self.w(k);
        if w <= BigInt::ZERO {
            return BigInt::ZERO;
        }
        sqrt(&div(&w, years))
    }

    /// E-08 but for the bounds of the parameters.
    pub fn shaped(&self) -> bool {
        let rest = sqrt(&(one() - mul(&self.rho, &self.rho)));
        let rho = if self.rho < BigInt::ZERO {
            -&self.rho
        } else {
            self.rho.clone()
        };
        &self.a + mul(&mul(&self.b, &self.sigma), &rest) >= BigInt::ZERO
            && &self.a + mul(&self.b, &self.sigma) > BigInt::ZERO
            && mul(&self.b, &(one() + rho)) <= 2 * one()
    }

    /// Whether g(k) >= 0; a division by zero fails.
    pub fn holds(&self, k: &BigInt) -> bool {
        let zero = BigInt::ZERO;
        let d = k - &self.m;
        let root = self.root(&d);
        let w = &self.a + mul(&self.b, &(mul(&self.rho, &d) + &root));
        let cube = mul(&mul(&root, &root), &root);
        if w <= zero || root == zero || cube == zero {
            return false;
        }
        let w1 = mul(&self.b, &(&self.rho + div(&d, &root)));
        let w2 = div(&mul(&self.b, &mul(&self.sigma, &self.sigma)), &cube);
        let u = one() - div(&mul(k, &w1), &(2 * &w));
        let slope = floor(&mul(&w1, &w1), 4);
        let g = mul(&u, &u) - mul(&slope, &(div(&one(), &w) + one() / 4)) + floor(&w2, 2);
        g >= zero
    }

    pub fn butterflies(&self) -> bool {
        let c = self.reach();
        (-8..=8).all(|j| self.holds(&floor(&(j * &c), 8)))
    }
}

fn pow(x: &BigInt, p: &BigInt) -> BigInt {
    exp(&mul(p, &ln(x)))
}

/// What is mixed into a price in the delivery window: fixed price and free seconds.
#[derive(Clone, Copy)]
pub struct Mix {
    pub fixed: i64,
    pub free: i64,
}

impl Mix {
    pub fn price(self, x: &BigInt) -> BigInt {
        self.fixed + floor(&(x * self.free), 1_800)
    }
}

/// Mark before it is cut to quanta, up, down, entries, and delta, gamma, vega, theta of an option.
pub struct OptionRow {
    pub mark: BigInt,
    pub up: BigInt,
    pub down: BigInt,
    pub entries: Vec<BigInt>,
    pub greeks: [BigInt; 4],
}

pub fn option_row(
    set: &RiskSet,
    vector: &SurfaceVector,
    surface: &Surface,
    strike: i64,
    is_call: bool,
    mix: Option<Mix>,
) -> OptionRow {
    let of = |number| rate(set.get(number));
    let seconds = (surface.expiry_ns - vector.time_ns) / 1_000_000_000;
    let years = years_of(seconds);
    let root = sqrt(&years);
    let (f, k_usd) = (usd(surface.forward), usd(strike));
    let k = ln(&div(&k_usd, &f));
    let vol = Svi::new(surface).vol(&k, &years);
    let shocked = |shock: BigInt, floor_vol: BigInt| {
        let days = years.clone().max(years_of(86_400));
        let power = if seconds < 2_592_000 {
            of(scalar::VOL_POWER_SHORT)
        } else {
            of(scalar::VOL_POWER_LONG)
        };
        let factor = one() + mul(&shock, &pow(&div(&years_of(2_592_000), &days), &power));
        let factor = factor.max(one() / 10);
        mul(&vol.clone().max(floor_vol), &factor).min(24 * one())
    };
    let skewed = |x: &BigInt| {
        let cap = mul(&of(scalar::SKEW_BASE), &root) + of(scalar::SKEW_SCALE);
        let level = of(scalar::SKEW_VOL_STATIC) + mul(&root, &of(scalar::SKEW_VOL_SCALE));
        let star = mul(&mul(&root, &of(scalar::SKEW_WIDTH)), &level).max(of(scalar::SKEW_K_LEAST));
        let tilt = (-&cap).max(cap.clone().min(div(&mul(x, &cap), &star)));
        mul(&vol, &(one() + tilt).max(BigInt::ZERO))
    };
    let down = if vector.vol > vector.vol_mean {
        scalar::VOL_DOWN_HIGH
    } else {
        scalar::VOL_DOWN
    };
    let absolute = if k < BigInt::ZERO { -&k } else { k.clone() };
    let vols = [
        vol.clone(),
        shocked(of(scalar::VOL_UP), of(scalar::VOL_FLOOR)),
        shocked(-of(down), BigInt::ZERO),
        skewed(&k),
        skewed(&absolute),
    ]
    .map(|vol| mix.map_or(vol.clone(), |mix| floor(&(vol * mix.free), 1_800)));
    let billion = 1_000_000_000_i128;
    let forward = |by: i64| match mix {
        None => floor(&(&f * (billion + i128::from(by))), billion),
        Some(mix) => {
            let entry = floor(
                &(BigInt::from(surface.forward) * (billion + i128::from(by))),
                billion,
            );
            usd(i64::try_from(mix.price(&entry)).expect("a price"))
        }
    };
    let entry = |f: &BigInt, vol: &BigInt| {
        let value = if *f <= BigInt::ZERO {
            if is_call { BigInt::ZERO } else { k_usd.clone() }
        } else {
            price(small(f), small(&k_usd), small(&years), small(vol), is_call)
        };
        (value * 1_000_000) >> 64_u32
    };
    let scenarios = set.scenarios.iter();
    let shock = set.get(scalar::BASIS_SHOCK);
    let base = forward(0);
    let found = greeks(
        small(&base),
        small(&k_usd),
        small(&years),
        small(&vols[0]),
        is_call,
    );
    let units = [billion, 1_000_000_000_000, 1_000_000, 1_000_000];
    let mut floored = found.clone();
    for (place, (value, unit)) in floored.iter_mut().zip(found.iter().zip(units)) {
        *place = (value * unit) >> 64_u32;
    }
    if let Some(mix) = mix {
        floored[0] = floor(&(&floored[0] * mix.free), 1_800);
        floored[1] = floor(&(&floored[1] * mix.free * mix.free), 1_800 * 1_800);
        floored[2] = floor(&(&floored[2] * mix.free), 1_800);
    }
    OptionRow {
        mark: entry(&base, &vols[0]),
        up: entry(&forward(shock), &vols[0]),
        down: entry(&forward(-shock), &vols[0]),
        entries: scenarios
            .map(|one| {
                entry(
                    &forward(1_000 * i64::from(one.price)),
                    &vols[usize::from(one.vol)],
                )
            })
            .collect(),
        greeks: floored,
    }
}
