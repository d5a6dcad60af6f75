//! The seam where the cluster-wide quota stands.

use crate::cache::store::BoxFuture;
use crate::provider::Attempt;

/// A limit on requests and tokens per minute.
pub trait Quota: Send + Sync {
    /// Waits until a request with a body of `bytes` may be sent.
    fn admit(&self, bytes: usize) -> BoxFuture<'_, ()>;

    /// Learns how an admitted request ended: its real tokens, or the server's word to slow down.
    fn settle(&self, attempt: &Attempt);
}

/// No limit.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoQuota;

impl Quota for NoQuota {
    fn admit(&self, _bytes: usize) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    fn settle(&self, _attempt: &Attempt) {}
}
