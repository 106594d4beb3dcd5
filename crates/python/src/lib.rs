//! Python bindings: the module `merkat._core`. Holds no logic, only conversions.

use pyo3::prelude::*;

mod chain;
mod framing;
mod journal;
mod machines;
mod margin;
mod pricing;
mod settlement;
mod signing;

/// The compiled core of merkat.
#[pymodule]
mod _core {
    use super::*;

    #[pymodule_export]
    use super::chain::{
        Chain, ChainError, blob_opening, blob_sidecar, blob_versioned_hash, sign_digest,
    };
    #[pymodule_export]
    use super::journal::{
        Journal, JournalError, JournalRefusedError, chain_hashes, newest_snapshot,
    };
    #[pymodule_export]
    use super::machines::{Book, Engine, RowJob, Rows};
    #[pymodule_export]
    use super::margin::{MarginBook, MarginPortfolio, build_rows};
    #[pymodule_export]
    use super::pricing::{
        black76_q64, black76_q64_batch, black76_values, greeks_q64, greeks_q64_batch, implied_vols,
    };
    #[pymodule_export]
    use super::settlement::Settlement;
    #[pymodule_export]
    use super::signing::{
        address_of, keccak256, recover_digest, recover_signers, sign_commands, sign_oracle,
        sign_receipts, verify_receipts,
    };

    /// Adds the constants of the module.
    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
