//! Signatures: EIP-712 digests, batched ECDSA recovery, session keys and receipts.
#![forbid(unsafe_code)]
