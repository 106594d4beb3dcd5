//! The settlement machine alone: for single steps, for the checkpoints of batches, and for proofs.

use merkat_commit::{Committer, leaf_words};
use merkat_settle::{Domain, Effect, State, TimedOp, apply_input, apply_signed};
use merkat_signer::{recover, recover_batch};
use merkat_values::Refusal;
use merkat_values::constants::ACCOUNT_LIMIT;
use merkat_values::refusal::{code, field};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::framing::{inputs, value_error};
use crate::signing::domain;

/// The settlement machine over raw inputs.
#[pyclass(module = "merkat._core")]
pub struct Settlement {
    state: State,
    committer: Committer,
    domain: Domain,
}

/// Bytes of a checkpoint: a state root without its last byte.
const CHECKPOINT_BYTES: usize = 31;

/// Decodes every input (rule S-01).
fn decode(framed: &[u8]) -> Result<Vec<TimedOp>, String> {
    let decoded = (0..)
        .zip(inputs(framed)?)
        .map(|(number, bytes): (usize, _)| {
            let malformed = Refusal::new(code::S01_MALFORMED, field::COMMAND);
            TimedOp::decode(bytes)
                .map_err(|_| format!("input {number}: {malformed}; no input was applied"))
        });
    decoded.collect()
}

impl Settlement {
    /// Applies inputs and gives a checkpoint after each. Signatures depend on no state: they are recovered first, over
    /// all cores.
    fn apply_all(&mut self, inputs: &[TimedOp]) -> Result<Vec<u8>, String> {
        let digests: Vec<_> = inputs
            .iter()
            .map(|input| input.op.signed_digests(&self.domain))
            .collect();
        let signers = recover_batch(&digests.concat());
        let mut rest = &signers[..];
        let mut run = self.committer.checkpoints(&mut self.state);
        for (number, (input, digests)) in inputs.iter().zip(&digests).enumerate() {
            let (own, next) = rest.split_at(digests.len());
            rest = next;
            apply_signed(&mut self.state, input, own).map_err(|refusal| {
                format!("input {number}: {refusal}; the inputs before it were applied")
            })?;
            run.step(&mut self.state);
        }
        let roots = run.finish();
        let checkpoints = roots.iter().map(|root| &root[..CHECKPOINT_BYTES]);
        Ok(checkpoints.flatten().copied().collect())
    }
}

fn check_account(account: u32) -> PyResult<()> {
    if account < ACCOUNT_LIMIT {
        return Ok(());
    }
    Err(value_error(format!(
        "account is {account}, expected a number below 2^28"
    )))
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

    /// Applies framed inputs; returns the 31 bytes of the checkpoint after each of them.
    fn apply_inputs<'py>(
        &mut self,
        py: Python<'py>,
        framed: &[u8],
    ) -> PyResult<Bound<'py, PyBytes>> {
        let checkpoints = py.detach(|| decode(framed).and_then(|inputs| self.apply_all(&inputs)));
        Ok(PyBytes::new(py, &checkpoints.map_err(value_error)?))
    }

    /// Words, siblings and part hashes that lead from an account's leaf to the state's root.
    fn account_proof<'py>(
        &mut self,
        py: Python<'py>,
        account: u32,
    ) -> PyResult<Bound<'py, PyBytes>> {
        check_account(account)?;
        let proof = py.detach(|| self.committer.account_proof(&mut self.state, account));
        Ok(PyBytes::new(py, &proof.to_bytes()))
    }

    /// The nine words of an account's leaf; zeros if it is absent.
    fn leaf_words<'py>(&self, py: Python<'py>, account: u32) -> PyResult<Bound<'py, PyBytes>> {
        check_account(account)?;
        let words = leaf_words(&self.state, account);
        Ok(PyBytes::new(py, words.as_flattened()))
    }

    fn root<'py>(&mut self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let root = py.detach(|| self.committer.root(&mut self.state));
        PyBytes::new(py, &root)
    }

    fn encode<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.state.encode())
    }
}
