"""Chains: one interface over the embedded EVM and over any JSON-RPC endpoint."""

from merkat.settlement.chain.embedded import EmbeddedChain
from merkat.settlement.chain.interface import (
    BLOB_BYTES,
    TRANSACTION_GAS_MAX,
    Block,
    CallRevertedError,
    Chain,
    ChainError,
    ChainUnavailableError,
    DevelopmentChain,
    Log,
    MinedTransaction,
    Receipt,
    Transaction,
    TransactionRefusedError,
    advance,
    development_secrets,
    wait_for_receipt,
)
from merkat.settlement.chain.rpc import RpcChain

__all__ = [
    "BLOB_BYTES",
    "TRANSACTION_GAS_MAX",
    "Block",
    "CallRevertedError",
    "Chain",
    "ChainError",
    "ChainUnavailableError",
    "DevelopmentChain",
    "EmbeddedChain",
    "Log",
    "MinedTransaction",
    "Receipt",
    "RpcChain",
    "Transaction",
    "TransactionRefusedError",
    "advance",
    "development_secrets",
    "wait_for_receipt",
]
