//! The machine: decode, add the deltas, check, write (rules.md section 2, derivatives.md).

use crate::cash::{margin_mode, transfer, withdraw};
use crate::delivery::{deliver, expire};
use crate::fill::fill;
use crate::hedge::hedge;
use crate::inbox::inbox;
use crate::liquidation::{bankrupt, liquidate, stage};
use crate::opening::{drop_hour, floor, order_close, order_open};
use crate::ops::{MicroOp, TimedOp};
use crate::oracle::{epoch, heartbeat};
use crate::ruin::{tear_up, write_off};
use crate::sessions::{session_open, session_revoke};
use crate::state::State;
use crate::surfaces::PreparedRows;
use crate::typed_data::Domain;
use merkat_values::codec::Short;
use merkat_values::constants::CLOCK_LIMIT;
use merkat_values::refusal::{code, field};
use merkat_values::{Address, Refusal, Signature};

/// Recovers the address that signed a digest, or nothing if the signature is not valid.
pub type Recover<'a> = dyn Fn(&[u8; 32], &Signature) -> Option<Address> + 'a;

/// What an accepted step did, beyond what its body says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing more to tell.
    None,
    /// An inbox item failed its checks; the step stands.
    ItemRefused(Refusal),
    /// A deposit went to this account.
    Deposited {
        /// Where the cash is.
        account: u32,
        /// Whether the account is new.
        opened: bool,
    },
    /// A listing was made.
    Listed {
        /// Its number.
        listing: u32,
    },
    /// A deposit into a fund.
    FundDeposited {
        /// The fund after it, 1e-6 USD.
        fund: i128,
    },
    /// Fees were swept.
    FeesSwept {
        /// To the account, 1e-6 USD.
        amount: i128,
        /// Of the bad debt, 1e-6 USD.
        repaid: i128,
    },
    /// A withdrawal.
    Withdrawn {
        /// Of the account and token after it.
        claimable: u128,
    },
    /// A forced withdrawal.
    ForcedWithdrawn {
        /// What the rules allowed, possibly 0, in units of the token.
        amount: u128,
        /// Of the account and token after it.
        claimable: u128,
    },
    /// A fill.
    Filled {
        /// 1e-6 USD; negative is a rebate.
        maker_fee: i128,
        /// 1e-6 USD.
        taker_fee: i128,
    },
    /// A vector or heartbeat.
    Epoch {
        /// 0 if the vector was accepted, else how many the held run has.
        held: u8,
        /// The hour that closed, if it paid.
        funding: Option<HourFunding>,
        /// The delivery price that samples fixed.
        fixed: Option<Fixed>,
    },
    /// A slice of a liquidation, or a hedge.
    Liquidated {
        /// 1e-6 USD; negative is a rebate.
        maker_fee: i128,
        /// 1e-6 USD.
        taker_fee: i128,
        /// To the fund, 1e-6 USD.
        liquidation_fee: i128,
    },
    /// A listing was delivered.
    Delivered {
        /// What its underlying ended at, in 1e-6 USD.
        price: i64,
    },
    /// A position was paid.
    Expired {
        /// Which.
        listing: u32,
        /// In base units; positive long.
        size: i64,
        /// Paid a coin, in 1e-6 USD.
        price: i64,
        /// 1e-6 USD.
        fee: i128,
    },
    /// A bankruptcy.
    Bankrupt {
        /// Before it, 1e-6 USD.
        equity: i128,
        /// From the fund, 1e-6 USD.
        payment: i128,
    },
    /// A tear-up.
    TornUp {
        /// To the fund, 1e-6 USD.
        surplus: i128,
    },
    /// A write-off.
    WrittenOff {
        /// The group whose fund paid.
        group: u16,
        /// From the fund, 1e-6 USD.
        payment: i128,
        /// Added to the bad debt, 1e-6 USD.
        bad_debt: i128,
    },
}

/// What a closed hour paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HourFunding {
    /// The hour that closed.
    pub hour: u32,
    /// In 1e-9 for 8 hours.
    pub rate: i64,
    /// Cumulative funding after it, 1e-12 USD per coin.
    pub cumulative: i128,
}

/// A delivery price that samples fixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fixed {
    /// ns since the epoch.
    pub expiry_ns: u64,
    /// In 1e-6 USD.
    pub price: i64,
    /// How many seconds were sampled.
    pub samples: u32,
}

/// Who vouches for the signatures of a step.
#[derive(Clone, Copy)]
pub(crate) enum Authority<'a> {
    /// The caller has checked them.
    Caller,
    /// The machine recovers them.
    Recovered(&'a Domain, &'a Recover<'a>),
    /// The caller has recovered them: one entry a signature, nothing for one that names nobody.
    Signers(&'a [Option<Address>]),
}

/// Applies a step whose signatures the caller has checked. Every other rule is tested.
///
/// Accepted, it moves time, log number and cursor; refused, it leaves the state as it was (the cursor too).
///
/// # Errors
/// The first rule that fails.
pub fn apply(
    state: &mut State,
    op: &MicroOp,
    time_delta_ns: u64,
    log_delta: u32,
) -> Result<Effect, Refusal> {
    step(state, op, time_delta_ns, log_delta, Authority::Caller, None)
}

/// As [`apply`]; an epoch takes up rows that were built beside the machine if they are made of the same as its own.
///
/// # Errors
/// As [`apply`].
pub fn apply_prepared(
    state: &mut State,
    op: &MicroOp,
    time_delta_ns: u64,
    log_delta: u32,
    prepared: Option<&PreparedRows>,
) -> Result<Effect, Refusal> {
    let authority = Authority::Caller;
    step(state, op, time_delta_ns, log_delta, authority, prepared)
}

/// Applies a decoded input with the signers of [`MicroOp::signed_digests`], in their order; nothing stands for a
/// signature that names nobody. Every rule is tested.
///
/// # Errors
/// As [`apply`], which leaves the state as it was.
pub fn apply_signed(
    state: &mut State,
    input: &TimedOp,
    signers: &[Option<Address>],
) -> Result<Effect, Refusal> {
    let authority = Authority::Signers(signers);
    step(
        state,
        &input.op,
        input.time_delta_ns,
        input.log_delta,
        authority,
        None,
    )
}

/// Applies a raw input: an op without its two bytes of frame. The cursor moves by the framed length in any case.
///
/// # Errors
/// The first rule that fails, S-01 for bytes that are no op.
pub fn apply_input(
    state: &mut State,
    domain: &Domain,
    bytes: &[u8],
    recover: &Recover<'_>,
) -> Result<Effect, Refusal> {
    let result = TimedOp::decode(bytes)
        .map_err(|Short| Refusal::new(code::S01_MALFORMED, field::COMMAND))
        .and_then(|timed| {
            let authority = Authority::Recovered(domain, recover);
            step(
                state,
                &timed.op,
                timed.time_delta_ns,
                timed.log_delta,
                authority,
                None,
            )
        });
    if result.is_err() {
        move_cursor(state, bytes.len());
    }
    result
}

fn move_cursor(state: &mut State, op_bytes: usize) {
    // 2^64 bytes of inputs are never seen; saturation stands for the proof that nothing wraps.
    let framed = op_bytes as u64 + 2;
    state.globals.input_cursor = state.globals.input_cursor.saturating_add(framed);
}

/// The clocks after the deltas (rule S-05).
fn clocks(state: &State, time_delta_ns: u64, log_delta: u32) -> Result<(u64, u64), Refusal> {
    let below = |clock: &u64| *clock < CLOCK_LIMIT;
    let globals = &state.globals;
    let time_ns = globals.time_ns.checked_add(time_delta_ns).filter(below);
    let log_number = globals.log_number.checked_add(log_delta.into());
    let log_number = log_number.filter(below);
    time_ns
        .zip(log_number)
        .ok_or(Refusal::new(code::S05_TIME_OVERFLOW, field::TIME))
}

/// Every step checks first and writes only when nothing can fail any more.
fn step(
    state: &mut State,
    op: &MicroOp,
    time_delta_ns: u64,
    log_delta: u32,
    authority: Authority<'_>,
    prepared: Option<&PreparedRows>,
) -> Result<Effect, Refusal> {
    let (time_ns, log_number) = clocks(state, time_delta_ns, log_delta)?;
    let effect = match op {
        MicroOp::Inbox(item) => Ok(inbox(state, item, time_ns)),
        MicroOp::Withdraw(op) => withdraw(state, op, time_ns, authority),
        MicroOp::Transfer(op) => transfer(state, op, time_ns, authority),
        MicroOp::OrderOpen(op) => order_open(state, op, time_ns, authority),
        MicroOp::Fill(op) => fill(state, op, time_ns),
        MicroOp::OrderClose(key) => order_close(state, *key),
        MicroOp::Floor(op) => floor(state, op, authority),
        MicroOp::Epoch(op) => epoch(state, op, time_ns, authority, prepared),
        MicroOp::Heartbeat(op) => heartbeat(state, op, time_ns, authority),
        MicroOp::Stage(op) => stage(state, op, time_ns),
        MicroOp::Liquidate(op) => liquidate(state, op, time_ns),
        MicroOp::Bankrupt(op) => bankrupt(state, op, time_ns),
        MicroOp::TearUp(op) => tear_up(state, op, time_ns),
        MicroOp::WriteOff(account) => write_off(state, *account, time_ns),
        MicroOp::DropHour(hour) => drop_hour(state, *hour, time_ns),
        MicroOp::MarginMode(op) => margin_mode(state, op, time_ns, authority),
        MicroOp::Deliver(listing) => deliver(state, *listing),
        MicroOp::Expire { account, slot } => expire(state, *account, *slot),
        MicroOp::Hedge(op) => hedge(state, op, time_ns),
        MicroOp::SessionOpen(op) => session_open(state, op, time_ns, authority),
        MicroOp::SessionRevoke(op) => session_revoke(state, op, authority),
    }?;
    state.globals.time_ns = time_ns;
    state.globals.log_number = log_number;
    move_cursor(state, op.encoded_bytes());
    Ok(effect)
}
