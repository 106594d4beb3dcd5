//! Commitments: the keccak state tree, witnesses and batches over the settlement leaves.
#![forbid(unsafe_code)]
