//! Signatures: EIP-712 digests, secp256k1 and P-256 signatures with recovery, one by one and in batches.
//!
//! Only the envelope is here: domain separator, struct hash, digest. Which structs are signed, and with which words, is
//! decided by those who define the commands. This crate is outside the state machine: it may use threads.
#![forbid(unsafe_code)]

mod batch;
mod curve_k1;
mod curve_r1;
mod ecdsa;
mod eip712;

pub use batch::{recover_batch, sign_batch};
pub use ecdsa::{Address, BadSecret, Digest, Secret, Signature, address_of, recover, sign};
pub use eip712::{
    DOMAIN_NAME, DOMAIN_TYPE, DOMAIN_VERSION, Word, digest, domain_separator, struct_hash,
    type_hash, venue_domain, word_of_address, word_of_bool, word_of_i128, word_of_u64,
    word_of_u128,
};
