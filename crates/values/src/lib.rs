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

/// r (32 bytes), s (32), v (1; 27 or 28).
pub type Signature = [u8; 65];
