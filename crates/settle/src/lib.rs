//! The settlement machine: leaves, micro-ops, their checks and the margin of positions.
//!
//! Deterministic integers only. Knows the values crate and nothing else.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), no_std)]

extern crate alloc;

pub mod cash;
mod changes;
mod checks;
pub mod fill;
mod inbox;
pub mod item;
pub mod leaves;
pub mod liquidation;
pub mod machine;
pub mod margin;
mod op_bytes;
pub mod opening;
pub mod ops;
mod oracle;
pub mod order;
pub mod orders;
pub mod risk;
mod ruin;
mod signed;
pub mod snapshot;
pub mod state;
pub mod table;
pub mod typed_data;

pub use machine::{Effect, HourFunding, Recover, apply, apply_input, apply_signed};
pub use margin::{Figures, Quote};
pub use ops::{MicroOp, TimedOp};
pub use order::{NodeSignature, Order, OrderKey, Vector};
pub use orders::OrderLeaf;
pub use state::{Account, Globals, Group, Instrument, Position, State};
pub use typed_data::Domain;
