//! The models that are served.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Instant;

use crate::Config;
use crate::hash::StableHash;
use crate::ledger::lock;
use crate::quota::QuotaLog;

/// A model that is served.
pub(crate) struct Model {
    /// From 1; 0 stands for no model.
    pub(crate) id: u32,
    pub(crate) name: String,
    pub(crate) accuracy: f64,
    pub(crate) fingerprint: String,
    pub(crate) quota: Mutex<QuotaLog>,
}

/// The models by name and by number.
pub(crate) struct Models {
    /// Whether names that were not configured are served too.
    open: bool,
    started: Instant,
    seed: u64,
    table: RwLock<ModelTable>,
}

#[derive(Default)]
struct ModelTable {
    by_name: HashMap<String, Arc<Model>>,
    /// Number 0 stands for requests without a model.
    names: Vec<String>,
}

impl Models {
    pub(crate) fn new(config: &Config, started: Instant) -> Models {
        let table = ModelTable { names: vec![String::new()], ..ModelTable::default() };
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
        let model = Arc::new(Model {
            id: table.names.len() as u32,
            name: name.to_string(),
            accuracy,
            fingerprint: format!("fp_{:010x}", fingerprint >> 24),
            quota: Mutex::new(QuotaLog::new(self.started)),
        });
        table.names.push(name.to_string());
        table.by_name.insert(name.to_string(), Arc::clone(&model));
        model
    }

    pub(crate) fn get(&self, name: &str) -> Option<Arc<Model>> {
        let known = self.table.read().unwrap_or_else(PoisonError::into_inner).by_name.get(name).cloned();
        known.or_else(|| self.open.then(|| self.add(name, 1.0)))
    }

    pub(crate) fn clear_quotas(&self) {
        for model in self.table.read().unwrap_or_else(PoisonError::into_inner).by_name.values() {
            lock(&model.quota).clear();
        }
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
