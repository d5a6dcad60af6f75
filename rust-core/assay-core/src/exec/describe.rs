//! What is in force for a model, be it an API or a folder.

use serde_json::Value;

use crate::error::Result;
use crate::provider::{LOCAL, Model};
use crate::spec::ModelConf;

/// The settings of a model with all defaults, for people and for `assay doctor`: no key is in it. Nothing is called.
///
/// Errors: those of [`Model::from_conf`]; for `provider=local` [`ErrorKind::InvalidModel`](crate::error::ErrorKind::InvalidModel)
/// where a setting is missing or none of such a model, and [`ErrorKind::LocalModel`](crate::error::ErrorKind::LocalModel) for what
/// is wrong with the folder.
///
/// ```
/// use assay_core::{exec::describe_model, spec::ModelConf};
/// let conf = [("provider", "mock"), ("model", "m")].map(|(k, v)| (k.to_string(), v.to_string())).into();
/// assert_eq!(describe_model(&ModelConf { name: "small".into(), conf }).unwrap()["provider"], "mock");
/// ```
pub fn describe_model(conf: &ModelConf) -> Result<Value> {
    match conf.conf.get("provider") {
        Some(provider) if provider.trim() == LOCAL => local(conf),
        _ => Ok(Model::from_conf(conf)?.describe()),
    }
}

#[cfg(not(feature = "semantic"))]
fn local(conf: &ModelConf) -> Result<Value> {
    use crate::error::{Error, ErrorKind};

    let message = format!("model '{}' is local, and this build has no local models", conf.name);
    Err(Error::new(ErrorKind::LocalModel, message))
}

#[cfg(feature = "semantic")]
fn local(conf: &ModelConf) -> Result<Value> {
    use serde_json::json;

    use crate::error::{Error, ErrorKind, hint};

    const SETTINGS: [&str; 2] = ["provider", "path"];
    let invalid =
        |message: String| Error::new(ErrorKind::InvalidModel, format!("local model '{}' {message}", conf.name));
    if let Some(key) = conf.conf.keys().find(|key| !SETTINGS.contains(&key.as_str())) {
        return Err(invalid(format!("has no setting '{key}'{}; it has 'path' only", hint(key, SETTINGS))));
    }
    let path = conf.conf.get("path").filter(|path| !path.trim().is_empty());
    let path = path.ok_or_else(|| invalid("has no 'path': set it to the model's folder".into()))?;
    let facts = crate::semantic::check(path)?;
    Ok(json!({
        "name": conf.name,
        "provider": LOCAL,
        "model": facts.name(),
        "path": facts.folder(),
        "model_type": facts.model_type(),
        "layers": facts.layers(),
        "dimension": facts.dimension(),
    }))
}

#[cfg(all(test, feature = "semantic"))]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    fn described(pairs: &[(&str, &str)]) -> Result<Value> {
        let conf = pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        describe_model(&ModelConf { name: "tiny".into(), conf })
    }

    #[test]
    fn a_local_model_is_told_by_its_folder() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/tiny");
        let told = described(&[("provider", "local"), ("path", path)]).unwrap();
        assert_eq!((told["provider"].as_str(), told["model_type"].as_str()), (Some("local"), Some("bert")));
        assert!(told["dimension"].as_u64().unwrap() > 0 && told["layers"].as_u64().unwrap() > 0);
    }

    #[test]
    fn what_is_wrong_with_a_local_model_is_named() {
        for (pairs, kind, says) in [
            (&[("provider", "local")][..], ErrorKind::InvalidModel, "local model 'tiny' has no 'path'"),
            (&[("provider", "local"), ("path", "/no/such")], ErrorKind::LocalModel, "/no/such"),
            (&[("provider", "local"), ("pth", "/m")], ErrorKind::InvalidModel, "did you mean 'path'?"),
            (&[("provider", "local"), ("path", "/m"), ("apiKeyEnv", "K")], ErrorKind::InvalidModel, "'apiKeyEnv'"),
        ] {
            let e = described(pairs).unwrap_err();
            assert_eq!(e.kind(), kind, "{e}");
            assert!(e.message().contains(says), "{e}");
        }
    }
}
