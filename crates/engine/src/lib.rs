//! The venue machine: orders, books, triggers, margin of open orders and the liquidation waterfall.
//!
//! Deterministic integers only; emits the micro-ops of the settlement machine.
#![forbid(unsafe_code)]

mod accounts;
mod amend;
pub mod book;
pub mod command;
mod engine;
mod error;
pub mod events;
mod leave;
mod margin;
mod matching;
mod numbered;
mod oracle;
mod orders;
mod place;
pub mod signing;
mod snapshot;
pub mod tape;
mod waterfall;

pub use engine::Engine;
pub use error::{SequenceError, SnapshotError};
