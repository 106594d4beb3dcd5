//! One transaction or call through the EVM, under the rules of Osaka.

use std::convert::Infallible;

use revm::context::result::{EVMError, ExecutionResult};
use revm::context::{BlockEnv, CfgEnv, TxEnv};
use revm::primitives::eip4844::BLOB_BASE_FEE_UPDATE_FRACTION_PRAGUE;
use revm::primitives::hardfork::SpecId;
use revm::primitives::{Address, B256, Bytes, TxKind, U256};
use revm::state::EvmState;
use revm::{Context, ExecuteEvm, MainBuilder, MainContext};

use crate::block::{Block, Log, Receipt, Transaction};
use crate::error::ChainError;
use crate::state::{Changes, View};

/// Most gas of one transaction (EIP-7825).
pub const TRANSACTION_GAS_MAX: u64 = 1 << 24;
/// Gas of a block.
pub const BLOCK_GAS_MAX: u64 = 60_000_000;
/// Price of gas in every block; there is no fee market.
pub const BASE_FEE_WEI: u64 = 1_000_000_000;
/// Most blobs of one transaction (EIP-7594).
pub const BLOBS_PER_TRANSACTION_MAX: u64 = 6;

/// What a call came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallOutcome {
    /// It returned this.
    Returned(Bytes),
    /// It reverted with this.
    Reverted(Bytes),
    /// It failed otherwise, for example without gas.
    Failed(String),
}

/// Where and when the EVM runs: the state after `view.block`, inside a block of this number and time.
pub(crate) struct Place<'a> {
    pub view: View<'a>,
    pub chain_id: u64,
    pub number: u64,
    pub time_s: u64,
    /// Hash of the block before it; it serves as PREVRANDAO too.
    pub parent_hash: B256,
}

impl Place<'_> {
    fn run(
        &self,
        transaction: TxEnv,
        base_fee: u64,
        check_nonce: bool,
    ) -> Result<(ExecutionResult, EvmState), ChainError> {
        let mut block = BlockEnv {
            number: U256::from(self.number),
            timestamp: U256::from(self.time_s),
            gas_limit: BLOCK_GAS_MAX,
            basefee: base_fee,
            prevrandao: Some(self.parent_hash),
            ..BlockEnv::default()
        };
        block.set_blob_excess_gas_and_price(0, BLOB_BASE_FEE_UPDATE_FRACTION_PRAGUE);
        let mut rules = CfgEnv::new_with_spec(SpecId::OSAKA)
            .with_chain_id(self.chain_id)
            .with_max_blobs_per_tx(BLOBS_PER_TRANSACTION_MAX);
        rules.disable_nonce_check = !check_nonce;
        rules.tx_gas_limit_cap = Some(TRANSACTION_GAS_MAX);
        let context = Context::mainnet()
            .with_db(self.view)
            .with_block(block)
            .with_cfg(rules);
        let outcome = context.build_mainnet().transact(transaction);
        let outcome =
            outcome.map_err(
                |error: EVMError<Infallible>| ChainError::InvalidTransaction {
                    reason: error.to_string(),
                },
            )?;
        Ok((outcome.result, outcome.state))
    }

    fn environment(&self, from: Address, to: Option<Address>, data: Bytes, gas: u64) -> TxEnv {
        TxEnv {
            caller: from,
            kind: to.map_or(TxKind::Create, TxKind::Call),
            data,
            gas_limit: gas,
            chain_id: Some(self.chain_id),
            ..TxEnv::default()
        }
    }

    /// Runs a transaction; returns what came of it and what it changes.
    pub fn transact(
        &self,
        transaction: &Transaction,
        transaction_hash: B256,
    ) -> Result<(Receipt, Changes), ChainError> {
        let Transaction {
            nonce,
            from,
            to,
            value,
            gas,
            data,
            blob_hashes,
        } = transaction.clone();
        let mut environment = self.environment(from, to, data, gas);
        environment.tx_type = if blob_hashes.is_empty() { 2 } else { 3 };
        environment.gas_price = u128::from(BASE_FEE_WEI);
        environment.gas_priority_fee = Some(0);
        environment.value = value;
        environment.nonce = nonce;
        environment.max_fee_per_blob_gas = if blob_hashes.is_empty() {
            0
        } else {
            u128::from(BASE_FEE_WEI)
        };
        environment.blob_hashes = blob_hashes;
        let (result, touched) = self.run(environment, BASE_FEE_WEI, true)?;
        let mut receipt = Receipt {
            transaction_hash,
            block_number: self.number,
            success: result.is_success(),
            gas_used: result.tx_gas_used(),
            contract_address: result.created_address().filter(|_| result.is_success()),
            logs: Vec::new(),
            revert_data: Bytes::new(),
            failure: String::new(),
        };
        match result {
            ExecutionResult::Success { logs, .. } => {
                receipt.logs = logs.into_iter().map(own_log).collect();
            }
            ExecutionResult::Revert { output, .. } => {
                receipt.failure = "reverted".to_owned();
                receipt.revert_data = output;
            }
            ExecutionResult::Halt { reason, .. } => receipt.failure = reason.to_string(),
        }
        Ok((receipt, Changes::from(touched)))
    }

    /// Runs a call, which pays nothing and changes nothing.
    pub fn call(
        &self,
        from: Address,
        to: Option<Address>,
        data: Bytes,
        gas: u64,
    ) -> Result<CallOutcome, ChainError> {
        let environment = self.environment(from, to, data, gas);
        Ok(match self.run(environment, 0, false)?.0 {
            ExecutionResult::Success { output, .. } => CallOutcome::Returned(output.into_data()),
            ExecutionResult::Revert { output, .. } => CallOutcome::Reverted(output),
            ExecutionResult::Halt { reason, .. } => CallOutcome::Failed(reason.to_string()),
        })
    }

    /// The block that this place is in, with what it holds.
    pub fn block(&self, parent: &Block, entry: Option<B256>, receipt: Option<&Receipt>) -> Block {
        parent.next(self.time_s, entry, receipt)
    }
}

fn own_log(log: revm::primitives::Log) -> Log {
    let (topics, data) = log.data.split();
    Log {
        address: log.address,
        topics,
        data,
    }
}
