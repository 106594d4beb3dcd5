//! The settlement machine: leaves, micro-ops, their checks and the margin of positions.
//!
//! Deterministic integers only. Knows the values crate and nothing else.
#![forbid(unsafe_code)]
