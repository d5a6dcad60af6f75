//! Calls: requests, and the layers around an attempt, retry > circuit > concurrency > quota > timeout > provider.

mod adaptive;
mod admission;
mod backoff;
mod breaker;
mod counters;
mod estimate;
mod flight;
pub mod journal;
mod limiter;
mod pipeline;
pub mod quota;
mod request;
pub mod runtime;
mod shared;

pub use admission::{Admission, Admitted};
pub use backoff::Backoff;
pub use breaker::Breaker;
pub use counters::{COUNTERS, Counters, Tally};
pub use estimate::{Estimate, Estimator, Tokens};
pub use flight::Flights;
pub use limiter::{Limiter, Permit};
pub use pipeline::{Backend, Pipeline, Policy};
pub use quota::{Hub, Totals};
pub use request::Requests;
