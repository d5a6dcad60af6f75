//! The seam where the journal and the cache stand.

use std::future::Future;
use std::pin::Pin;

use crate::completion::Completion;
use crate::error::Result;

/// A boxed future, so that a store can be a trait object.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Finished completions by request key.
///
/// A call looks its key up before it sends anything, and its row does not leave before `record` has returned: an
/// answer that was paid for is durable first.
pub trait Store: Send + Sync {
    /// The completion to serve for `key`, if there is one.
    fn lookup<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Option<Completion>>;

    /// Keeps `completion`. An error ends the session, because going on would pay for what cannot be kept.
    fn record<'a>(&'a self, key: &'a str, completion: &'a Completion) -> BoxFuture<'a, Result<()>>;
}

/// A store that keeps nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoStore;

impl Store for NoStore {
    fn lookup<'a>(&'a self, _key: &'a str) -> BoxFuture<'a, Option<Completion>> {
        Box::pin(std::future::ready(None))
    }

    fn record<'a>(&'a self, _key: &'a str, _completion: &'a Completion) -> BoxFuture<'a, Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }
}
