//! The seam where the journal and the cache stand.

use std::future::{Future, ready};
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
    /// The completion to serve for `key`, or the claim to call for it. Waits where another calls. An error ends the session.
    fn lookup<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Found>>;

    /// Keeps `completion`, the result of the canonical `request`. An error ends the session, because going on would pay for what
    /// cannot be kept.
    fn record<'a>(
        &'a self,
        claim: Claim,
        key: &'a str,
        request: &'a str,
        completion: &'a Completion,
    ) -> BoxFuture<'a, Result<()>>;

    /// Whether `record` reads the canonical request.
    fn keeps_requests(&self) -> bool {
        true
    }
}

/// What a store says of a key.
pub enum Found {
    /// There is a result.
    Hit {
        /// It, as it was when it was bought.
        completion: Box<Completion>,
        /// Whether this run has bought it.
        is_own_run: bool,
        /// Whether the row stands for the one that has paid for it, which it repeats.
        pays: bool,
    },
    /// There is none, and nobody else calls for it as long as this is held.
    Miss(Claim),
}

/// What gives a right back when it is dropped, unless it was told to keep it.
pub trait Held: Send {
    /// The right is used: it will not be given back.
    fn keep(&mut self);
}

/// The right to call for a key. Dropping it hands the right on.
pub struct Claim(Option<Box<dyn Held>>);

impl Claim {
    /// A claim that is given up with `held`.
    pub fn new(held: impl Held + 'static) -> Self {
        Claim(Some(Box::new(held)))
    }

    /// A claim where none is needed.
    pub fn none() -> Self {
        Claim(None)
    }

    /// The answer will be there for all: nobody else need call.
    pub fn keep(mut self) {
        if let Some(held) = &mut self.0 {
            held.keep();
        }
    }
}

/// A store that keeps nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoStore;

impl Store for NoStore {
    fn lookup<'a>(&'a self, _key: &'a str) -> BoxFuture<'a, Result<Found>> {
        Box::pin(ready(Ok(Found::Miss(Claim::none()))))
    }

    fn record<'a>(&'a self, _: Claim, _: &'a str, _: &'a str, _: &'a Completion) -> BoxFuture<'a, Result<()>> {
        Box::pin(ready(Ok(())))
    }

    fn keeps_requests(&self) -> bool {
        false
    }
}
