//! Calls: requests, and the layers around an attempt, retry > quota > concurrency > timeout > provider.

mod backoff;
mod counters;
mod estimate;
mod flight;
mod limiter;
mod pipeline;
mod quota;
mod request;
pub mod runtime;

pub use backoff::Backoff;
pub use counters::{COUNTERS, Counters};
pub use estimate::{Estimate, Estimator, Tokens};
pub use flight::Flights;
pub use limiter::{Limiter, Permit};
pub use pipeline::{Backend, Pipeline, Policy};
pub use quota::{NoQuota, Quota};
pub use request::Requests;
