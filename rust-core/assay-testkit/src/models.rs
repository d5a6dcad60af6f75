//! The models that are served.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Instant;

use crate::hash::StableHash;
use crate::ledger::lock;
use crate::quota::Account;
use crate::{Config, Error, Quota, Usage};

/// A model that is served.
pub(crate) struct Model {
    /// From 1; 0 stands for no model.
    pub(crate) id: u32,
    pub(crate) name: String,
    pub(crate) accuracy: f64,
    pub(crate) fingerprint: String,
    /// Shared with all other models if the quota says so.
    pub(crate) account: Arc<Mutex<Account>>,
}

/// The models by name and by number.
pub(crate) struct Models {
    /// Whether names that were not configured are served too.
    open: bool,
    started: Instant,
    seed: u64,
    table: RwLock<ModelTable>,
}

struct ModelTable {
    by_name: HashMap<String, Arc<Model>>,
    /// Number 0 stands for requests without a model.
    names: Vec<String>,
    /// What new models get.
    quota: Quota,
    /// The one account where the quota is shared.
    shared: Arc<Mutex<Account>>,
}

impl Models {
    pub(crate) fn new(config: &Config, started: Instant) -> Models {
        let table = ModelTable {
            by_name: HashMap::new(),
            names: vec![String::new()],
            quota: config.quota,
            shared: Arc::new(Mutex::new(Account::new(config.quota, started))),
        };
        let models = Models { open: config.models.is_empty(), started, seed: config.seed, table: RwLock::new(table) };
        for model in &config.models {
            models.add(&model.name, model.accuracy);
        }
        models
    }

    fn add(&self, name: &str, accuracy: f64) -> Arc<Model> {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(model) = table.by_name.get(name) {
            return Arc::clone(model);
        }
        let fingerprint = StableHash::new(self.seed).text(name).finish();
        let account = if table.quota.is_shared {
            Arc::clone(&table.shared)
        } else {
            Arc::new(Mutex::new(Account::new(table.quota, self.started)))
        };
        let model = Arc::new(Model {
            id: table.names.len() as u32,
            name: name.to_string(),
            accuracy,
            fingerprint: format!("fp_{:010x}", fingerprint >> 24),
            account,
        });
        table.names.push(name.to_string());
        table.by_name.insert(name.to_string(), Arc::clone(&model));
        model
    }

    pub(crate) fn get(&self, name: &str) -> Option<Arc<Model>> {
        let known = self.table.read().unwrap_or_else(PoisonError::into_inner).by_name.get(name).cloned();
        known.or_else(|| self.open.then(|| self.add(name, 1.0)))
    }

    /// Every account as after the start, with `quota`.
    pub(crate) fn clear_accounts(&self, quota: Quota) {
        self.change_accounts(quota, |account| *account = Account::new(quota, self.started));
    }

    /// Another quota from now on, for every model or for one that is served; gives whether there is such a model.
    pub(crate) fn set_quota(&self, name: Option<&str>, quota: Quota) -> bool {
        let Some(name) = name else {
            self.change_accounts(quota, |account| account.set_quota(quota, Instant::now()));
            return true;
        };
        self.get(name).map(|model| lock(&model.account).set_quota(quota, Instant::now())).is_some()
    }

    fn change_accounts(&self, quota: Quota, change: impl Fn(&mut Account)) {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        table.quota = Quota { is_shared: table.quota.is_shared, ..quota };
        change(&mut lock(&table.shared));
        for model in table.by_name.values().filter(|_| !table.quota.is_shared) {
            change(&mut lock(&model.account));
        }
    }

    /// The quota of a model, or what new ones get.
    pub(crate) fn quota(&self, name: Option<&str>) -> Option<Quota> {
        match name {
            Some(name) => self.get(name).map(|model| lock(&model.account).quota()),
            None => Some(self.table.read().unwrap_or_else(PoisonError::into_inner).quota),
        }
    }

    /// What a model's account has counted in a range of seconds; without a name that of the only one.
    pub(crate) fn usage(&self, name: Option<&str>, from: Option<u64>, to: Option<u64>) -> Result<Usage, Error> {
        let account = {
            let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
            let model = match name {
                Some(name) => table.by_name.get(name),
                None if table.by_name.len() == 1 => table.by_name.values().next(),
                None => None,
            };
            match model {
                Some(model) => Arc::clone(&model.account),
                None if table.quota.is_shared || (name.is_none() && table.by_name.is_empty()) => {
                    Arc::clone(&table.shared)
                }
                None => {
                    let mut names: Vec<&str> = table.by_name.keys().map(String::as_str).collect();
                    names.sort_unstable();
                    return Err(Error::new(format!("model must be one of those served: {}", names.join(", "))));
                }
            }
        };
        let account = lock(&account);
        Ok(account.usage(from, to, Instant::now()))
    }

    /// Seconds since the server's start, as reports of usage count them.
    pub(crate) fn now_s(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// Names in the order in which they were added.
    pub(crate) fn names(&self) -> Vec<String> {
        self.table.read().unwrap_or_else(PoisonError::into_inner).names[1..].to_vec()
    }

    pub(crate) fn name_of(&self, id: u32) -> String {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        table.names.get(id as usize).cloned().unwrap_or_default()
    }
}
