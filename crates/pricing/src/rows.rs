//! Risk rows: what every listing of a group is worth now and under each scenario (risk.md section 3).

use alloc::vec::Vec;

use merkat_values::codec::{Reader, Short, Writer};
use merkat_values::keccak::keccak256;

use crate::listing::{in_window, kind};
use crate::set::{RiskSet, SCENARIOS_MAXIMUM, scalar};
use crate::surface::Svi;
use crate::vector::SurfaceVector;
use crate::{Commitment, cut};

/// The columns of a row but for its scenarios. Prices in 1e-6 USD a coin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Its listing.
    pub listing: u32,
    /// Of [`crate::kind`].
    pub kind: u8,
    /// 0 unless an option.
    pub strike: i64,
    /// ns since the epoch; 0 unless dated.
    pub expiry_ns: u64,
    /// Of the expiry; the index where there is none; the delivery price once it is known.
    pub forward: i64,
    /// Whole quanta.
    pub mark: i64,
    /// What a long counts where profit must not leave; whole quanta.
    pub low: i64,
    /// The same of a short.
    pub high: i64,
    /// In 1e-12 USD, at most 2^63 - 1.
    pub unit_risk: i64,
    /// In 1e-9 coin a coin.
    pub delta: i64,
    /// In 1e-12 a USD.
    pub gamma: i64,
    /// For a change of vol by 1.00.
    pub vega: i64,
    /// A year's.
    pub theta: i64,
    /// T in 1e-9 years.
    pub years: i64,
    /// With the forward moved up by the basis shock.
    pub up: i64,
    /// With the forward moved down.
    pub down: i64,
}

impl Row {
    /// Call or put.
    #[inline]
    #[must_use]
    pub const fn is_option(&self) -> bool {
        matches!(self.kind, kind::CALL | kind::PUT)
    }

    /// Future or option.
    #[inline]
    #[must_use]
    pub const fn is_dated(&self) -> bool {
        matches!(self.kind, kind::FUTURE | kind::CALL | kind::PUT)
    }

    fn numbers(&self) -> [i64; 12] {
        [
            self.forward,
            self.mark,
            self.low,
            self.high,
            self.unit_risk,
            self.delta,
            self.gamma,
            self.vega,
            self.theta,
            self.years,
            self.up,
            self.down,
        ]
    }
}

/// What margin needs to know of an expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expiry {
    /// ns since the epoch.
    pub expiry_ns: u64,
    /// Whether it lies after the time of the rows' vector.
    pub is_ahead: bool,
    /// Whether its options bear pin risk: little time or deviation is left, and the delivery window is not open.
    pub is_pinned: bool,
}

/// The rows of a group with what they were made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rows {
    set: RiskSet,
    vector: SurfaceVector,
    rows: Vec<Row>,
    /// Row after row, one column for each scenario.
    entries: Vec<i64>,
    expiries: Vec<Expiry>,
    /// The number of each row's expiry; `NO_EXPIRY` where it has none.
    expiry_of: Vec<u16>,
}

/// The expiry number of a row without one.
pub const NO_EXPIRY: u16 = u16::MAX;

impl Rows {
    /// Rows with their entries, row after row.
    ///
    /// # Panics
    /// If the entries are not one for each row and scenario, or the rows do not ascend by listing.
    #[must_use]
    pub fn new(set: RiskSet, vector: SurfaceVector, rows: Vec<Row>, entries: Vec<i64>) -> Self {
        assert_eq!(
            entries.len(),
            rows.len() * set.scenarios.len(),
            "one entry for each row and scenario"
        );
        let ascending = rows
            .windows(2)
            .all(|pair| pair[0].listing < pair[1].listing);
        assert!(ascending, "rows ascend by listing");
        let mut times: Vec<u64> = rows
            .iter()
            .filter(|row| row.is_dated())
            .map(|row| row.expiry_ns)
            .collect();
        times.sort_unstable();
        times.dedup();
        let expiry_of = rows
            .iter()
            .map(|row| match times.binary_search(&row.expiry_ns) {
                Ok(number) if row.is_dated() => {
                    u16::try_from(number).expect("invariant: fewer than 2^16 - 1 expiries")
                }
                _ => NO_EXPIRY,
            })
            .collect();
        let expiries = times
            .into_iter()
            .map(|expiry_ns| terms(&set, &vector, expiry_ns))
            .collect();
        Self {
            set,
            vector,
            rows,
            entries,
            expiries,
            expiry_of,
        }
    }

    /// The risk set that they were made with.
    #[must_use]
    pub fn set(&self) -> &RiskSet {
        &self.set
    }

    /// The vector that they were made of.
    #[must_use]
    pub fn vector(&self) -> &SurfaceVector {
        &self.vector
    }

    /// All rows, ascending by listing.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// S[s] of a row: its price under each scenario.
    #[inline]
    #[must_use]
    pub fn entries(&self, row: usize) -> &[i64] {
        let count = self.set.scenarios.len();
        &self.entries[row * count..][..count]
    }

    /// The place of a listing's row.
    #[must_use]
    pub fn place_of(&self, listing: u32) -> Option<usize> {
        self.rows
            .binary_search_by_key(&listing, |row| row.listing)
            .ok()
    }

    /// A listing's row.
    #[must_use]
    pub fn row_of(&self, listing: u32) -> Option<&Row> {
        self.place_of(listing).map(|place| &self.rows[place])
    }

    /// Expiries among the rows, ascending.
    #[must_use]
    pub fn expiries(&self) -> &[Expiry] {
        &self.expiries
    }

    /// The number of a row's expiry among [`Self::expiries`], or [`NO_EXPIRY`].
    #[inline]
    #[must_use]
    pub fn expiry_of(&self, row: usize) -> u16 {
        self.expiry_of[row]
    }

    /// `rows_hash` of the group.
    #[must_use]
    pub fn rows_hash(&self) -> [u8; 31] {
        cut(&keccak256(&[&self.vector.hash(), &self.set.hash()]))
    }

    /// The hashes of the rows' chunks and their root.
    #[must_use]
    pub fn commitment(&self) -> Commitment {
        Commitment::of(self)
    }

    /// Writes count u32 and the rows (derivatives.md section 1).
    pub fn write(&self, bytes: &mut impl Writer) {
        bytes.put_u32(u32::try_from(self.rows.len()).expect("invariant: at most 8,192 rows"));
        for (place, row) in self.rows.iter().enumerate() {
            bytes.put_u32(row.listing);
            bytes.put_u8(row.kind);
            bytes.put_i64(row.strike);
            bytes.put_u64(row.expiry_ns);
            for value in row.numbers().iter().chain(self.entries(place)) {
                bytes.put_i64(*value);
            }
        }
    }

    /// Reads what [`Self::write`] wrote.
    ///
    /// # Errors
    /// `Short` if the bytes end too early, or the rows do not ascend by listing, or the set has no scenario or more
    /// than 64.
    pub fn read(
        reader: &mut Reader<'_>,
        set: RiskSet,
        vector: SurfaceVector,
    ) -> Result<Self, Short> {
        let columns = set.scenarios.len();
        if !(1..=SCENARIOS_MAXIMUM).contains(&columns) {
            return Err(Short);
        }
        let count = reader.u32()?;
        let (mut rows, mut entries) = (Vec::<Row>::new(), Vec::new());
        for _ in 0..count {
            let row = read_row(reader)?;
            if rows.last().is_some_and(|last| last.listing >= row.listing) {
                return Err(Short);
            }
            rows.push(row);
            for _ in 0..columns {
                entries.push(reader.i64()?);
            }
        }
        Ok(Self::new(set, vector, rows, entries))
    }
}

fn read_row(reader: &mut Reader<'_>) -> Result<Row, Short> {
    Ok(Row {
        listing: reader.u32()?,
        kind: reader.u8()?,
        strike: reader.i64()?,
        expiry_ns: reader.u64()?,
        forward: reader.i64()?,
        mark: reader.i64()?,
        low: reader.i64()?,
        high: reader.i64()?,
        unit_risk: reader.i64()?,
        delta: reader.i64()?,
        gamma: reader.i64()?,
        vega: reader.i64()?,
        theta: reader.i64()?,
        years: reader.i64()?,
        up: reader.i64()?,
        down: reader.i64()?,
    })
}

fn terms(set: &RiskSet, vector: &SurfaceVector, expiry_ns: u64) -> Expiry {
    let is_ahead = expiry_ns > vector.time_ns;
    let seconds = vector.seconds_to(expiry_ns);
    let near = i128::from(seconds) < i128::from(set.get(scalar::PIN_SECONDS));
    let calm = || {
        let deviation = vector
            .surface(expiry_ns)
            .map(|surface| Svi::new(surface).deviation_at_the_money());
        deviation.is_some_and(|deviation| deviation < i128::from(set.get(scalar::PIN_DEVIATION)))
    };
    let is_pinned =
        is_ahead && seconds > 0 && !in_window(expiry_ns, vector.time_ns) && (near || calm());
    Expiry {
        expiry_ns,
        is_ahead,
        is_pinned,
    }
}
