//! One call for equal requests that are under way at the same time in one process.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};
use tokio::sync::watch;

use crate::completion::{Completion, Status};
use crate::spec::ModelConf;

/// What becomes of a call that others wait for.
type Landing = watch::Receiver<Option<Arc<Completion>>>;

/// The calls to one model that are under way, by request key.
#[derive(Debug, Default)]
pub struct Flights(Mutex<HashMap<String, Landing>>);

/// By the model's whole configuration: only sessions that call with the same key and limits share answers.
static SHARED: LazyLock<Mutex<HashMap<ModelKey, Arc<Flights>>>> = LazyLock::new(Mutex::default);

/// A digest, because the settings may hold secrets.
type ModelKey = [u8; 32];

/// What a request finds.
pub(super) enum Turn<'a> {
    /// Nobody is making this call: it is the caller's to make and to [`land`](Flight::land).
    Mine(Flight<'a>),
    /// Another row has bought the answer.
    Theirs(Arc<Completion>),
}

/// A call that is under way. Dropped without [`land`](Self::land), because its session was cancelled, one of those that wait
/// takes over.
pub(super) struct Flight<'a> {
    flights: &'a Flights,
    key: &'a str,
    sender: Option<watch::Sender<Option<Arc<Completion>>>>,
}

impl Flights {
    /// Those that all sessions of this process share for a model configured like `conf`.
    pub fn shared(conf: &ModelConf) -> Arc<Self> {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(shared.entry(digest(conf)).or_default())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Landing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the call of this `key` that is under way; the caller's own turn where there is none or it was given up.
    pub(super) async fn join<'a>(&'a self, key: &'a str) -> Turn<'a> {
        loop {
            let mut landing = {
                let mut flights = self.lock();
                match flights.get(key) {
                    Some(landing) => landing.clone(),
                    None => {
                        let (sender, landing) = watch::channel(None);
                        flights.insert(key.to_string(), landing);
                        return Turn::Mine(Flight { flights: self, key, sender: Some(sender) });
                    }
                }
            };
            if let Ok(landed) = landing.wait_for(Option::is_some).await
                && let Some(completion) = landed.as_ref()
            {
                return Turn::Theirs(Arc::clone(completion));
            }
        }
    }
}

impl Flight<'_> {
    /// Ends the call for all who wait for it. What stopped only the session that made it, they try for themselves.
    pub(super) fn land(mut self, completion: &Completion) {
        if matches!(completion.status, Status::BudgetStopped | Status::ReplayMiss | Status::Cancelled) {
            return;
        }
        // Out of the list first, so that nobody joins a call that has ended.
        self.flights.lock().remove(self.key);
        if let Some(sender) = self.sender.take()
            && sender.receiver_count() > 0
        {
            sender.send_replace(Some(Arc::new(completion.clone())));
        }
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        if self.sender.is_some() {
            self.flights.lock().remove(self.key);
        }
    }
}

fn digest(conf: &ModelConf) -> ModelKey {
    let mut hasher = Sha256::new();
    let pairs = conf.conf.iter().flat_map(|(key, value)| [key, value]);
    for text in std::iter::once(&conf.name).chain(pairs) {
        hasher.update((text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    }
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conf(name: &str, pairs: &[(&str, &str)]) -> ModelConf {
        ModelConf { name: name.into(), conf: pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect() }
    }

    #[test]
    fn only_the_same_configuration_shares() {
        let base = conf("m", &[("model", "a"), ("apiKeySecret", "k")]);
        let shared = Flights::shared(&base);
        assert!(Arc::ptr_eq(&shared, &Flights::shared(&base.clone())));
        for other in [
            conf("n", &[("model", "a"), ("apiKeySecret", "k")]),
            conf("m", &[("model", "a"), ("apiKeySecret", "k2")]),
            conf("m", &[("model", "a"), ("apiKeySecret", "k"), ("timeoutMs", "5")]),
            conf("m", &[("model", "aa"), ("piKeySecret", "k")]),
        ] {
            assert!(!Arc::ptr_eq(&shared, &Flights::shared(&other)), "{other:?}");
        }
    }

    #[tokio::test]
    async fn what_has_landed_is_forgotten() {
        let flights = Flights::default();
        for _ in 0..2 {
            let Turn::Mine(flight) = flights.join("k").await else { panic!("nobody is calling") };
            flight.land(&Completion::uncalled("m", Status::Ok));
            assert!(flights.lock().is_empty());
        }
    }
}
