//! What all sessions of a process share for one model.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// By model and endpoint.
type Values<T> = HashMap<(String, String), Arc<T>>;

/// One value for each model and endpoint, made when it is first asked for and kept as long as the process.
pub(super) struct Registry<T>(Mutex<Option<Values<T>>>);

impl<T> Registry<T> {
    /// An empty one.
    pub(super) const fn new() -> Self {
        Registry(Mutex::new(None))
    }

    /// The value of `model` at `endpoint`.
    pub(super) fn get(&self, model: &str, endpoint: &str, make: impl FnOnce() -> Arc<T>) -> Arc<T> {
        let mut values = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let values = values.get_or_insert_default();
        Arc::clone(values.entry((model.to_string(), endpoint.to_string())).or_insert_with(make))
    }
}
