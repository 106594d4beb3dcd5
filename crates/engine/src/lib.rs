//! The venue machine: orders, books, triggers, margin of open orders and the liquidation waterfall.
//!
//! Deterministic integers only; emits the micro-ops of the settlement machine.
#![forbid(unsafe_code)]

pub mod book;
pub mod tape;
