//! The surface of an expiry in Q64.64 and the checks that admit the surfaces of a vector (risk.md section 2, E-07 to
//! E-13).

use merkat_values::Refusal;
use merkat_values::refusal::{field, require};

use crate::black76::{VOL_LEAST, VOL_MOST};
use crate::fixed::{self, ONE as UNIT};
use crate::q64::{self, ONE, div, mul, sqrt};
use crate::rows::Rows;
use crate::vector::{Surface, SurfaceVector};
use crate::{Listing, usd};

const SURFACE_VALUE: u16 = 607;
const SURFACE_SHAPE: u16 = 608;
const SURFACE_BUTTERFLY: u16 = 609;
const SURFACE_CALENDAR: u16 = 610;
const SURFACE_MISSING: u16 = 611;
const SURFACE_JUMP: u16 = 612;
/// E-13, which the bounds of rows share.
pub(crate) const SURFACE_DOMAIN: u16 = 613;
/// The field surface.
pub(crate) const FIELD_SURFACE: u8 = 48;
const FIELD_CONFIDENCE: u8 = 50;
const FIELD_PEG: u8 = 51;
const FIELD_VOL: u8 = 52;
const FIELD_VOL_MEAN: u8 = 53;
const FIELD_FORWARD: u8 = 54;

const RATE_ONE: i64 = 1_000_000_000;
/// SVI parameters are in 1e-12.
const PARAMETER_ONE: i64 = 1_000_000_000_000;
const PARAMETER_MOST: u64 = 1_000_000_000_000_000;

/// Raw SVI of total variance (Gatheral 2004): w(k) = a + b (rho (k - m) + sqrt((k - m)^2 + sigma^2)), in Q64.64.
#[derive(Clone, Copy, Debug)]
pub struct Svi {
    a: i128,
    b: i128,
    rho: i128,
    m: i128,
    sigma: i128,
    /// Log-moneyness counts within plus and minus this: 4 sqrt(a + b sigma).
    reach: i128,
}

impl Svi {
    /// The surface of an expiry that passed E-08.
    #[must_use]
    pub fn new(surface: &Surface) -> Self {
        let part = |value| q64::of(value, PARAMETER_ONE);
        let (a, b, sigma) = (part(surface.a), part(surface.b), part(surface.sigma));
        Self {
            a,
            b,
            rho: part(surface.rho),
            m: part(surface.m),
            sigma,
            reach: 4 * sqrt((a + mul(b, sigma)).max(0)),
        }
    }

    /// Total variance at log-moneyness k.
    #[must_use]
    pub fn variance(&self, k: i128) -> i128 {
        self.variance_at(k.clamp(-self.reach, self.reach)).0
    }

    /// Total variance at k and the root in it, without the clamp.
    fn variance_at(&self, k: i128) -> (i128, i128) {
        let d = k - self.m;
        let root = sqrt(mul(d, d) + mul(self.sigma, self.sigma));
        (self.a + mul(self.b, mul(self.rho, d) + root), root)
    }

    /// The volatility at log-moneyness k; 0 where the variance is not positive.
    #[must_use]
    pub fn vol(&self, k: i128, years: i128) -> i128 {
        sqrt(div(self.variance(k).max(0), years))
    }

    /// The at-the-money volatility in 1e-9.
    fn vol_at_the_money(&self, years: i128) -> i128 {
        q64::floor_to(self.vol(0, years), RATE_ONE).expect("invariant: a vol is below 2^63")
    }

    /// floor(sqrt(w(0)) x 1e9 / 2^64): the deviation at the money in 1e-9.
    #[must_use]
    pub fn deviation_at_the_money(&self) -> i128 {
        let root = sqrt(self.variance(0).max(0));
        q64::floor_to(root, RATE_ONE).expect("invariant: a deviation is below 2^63")
    }

    /// E-08, of parameters whose bounds hold.
    fn is_sloped(&self) -> bool {
        let bottom = mul(mul(self.b, self.sigma), sqrt(ONE - mul(self.rho, self.rho)));
        self.a + bottom >= 0
            && self.a + mul(self.b, self.sigma) > 0
            && mul(self.b, ONE + self.rho.abs()) <= 2 * ONE
    }

    /// Whether g(k) >= 0: no butterfly at k costs less than nothing (Gatheral and Jacquier 2014).
    ///
    /// Exact for every surface that passed E-08. There abs(w1) < 3, because the root is 0 or at least 2^32 parts, so the
    /// one term that is taken off is below 2^131 parts; the other two are not negative. A quotient that leaves 128 bits
    /// thus decides alone.
    fn has_no_butterfly(&self, k: i128) -> bool {
        let (w, root) = self.variance_at(k);
        let cube = mul(mul(root, root), root);
        if w <= 0 || cube == 0 {
            return false;
        }
        let d = k - self.m;
        let w1 = mul(self.b, self.rho + div(d, root));
        let w2 = div(mul(self.b, mul(self.sigma, self.sigma)), cube);
        let product = mul(k, w1);
        let Some(quotient) = fixed::checked_div(product.unsigned_abs(), 2 * w.unsigned_abs())
        else {
            return true;
        };
        let u = if product > 0 {
            Some(UNIT.abs_diff(quotient))
        } else {
            UNIT.checked_add(quotient)
        };
        let Some(u) = u else { return true };
        let slope = mul(w1, w1).unsigned_abs() >> 2;
        // 1 / w + 1 / 4 has 129 bits where w is one part.
        let taken = match fixed::checked_div(UNIT, w.unsigned_abs()) {
            Some(inverse) if inverse.leading_zeros() > 0 => {
                fixed::mul_wide(slope, inverse + (UNIT >> 2))
            }
            _ => fixed::add_wide((slope >> 64, slope << 64), slope >> 2),
        };
        fixed::add_wide(fixed::mul_wide(u, u), w2.unsigned_abs() >> 1) >= taken
    }
}

fn e_07(vector: &SurfaceVector) -> Result<(), Refusal> {
    let vols = 100_000..=24 * RATE_ONE;
    let values = [
        (
            (0..=RATE_ONE).contains(&vector.confidence),
            FIELD_CONFIDENCE,
        ),
        ((1..=2 * RATE_ONE).contains(&vector.peg), FIELD_PEG),
        (vols.contains(&vector.vol), FIELD_VOL),
        (vols.contains(&vector.vol_mean), FIELD_VOL_MEAN),
    ];
    for (holds, name) in values {
        require(holds, SURFACE_VALUE, name)?;
    }
    let mut last = 0;
    for one in &vector.expiries {
        let ascends = one.expiry_ns > last;
        last = one.expiry_ns;
        require(
            ascends && vector.covers(one.expiry_ns),
            SURFACE_VALUE,
            field::EXPIRY,
        )?;
        let (index, twice) = (i128::from(vector.index), 2 * i128::from(one.forward));
        let near = twice >= index && twice <= 4 * index;
        require(near, SURFACE_VALUE, FIELD_FORWARD)?;
    }
    Ok(())
}

fn e_08(surface: &Surface) -> bool {
    let parameters = [surface.a, surface.b, surface.rho, surface.m, surface.sigma];
    surface.b >= 0
        && surface.rho.unsigned_abs() < PARAMETER_ONE as u64
        && surface.sigma > 0
        && parameters
            .iter()
            .all(|one| one.unsigned_abs() <= PARAMETER_MOST)
        && Svi::new(surface).is_sloped()
}

/// Whether the later surface lies nowhere below the earlier one (both within their reach).
fn e_10(earlier: &Svi, later: &Svi) -> bool {
    (-4..=4).all(|j| {
        let k = (j * earlier.reach).div_euclid(4);
        later.variance(k) >= earlier.variance(k)
    })
}

fn e_12(vector: &SurfaceVector, standing: &Rows) -> Result<(), Refusal> {
    let most = i128::from(standing.set().get(crate::set::scalar::VOL_JUMP));
    for one in &vector.expiries {
        let Some(old) = standing.vector().surface(one.expiry_ns) else {
            continue;
        };
        let vol_of = |surface: &Surface, vector: &SurfaceVector| {
            Svi::new(surface).vol_at_the_money(vector.years_to(surface.expiry_ns))
        };
        let moved = (vol_of(one, vector) - vol_of(old, standing.vector())).abs();
        require(moved <= most, SURFACE_JUMP, FIELD_SURFACE)?;
    }
    Ok(())
}

/// E-13 but for the rows' own bounds. Forwards and the index lie in the domain whatever passed E-05 and E-07: 1e-6 USD
/// is above 2^-20 USD, and 2^53 of them below 2^40 USD.
fn e_13(vector: &SurfaceVector, surfaces: &[Svi], listing: &Listing) -> Result<(), Refusal> {
    let Some(number) = vector.position_of(listing.expiry_ns) else {
        return Ok(());
    };
    let forward = usd(vector.expiries[number].forward);
    let k = q64::ln(div(usd(listing.strike), forward));
    let years = vector.years_to(listing.expiry_ns);
    let vol = surfaces[number].vol(k, years);
    let priced = (VOL_LEAST..=VOL_MOST).contains(&vol);
    require(priced, SURFACE_DOMAIN, FIELD_SURFACE)
}

/// Rules E-07 to E-13 of a vector that passed E-05. `listings` are the live ones of the group, ascending; `standing`
/// are its rows where E-12 is to be tested: none if there are none, a vector is held (held_count > 0) or the last epoch
/// is older than halt_ns. What E-13 says of row entries is tested by [`crate::build`].
///
/// # Errors
/// The first rule that fails.
pub fn admit(
    vector: &SurfaceVector,
    listings: &[Listing],
    standing: Option<&Rows>,
) -> Result<(), Refusal> {
    e_07(vector)?;
    let shaped = vector.expiries.iter().all(e_08);
    require(shaped, SURFACE_SHAPE, FIELD_SURFACE)?;
    let mut store = [Svi::new(&Surface::default()); crate::vector::EXPIRIES_MAXIMUM];
    for (place, one) in store.iter_mut().zip(&vector.expiries) {
        *place = Svi::new(one);
    }
    let surfaces = &store[..vector.expiries.len()];
    let butterflies = surfaces
        .iter()
        .all(|one| (-8..=8).all(|j| one.has_no_butterfly((j * one.reach).div_euclid(8))));
    require(butterflies, SURFACE_BUTTERFLY, FIELD_SURFACE)?;
    let calendar = surfaces.windows(2).all(|pair| e_10(&pair[0], &pair[1]));
    require(calendar, SURFACE_CALENDAR, FIELD_SURFACE)?;
    let dated = listings
        .iter()
        .filter(|one| one.is_dated() && one.expiry_ns > vector.time_ns);
    for one in dated.clone() {
        let there = vector.surface(one.expiry_ns).is_some();
        require(there, SURFACE_MISSING, field::EXPIRY)?;
    }
    if let Some(standing) = standing {
        e_12(vector, standing)?;
    }
    for one in dated.filter(|one| one.is_option()) {
        e_13(vector, surfaces, one)?;
    }
    Ok(())
}
