//! The settlement machine alone, for vectors of single steps.

use merkat_commit::Committer;
use merkat_settle::{Domain, Effect, State, apply_input};
use merkat_signer::recover;
use merkat_values::Refusal;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::framing::value_error;
use crate::signing::domain;

/// The settlement machine over raw inputs.
#[pyclass(module = "merkat._core")]
pub struct Settlement {
    state: State,
    committer: Committer,
    domain: Domain,
}

#[pymethods]
impl Settlement {
    #[new]
    fn new(
        chain_id: u64,
        verifying_contract: &[u8],
        salt: &[u8],
        settlement_part: &[u8],
    ) -> PyResult<Self> {
        let domain = domain(chain_id, verifying_contract, salt)?;
        let state = State::decode_alone(settlement_part);
        let state = state.map_err(|error| value_error(error.to_string()))?;
        Ok(Self {
            state,
            committer: Committer::new(),
            domain,
        })
    }

    /// Applies an input without its frame; returns (code, field), zeros if it was accepted. For an inbox item that its
    /// checks refuse they are those of the item: the step itself is accepted.
    fn apply_input(&mut self, py: Python<'_>, op: &[u8]) -> (u16, u8) {
        py.detach(
            || match apply_input(&mut self.state, &self.domain, op, &recover) {
                Ok(Effect::ItemRefused(Refusal { code, field })) | Err(Refusal { code, field }) => {
                    (code, field)
                }
                Ok(_) => (0, 0),
            },
        )
    }

    fn root<'py>(&mut self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let root = py.detach(|| self.committer.root(&mut self.state));
        PyBytes::new(py, &root)
    }

    fn encode<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.state.encode())
    }
}
