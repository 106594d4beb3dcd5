//! The engine and the book of the tapes.

use std::time::Instant;

use merkat_engine::book::{BUY, SELL};
use merkat_engine::tape::{RECORD, TapeMatcher};
use merkat_engine::{Engine as Machine, OfferedRows, RowJob as Job};
use merkat_settle::Domain;
use merkat_signer::recover_batch;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};

use crate::framing::{Record, records, signers, value_error};
use crate::signing::{domain, recover_all};

/// The machine of a snapshot, with the signers of its pending vectors recovered.
fn restored(domain: &Domain, snapshot: &[u8]) -> Result<Machine, String> {
    let mut machine = Machine::from_snapshot(snapshot).map_err(|error| error.to_string())?;
    for (group, digests) in machine.pending_digests(domain) {
        let signers = recover_batch(&digests).into_iter();
        machine.set_pending_signers(group, signers.map(Option::unwrap_or_default).collect());
    }
    Ok(machine)
}

/// The venue machine.
#[pyclass(module = "merkat._core")]
pub struct Engine {
    machine: Machine,
    domain: Domain,
}

impl Engine {
    /// The sequencer's contract for the whole batch: so nothing of it is applied unless all of it can be.
    fn check_sequence(&self, records: &[Record<'_>]) -> Result<(), String> {
        let (mut log_number, mut time_ns) = (self.machine.log_number(), self.machine.time_ns());
        for record in records {
            Machine::check_step(log_number, time_ns, record.log_number, record.time_ns)
                .map_err(|error| error.to_string())?;
            (log_number, time_ns) = (record.log_number, record.time_ns);
        }
        Ok(())
    }

    fn apply_batch(&mut self, batch: &[u8], given: Option<&[u8]>) -> Result<Vec<u8>, String> {
        let records = records(batch)?;
        self.check_sequence(&records)?;
        let mut out = Vec::with_capacity(8 * batch.len());
        let mut apply = |record: &Record<'_>, signers: &[[u8; 20]]| {
            self.machine
                .apply(
                    record.log_number,
                    record.time_ns,
                    record.command,
                    signers,
                    &mut out,
                )
                .map_err(|error| error.to_string())
        };
        match given {
            Some(bytes) => {
                let lists = signers(bytes, &records)?;
                for (record, list) in records.iter().zip(lists) {
                    apply(record, list)?;
                }
            }
            None => {
                let lists = recover_all(&self.domain, &records);
                for (record, list) in records.iter().zip(&lists) {
                    apply(record, list)?;
                }
            }
        }
        Ok(out)
    }
}

#[pymethods]
impl Engine {
    #[new]
    fn new(chain_id: u64, verifying_contract: &[u8], salt: &[u8]) -> PyResult<Self> {
        let domain = domain(chain_id, verifying_contract, salt)?;
        Ok(Self {
            machine: Machine::new(),
            domain,
        })
    }

    /// An engine that goes on where a snapshot was taken.
    #[staticmethod]
    fn from_snapshot(
        py: Python<'_>,
        chain_id: u64,
        verifying_contract: &[u8],
        salt: &[u8],
        snapshot: &[u8],
    ) -> PyResult<Self> {
        let domain = domain(chain_id, verifying_contract, salt)?;
        let machine = py.detach(|| restored(&domain, snapshot));
        let machine = machine.map_err(value_error)?;
        Ok(Self { machine, domain })
    }

    /// Applies a batch; None as signers: they are recovered here.
    #[pyo3(signature = (batch, signers))]
    fn apply<'py>(
        &mut self,
        py: Python<'py>,
        batch: &[u8],
        signers: Option<&[u8]>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let outputs = py
            .detach(|| self.apply_batch(batch, signers))
            .map_err(value_error)?;
        Ok(PyBytes::new(py, &outputs))
    }

    fn state_root<'py>(&mut self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let root = py.detach(|| self.machine.state_root());
        PyBytes::new(py, &root)
    }

    fn venue_digest<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let digest = py.detach(|| self.machine.venue_digest());
        PyBytes::new(py, &digest)
    }

    fn snapshot<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let snapshot = py.detach(|| self.machine.snapshot());
        PyBytes::new(py, &snapshot)
    }

    /// Group, number and hash of each pending vector, ascending by group.
    fn pending_vectors<'py>(&self, py: Python<'py>) -> Vec<(u16, u64, Bound<'py, PyBytes>)> {
        let vectors = self.machine.pending_vectors();
        vectors
            .map(|vector| {
                (
                    vector.group,
                    vector.number,
                    PyBytes::new(py, &vector.hash()),
                )
            })
            .collect()
    }

    /// What a worker needs to build the rows of a group's pending vector; None if it has none.
    fn row_job(&self, group: u16) -> Option<RowJob> {
        self.machine.row_job(group).map(|job| RowJob { job })
    }

    /// Offers rows that were built beside the engine: `activate` uses them if they are the right ones.
    fn offer_rows(&mut self, rows: &Rows) {
        self.machine.offer_rows(rows.rows.clone());
    }

    /// Equity, its conservative value, MM, IM, IM with orders, loan, its limit, debt line; None without the account.
    fn account_figures(&mut self, account: u32) -> Option<Figures> {
        let figures = self.machine.account_figures(account)?;
        Some((
            figures.equity,
            figures.equity_conservative,
            figures.maintenance,
            figures.initial,
            figures.initial_with_orders,
            figures.loan,
            figures.loan_limit,
            figures.debt_line,
        ))
    }

    /// Delta, gamma, vega, theta of an account in a group; None without a position there that is no spot.
    fn account_greeks(&self, account: u32, group: u16) -> Option<(i128, i128, i128, i128)> {
        let greeks = self.machine.account_greeks(account, group)?;
        Some((greeks.delta, greeks.gamma, greeks.vega, greeks.theta))
    }

    /// The number of scenarios and the standing rows of a group: u32 count and the rows; None without rows.
    fn rows<'py>(&self, py: Python<'py>, group: u16) -> Option<(usize, Bound<'py, PyBytes>)> {
        let rows = self.machine.rows(group)?;
        let mut bytes = Vec::new();
        rows.write(&mut bytes);
        Some((rows.set().scenarios.len(), PyBytes::new(py, &bytes)))
    }

    /// Owner, margin mode, stage, cash, and (listing, size) ascending; None without the account.
    fn account<'py>(&self, py: Python<'py>, account: u32) -> Option<AccountView<'py>> {
        let leaf = self.machine.state().account(account)?;
        let mut positions: Vec<_> = leaf
            .positions
            .iter()
            .map(|position| (position.listing, position.size))
            .collect();
        positions.sort_unstable();
        Some((
            PyBytes::new(py, &leaf.owner),
            leaf.margin_mode,
            leaf.stage,
            leaf.cash,
            positions,
        ))
    }

    /// State, scheme, key, groups, kinds, notional and expiry of a session's leaf; None without it.
    fn session<'py>(&self, py: Python<'py>, account: u32, slot: u8) -> Option<SessionView<'py>> {
        let leaf = self.machine.state().sessions().get(account, slot)?;
        Some((
            leaf.state,
            leaf.scheme,
            PyBytes::new(py, &leaf.key),
            leaf.groups,
            leaf.kinds,
            leaf.notional,
            leaf.expiry_ns,
        ))
    }

    /// The fields of a listing's leaf, in the order of the type stub; None without the listing.
    fn listing<'py>(&self, py: Python<'py>, listing: u32) -> PyResult<Option<Bound<'py, PyTuple>>> {
        let Some(leaf) = self.machine.state().instrument(listing) else {
            return Ok(None);
        };
        let fields = [
            i64::from(leaf.kind),
            i64::from(leaf.state),
            i64::from(leaf.group),
            i64::from(leaf.size_decimals),
            leaf.lot,
            leaf.tick,
            leaf.coarse_tick,
            leaf.coarse_from,
            leaf.maker_fee,
            leaf.taker_fee,
            leaf.delivery_fee,
            leaf.open_interest,
            leaf.strike,
            i64::try_from(leaf.expiry_ns).expect("invariant: I-24 keeps an expiry near"),
            leaf.delivery_price,
        ];
        PyTuple::new(py, fields).map(Some)
    }

    /// Epoch number and time, index, basis, premium, held count, cumulative funding, fund; None without the group.
    fn group(&self, group: u16) -> Option<GroupView> {
        let leaf = self.machine.state().group(group)?;
        Some((
            leaf.epoch_number,
            leaf.epoch_time_ns,
            leaf.index,
            leaf.basis,
            leaf.premium,
            leaf.held_count,
            leaf.cumulative_funding,
            leaf.fund,
        ))
    }

    /// Bids and asks of a listing: (price, size) of at most `depth` levels each, best first.
    fn book(&self, listing: u32, depth: usize) -> (Levels, Levels) {
        (
            self.machine.levels(listing, BUY, depth),
            self.machine.levels(listing, SELL, depth),
        )
    }

    /// The mark of a listing; None where it has none.
    fn mark(&self, listing: u32) -> Option<i64> {
        self.machine.mark(listing)
    }

    #[getter]
    fn log_number(&self) -> u64 {
        self.machine.log_number()
    }

    #[getter]
    fn time_ns(&self) -> u64 {
        self.machine.time_ns()
    }
}

/// Equity, its conservative value, MM, IM, IM with orders, loan, its limit, debt line, in 1e-6 USD.
type Figures = (i128, i128, i128, i128, i128, i128, i128, i128);

/// Owner, margin mode, stage, cash in 1e-6 USD, (listing, size) ascending.
type AccountView<'py> = (Bound<'py, PyBytes>, u8, u8, i128, Vec<(u32, i64)>);

/// State, scheme, key, groups, kinds, notional in 1e-6 USD, expiry in ns.
type SessionView<'py> = (u8, u8, Bound<'py, PyBytes>, u64, u8, u64, u64);

/// Epoch number and time in ns, index, basis, premium, held count, cumulative funding, fund.
type GroupView = (u64, u64, i64, i64, i64, u8, i128, i128);

/// Price in 1e-6 USD and size in base units, best first.
type Levels = Vec<(i64, i128)>;

/// All that the rows of a pending vector depend on.
#[pyclass(module = "merkat._core", frozen)]
pub struct RowJob {
    job: Job,
}

#[pymethods]
impl RowJob {
    /// Builds the rows, on any thread. A vector that `activate` would refuse raises `ValueError`.
    fn build(&self, py: Python<'_>) -> PyResult<Rows> {
        let rows = py.detach(|| self.job.clone().build());
        let rows = rows.map_err(|refusal| {
            value_error(format!(
                "the rows of the pending vector of group {}: {refusal}; activate will drop it",
                self.job.vector().group
            ))
        })?;
        Ok(Rows { rows })
    }

    #[getter]
    fn group(&self) -> u16 {
        self.job.vector().group
    }
}

/// What a row job made.
#[pyclass(module = "merkat._core", frozen)]
pub struct Rows {
    rows: OfferedRows,
}

#[pymethods]
impl Rows {
    /// The root that `activate` names; 31 zero bytes where the vector will be held.
    #[getter]
    fn root<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.rows.root())
    }

    fn __len__(&self) -> usize {
        self.rows.count()
    }
}

/// Bare matching of tapes through the engine's own book.
#[pyclass(module = "merkat._core")]
pub struct Book {
    matcher: TapeMatcher,
}

#[pymethods]
impl Book {
    #[new]
    fn new() -> Self {
        Self {
            matcher: TapeMatcher::new(),
        }
    }

    /// Plays a tape; returns (trades, quantity, notional) of all tapes so far.
    fn run(&mut self, py: Python<'_>, tape: &[u8]) -> PyResult<(u64, u64, i128)> {
        let summary = py.detach(|| self.matcher.run(tape)).map_err(|error| {
            value_error(format!("tape: record {}: {}", error.record, error.message))
        })?;
        Ok((summary.trades, summary.quantity, summary.notional))
    }

    /// Plays a tape; returns the nanoseconds that matching took, measured inside, with nothing but matching in it.
    fn run_timed(&mut self, py: Python<'_>, tape: &[u8]) -> PyResult<u64> {
        let elapsed = py.detach(|| {
            let start = Instant::now();
            self.matcher.run(tape).map(|_| start.elapsed())
        });
        let elapsed = elapsed.map_err(|error| {
            value_error(format!("tape: record {}: {}", error.record, error.message))
        })?;
        Ok(u64::try_from(elapsed.as_nanos()).expect("invariant: a run ends within 500 years"))
    }

    /// Plays a tape record by record; returns the nanoseconds of each as u32, big-endian.
    fn run_latencies<'py>(
        &mut self,
        py: Python<'py>,
        tape: &[u8],
    ) -> PyResult<Bound<'py, PyBytes>> {
        let played = py.detach(|| {
            let mut out = Vec::with_capacity(tape.len() / RECORD * 4);
            for bytes in tape.chunks(RECORD) {
                let start = Instant::now();
                self.matcher.run(bytes)?;
                let nanoseconds = u32::try_from(start.elapsed().as_nanos()).unwrap_or(u32::MAX);
                out.extend_from_slice(&nanoseconds.to_be_bytes());
            }
            Ok(out)
        });
        let out = played.map_err(|error: merkat_engine::tape::TapeError| {
            value_error(format!("tape: {}", error.message))
        })?;
        Ok(PyBytes::new(py, &out))
    }

    /// The number of resting orders.
    #[getter]
    fn resting(&self) -> usize {
        self.matcher.resting()
    }
}
