//! Prices in integers: Black-76 in Q64.64, bit for bit what docs/spec/pricing.md says, and the risk sets, surfaces and
//! rows of docs/spec/risk.md.
//!
//! Deterministic integers only. Knows the values crate and nothing else.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), no_std)]

extern crate alloc;

pub mod black76;
mod build;
mod commitment;
mod fixed;
mod functions;
mod listing;
mod options;
pub mod q64;
mod rows;
pub mod set;
mod surface;
mod vector;

pub use black76::{Greeks, Moneyness, OutOfDomain, greeks, price};
pub use build::{BuildInput, build};
pub use commitment::{Commitment, ROWS_MAXIMUM, row_root};
pub use listing::{Listing, Samples, WINDOW_SECONDS, in_window, kind, payoff};
pub use rows::{Expiry, NO_EXPIRY, Row, Rows};
pub use set::{RiskSet, Scenario, scalar, vol_move};
pub use surface::{Svi, admit};
pub use vector::{EXPIRIES_MAXIMUM, Surface, SurfaceVector};

/// The first 31 bytes of a hash.
fn cut(hash: &[u8; 32]) -> [u8; 31] {
    let [head @ .., _] = *hash;
    head
}

/// Q(x) of a price in 1e-6 USD.
fn usd(price: i64) -> i128 {
    q64::of(price, set::PRICE_ONE)
}
