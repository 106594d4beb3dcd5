//! Value types of merkat: prices, sizes, identifiers, time, errors and named roundings.
//!
//! Knows nobody; every other crate builds on it. No floats, clocks, randomness, threads or I/O.
#![forbid(unsafe_code)]

pub mod keccak;
