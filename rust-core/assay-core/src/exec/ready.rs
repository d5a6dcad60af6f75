//! What a session keeps from batch to batch.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use crate::error::Result;

/// Makes a thing for each batch that is evaluated at the same time, and keeps it for the next.
pub(super) struct Ready<T> {
    make: Box<dyn Fn() -> Result<T> + Send + Sync>,
    idle: Mutex<Vec<T>>,
}

impl<T> Ready<T> {
    /// With the first one made. Errors: those of `make`, which from here on is taken to have none.
    pub(super) fn new(make: impl Fn() -> Result<T> + Send + Sync + 'static) -> Result<Ready<T>> {
        let first = make()?;
        Ok(Ready { make: Box::new(make), idle: Mutex::new(vec![first]) })
    }

    pub(super) fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> Result<R> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut thing = idle.map_or_else(&self.make, Ok)?;
        let result = work(&mut thing);
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(thing);
        Ok(result)
    }
}

impl<T> fmt::Debug for Ready<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ready")
    }
}
