//! Margin from risk rows (risk.md sections 4 to 6): pure functions of rows, sizes and a fund.
//!
//! Nothing here knows accounts or the state. A position is (place of its listing among the rows, size in base units).

mod arithmetic;
mod collateral;
mod expiry;
mod market;
mod orders;
mod portfolio;
mod standard;

pub use collateral::Collateral;
pub use market::Market;
pub use orders::{OrderSums, Resting};
pub use portfolio::{GroupMargin, Portfolio, WORST_BASIS, WORST_NONE, WORST_PIN, portfolio_margin};
pub use standard::{Requirement, short_requirement, standard_margin};
