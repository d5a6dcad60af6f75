//! One limit for the whole cluster: the driver's [`Ledger`] grants, each executor's [`LeaseClient`] asks and uses.
//!
//! | file | what belongs there |
//! |---|---|
//! | `wire` | the messages between them |
//! | `pace` | one limit, spread over time |
//! | `ledger` | the driver's side: fairness, settlement, totals |
//! | `learn` | limits from rate headers, slowing down after refusals |
//! | `budget` | what the run may spend |
//! | `totals` | what the run has done |
//! | `lease` | the executor's side |
//! | `clock` | what an executor knows of the driver's clock |
//! | `outputs` | tokens of an answer before it is there |
//! | `hub` | both sides in this process, with its clock and its locks |
//!
//! All but `hub` is told the time, and so runs in simulated time in tests.

mod budget;
mod clock;
mod hub;
mod learn;
mod lease;
mod ledger;
mod outputs;
mod pace;
pub(super) mod totals;
pub mod wire;

pub use hub::{Denied, Grant, GroupHandle, Hub, Loss, Ticket, budget_from, plan};
pub use lease::{LeaseClient, Settlement, Turn};
pub use ledger::{Ledger, Report};
pub use outputs::Outputs;
pub use pace::VALID;
pub use totals::{LiveTotals, Totals};

#[cfg(test)]
mod tests;
