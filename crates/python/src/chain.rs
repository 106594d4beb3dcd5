//! The embedded chain and the commitments of blobs.

use std::path::PathBuf;

use merkat_chain::{
    Address, B256, Block, CallOutcome, Chain as Blocks, ChainError as BlocksError, Genesis, Log,
    Receipt, Request, U256,
};
use merkat_signer::{Secret, sign};
use pyo3::create_exception;
use pyo3::exceptions::{PyException, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::framing::{fixed, value_error};
use crate::journal::JournalError;

create_exception!(
    _core,
    ChainError,
    PyException,
    "The embedded chain refuses an operation."
);

/// Number, hash, parent hash, time in s.
type BlockTuple<'py> = (u64, Bound<'py, PyBytes>, Bound<'py, PyBytes>, u64);
/// Address, topics, data, block number, transaction hash, place in the block.
type LogTuple<'py> = (
    Bound<'py, PyBytes>,
    Vec<Bound<'py, PyBytes>>,
    Bound<'py, PyBytes>,
    u64,
    Bound<'py, PyBytes>,
    usize,
);
/// Block number, success, gas used, contract address, logs, revert data, failure.
type ReceiptTuple<'py> = (
    u64,
    bool,
    u64,
    Option<Bound<'py, PyBytes>>,
    Vec<LogTuple<'py>>,
    Bound<'py, PyBytes>,
    String,
);

fn chain_error(error: BlocksError) -> PyErr {
    let message = error.to_string();
    match error {
        BlocksError::Journal(_)
        | BlocksError::InvalidRecord { .. }
        | BlocksError::Diverged { .. } => JournalError::new_err(message),
        BlocksError::InvalidBlob { .. } => PyValueError::new_err(message),
        _ => ChainError::new_err(message),
    }
}

fn address(name: &str, bytes: &[u8]) -> PyResult<Address> {
    fixed::<20>(name, bytes).map(Address::new)
}

fn word(name: &str, bytes: &[u8]) -> PyResult<B256> {
    fixed::<32>(name, bytes).map(B256::new)
}

fn amount(name: &str, bytes: &[u8]) -> PyResult<U256> {
    fixed::<32>(name, bytes).map(U256::from_be_bytes)
}

fn block_tuple<'py>(py: Python<'py>, block: &Block) -> BlockTuple<'py> {
    let hash = PyBytes::new(py, block.hash.as_slice());
    (
        block.number,
        hash,
        PyBytes::new(py, block.parent_hash.as_slice()),
        block.time_s,
    )
}

fn log_tuple<'py>(py: Python<'py>, receipt: &Receipt, place: usize, log: &Log) -> LogTuple<'py> {
    (
        PyBytes::new(py, log.address.as_slice()),
        log.topics
            .iter()
            .map(|topic| PyBytes::new(py, topic.as_slice()))
            .collect(),
        PyBytes::new(py, &log.data),
        receipt.block_number,
        PyBytes::new(py, receipt.transaction_hash.as_slice()),
        place,
    )
}

/// The embedded chain, a single writer; in memory without a directory.
#[pyclass(module = "merkat._core")]
pub struct Chain {
    blocks: Option<Blocks>,
}

impl Chain {
    fn blocks(&self) -> PyResult<&Blocks> {
        self.blocks.as_ref().ok_or_else(closed)
    }

    fn blocks_mut(&mut self) -> PyResult<&mut Blocks> {
        self.blocks.as_mut().ok_or_else(closed)
    }
}

fn closed() -> PyErr {
    value_error("the chain is closed: open it again to use it")
}

#[pymethods]
impl Chain {
    /// `accounts` are pairs of address and wei (32 bytes).
    #[new]
    fn new(
        py: Python<'_>,
        directory: Option<PathBuf>,
        chain_id: u64,
        time_s: u64,
        accounts: Vec<(Vec<u8>, Vec<u8>)>,
    ) -> PyResult<Self> {
        let credits: PyResult<_> = accounts
            .iter()
            .map(|(account, wei)| Ok((address("account", account)?, amount("wei", wei)?)))
            .collect();
        let genesis = Genesis {
            chain_id,
            time_s,
            credits: credits?,
        };
        let opened = py.detach(|| Blocks::open(directory.as_deref(), &genesis));
        Ok(Self {
            blocks: Some(opened.map_err(chain_error)?),
        })
    }

    /// Sends a transaction and mines it; returns its hash.
    #[allow(
        clippy::too_many_arguments,
        reason = "the fields of a transaction, by name in Python"
    )]
    fn send<'py>(
        &mut self,
        py: Python<'py>,
        sender: &[u8],
        to: Option<&[u8]>,
        data: Vec<u8>,
        value: &[u8],
        gas: u64,
        blobs: Vec<Vec<u8>>,
        time_s: Option<u64>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let request = Request {
            from: address("sender", sender)?,
            to: to.map(|to| address("to", to)).transpose()?,
            data: data.into(),
            value: amount("value", value)?,
            gas,
            blobs: blobs.into_iter().map(Into::into).collect(),
        };
        let blocks = self.blocks_mut()?;
        let hash = py
            .detach(|| blocks.send(request, time_s))
            .map_err(chain_error)?;
        Ok(PyBytes::new(py, hash.as_slice()))
    }

    /// Gives an account ether and makes it a known sender.
    fn fund(&mut self, py: Python<'_>, account: &[u8], wei: &[u8]) -> PyResult<()> {
        let (account, wei) = (address("account", account)?, amount("wei", wei)?);
        let blocks = self.blocks_mut()?;
        py.detach(|| blocks.fund(account, wei))
            .map(drop)
            .map_err(chain_error)
    }

    /// Makes an empty block.
    fn mine(&mut self, py: Python<'_>, time_s: Option<u64>) -> PyResult<()> {
        let blocks = self.blocks_mut()?;
        py.detach(|| blocks.mine(time_s))
            .map(drop)
            .map_err(chain_error)
    }

    /// Drops every block after this one.
    fn revert_to(&mut self, py: Python<'_>, number: u64) -> PyResult<()> {
        let blocks = self.blocks_mut()?;
        py.detach(|| blocks.revert_to(number)).map_err(chain_error)
    }

    #[getter]
    fn chain_id(&self) -> PyResult<u64> {
        Ok(self.blocks()?.chain_id())
    }

    /// The newest block.
    fn head<'py>(&self, py: Python<'py>) -> PyResult<BlockTuple<'py>> {
        Ok(block_tuple(py, &self.blocks()?.head()))
    }

    /// A block, None above the head.
    fn block<'py>(&self, py: Python<'py>, number: u64) -> PyResult<Option<BlockTuple<'py>>> {
        Ok(self
            .blocks()?
            .block(number)
            .map(|block| block_tuple(py, &block)))
    }

    /// The bytes of what a block holds, None above the head.
    fn entry<'py>(&self, py: Python<'py>, number: u64) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let entry = self.blocks()?.entry(number);
        Ok(entry.map(|bytes| PyBytes::new(py, &bytes)))
    }

    /// What came of a transaction, None if it is in no block.
    fn receipt<'py>(
        &self,
        py: Python<'py>,
        transaction_hash: &[u8],
    ) -> PyResult<Option<ReceiptTuple<'py>>> {
        let hash = word("transaction_hash", transaction_hash)?;
        let Some(receipt) = self.blocks()?.receipt(hash) else {
            return Ok(None);
        };
        let logs = receipt.logs.iter().enumerate();
        Ok(Some((
            receipt.block_number,
            receipt.success,
            receipt.gas_used,
            receipt
                .contract_address
                .map(|made| PyBytes::new(py, made.as_slice())),
            logs.map(|(place, log)| log_tuple(py, receipt, place, log))
                .collect(),
            PyBytes::new(py, &receipt.revert_data),
            receipt.failure.clone(),
        )))
    }

    /// Runs a call on the state after a block: outcome (0 returned, 1 reverted, 2 failed), data, reason.
    fn call<'py>(
        &self,
        py: Python<'py>,
        sender: &[u8],
        to: Option<&[u8]>,
        data: Vec<u8>,
        gas: u64,
        block: u64,
    ) -> PyResult<(u8, Bound<'py, PyBytes>, String)> {
        let from = address("sender", sender)?;
        let to = to.map(|to| address("to", to)).transpose()?;
        let blocks = self.blocks()?;
        let outcome = py.detach(|| blocks.call(from, to, data.into(), gas, block));
        Ok(match outcome.map_err(chain_error)? {
            CallOutcome::Returned(output) => (0, PyBytes::new(py, &output), String::new()),
            CallOutcome::Reverted(output) => (1, PyBytes::new(py, &output), String::new()),
            CallOutcome::Failed(reason) => (2, PyBytes::new(py, &[]), reason),
        })
    }

    /// The logs of a contract, or of all, in a range of blocks with both ends.
    fn logs<'py>(
        &self,
        py: Python<'py>,
        contract: Option<&[u8]>,
        from_block: u64,
        to_block: u64,
    ) -> PyResult<Vec<LogTuple<'py>>> {
        let contract = contract
            .map(|bytes| address("contract", bytes))
            .transpose()?;
        let found = self
            .blocks()?
            .logs(contract, from_block, to_block)
            .map_err(chain_error)?;
        Ok(found
            .into_iter()
            .map(|(receipt, place, log)| log_tuple(py, receipt, place, log))
            .collect())
    }

    /// Wei of an account after a block, 32 bytes.
    fn balance<'py>(
        &self,
        py: Python<'py>,
        account: &[u8],
        block: u64,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let wei = self.blocks()?.balance(address("account", account)?, block);
        Ok(PyBytes::new(
            py,
            &wei.map_err(chain_error)?.to_be_bytes::<32>(),
        ))
    }

    /// Code of an account after a block.
    fn code<'py>(
        &self,
        py: Python<'py>,
        account: &[u8],
        block: u64,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let code = self.blocks()?.code(address("account", account)?, block);
        Ok(PyBytes::new(py, &code.map_err(chain_error)?))
    }

    /// The blob with this versioned hash, None if no transaction brought it.
    fn blob<'py>(
        &self,
        py: Python<'py>,
        versioned_hash: &[u8],
    ) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let hash = word("versioned_hash", versioned_hash)?;
        Ok(self.blocks()?.blob(hash).map(|blob| PyBytes::new(py, blob)))
    }

    /// What opening has cut off the journal's end, None for nothing.
    #[getter]
    fn recovery_message(&self) -> PyResult<Option<String>> {
        Ok(self.blocks()?.recovery_message().map(str::to_owned))
    }

    /// Gives the directory back. Twice is once.
    fn close(&mut self, py: Python<'_>) {
        let blocks = self.blocks.take();
        py.detach(|| drop(blocks));
    }
}

/// The versioned hash of a blob.
#[pyfunction]
pub fn blob_versioned_hash<'py>(py: Python<'py>, blob: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    let hash = py
        .detach(|| merkat_chain::versioned_hash(blob))
        .map_err(chain_error)?;
    Ok(PyBytes::new(py, hash.as_slice()))
}

/// KZG commitment of a blob and its 128 cell proofs, 48 bytes each.
#[pyfunction]
pub fn blob_sidecar<'py>(
    py: Python<'py>,
    blob: &[u8],
) -> PyResult<(Bound<'py, PyBytes>, Vec<Bound<'py, PyBytes>>)> {
    let sidecar = py
        .detach(|| merkat_chain::blob_sidecar(blob))
        .map_err(chain_error)?;
    let proofs = sidecar
        .cell_proofs
        .iter()
        .map(|proof| PyBytes::new(py, proof))
        .collect();
    Ok((PyBytes::new(py, &sidecar.commitment), proofs))
}

/// The input of the point evaluation precompile for a blob and a point, 192 bytes.
#[pyfunction]
pub fn blob_opening<'py>(
    py: Python<'py>,
    blob: &[u8],
    point: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    let point = fixed::<32>("point", point)?;
    let opening = py
        .detach(|| merkat_chain::blob_opening(blob, &point))
        .map_err(chain_error)?;
    Ok(PyBytes::new(py, &opening))
}

/// Signs a digest: r, s (low), v of 27 or 28.
#[pyfunction]
pub fn sign_digest<'py>(
    py: Python<'py>,
    digest: &[u8],
    secret_key: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    let secret = Secret::new(fixed::<32>("secret_key", secret_key)?)
        .map_err(|error| value_error(format!("secret_key: {error}")))?;
    Ok(PyBytes::new(
        py,
        &sign(&secret, &fixed::<32>("digest", digest)?),
    ))
}
