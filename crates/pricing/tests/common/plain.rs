//! The definitions of pricing.md over unbounded integers, line by line and without any shortcut.

use num_bigint::BigInt;

fn one() -> BigInt {
    BigInt::from(1) << 64_u32
}

fn big(value: i128) -> BigInt {
    BigInt::from(value)
}

fn text(value: &str) -> BigInt {
    value.parse().expect("decimal digits")
}

fn sign(negative: bool, magnitude: BigInt) -> BigInt {
    if negative { -magnitude } else { magnitude }
}

fn negative(value: &BigInt) -> bool {
    *value < BigInt::ZERO
}

fn abs(value: &BigInt) -> BigInt {
    sign(negative(value), value.clone())
}

pub fn mul(a: &BigInt, b: &BigInt) -> BigInt {
    sign(negative(a) != negative(b), (abs(a) * abs(b)) >> 64_u32)
}

pub fn div(a: &BigInt, b: &BigInt) -> BigInt {
    sign(negative(a) != negative(b), (abs(a) << 64_u32) / abs(b))
}

pub fn sqrt(x: &BigInt) -> BigInt {
    (x << 64_u32).sqrt()
}

fn ln2() -> BigInt {
    text("12786308645202655659")
}

fn floor_div(a: &BigInt, b: &BigInt) -> BigInt {
    let quotient = a / b;
    if &quotient * b > *a {
        quotient - 1
    } else {
        quotient
    }
}

pub fn ln(x: &BigInt) -> BigInt {
    let mut e = x.bits() as i64 - 65;
    let mut m = if e >= 0 {
        x >> e as u64
    } else {
        x << (-e) as u64
    };
    if m > text("26087635650665564424") {
        m >>= 1_u32;
        e += 1;
    }
    let t = div(&(&m - one()), &(&m + one()));
    let t2 = mul(&t, &t);
    let mut h = BigInt::ZERO;
    for k in (0..=13).rev() {
        h = one() / (2 * k + 1) + mul(&t2, &h);
    }
    2 * mul(&t, &h) + e * ln2()
}

pub fn exp(x: &BigInt) -> BigInt {
    if *x < -44 * one() {
        return BigInt::ZERO;
    }
    let k = floor_div(x, &ln2());
    let r = x - &k * ln2();
    let mut h = one();
    for n in (1..=18).rev() {
        h = one() + mul(&r, &h) / n;
    }
    let k: i64 = k.try_into().expect("a small shift");
    if k >= 0 {
        h << k as u64
    } else {
        h >> (-k) as u64
    }
}

pub fn pdf(x: &BigInt) -> BigInt {
    mul(&exp(&-(mul(x, x) >> 1_u32)), &text("7359186146747302452"))
}

pub fn cdf(x: &BigInt) -> BigInt {
    let a = abs(x);
    let tail = if a >= 37 * one() {
        BigInt::ZERO
    } else {
        let e = exp(&-(mul(&a, &a) >> 1_u32));
        if a < text("130438178253327725389") {
            let horner = |coefficients: &[&str]| {
                let mut acc = BigInt::ZERO;
                for c in coefficients {
                    acc = mul(&acc, &a) + text(c);
                }
                acc
            };
            let numerator = horner(&[
                "650478250178244363",
                "12919787143353136591",
                "117578849504046139487",
                "625581961353917287603",
                "2067498006223917203771",
                "4080670594171652639713",
                "4062099735652764000329",
            ]);
            let denominator = horner(&[
                "1630477228166597029",
                "32386342837845824709",
                "296331772558254578451",
                "1600821957476871612086",
                "5470644798650576484342",
                "11756730424506726822414",
                "14643514515380871948050",
                "8124199471305528000658",
            ]);
            div(&mul(&e, &numerator), &denominator)
        } else {
            let mut b = &a + text("11990383647911208550");
            for c in [4, 3, 2, 1] {
                b = &a + div(&(c * one()), &b);
            }
            div(&div(&e, &b), &text("46239130270042206922"))
        }
    };
    if *x > BigInt::ZERO {
        one() - tail
    } else {
        tail
    }
}

pub fn price(forward: i128, strike: i128, years: i128, vol: i128, is_call: bool) -> BigInt {
    let (f, k, t, vol) = (big(forward), big(strike), big(years), big(vol));
    let zero = BigInt::ZERO;
    let intrinsic = if is_call { &f - &k } else { &k - &f }.max(zero.clone());
    if years <= 0 || vol <= zero {
        return intrinsic;
    }
    let s = mul(&vol, &sqrt(&t));
    if s == zero {
        return intrinsic;
    }
    let d1 = div(&((mul(&s, &s) >> 1_u32) - ln(&div(&k, &f))), &s);
    let d2 = &d1 - &s;
    if k >= f {
        let call = (mul(&f, &cdf(&d1)) - mul(&k, &cdf(&d2))).max(zero);
        if is_call { call } else { call + k - f }
    } else {
        let put = (mul(&k, &cdf(&-d2)) - mul(&f, &cdf(&-d1))).max(zero);
        if is_call { put + f - k } else { put }
    }
}

/// Delta, gamma, vega, theta.
pub fn greeks(forward: i128, strike: i128, years: i128, vol: i128, is_call: bool) -> [BigInt; 4] {
    let (f, k, t, vol) = (big(forward), big(strike), big(years), big(vol));
    let zero = BigInt::ZERO;
    let root = sqrt(&t);
    let s = mul(&vol, &root);
    let put_shift = if is_call { zero.clone() } else { one() };
    if s == zero {
        let delta = if f > k { one() } else { zero.clone() } - put_shift;
        return [delta, zero.clone(), zero.clone(), zero];
    }
    let d1 = div(&((mul(&s, &s) >> 1_u32) - ln(&div(&k, &f))), &s);
    let density = pdf(&d1);
    let moved = mul(&f, &density);
    [
        cdf(&d1) - put_shift,
        div(&density, &mul(&f, &s)),
        mul(&moved, &root),
        -div(&mul(&moved, &vol), &(2 * &root)),
    ]
}
