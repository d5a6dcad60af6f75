//! A model's configuration, typed and checked.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use reqwest::Url;
use reqwest::header::{HeaderName, HeaderValue};

use super::bedrock;
use super::connect::{Connection, ProxyChoice, certificates};
use super::format::format_of;
use super::limits::ModelQuota;
use super::price::{Price, listed_for};
use super::secret::{AwsEnv, KeySource, Secret};
use super::settings::{DefaultEndpoint, PROVIDERS, ProviderInfo, ProviderKind, SETTINGS};
use crate::error::{Error, ErrorKind, Result, hint};
use crate::spec::{CallKind, ModelConf};

/// How the mock answers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MockConf {
    /// The Jinja text of the answer.
    pub reply: Option<String>,
    /// How long an answer takes.
    pub latency: Duration,
    /// The share of requests that fail.
    pub error_rate: f64,
}

/// A model's configuration, typed and checked.
#[derive(Debug, Clone)]
pub struct Model {
    /// The name under which queries know the model.
    pub name: String,
    /// The wire format.
    pub provider: ProviderKind,
    /// The base URL without a slash at its end; empty for the mock, unless one is given.
    pub endpoint: String,
    /// The model as the provider names it.
    pub model: String,
    /// The API version, where one is configured.
    pub api_version: Option<String>,
    /// Where the key comes from.
    pub key: KeySource,
    /// Whether answers are streamed.
    pub stream: bool,
    /// How many requests this process may have open at once.
    pub max_concurrency: usize,
    /// Whether there may be fewer while the endpoint fails.
    pub adaptive_concurrency: bool,
    /// After so many failures in a row the endpoint is left alone; 0 for never.
    pub circuit_breaker_failures: u32,
    /// How long it is left alone.
    pub circuit_breaker_pause: Duration,
    /// What may be sent in a minute.
    pub quota: ModelQuota,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// How long an answer that has begun may bring nothing.
    pub idle_timeout: Option<Duration>,
    /// How the endpoint is reached.
    pub connection: Connection,
    /// How long a row may take with all its retries, not counting the wait for its turn.
    pub row_timeout: Duration,
    /// How many times a failed request is sent again.
    pub max_retries: u32,
    /// Whether equal requests that are under way make one call.
    pub deduplicate: bool,
    /// What tokens cost.
    pub price: Price,
    /// The most tokens of a prompt, where it is known.
    pub context_window: Option<u64>,
    /// Headers to send with every request.
    pub headers: Vec<(String, Secret)>,
    /// How the mock answers.
    pub mock: MockConf,
    /// Settings of this provider only, as text.
    pub(super) own: BTreeMap<&'static str, String>,
}

impl Model {
    /// The text of a setting that only some providers have; `None` where it was not given.
    pub fn own(&self, key: &str) -> Option<&str> {
        self.own.get(key).map(String::as_str)
    }

    /// Settings that may change an answer, with their values.
    pub fn keyed(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let is_keyed = |key: &str| SETTINGS.iter().any(|setting| setting.key == key && setting.is_keyed);
        self.own.iter().filter(move |(key, _)| is_keyed(key)).map(|(key, value)| (*key, value.as_str()))
    }

    /// Reads and checks a model's settings.
    ///
    /// Errors: [`ErrorKind::UnknownProvider`]; [`ErrorKind::InvalidModel`] for a setting that is unknown, missing or cannot
    /// be used.
    ///
    /// ```
    /// use assay_core::{provider::Model, spec::ModelConf};
    /// let conf = |pairs: &[(&str, &str)]| ModelConf {
    ///     name: "small".into(),
    ///     conf: pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect(),
    /// };
    /// let model = Model::from_conf(&conf(&[("provider", "openai"), ("model", "gpt")])).unwrap();
    /// assert_eq!((model.endpoint.as_str(), model.max_concurrency), ("https://api.openai.com/v1", 64));
    /// let e = Model::from_conf(&conf(&[("provider", "openai"), ("model", "gpt"), ("timeoutMS", "1")])).unwrap_err();
    /// assert_eq!(e.message(), "model 'small' has no setting 'timeoutMS'; did you mean 'timeoutMs'?");
    /// ```
    pub fn from_conf(conf: &ModelConf) -> Result<Self> {
        Reader { name: &conf.name, conf: &conf.conf }.read()
    }
}

/// Checks a model's settings, and that its key can be had where the calls will be made. For planning.
///
/// `executor_env` names the environment variables that executors get besides those of this process. Errors: those of
/// [`Model::from_conf`] and [`ErrorKind::MissingKey`].
pub fn check_model(conf: &ModelConf, kind: CallKind, executor_env: &[String]) -> Result<()> {
    let model = Model::from_conf(conf)?;
    // An embedding has no output.
    if kind == CallKind::Complete && model.price.input.is_some() && model.price.output.is_none() {
        return Err(Error::new(
            ErrorKind::InvalidModel,
            format!("model '{}': setting 'price.output' is missing beside the other prices", conf.name),
        ));
    }
    if model.provider == ProviderKind::Mock {
        return super::mock::Mock::new(&model).map(|_| ());
    }
    let format = format_of(&model, kind)?;
    let url = format.url(&model, model.stream)?;
    let mut headers = format.headers(&model)?;
    if let Some(file) = &model.connection.ca_file {
        certificates(file).map_err(|e| e.context(format!("model '{}'", conf.name)))?;
    }
    model.key.check(executor_env).map_err(|e| e.context(format!("model '{}'", conf.name)))?;
    // A key that cannot be sent. The variables of executors may hold another one.
    if let KeySource::File(_) | KeySource::Value(_) = model.key {
        let key = model.key.resolve().map_err(|e| e.context(format!("model '{}'", conf.name)))?;
        format.sign(&model, key.as_ref(), &url, &mut headers, b"", SystemTime::now())?;
    }
    Ok(())
}

/// The provider of a model that is a folder on the executors: nothing is called.
pub const LOCAL: &str = "local";

/// Settings of the names of the environment variables of AWS credentials, with AWS's own names.
const AWS_ENV: [(&str, &str); 3] = [
    ("aws.accessKeyIdEnv", "AWS_ACCESS_KEY_ID"),
    ("aws.secretAccessKeyEnv", "AWS_SECRET_ACCESS_KEY"),
    ("aws.sessionTokenEnv", "AWS_SESSION_TOKEN"),
];
const BEDROCK_KEY_ENV: &str = "AWS_BEARER_TOKEN_BEDROCK";

/// Whether `endpoint` is `url` or lies below it, on the same server.
fn is_below(endpoint: &str, url: &str) -> bool {
    endpoint.strip_prefix(url).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

struct Reader<'a> {
    name: &'a str,
    conf: &'a BTreeMap<String, String>,
}

impl Reader<'_> {
    fn read(&self) -> Result<Model> {
        if self.text("provider") == Some(LOCAL) {
            let message =
                format!("model '{}' is an encoder in a local folder, which has embeddings but no answers", self.name);
            return Err(Error::new(ErrorKind::InvalidModel, message));
        }
        self.check_keys()?;
        let name = self.required("provider")?;
        let info = PROVIDERS.iter().find(|info| info.name == name).ok_or_else(|| {
            let known = PROVIDERS.iter().map(|info| info.name);
            Error::new(
                ErrorKind::UnknownProvider,
                format!("model '{}' has an unknown provider '{name}'{}", self.name, hint(name, known)),
            )
        })?;
        let provider = info.kind;
        let own = self.own(provider)?;
        let endpoint = self.endpoint(info)?;
        let key = self.key(info, &endpoint)?;
        let (price, context_window) = self.price(provider, &endpoint, self.required("model")?)?;
        let timeout_ms = self.whole("timeoutMs", 1, 60_000)?;
        let millis = |key: &str, default: u64| Ok(Duration::from_millis(self.whole(key, 1, default)?));
        Ok(Model {
            name: self.name.to_string(),
            provider,
            model: self.required("model")?.to_string(),
            api_version: self.text("apiVersion").map(str::to_string),
            key,
            endpoint,
            stream: self.flag("stream", false)?,
            own,
            max_concurrency: self.whole("maxConcurrency", 1, 64)?.min(1 << 20) as usize,
            adaptive_concurrency: self.flag("adaptiveConcurrency", true)?,
            circuit_breaker_failures: self.whole("circuitBreakerFailures", 0, 100)?.min(1 << 30) as u32,
            circuit_breaker_pause: millis("circuitBreakerPauseMs", 10_000)?,
            quota: ModelQuota {
                default_accounting: provider.accounting(),
                ..ModelQuota::from_settings(self.name, self.conf)?
            },
            timeout: Duration::from_millis(timeout_ms),
            // Not the attempt's own time where none is given: both would end at once, and either could be the reason.
            idle_timeout: match self.conf.contains_key("idleTimeoutMs") {
                true => Some(millis("idleTimeoutMs", timeout_ms)?),
                false => None,
            },
            connection: self.connection()?,
            row_timeout: millis("rowTimeoutMs", 600_000)?,
            max_retries: self.whole("maxRetries", 0, 4)?.min(1000) as u32,
            deduplicate: self.flag("deduplicate", true)?,
            price,
            context_window,
            headers: self.headers()?,
            mock: MockConf {
                reply: self.conf.get("mock.reply").cloned(),
                latency: Duration::from_millis(self.whole("mock.latencyMs", 0, 0)?),
                error_rate: self.number("mock.errorRate", 1.0)?.unwrap_or(0.0),
            },
        })
    }

    /// Settings that not all providers have. Errors: [`ErrorKind::InvalidModel`] for one that `provider` does not have.
    fn own(&self, provider: ProviderKind) -> Result<BTreeMap<&'static str, String>> {
        let mut own = BTreeMap::new();
        for setting in SETTINGS.iter().filter(|setting| !setting.providers.is_empty()) {
            let Some(text) = self.text(setting.key) else { continue };
            if !setting.providers.contains(&provider) {
                let names: Vec<&str> = setting.providers.iter().map(|kind| kind.name()).collect();
                let which = if names.len() == 1 { "provider" } else { "providers" };
                return Err(self.invalid(setting.key, &format!("is for the {which} {} only", names.join(", "))));
            }
            own.insert(setting.key, text.to_string());
        }
        Ok(own)
    }

    fn check_keys(&self) -> Result<()> {
        for key in self.conf.keys() {
            let known = SETTINGS.iter().any(|setting| setting.key == key && !key.contains('<'));
            if known || key.strip_prefix("headers.").is_some_and(|name| !name.is_empty()) {
                continue;
            }
            let hint = match key.as_str() {
                "apiKey" => "; a key by value goes under 'apiKeySecret', which Spark redacts".to_string(),
                _ => hint(key, SETTINGS.iter().map(|setting| setting.key)),
            };
            return Err(Error::new(
                ErrorKind::InvalidModel,
                format!("model '{}' has no setting '{key}'{hint}", self.name),
            ));
        }
        Ok(())
    }

    /// Says what is wrong without the value, which may be a secret in the wrong place.
    fn invalid(&self, key: &str, what: &str) -> Error {
        Error::new(ErrorKind::InvalidModel, format!("model '{}': setting '{key}' {what}", self.name))
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.conf.get(key).map(|text| text.trim()).filter(|text| !text.is_empty())
    }

    fn required(&self, key: &str) -> Result<&str> {
        self.text(key).ok_or_else(|| self.invalid(key, "is missing"))
    }

    fn flag(&self, key: &str, default: bool) -> Result<bool> {
        match self.text(key).map(str::to_ascii_lowercase).as_deref() {
            None => Ok(default),
            Some("false") => Ok(false),
            Some("true") => Ok(true),
            _ => Err(self.invalid(key, "must be true or false")),
        }
    }

    fn whole(&self, key: &str, min: u64, default: u64) -> Result<u64> {
        match self.conf.get(key) {
            None => Ok(default),
            Some(text) => match text.trim().parse::<u64>() {
                Ok(value) if value >= min && value <= i64::MAX as u64 => Ok(value),
                _ => Err(self.invalid(key, &format!("must be a whole number of at least {min}"))),
            },
        }
    }

    fn number(&self, key: &str, max: f64) -> Result<Option<f64>> {
        match self.conf.get(key) {
            None => Ok(None),
            Some(text) => match text.trim().parse::<f64>() {
                Ok(value) if value.is_finite() && value >= 0.0 && value <= max => Ok(Some(value)),
                _ if max.is_finite() => Err(self.invalid(key, &format!("must be a number from 0 to {max}"))),
                _ => Err(self.invalid(key, "must be a number of at least 0")),
            },
        }
    }

    fn connection(&self) -> Result<Connection> {
        let proxy = match self.conf.get("proxy") {
            None => ProxyChoice::Environment,
            Some(text) => ProxyChoice::read(text.trim()).map_err(|what| self.invalid("proxy", what))?,
        };
        Ok(Connection {
            connect_timeout: Duration::from_millis(self.whole("connectTimeoutMs", 1, 10_000)?),
            proxy,
            ca_file: self.conf.contains_key("caFile").then(|| self.required("caFile")).transpose()?.map(Into::into),
            http2: self.flag("http2", false)?,
        })
    }

    /// The prices, and the context window.
    fn price(&self, provider: ProviderKind, endpoint: &str, model: &str) -> Result<(Price, Option<u64>)> {
        let listed = listed_for(self.text("price.table"), provider.name(), endpoint, model)
            .map_err(|e| e.context(format!("model '{}': setting 'price.table'", self.name)))?;
        let number = |key: &str| self.number(key, f64::INFINITY);
        let own = Price {
            input: number("price.input")?,
            cached_input: number("price.cachedInput")?,
            cache_write: number("price.cacheWrite")?,
            output: number("price.output")?,
            reasoning: number("price.reasoning")?,
            long: None,
        };
        let price = listed.map(|listed| listed.price).unwrap_or_default().overridden(own);
        let window = match self.conf.contains_key("contextWindow") {
            true => Some(self.whole("contextWindow", 1, 1)?),
            false => listed.and_then(|listed| listed.context_window),
        };
        match price {
            Price { input: None, output: None, .. } if own == Price::default() => Ok((price, window)),
            Price { input: None, .. } => Err(self.invalid("price.input", "is missing beside the other prices")),
            _ => Ok((price, window)),
        }
    }

    fn endpoint(&self, info: &ProviderInfo) -> Result<String> {
        let regional;
        let text = match (self.text("endpoint"), info.endpoint) {
            // The whole URL, not a base: a slash at its end counts.
            (Some(text), _) if info.kind == ProviderKind::Http => text,
            (Some(text), _) => text.trim_end_matches('/'),
            (None, DefaultEndpoint::Url(_)) if info.kind == ProviderKind::Bedrock => {
                regional = bedrock::endpoint(self.required("aws.region")?);
                &regional
            }
            (None, DefaultEndpoint::Url(url)) => url,
            (None, DefaultEndpoint::None) => return Ok(String::new()),
            (None, DefaultEndpoint::Required) => {
                return Err(
                    self.invalid("endpoint", &format!("is missing: provider {} has no endpoint of its own", info.name))
                );
            }
        };
        let url = Url::parse(text).map_err(|e| self.invalid("endpoint", &format!("is not a URL: {e}")))?;
        let what = match () {
            () if !matches!(url.scheme(), "http" | "https") => "must begin with http:// or https://",
            () if !url.username().is_empty() || url.password().is_some() => {
                "must not hold a user or password; give the key by apiKeyEnv, apiKeyFile or apiKeySecret"
            }
            () if url.query().is_some() || url.fragment().is_some() => {
                "must be a base URL without '?' or '#'; an API version goes under apiVersion"
            }
            () => match info.paths.iter().find(|path| url.path().ends_with(*path)) {
                Some(path) => &format!("must be the base URL, without {path} at its end"),
                None => return Ok(text.to_string()),
            },
        };
        Err(self.invalid("endpoint", what))
    }

    fn key(&self, info: &ProviderInfo, endpoint: &str) -> Result<KeySource> {
        let given: Vec<&str> = ["apiKeyEnv", "apiKeyFile", "apiKeySecret"]
            .into_iter()
            .filter(|key| self.conf.contains_key(*key))
            .collect();
        let names = AWS_ENV.iter().find(|(key, _)| self.conf.contains_key(*key));
        match given[..] {
            [] if info.kind == ProviderKind::Bedrock => self.aws_env(names.is_none()),
            [first, ..] if names.is_some() => {
                Err(self
                    .invalid(names.map_or("", |(key, _)| key), &format!("stands beside '{first}'; give one of them")))
            }
            // Without a word from the user, OpenAI's key goes to OpenAI only.
            [] => Ok(match (info.key_env, info.endpoint) {
                (Some(name), DefaultEndpoint::Required) => KeySource::Env(name.to_string()),
                (Some(name), DefaultEndpoint::Url(url)) if is_below(endpoint, url) => KeySource::Env(name.to_string()),
                _ => KeySource::None,
            }),
            ["apiKeyEnv"] => self.env_name("apiKeyEnv", "").map(KeySource::Env),
            ["apiKeyFile"] => Ok(KeySource::File(self.required("apiKeyFile")?.into())),
            ["apiKeySecret"] => Ok(KeySource::Value(Secret::new(self.required("apiKeySecret")?))),
            _ => Err(self.invalid(given[1], &format!("stands beside '{}'; give one of them", given[0]))),
        }
    }

    /// The name of an environment variable.
    fn env_name(&self, key: &str, default: &str) -> Result<String> {
        let name = if self.conf.contains_key(key) { self.required(key)? } else { default };
        match name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            true => Ok(name.to_string()),
            false => Err(self.invalid(key, "must be the name of an environment variable, not the key itself")),
        }
    }

    /// The environment variables of AWS credentials. A signature gives nothing away, so it may go to any endpoint; an API key
    /// goes to AWS only, and not where the user has named other variables.
    fn aws_env(&self, are_default: bool) -> Result<KeySource> {
        if self.conf.contains_key("aws.profile") {
            return Err(self.invalid("aws.profile", "is for a credentials file; name it with apiKeyFile"));
        }
        let [access_key_id, secret_access_key, session_token] = AWS_ENV.map(|(key, name)| self.env_name(key, name));
        let api_key = (are_default && self.text("endpoint").is_none()).then(|| BEDROCK_KEY_ENV.to_string());
        Ok(KeySource::Aws(AwsEnv {
            api_key,
            access_key_id: access_key_id?,
            secret_access_key: secret_access_key?,
            session_token: session_token?,
        }))
    }

    fn headers(&self) -> Result<Vec<(String, Secret)>> {
        let mut headers = Vec::new();
        for (key, value) in self.conf {
            let Some(name) = key.strip_prefix("headers.") else { continue };
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| self.invalid(key, "is no valid header name"))?;
            HeaderValue::from_str(value)
                .map_err(|_| self.invalid(key, "holds characters that a header cannot hold"))?;
            headers.push((name.to_ascii_lowercase(), Secret::new(value)));
        }
        Ok(headers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conf(pairs: &[(&str, &str)]) -> ModelConf {
        let base = [("provider", "openai"), ("model", "gpt"), ("endpoint", "http://localhost:1/v1/")];
        let conf = base.iter().chain(pairs).filter(|(_, v)| *v != "-").map(|(k, v)| (k.to_string(), v.to_string()));
        let mut conf: BTreeMap<String, String> = conf.collect();
        for (key, _) in pairs.iter().filter(|(_, v)| *v == "-") {
            conf.remove(*key);
        }
        ModelConf { name: "m".into(), conf }
    }

    #[test]
    fn defaults() {
        let model = Model::from_conf(&conf(&[])).unwrap();
        assert_eq!(model.endpoint, "http://localhost:1/v1");
        assert_eq!(model.key, KeySource::None);
        assert_eq!((model.max_concurrency, model.max_retries), (64, 4));
        assert_eq!(model.timeout, Duration::from_secs(60));
        assert_eq!(model.row_timeout, Duration::from_secs(600));
        assert!(!model.stream && model.idle_timeout.is_none());
        let model = Model::from_conf(&conf(&[("idleTimeoutMs", "5000"), ("stream", "True")])).unwrap();
        assert!(model.stream && model.idle_timeout == Some(Duration::from_secs(5)));
        let model = Model::from_conf(&conf(&[("endpoint", "-")])).unwrap();
        assert_eq!(model.key, KeySource::Env("OPENAI_API_KEY".into()));
    }

    #[test]
    fn an_answer_needs_a_price_of_output_and_an_embedding_does_not() {
        let priced = conf(&[("price.input", "1")]);
        let e = check_model(&priced, CallKind::Complete, &[]).unwrap_err();
        assert!(e.message().contains("setting 'price.output' is missing"), "{}", e.message());
        check_model(&priced, CallKind::Embed, &[]).unwrap();
        let usage = crate::completion::Usage { input_tokens: Some(3), ..Default::default() };
        assert_eq!(Model::from_conf(&priced).unwrap().price.cost(&usage), Some(3e-6));
        let answered = crate::completion::Usage { output_tokens: Some(1), ..usage };
        assert_eq!(Model::from_conf(&priced).unwrap().price.cost(&answered), None);
    }

    #[test]
    fn what_cannot_be_used_is_refused_without_its_value() {
        for (pairs, says) in [
            (&[("temperature", "1")][..], "has no setting 'temperature'"),
            (&[("apiKey", "sk-zz")], "'apiKeySecret'"),
            (&[("model", "-")], "setting 'model' is missing"),
            (&[("provider", "-")], "setting 'provider' is missing"),
            (&[("maxConcurrency", "0")], "a whole number of at least 1"),
            (&[("maxConcurrency", "sk-zz")], "a whole number of at least 1"),
            (&[("price.input", "-1")], "a number of at least 0"),
            (&[("price.cachedInput", "1")], "setting 'price.input' is missing"),
            (&[("endpoint", "http://h/v1/chat/completions")], "must be the base URL"),
            (&[("price.inptu", "1")], "did you mean 'price.input'?"),
            (&[("price.unit", "token")], "has no setting 'price.unit'"),
            (&[("price.table", "openai/gpt-4o-mni")], "did you mean 'openai/gpt-4o-mini'?"),
            (&[("proxy", "http://u:sk-zz@h")], "must not hold a user or password"),
            (&[("proxy", "h:1")], "setting 'proxy' must"),
            (&[("caFile", " ")], "setting 'caFile' is missing"),
            (&[("deduplicate", "maybe")], "must be true or false"),
            (&[("contextWindow", "0")], "a whole number of at least 1"),
            (&[("provider", "mock"), ("mock.errorRate", "2")], "a number from 0 to 1"),
            (&[("mock.reply", "x")], "is for the provider mock only"),
            (&[("endpoint", "ftp://h")], "must begin with http"),
            (&[("endpoint", "http://u:sk-zz@h")], "must not hold a user"),
            (&[("endpoint", "http://h?k=sk-zz")], "without '?'"),
            (&[("apiKeyEnv", "A"), ("apiKeySecret", "sk-zz")], "stands beside 'apiKeyEnv'"),
            (&[("apiKeyEnv", "sk-zz")], "not the key itself"),
            (&[("headers.a b", "1")], "is no valid header name"),
            (&[("headers.a", "sk-zz\n")], "characters"),
            (&[("stream", "sk-zz")], "must be true or false"),
            (&[("idleTimeoutMs", "0")], "a whole number of at least 1"),
            (&[("requestsPerMinute", "0")], "'requestsPerMinute' must be a whole number of at least 1"),
            (&[("tokensPerMinute", "-5")], "'tokensPerMinute' must be a whole number of at least 1"),
            (&[("outputTokensPerMinute", "9"), ("tokensPerMinute", "5")], "outputTokensPerMinute is 9, more than"),
            (&[("outputTokenAccounting", "sometimes")], "must be auto, reserved or used"),
        ] {
            let e = Model::from_conf(&conf(pairs)).unwrap_err();
            assert_eq!(e.kind(), ErrorKind::InvalidModel, "{e}");
            assert!(e.message().contains(says) && e.message().contains("'m'"), "{e}");
            assert!(!e.message().contains("sk-zz"), "{e}");
        }
        let e = Model::from_conf(&conf(&[("provider", "opnai")])).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::UnknownProvider);
        assert!(e.message().ends_with("did you mean 'openai'?"), "{e}");
        let e = Model::from_conf(&conf(&[("provider", "local"), ("path", "/m")])).unwrap_err();
        assert!(e.message().starts_with("model 'm' is an encoder in a local folder"), "{e}");
    }

    #[test]
    fn prices_come_from_the_table_where_the_vendor_answers() {
        let read = |pairs: &[(&str, &str)]| Model::from_conf(&conf(pairs)).unwrap();
        let vendor = [("endpoint", "https://api.openai.com/v1"), ("model", "gpt-4o-2030-01-01")];
        let own = read(&vendor);
        assert_eq!((own.price.input, own.price.output, own.context_window), (Some(2.5), Some(10.0), Some(128_000)));
        let own = read(&[&vendor[..], &[("price.output", "7"), ("contextWindow", "9")]].concat());
        assert_eq!((own.price.input, own.price.output, own.context_window), (Some(2.5), Some(7.0), Some(9)));
        let gateway = read(&[("model", "gpt-4o")]);
        assert_eq!((gateway.price, gateway.context_window), (Price::default(), None));
        let told = read(&[("model", "mine"), ("price.table", "openai/gpt-4o")]);
        assert_eq!((told.price.input, told.context_window), (Some(2.5), Some(128_000)));
    }

    #[test]
    fn tables_agree() {
        for info in PROVIDERS {
            assert_eq!(info.kind.info().name, info.name);
            assert_eq!(PROVIDERS.iter().filter(|other| other.name == info.name).count(), 1);
        }
        for setting in SETTINGS {
            assert_eq!(SETTINGS.iter().filter(|other| other.key == setting.key).count(), 1, "{}", setting.key);
        }
    }

    #[test]
    fn planning_asks_for_the_key() {
        let missing = conf(&[("apiKeyEnv", "ASSAY_TEST_NO_SUCH_KEY")]);
        let e = check_model(&missing, CallKind::Complete, &[]).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::MissingKey);
        assert!(check_model(&missing, CallKind::Complete, &["ASSAY_TEST_NO_SUCH_KEY".to_string()]).is_ok());
        let e = check_model(&conf(&[("apiKeyFile", "/no/such/file")]), CallKind::Complete, &[]).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::MissingKey);
        assert!(check_model(&conf(&[("apiKeySecret", "k")]), CallKind::Complete, &[]).is_ok());
        let e = check_model(&conf(&[("apiKeySecret", "sk-zz\u{7f}")]), CallKind::Complete, &[]).unwrap_err();
        assert!(e.message().contains("a header cannot hold") && !e.message().contains("sk-zz"), "{e}");
        let aws =
            [("provider", "bedrock"), ("aws.region", "us-east-1"), ("endpoint", "http://h"), ("apiKeySecret", "{}")];
        let e = check_model(&conf(&aws), CallKind::Complete, &[]).unwrap_err();
        assert_eq!(
            (e.kind(), e.message()),
            (ErrorKind::MissingKey, "model 'm': the AWS credentials have no access key id")
        );
        assert!(check_model(&conf(&[]), CallKind::Complete, &[]).is_ok());
        assert!(
            check_model(
                &conf(&[("provider", "mock"), ("apiKeyEnv", "ASSAY_TEST_NO_SUCH_KEY")]),
                CallKind::Complete,
                &[]
            )
            .is_ok()
        );
    }

    #[test]
    fn debug_shows_no_secret() {
        let model = Model::from_conf(&conf(&[("apiKeySecret", "sk-zz"), ("headers.X-Key", "sk-zz")])).unwrap();
        assert!(!format!("{model:?}").contains("sk-zz"));
    }
}
