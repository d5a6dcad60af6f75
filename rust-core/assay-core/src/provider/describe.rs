//! What is in force for a model, in words that may be shown.

use serde_json::{Map, Value, json};

use super::limits::Dimension;
use super::model::Model;
use super::secret::KeySource;

impl Model {
    /// Its settings with all defaults, for people and for `assay doctor`: no key and no header is in it.
    ///
    /// ```
    /// use assay_core::{provider::Model, spec::ModelConf};
    /// let conf = [("provider", "anthropic"), ("model", "m"), ("requestsPerMinute", "50")];
    /// let conf = conf.map(|(k, v)| (k.to_string(), v.to_string())).into();
    /// let described = Model::from_conf(&ModelConf { name: "big".into(), conf }).unwrap().describe();
    /// assert_eq!(described["endpoint"], "https://api.anthropic.com");
    /// assert_eq!(described["key_env"][0], "ANTHROPIC_API_KEY");
    /// assert_eq!(described["limits"]["requests"], 50);
    /// ```
    pub fn describe(&self) -> Value {
        let limits: Map<String, Value> = Dimension::ALL
            .into_iter()
            .filter_map(|dimension| Some((dimension.name().to_string(), json!(self.quota.limits.of(dimension)?))))
            .collect();
        let (key, key_env): (&str, Vec<&str>) = match &self.key {
            KeySource::None => ("none", Vec::new()),
            KeySource::Env(name) => ("env", vec![name]),
            KeySource::File(_) => ("file", Vec::new()),
            KeySource::Value(_) => ("value", Vec::new()),
            KeySource::Aws(names) => ("env", vec![&names.access_key_id, &names.secret_access_key]),
        };
        json!({
            "name": self.name,
            "provider": self.provider.name(),
            "endpoint": self.endpoint,
            "model": self.model,
            "key": key,
            "key_env": key_env,
            "quota_group": self.quota.group,
            "limits": limits,
            "max_concurrency": self.max_concurrency,
            "context_window": self.context_window,
            "price": {
                "input": self.price.input,
                "cached_input": self.price.cached_input,
                "cache_write": self.price.cache_write,
                "output": self.price.output,
                "reasoning": self.price.reasoning,
            },
        })
    }
}
