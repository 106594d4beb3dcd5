//! Surfaces and the rows that they make (risk.md sections 2 and 3, derivatives.md sections 3 and 6).
//!
//! Rows are a pure function of [`RowInputs`]: whoever has time builds them beside the machine and hands them over with
//! their inputs. A step takes them only if its own inputs are the same; otherwise it builds them itself.

use crate::machine::Fixed;
use crate::state::{Group, State, parameter};
use alloc::sync::Arc;
use alloc::vec::Vec;
use merkat_pricing::{
    BuildInput, Commitment, Listing, RiskSet, Rows, Samples, SurfaceVector, admit, build, scalar,
};
use merkat_values::Refusal;
use merkat_values::constants::{DAY_NS, HOUR_NS, day_of};
use merkat_values::refusal::{code, field, require};

const SECOND_NS: u64 = 1_000_000_000;

/// A value that stood counts for at most so long without another.
const SAMPLE_REACH_NS: u64 = 5 * SECOND_NS;

/// The window of the day in which the index is sampled: 07:30 to 08:00 UTC.
const WINDOW_OPENS_NS: u64 = 15 * HOUR_NS / 2;
const WINDOW_ENDS_NS: u64 = 8 * HOUR_NS;

/// All that the rows of a vector depend on.
#[derive(Clone, Debug)]
pub struct RowInputs {
    vector: SurfaceVector,
    set: Arc<RiskSet>,
    listings: Vec<Listing>,
    samples: Samples,
    basis_clamp: i64,
    maintenance_rate: i64,
    standing: Option<Arc<Rows>>,
}

impl PartialEq for RowInputs {
    fn eq(&self, other: &Self) -> bool {
        let same_rows = match (&self.standing, &other.standing) {
            (Some(left), Some(right)) => Arc::ptr_eq(left, right) || left == right,
            (None, None) => true,
            _ => false,
        };
        same_rows
            && self.vector == other.vector
            && (Arc::ptr_eq(&self.set, &other.set) || self.set == other.set)
            && self.listings == other.listings
            && self.samples == other.samples
            && (self.basis_clamp, self.maintenance_rate)
                == (other.basis_clamp, other.maintenance_rate)
    }
}

impl RowInputs {
    /// The vector.
    #[must_use]
    pub fn vector(&self) -> &SurfaceVector {
        &self.vector
    }

    /// The rows: the whole work of a surface, some milliseconds for a thousand contracts.
    ///
    /// # Errors
    /// E-13 if a value does not fit its column.
    pub fn build(&self) -> Result<Rows, Refusal> {
        build(&BuildInput {
            vector: &self.vector,
            set: &self.set,
            listings: &self.listings,
            samples: self.samples,
            basis_clamp: self.basis_clamp,
            maintenance_rate: self.maintenance_rate,
            standing: self.standing.as_deref(),
        })
    }

    /// The rows with their hashes and what they were made of.
    ///
    /// # Errors
    /// As [`RowInputs::build`].
    pub fn prepare(self) -> Result<PreparedRows, Refusal> {
        let rows = Arc::new(self.build()?);
        let commitment = rows.commitment();
        Ok(PreparedRows {
            inputs: self,
            rows,
            commitment,
        })
    }
}

/// Rows that were built beside the machine.
#[derive(Clone, Debug)]
pub struct PreparedRows {
    inputs: RowInputs,
    rows: Arc<Rows>,
    commitment: Commitment,
}

impl PreparedRows {
    /// What they are made of.
    #[must_use]
    pub fn inputs(&self) -> &RowInputs {
        &self.inputs
    }

    /// The rows.
    #[must_use]
    pub fn rows(&self) -> &Arc<Rows> {
        &self.rows
    }

    /// Their hashes.
    #[must_use]
    pub fn commitment(&self) -> &Commitment {
        &self.commitment
    }
}

/// Rows with their root.
pub(crate) type RootedRows = (Arc<Rows>, [u8; 31]);

/// Samples of the index after a step, and the delivery price that they fix.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sampling {
    pub(crate) samples: Samples,
    pub(crate) fixed: Option<Fixed>,
}

/// Whole seconds g with from <= g < to.
fn seconds_within(from_ns: u64, to_ns: u64) -> u64 {
    let until = to_ns.div_ceil(SECOND_NS);
    until.saturating_sub(from_ns.div_ceil(SECOND_NS))
}

/// How many samples the value that stands adds until a signed time.
fn samples_until(group: &Group, signed_ns: u64) -> u32 {
    if !group.had_vector() || group.held_count > 0 {
        return 0;
    }
    let since = group.epoch_time_ns;
    let day_ns = u64::from(day_of(since)) * DAY_NS;
    let from = since.max(day_ns + WINDOW_OPENS_NS);
    let to = signed_ns.min(since + SAMPLE_REACH_NS + 1);
    seconds_within(from, to.min(day_ns + WINDOW_ENDS_NS)) as u32
}

impl State {
    /// What the samples of a group with a risk set are after a step with this signed time.
    pub(crate) fn sampling(&self, number: u16, signed_ns: u64) -> Option<Sampling> {
        let risk = self.risk(number)?;
        let group = &self.groups[usize::from(number)];
        let mut samples = group.samples;
        let added = samples_until(group, signed_ns);
        if added > 0 {
            let day = day_of(group.epoch_time_ns);
            if samples.day != day {
                samples = Samples {
                    day,
                    ..Samples::default()
                };
            }
            samples.sum += i128::from(added) * i128::from(group.index);
            samples.count += added;
        }
        let expiry_ns = u64::from(samples.day) * DAY_NS + WINDOW_ENDS_NS;
        let due = signed_ns >= expiry_ns && expiry_ns > group.fixed_expiry_ns;
        let enough = i64::from(samples.count) >= risk.newest().get(scalar::SAMPLES_LEAST);
        let fixed = (due && enough).then(|| {
            let mean = samples.sum.div_euclid(i128::from(samples.count));
            Fixed {
                expiry_ns,
                price: i64::try_from(mean).expect("invariant: a mean of prices is a price"),
                samples: samples.count,
            }
        });
        Some(Sampling { samples, fixed })
    }

    /// What the rows of a vector of a group with a risk set would be made of if it came now.
    ///
    /// # Panics
    /// If the group has no risk set.
    #[must_use]
    pub fn row_inputs(&self, vector: &SurfaceVector) -> RowInputs {
        let number = vector.group;
        let (risk, sampling) = self
            .risk(number)
            .zip(self.sampling(number, vector.time_ns))
            .expect("invariant: rows are made with a risk set");
        let group = &self.groups[usize::from(number)];
        let standing = (group.fixed_expiry_ns, group.fixed_price);
        let fixed = sampling
            .fixed
            .map_or(standing, |fixed| (fixed.expiry_ns, fixed.price));
        RowInputs {
            vector: vector.clone(),
            set: Arc::clone(risk.newest()),
            listings: self.terms(number, fixed),
            samples: sampling.samples,
            basis_clamp: group.parameters[parameter::BASIS_CLAMP],
            maintenance_rate: group.parameters[parameter::MAINTENANCE_RATE],
            standing: risk.rows().cloned(),
        }
    }

    /// Rules E-07 to E-13, but for what E-13 says of rows, of a vector that passed E-05 and is of a group with a set.
    pub(crate) fn check_surfaces(&self, vector: &SurfaceVector) -> Result<(), Refusal> {
        let group = &self.groups[usize::from(vector.group)];
        let listings = self.terms(vector.group, (0, 0));
        let silence_ns = vector.time_ns.saturating_sub(group.epoch_time_ns);
        let alive = group.held_count == 0 && silence_ns <= group.unsigned(parameter::HALT_NS);
        let rows = self.risk(vector.group).and_then(|risk| risk.rows());
        let standing = rows.filter(|_| alive);
        admit(vector, &listings, standing.map(|rows| &**rows))
    }

    /// The rest of E-13, and E-15: the rows of a checked vector with their root; none if it is held.
    pub(crate) fn rows_of(
        &self,
        vector: &SurfaceVector,
        taken: bool,
        chunk_hashes: &[[u8; 31]],
        prepared: Option<&PreparedRows>,
    ) -> Result<Option<RootedRows>, Refusal> {
        const REFUSED: Refusal = Refusal::new(code::E15_CHUNK_HASHES, field::ROWS);
        if !taken {
            require(chunk_hashes.is_empty(), REFUSED.code, REFUSED.field)?;
            return Ok(None);
        }
        let inputs = self.row_inputs(vector);
        let built;
        let prepared = match prepared.filter(|prepared| prepared.inputs == inputs) {
            Some(prepared) => prepared,
            None => {
                built = inputs.prepare()?;
                &built
            }
        };
        let commitment = &prepared.commitment;
        require(
            commitment.chunks == chunk_hashes,
            REFUSED.code,
            REFUSED.field,
        )?;
        Ok(Some((Arc::clone(&prepared.rows), commitment.root)))
    }
}
