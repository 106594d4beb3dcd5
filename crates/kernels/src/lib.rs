//! Floating-point kernels for display, tools and makers: Black-76 prices, Greeks and implied volatilities.
//!
//! Never for consensus: what the venue decides is computed by merkat-pricing in integers.
#![allow(
    clippy::float_arithmetic,
    reason = "the one crate of floats; no state machine depends on it"
)]

mod black76;
mod functions;
mod implied;
mod lanes;

pub use black76::{Contract, Values};
pub use implied::{implied_vol, implied_vols};
pub use lanes::{Columns, Contracts, value, values};
