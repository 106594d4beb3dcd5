//! Signed vectors of version 2: index, surfaces and confidences of a group (risk.md section 2).

use alloc::vec::Vec;

use merkat_values::codec::{Reader, Short, Writer};
use merkat_values::keccak::keccak256;

use crate::black76::YEARS_MOST;
use crate::cut;

/// Expiries of a vector, at most.
pub const EXPIRIES_MAXIMUM: usize = 16;

/// Seconds of a year of 365 days.
pub const YEAR_SECONDS: u64 = 31_536_000;

const SECOND_NS: u64 = 1_000_000_000;

/// T of so many seconds, Q64.64.
#[must_use]
pub fn years_of(seconds: u64) -> i128 {
    i128::try_from((u128::from(seconds) << 64) / u128::from(YEAR_SECONDS))
        .expect("invariant: 2^64 seconds are below 2^40 years")
}

/// One expiry: its forward and the raw SVI parameters of its total variance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Surface {
    /// ns since the epoch, whole seconds.
    pub expiry_ns: u64,
    /// In 1e-6 USD.
    pub forward: i64,
    /// In 1e-12, as the others.
    pub a: i64,
    /// Slope.
    pub b: i64,
    /// Skew, between -1 and 1.
    pub rho: i64,
    /// Where the minimum is, in log-moneyness.
    pub m: i64,
    /// Roundness of the minimum.
    pub sigma: i64,
}

/// What the oracle nodes of a group with a risk set sign.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SurfaceVector {
    /// The underlying.
    pub group: u16,
    /// From 1, without gaps.
    pub number: u64,
    /// When it was taken, ns since the epoch.
    pub time_ns: u64,
    /// Hash of the vector before it; 31 zero bytes for the first.
    pub previous: [u8; 31],
    /// Index price in 1e-6 USD.
    pub index: i64,
    /// Of the perpetual, in 1e-9 of the index.
    pub basis: i64,
    /// Of the perpetual, in 1e-9 of the index.
    pub premium: i64,
    /// Of the oracle in its own values, in 1e-9.
    pub confidence: i64,
    /// USD of one USDC, in 1e-9.
    pub peg: i64,
    /// 30-day at-the-money volatility, in 1e-9.
    pub vol: i64,
    /// Its mean over 30 days, in 1e-9.
    pub vol_mean: i64,
    /// At most 16.
    pub expiries: Vec<Surface>,
}

impl SurfaceVector {
    /// The version byte.
    pub const VERSION: u8 = 2;

    /// Bytes of a vector with this many expiries.
    #[must_use]
    pub const fn bytes_of(count: usize) -> usize {
        107 + 56 * count
    }

    /// Reads a vector, its version byte first.
    ///
    /// # Errors
    /// `Short` if the bytes end too early, the version is not 2 or there are more than 16 expiries.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, Short> {
        if reader.u8()? != Self::VERSION {
            return Err(Short);
        }
        let mut vector = Self {
            group: reader.u16()?,
            number: reader.u64()?,
            time_ns: reader.u64()?,
            previous: reader.array()?,
            index: reader.i64()?,
            basis: reader.i64()?,
            premium: reader.i64()?,
            confidence: reader.i64()?,
            peg: reader.i64()?,
            vol: reader.i64()?,
            vol_mean: reader.i64()?,
            expiries: Vec::new(),
        };
        let count = usize::from(reader.u8()?);
        if count > EXPIRIES_MAXIMUM {
            return Err(Short);
        }
        for _ in 0..count {
            vector.expiries.push(Surface {
                expiry_ns: reader.u64()?,
                forward: reader.i64()?,
                a: reader.i64()?,
                b: reader.i64()?,
                rho: reader.i64()?,
                m: reader.i64()?,
                sigma: reader.i64()?,
            });
        }
        Ok(vector)
    }

    /// Writes the vector.
    ///
    /// # Panics
    /// If it has more than 16 expiries: no vector is read with more.
    pub fn write(&self, bytes: &mut impl Writer) {
        assert!(
            self.expiries.len() <= EXPIRIES_MAXIMUM,
            "{} expiries, expected at most {EXPIRIES_MAXIMUM}",
            self.expiries.len()
        );
        bytes.put_u8(Self::VERSION);
        bytes.put_u16(self.group);
        bytes.put_u64(self.number);
        bytes.put_u64(self.time_ns);
        bytes.put(&self.previous);
        for value in [
            self.index,
            self.basis,
            self.premium,
            self.confidence,
            self.peg,
            self.vol,
            self.vol_mean,
        ] {
            bytes.put_i64(value);
        }
        bytes.put_u8(self.expiries.len() as u8);
        for one in &self.expiries {
            bytes.put_u64(one.expiry_ns);
            for value in [one.forward, one.a, one.b, one.rho, one.m, one.sigma] {
                bytes.put_i64(value);
            }
        }
    }

    /// All bytes of the vector.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(Self::bytes_of(self.expiries.len()));
        self.write(&mut bytes);
        bytes
    }

    /// The vector's hash: the first 31 bytes of keccak over its bytes.
    #[must_use]
    pub fn hash(&self) -> [u8; 31] {
        cut(&keccak256(&[&self.bytes()]))
    }

    /// Whole seconds from the vector's time to this expiry, 0 if it has passed.
    #[must_use]
    pub fn seconds_to(&self, expiry_ns: u64) -> u64 {
        expiry_ns.saturating_sub(self.time_ns) / SECOND_NS
    }

    /// T of an expiry, Q64.64.
    #[must_use]
    pub fn years_to(&self, expiry_ns: u64) -> i128 {
        years_of(self.seconds_to(expiry_ns))
    }

    /// The surface of an expiry, if the vector has one.
    #[must_use]
    pub fn surface(&self, expiry_ns: u64) -> Option<&Surface> {
        self.expiries.iter().find(|one| one.expiry_ns == expiry_ns)
    }

    /// The number of an expiry, if the vector has it.
    #[must_use]
    pub fn position_of(&self, expiry_ns: u64) -> Option<usize> {
        self.expiries
            .iter()
            .position(|one| one.expiry_ns == expiry_ns)
    }

    /// Whether an expiry lies after the vector's time by at least 1 s and at most 16 years.
    #[must_use]
    pub fn covers(&self, expiry_ns: u64) -> bool {
        let ahead = expiry_ns.saturating_sub(self.time_ns);
        let most = (YEARS_MOST >> 64) as u64 * YEAR_SECONDS * SECOND_NS;
        (SECOND_NS..=most).contains(&ahead) && expiry_ns.is_multiple_of(SECOND_NS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_back_and_other_bytes_are_malformed() {
        let vector = SurfaceVector {
            group: 3,
            number: 7,
            time_ns: 11,
            previous: [5; 31],
            index: 1,
            basis: -2,
            premium: 3,
            confidence: 4,
            peg: 5,
            vol: 6,
            vol_mean: 7,
            expiries: (0..16)
                .map(|number| Surface {
                    expiry_ns: number,
                    forward: 8,
                    rho: -9,
                    ..Surface::default()
                })
                .collect(),
        };
        let bytes = vector.bytes();
        assert_eq!(bytes.len(), 107 + 16 * 56, "the length that risk.md gives");
        let read = |bytes: &[u8]| SurfaceVector::read(&mut Reader::new(bytes));
        assert_eq!(read(&bytes), Ok(vector));
        assert_eq!(read(&bytes[..bytes.len() - 1]), Err(Short));
        let mut other = bytes.clone();
        other[0] = 1;
        assert_eq!(read(&other), Err(Short), "version 1");
        let mut more = bytes;
        more[106] = 17;
        more.extend([0; 56]);
        assert_eq!(read(&more), Err(Short), "17 expiries");
    }

    #[test]
    fn years_of_the_borders() {
        assert_eq!(years_of(1), crate::black76::YEARS_LEAST);
        assert_eq!(years_of(16 * YEAR_SECONDS), YEARS_MOST);
        let vector = SurfaceVector::default();
        assert!(vector.covers(SECOND_NS) && !vector.covers(0));
        let far = 16 * YEAR_SECONDS * SECOND_NS;
        assert!(vector.covers(far) && !vector.covers(far + SECOND_NS));
        assert!(!vector.covers(SECOND_NS + 1), "whole seconds only");
    }
}
