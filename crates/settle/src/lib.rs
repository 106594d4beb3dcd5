//! The settlement machine: leaves, micro-ops, their checks and the margin of positions.
//!
//! Deterministic integers only. Knows the values and pricing crates and nothing else.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), no_std)]

extern crate alloc;

pub mod cash;
mod changes;
mod checks;
mod delivery;
mod deposits;
mod fees;
pub mod fill;
mod group_risk;
pub mod hedge;
mod holdings;
mod inbox;
pub mod item;
pub mod leaves;
mod limits;
pub mod liquidation;
mod listings;
pub mod machine;
pub mod margin;
mod op_bytes;
pub mod opening;
pub mod ops;
mod oracle;
pub mod order;
pub mod orders;
pub mod quote;
mod records;
pub mod risk;
mod ruin;
pub mod sessions;
mod signed;
pub mod snapshot;
mod snapshot_risk;
pub mod state;
pub mod surfaces;
pub mod table;
pub mod typed_data;

pub use group_risk::GroupRisk;
pub use machine::{
    Effect, Fixed, HourFunding, Recover, apply, apply_input, apply_prepared, apply_signed,
};
pub use margin::{Change, Figures};
pub use ops::{MicroOp, Names, TimedOp};
pub use order::{AnyVector, NodeSignature, Order, OrderKey, Vector};
pub use orders::OrderLeaf;
pub use quote::Quote;
pub use sessions::{Session, Sessions};
pub use state::{Account, Globals, Group, Instrument, Position, State};
pub use surfaces::{PreparedRows, RowInputs};
pub use typed_data::Domain;
