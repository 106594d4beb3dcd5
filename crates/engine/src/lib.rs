//! The venue machine: orders, books, triggers, margin of open orders and the liquidation waterfall.
//!
//! Deterministic integers only; emits the micro-ops of the settlement machine.
#![forbid(unsafe_code)]

mod accounts;
mod amend;
mod authority;
pub mod book;
pub mod command;
mod delivery;
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
mod ranked;
mod report;
mod session;
pub mod signing;
mod snapshot;
mod surface;
pub mod tape;
mod waterfall;

pub use engine::Engine;
pub use error::{SequenceError, SnapshotError};
pub use report::{AccountFigures, AccountGreeks};
pub use surface::{OfferedRows, RowJob};
