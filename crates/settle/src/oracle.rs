//! The steps `epoch` and `heartbeat` (rules.md section 2.5, derivatives.md section 3). Rows: [`crate::surfaces`].

use crate::inbox::used_nodes;
use crate::machine::{Authority, Effect, Fixed, HourFunding};
use crate::margin::FUNDING_LIMIT;
use crate::ops::{Epoch, Heartbeat};
use crate::order::{AnyVector, NodeSignature, Vector};
use crate::state::{Group, State, parameter};
use crate::surfaces::{PreparedRows, RootedRows};
use crate::typed_data::Domain;
use merkat_values::constants::{HOUR_NS, PRICE_MAXIMUM, RATE_ONE, SECP256K1, hour_of};
use merkat_values::refusal::{code, field, require};
use merkat_values::{Refusal, scheme_of};

/// Basis and premium are within plus and minus 10 %.
const DEVIATION_MAXIMUM: u64 = 100_000_000;

/// Vectors of a held run that make it accepted.
const HELD_ENOUGH: u8 = 3;

/// Cumulative funding is in 1e-12 USD per coin and the rate in 1e-9 for 8 hours: 1e-6 x 1e-9 / 8 = 1e-12 / 8,000.
const FUNDING_DIVISOR: i128 = 8_000;

/// Rules E-04 to E-06, which vectors and heartbeats share, around E-05.
fn check_time(group: &Group, signed_ns: u64, time_ns: u64) -> Result<(), Refusal> {
    let holds = signed_ns > group.epoch_time_ns && signed_ns <= time_ns;
    require(holds, code::E04_EPOCH_TIME, field::TIME)
}

fn check_values(vector: &Vector) -> Result<(), Refusal> {
    let index_holds = (1..=PRICE_MAXIMUM).contains(&vector.index);
    require(index_holds, code::E05_EPOCH_VALUE, field::INDEX)?;
    let basis_holds = vector.basis.unsigned_abs() <= DEVIATION_MAXIMUM;
    require(basis_holds, code::E05_EPOCH_VALUE, field::BASIS)?;
    let premium_holds = vector.premium.unsigned_abs() <= DEVIATION_MAXIMUM;
    require(premium_holds, code::E05_EPOCH_VALUE, field::PREMIUM)
}

fn check_quorum(
    group: &Group,
    signatures: &[NodeSignature],
    authority: Authority<'_>,
    digest: impl Fn(&Domain) -> [u8; 32],
) -> Result<(), Refusal> {
    let used = used_nodes(&group.nodes).unwrap_or(0);
    let ascending = signatures.windows(2).all(|two| two[0].node < two[1].node);
    let all_used = signatures
        .iter()
        .all(|entry| usize::from(entry.node) < used);
    let enough = signatures.len() >= usize::from(group.threshold);
    let holds = ascending && all_used && enough;
    require(holds, code::E06_EPOCH_QUORUM, field::SIGNATURES)?;
    let node = |entry: &NodeSignature| Some(group.nodes[usize::from(entry.node)]);
    let of_nodes = signatures
        .iter()
        .all(|entry| scheme_of(&entry.signature) == Some(SECP256K1));
    let signed = match authority {
        Authority::Caller => true,
        Authority::Recovered(domain, recover) => {
            let digest = digest(domain);
            let signer = |entry: &NodeSignature| recover(&digest, &entry.signature);
            of_nodes && signatures.iter().all(|entry| signer(entry) == node(entry))
        }
        Authority::Signers(signers) => {
            of_nodes && signers.iter().copied().eq(signatures.iter().map(node))
        }
    };
    require(signed, code::E06_EPOCH_QUORUM, field::SIGNATURES)
}

/// What the hour that a signed time closes pays, if it had samples. Cumulative funding that would leave
/// plus and minus [`FUNDING_LIMIT`] refuses the step.
fn hour_funding(group: &Group, signed_ns: u64) -> Result<Option<HourFunding>, Refusal> {
    if hour_of(signed_ns) == u64::from(group.premium_hour) || group.premium_count == 0 {
        return Ok(None);
    }
    let parameters = &group.parameters;
    let wide = |number: usize| i128::from(parameters[number]);
    let period_ns = u128::from(group.unsigned(parameter::EPOCH_PERIOD_NS));
    let sampled = 2 * u128::from(group.premium_count) * period_ns >= u128::from(HOUR_NS);
    let premium = if sampled {
        group
            .premium_sum
            .div_euclid(i128::from(group.premium_count))
    } else {
        0
    };
    let clamp = wide(parameter::FUNDING_CLAMP);
    let cap = wide(parameter::FUNDING_CAP);
    let pull = (wide(parameter::INTEREST) - premium).clamp(-clamp, clamp);
    let rate = (premium + pull).clamp(-cap, cap);
    let paid = (i128::from(group.index) * rate).div_euclid(FUNDING_DIVISOR);
    let cumulative = group.cumulative_funding + paid;
    let bounded = cumulative.abs() < FUNDING_LIMIT;
    require(bounded, code::E05_EPOCH_VALUE, field::INDEX)?;
    Ok(Some(HourFunding {
        hour: group.premium_hour,
        rate: i64::try_from(rate).expect("invariant: the rate is within the cap"),
        cumulative,
    }))
}

/// Effect 1: closes the hour.
fn turn_hour(group: &mut Group, signed_ns: u64, funding: Option<&HourFunding>) {
    if hour_of(signed_ns) == u64::from(group.premium_hour) {
        return;
    }
    if let Some(funding) = funding {
        group.cumulative_funding = funding.cumulative;
    }
    group.premium_sum = 0;
    group.premium_count = 0;
    // Times are below 2^63, so hours are below 2^22.
    group.premium_hour = hour_of(signed_ns) as u32;
}

/// Effects 3 and 4: the age and the sample.
fn sample(group: &mut Group, signed_ns: u64) {
    group.epoch_time_ns = signed_ns;
    if group.held_count == 0 {
        group.premium_sum += i128::from(group.premium);
        // 2^32 samples in an hour are never seen; saturation stands for the proof that nothing wraps.
        group.premium_count = group.premium_count.saturating_add(1);
    }
}

/// Whether a vector is near enough to the standing one to be accepted at once.
fn near(group: &Group, index: i64) -> bool {
    let (index, standing) = (i128::from(index), i128::from(group.index));
    let jump = i128::from(group.parameters[parameter::JUMP]);
    (index - standing).abs() * i128::from(RATE_ONE) <= jump * standing
}

/// What a vector of this index makes of the held run: whether it is taken up, and the run after it.
struct Run {
    taken: bool,
    count: u8,
    low: i64,
    high: i64,
}

fn run_after(group: &Group, index: i64) -> Run {
    const NONE: Run = Run {
        taken: true,
        count: 0,
        low: 0,
        high: 0,
    };
    if !group.had_vector() || near(group, index) {
        return NONE;
    }
    let (high, low) = (group.held_high.max(index), group.held_low.min(index));
    let agreement = i128::from(RATE_ONE + group.parameters[parameter::AGREEMENT]);
    let agrees = i128::from(high) * i128::from(RATE_ONE) <= agreement * i128::from(low);
    let (count, low, high) = if group.held_count > 0 && agrees {
        (group.held_count + 1, low, high)
    } else {
        (1, index, index)
    };
    if count >= HELD_ENOUGH {
        return NONE;
    }
    Run {
        taken: false,
        count,
        low,
        high,
    }
}

/// Effect 2. Gives whether the vector was taken up.
fn take_vector(group: &mut Group, vector: &Vector, hash: [u8; 31]) -> bool {
    let run = run_after(group, vector.index);
    group.epoch_number = vector.number;
    group.input_hash = hash;
    if run.taken {
        group.index = vector.index;
        group.basis = vector.basis;
        group.premium = vector.premium;
    }
    (group.held_count, group.held_low, group.held_high) = (run.count, run.low, run.high);
    run.taken
}

fn known_group(state: &State, group: u16) -> Result<&Group, Refusal> {
    let unknown = Refusal::new(code::E01_EPOCH_GROUP, field::GROUP);
    state.group(group).ok_or(unknown)
}

/// Rules E-01, E-14 and E-02 to E-06: gives the hour that the vector closes.
fn check_vector(
    state: &State,
    vector: &AnyVector,
    signatures: &[NodeSignature],
    time_ns: u64,
    authority: Authority<'_>,
) -> Result<Option<HourFunding>, Refusal> {
    let head = vector.head();
    let group = known_group(state, head.group)?;
    let surfaces = matches!(vector, AnyVector::Two(_));
    let version_holds = surfaces == state.risk(head.group).is_some();
    require(version_holds, code::E14_VECTOR_VERSION, field::VERSION)?;
    let next = group.epoch_number.checked_add(1) == Some(head.number);
    require(next, code::E02_EPOCH_NUMBER, field::NUMBER)?;
    let follows = head.previous == group.input_hash;
    require(follows, code::E03_EPOCH_PREVIOUS, field::PREVIOUS)?;
    check_time(group, head.time_ns, time_ns)?;
    check_values(&head)?;
    let funding = hour_funding(group, head.time_ns)?;
    check_quorum(group, signatures, authority, |domain| domain.vector(vector))?;
    Ok(funding)
}

impl State {
    /// What an epoch with this vector would be refused by: E-01, E-14, E-02 to E-13. Neither who signed is tested, nor
    /// what becomes of the rows.
    ///
    /// # Errors
    /// The first rule that fails.
    pub fn check_epoch(
        &self,
        vector: &AnyVector,
        signatures: &[NodeSignature],
        time_ns: u64,
    ) -> Result<(), Refusal> {
        check_vector(self, vector, signatures, time_ns, Authority::Caller)?;
        match vector {
            AnyVector::One(_) => Ok(()),
            AnyVector::Two(vector) => self.check_surfaces(vector),
        }
    }

    /// Whether a vector of this group and index would be taken up, not held.
    #[must_use]
    pub fn would_take(&self, group: u16, index: i64) -> bool {
        self.group(group)
            .is_some_and(|group| run_after(group, index).taken)
    }
}

/// What the samples that a signed time adds fixed, written.
fn write_samples(state: &mut State, number: u16, signed_ns: u64) -> Option<Fixed> {
    let sampling = state.sampling(number, signed_ns)?;
    let group = state.group_mut(number);
    group.samples = sampling.samples;
    if let Some(fixed) = sampling.fixed {
        (group.fixed_expiry_ns, group.fixed_price) = (fixed.expiry_ns, fixed.price);
    }
    sampling.fixed
}

/// Writes a checked vector of which the rows are known (none if it is held or of version 1), or a heartbeat (no vector).
fn write(
    state: &mut State,
    number: u16,
    vector: Option<(&Vector, [u8; 31])>,
    rows: Option<RootedRows>,
    signed_ns: u64,
    funding: Option<HourFunding>,
) -> Effect {
    let fixed = write_samples(state, number, signed_ns);
    let group = state.group_mut(number);
    turn_hour(group, signed_ns, funding.as_ref());
    if let Some((vector, hash)) = vector {
        take_vector(group, vector, hash);
    }
    sample(group, signed_ns);
    let held = group.held_count;
    if let Some((rows, root)) = rows {
        (group.rows_hash, group.row_root) = (rows.rows_hash(), root);
        state.install_rows(number, &rows);
    } else if vector.is_some() || funding.is_some() {
        state.refresh_quotes(number);
    }
    Effect::Epoch {
        held,
        funding,
        fixed,
    }
}

pub(crate) fn epoch(
    state: &mut State,
    op: &Epoch,
    time_ns: u64,
    authority: Authority<'_>,
    prepared: Option<&PreparedRows>,
) -> Result<Effect, Refusal> {
    let funding = check_vector(state, &op.vector, &op.signatures, time_ns, authority)?;
    let head = op.vector.head();
    let rows = match &op.vector {
        AnyVector::One(_) => None,
        AnyVector::Two(vector) => {
            state.check_surfaces(vector)?;
            let taken = state.would_take(vector.group, vector.index);
            state.rows_of(vector, taken, &op.chunk_hashes, prepared)?
        }
    };
    let vector = Some((&head, op.vector.hash()));
    let signed_ns = head.time_ns;
    Ok(write(state, head.group, vector, rows, signed_ns, funding))
}

pub(crate) fn heartbeat(
    state: &mut State,
    op: &Heartbeat,
    time_ns: u64,
    authority: Authority<'_>,
) -> Result<Effect, Refusal> {
    let group = known_group(state, op.group)?;
    let standing = op.number == group.epoch_number && op.number >= 1;
    require(standing, code::E02_EPOCH_NUMBER, field::NUMBER)?;
    let same = op.vector_hash == group.input_hash;
    require(same, code::E03_EPOCH_PREVIOUS, field::PREVIOUS)?;
    check_time(group, op.time_ns, time_ns)?;
    let funding = hour_funding(group, op.time_ns)?;
    check_quorum(group, &op.signatures, authority, |domain| {
        domain.heartbeat(op)
    })?;
    Ok(write(state, op.group, None, None, op.time_ns, funding))
}
