//! The engine and the book of the tapes.

use std::time::Instant;

use merkat_engine::Engine as Machine;
use merkat_engine::tape::{RECORD, TapeMatcher};
use merkat_settle::Domain;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::framing::{Record, records, signers, value_error};
use crate::signing::{domain, recover_all};

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
        let machine = py.detach(|| Machine::from_snapshot(snapshot));
        let machine = machine.map_err(|error| value_error(error.to_string()))?;
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

    #[getter]
    fn log_number(&self) -> u64 {
        self.machine.log_number()
    }

    #[getter]
    fn time_ns(&self) -> u64 {
        self.machine.time_ns()
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
