//! Value types of merkat: prices, sizes, identifiers, time, errors and named roundings.
//!
//! Knows nobody; every other crate builds on it. No floats, clocks, randomness, threads or I/O.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), no_std)]

extern crate alloc;

pub mod codec;
pub mod constants;
pub mod keccak;
pub mod rates;
pub mod refusal;
pub mod wide;

pub use refusal::Refusal;

/// An address of the chain.
pub type Address = [u8; 20];

/// r (32 bytes), s (32), v (1; 27 or 28: secp256k1, 29 or 30: P-256).
pub type Signature = [u8; 65];

/// The scheme that a signature's v says, nothing for a v that names none.
#[inline]
#[must_use]
pub fn scheme_of(signature: &Signature) -> Option<u8> {
    match signature[64] {
        27 | 28 => Some(constants::SECP256K1),
        29 | 30 => Some(constants::P256),
        _ => None,
    }
}
