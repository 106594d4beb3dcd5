//! Prices in integers: Black-76 in Q64.64, bit for bit what docs/spec/pricing.md says, and the risk sets, surfaces and
//! rows of docs/spec/risk.md.
//!
//! Deterministic integers only. Knows the values crate and nothing else.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), no_std)]

pub mod black76;
mod fixed;
mod functions;
pub mod q64;

pub use black76::{Greeks, Moneyness, OutOfDomain, greeks, price};
