//! The tables of providers and of the settings of a model: what there is, its default and its meaning.

use super::limits::Accounting;

/// A wire format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProviderKind {
    /// OpenAI's chat completions, which most servers speak.
    OpenAi,
    /// OpenAI's responses API.
    OpenAiResponses,
    /// OpenAI's chat completions on Azure.
    AzureOpenAi,
    /// Anthropic's messages.
    Anthropic,
    /// Google's `generateContent`.
    Gemini,
    /// Amazon Bedrock's Converse.
    Bedrock,
    /// Any service that answers a POST of JSON with JSON.
    Http,
    /// Answers made in this process.
    Mock,
}

/// What a model of a provider has without the user's word.
#[derive(Debug, Clone, Copy)]
pub struct ProviderInfo {
    /// The wire format.
    pub kind: ProviderKind,
    /// The name in configuration and keys.
    pub name: &'static str,
    /// What it is, in a few words.
    pub doc: &'static str,
    /// The base URL.
    pub endpoint: DefaultEndpoint,
    /// The environment variable of the key. Where the provider has an endpoint of its own, the key goes there only: another
    /// endpoint gets none without the user's word.
    pub key_env: Option<&'static str>,
    /// What an endpoint must not end in, because the provider puts it there.
    pub paths: &'static [&'static str],
}

/// The base URL of a model that has no setting `endpoint`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefaultEndpoint {
    /// The provider's own.
    Url(&'static str),
    /// There is none, and the user must give one.
    Required,
    /// None is needed.
    None,
}

/// Every provider, in the order of the documentation.
pub const PROVIDERS: &[ProviderInfo] = &[
    ProviderInfo {
        kind: ProviderKind::OpenAi,
        name: "openai",
        doc: "OpenAI's chat completions, which most servers speak",
        endpoint: DefaultEndpoint::Url("https://api.openai.com/v1"),
        key_env: Some("OPENAI_API_KEY"),
        paths: &["/chat/completions", "/embeddings"],
    },
    ProviderInfo {
        kind: ProviderKind::OpenAiResponses,
        name: "openai_responses",
        doc: "OpenAI's responses API",
        endpoint: DefaultEndpoint::Url("https://api.openai.com/v1"),
        key_env: Some("OPENAI_API_KEY"),
        paths: &["/responses", "/chat/completions"],
    },
    ProviderInfo {
        kind: ProviderKind::AzureOpenAi,
        name: "azure_openai",
        doc: "OpenAI's chat completions on Azure",
        endpoint: DefaultEndpoint::Required,
        key_env: Some("AZURE_OPENAI_API_KEY"),
        paths: &["/chat/completions", "/embeddings"],
    },
    ProviderInfo {
        kind: ProviderKind::Anthropic,
        name: "anthropic",
        doc: "Anthropic's messages",
        endpoint: DefaultEndpoint::Url("https://api.anthropic.com"),
        key_env: Some("ANTHROPIC_API_KEY"),
        paths: &["/messages"],
    },
    ProviderInfo {
        kind: ProviderKind::Gemini,
        name: "gemini",
        doc: "Google's generateContent",
        endpoint: DefaultEndpoint::Url("https://generativelanguage.googleapis.com"),
        key_env: Some("GEMINI_API_KEY"),
        paths: &["/models", ":generateContent", ":streamGenerateContent"],
    },
    ProviderInfo {
        kind: ProviderKind::Bedrock,
        name: "bedrock",
        doc: "Amazon Bedrock's Converse",
        endpoint: DefaultEndpoint::Url("https://bedrock-runtime.{aws.region}.amazonaws.com"),
        key_env: None,
        paths: &["/model", "/converse", "/converse-stream"],
    },
    ProviderInfo {
        kind: ProviderKind::Http,
        name: "http",
        doc: "any service that answers a POST of JSON with JSON, by templates and paths",
        endpoint: DefaultEndpoint::Required,
        key_env: None,
        paths: &[],
    },
    ProviderInfo {
        kind: ProviderKind::Mock,
        name: "mock",
        doc: "answers made in the process",
        endpoint: DefaultEndpoint::None,
        key_env: None,
        paths: &[],
    },
];

impl ProviderKind {
    /// How the provider counts the tokens of answers, by its documentation; the safe side where that says nothing.
    pub fn accounting(self) -> Accounting {
        match self {
            ProviderKind::Anthropic | ProviderKind::Gemini | ProviderKind::Mock => Accounting::Used,
            _ => Accounting::Reserved,
        }
    }

    /// What its models have without the user's word.
    pub fn info(self) -> &'static ProviderInfo {
        // Every kind is in the table, which a test sees to.
        PROVIDERS.iter().find(|info| info.kind == self).unwrap_or(&PROVIDERS[0])
    }

    /// The name in configuration and keys.
    pub fn name(self) -> &'static str {
        self.info().name
    }
}

/// One setting of a model.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// The key under `spark.assay.model.<name>.`.
    pub key: &'static str,
    /// The default in words; empty where there is none.
    pub default: &'static str,
    /// What it does.
    pub doc: &'static str,
    /// The providers that have it; empty for all.
    pub providers: &'static [ProviderKind],
    /// Whether it may change an answer and so belongs into the cache key.
    pub is_keyed: bool,
}

const fn setting(key: &'static str, default: &'static str, doc: &'static str) -> Setting {
    Setting { key, default, doc, providers: &[], is_keyed: false }
}

const fn of(providers: &'static [ProviderKind], setting: Setting) -> Setting {
    Setting { providers, ..setting }
}

const fn keyed(setting: Setting) -> Setting {
    Setting { is_keyed: true, ..setting }
}

/// Every setting of a model. A setting of `providers` is kept as text, for [`Model::own`](super::Model::own).
pub const SETTINGS: &[Setting] = &[
    setting("provider", "", "The wire format: one of those in docs/providers.md, for instance openai or mock."),
    setting("endpoint", "the provider's own", "The base URL, for instance https://api.openai.com/v1."),
    setting("model", "", "The model as the provider names it."),
    setting(
        "apiVersion",
        "2023-06-01 for anthropic, v1beta for gemini",
        "The version of the API. azure_openai: a date, for paths with deployments; openai: the api-version of an endpoint that \
         needs one, whose key then goes into the header api-key; anthropic: the header anthropic-version; gemini: v1 or v1beta.",
    ),
    setting(
        "apiKeyEnv",
        "the provider's own (docs/providers.md) at its own endpoint, else none",
        "The environment variable of the key.",
    ),
    setting(
        "apiKeyFile",
        "",
        "The file of the key, on every executor; read again when the server does not take the key.",
    ),
    setting("apiKeySecret", "", "The key itself; Spark redacts it in its UI and logs."),
    setting("stream", "false", "Whether answers are streamed, which gives the time to the first token (ttft_ms)."),
    setting("maxConcurrency", "64", "How many requests an executor process has open at once."),
    setting("timeoutMs", "60000", "How long one attempt may take."),
    setting(
        "idleTimeoutMs",
        "none but timeoutMs",
        "How long an answer that has begun may bring nothing before it is cut.",
    ),
    setting("connectTimeoutMs", "10000", "How long opening a connection may take."),
    setting(
        "rowTimeoutMs",
        "600000",
        "How long a row may take with all its retries, not counting the wait for its turn.",
    ),
    setting(
        "proxy",
        "HTTP_PROXY, HTTPS_PROXY and NO_PROXY of the executors",
        "The URL of the proxy to go through, or none. It stands over the environment.",
    ),
    setting(
        "caFile",
        "",
        "A file of certificates as PEM, on the driver and every executor, that are trusted besides the system's and Mozilla's.",
    ),
    setting(
        "http2",
        "false",
        "Whether HTTP/2 is used where the server offers it, at most 64 requests to a connection. HTTP/1.1 has a connection for \
         each open request, so that none waits behind another.",
    ),
    setting(
        "deduplicate",
        "true",
        "Whether equal requests that are under way in one executor process make one call and share its answer. false is for \
         load tests: every row calls for itself.",
    ),
    setting("maxRetries", "4", "How many times a failed request is sent again."),
    setting("quotaGroup", "the model's name", "Models with the same group share its limits, over the whole cluster."),
    setting("requestsPerMinute", "what the server says", "The most requests in a minute, over the whole cluster."),
    setting("inputTokensPerMinute", "what the server says", "The most tokens of input in a minute."),
    setting("outputTokensPerMinute", "what the server says", "The most tokens of output in a minute."),
    setting("tokensPerMinute", "what the server says", "The most tokens of input and output together in a minute."),
    setting(
        "outputTokenAccounting",
        "auto",
        "How the provider counts output: reserved (by max_tokens when a request is admitted, for good), used (by what \
         answers have), or auto (by provider, corrected by its rate headers).",
    ),
    setting(
        "adaptiveConcurrency",
        "true",
        "Whether fewer than maxConcurrency requests are open while the endpoint fails under the load.",
    ),
    setting(
        "circuitBreakerFailures",
        "100",
        "After so many failures in a row, over at least five seconds, rows fail at once; 0 for never.",
    ),
    setting("circuitBreakerPauseMs", "10000", "How long until one request tries a failing endpoint again."),
    setting(
        "contextWindow",
        "the price table's, where it holds",
        "The most tokens of a prompt: a longer one ends as invalid_request without a call.",
    ),
    setting(
        "price.table",
        "auto",
        "Which prices of the table in docs/cost.md hold: auto (the vendor's, at the vendor's own endpoint only), true (those \
         of the model's name also behind a gateway), false (none), or an entry such as openai/gpt-4o.",
    ),
    setting("price.input", "the table's", "US dollars for a million tokens of input."),
    setting("price.output", "the table's", "US dollars for a million tokens of output."),
    setting(
        "price.cachedInput",
        "the table's, else price.input",
        "US dollars for a million tokens of input that the provider read from its own cache.",
    ),
    setting(
        "price.cacheWrite",
        "the table's, else price.input",
        "US dollars for a million tokens of input that the provider wrote to its own cache.",
    ),
    setting(
        "price.reasoning",
        "the table's, else price.output",
        "US dollars for a million tokens of reasoning, which are part of the output.",
    ),
    setting(
        "headers.<Name>",
        "",
        "A header to send with every request; http takes Jinja in its value, over what http.body has.",
    ),
    keyed(of(AZURE, setting("deployment", "model", "azure_openai: the name of the deployment."))),
    of(
        WITH_AUTH,
        setting(
            "auth",
            "api-key, x-api-key, x-goog-api-key",
            "The header of the key: the default, which is azure_openai's, anthropic's and gemini's own, or bearer for \
             Authorization: Bearer, which tokens of OAuth need.",
        ),
    ),
    keyed(of(
        RESPONSES,
        setting(
            "reasoningSummary",
            "",
            "openai_responses: the summary of the reasoning to ask for: auto, concise or detailed.",
        ),
    )),
    keyed(of(
        OPENAI_CHAT,
        setting(
            "reasoningTags",
            "",
            "The tag between which a model writes its reasoning at the head of an answer, for instance think: the reasoning is \
             then taken out of the text.",
        ),
    )),
    of(BEDROCK, setting("aws.region", "", "bedrock only, required: the region, for instance us-east-1.")),
    of(
        BEDROCK,
        setting("aws.profile", "default", "bedrock only: the profile of an apiKeyFile that is a credentials file."),
    ),
    of(
        BEDROCK,
        setting(
            "aws.accessKeyIdEnv",
            "AWS_ACCESS_KEY_ID",
            "bedrock only: the environment variable of the access key id.",
        ),
    ),
    of(
        BEDROCK,
        setting(
            "aws.secretAccessKeyEnv",
            "AWS_SECRET_ACCESS_KEY",
            "bedrock only: the environment variable of the secret access key.",
        ),
    ),
    of(
        BEDROCK,
        setting(
            "aws.sessionTokenEnv",
            "AWS_SESSION_TOKEN",
            "bedrock only: the environment variable of the session token.",
        ),
    ),
    of(
        HTTP,
        keyed(setting(
            "http.body",
            "",
            "http only, required: the request, a Jinja template over prompt, system, messages, model and options that \
             renders to JSON.",
        )),
    ),
    of(
        HTTP,
        keyed(setting(
            "http.answerPath",
            "",
            "http only, required: the JSON path of the answer, for instance $.answer.",
        )),
    ),
    of(HTTP, keyed(setting("http.errorPath", "", "http only: the JSON path of an error; a value there is a failure."))),
    of(
        HTTP,
        keyed(setting("http.finishReasonPath", "", "http only: the JSON path of the word for why the answer ends.")),
    ),
    of(HTTP, setting("http.inputTokensPath", "", "http only: the JSON path of the count of input tokens.")),
    of(HTTP, setting("http.outputTokensPath", "", "http only: the JSON path of the count of output tokens.")),
    of(
        HTTP,
        setting(
            "http.authHeader",
            "Authorization: Bearer {key}",
            "http only: the header of the key, with {key} in its place.",
        ),
    ),
    of(
        MOCK,
        setting(
            "mock.reply",
            "the last user message",
            "mock only: the answer, a Jinja text over prompt, model and seed.",
        ),
    ),
    of(MOCK, setting("mock.latencyMs", "0", "mock only: how long an answer takes.")),
    of(MOCK, setting("mock.errorRate", "0", "mock only: the share of requests, chosen by their keys, that fail.")),
];

const WITH_AUTH: &[ProviderKind] = &[ProviderKind::AzureOpenAi, ProviderKind::Anthropic, ProviderKind::Gemini];
const BEDROCK: &[ProviderKind] = &[ProviderKind::Bedrock];
const HTTP: &[ProviderKind] = &[ProviderKind::Http];
const MOCK: &[ProviderKind] = &[ProviderKind::Mock];
const AZURE: &[ProviderKind] = &[ProviderKind::AzureOpenAi];
const RESPONSES: &[ProviderKind] = &[ProviderKind::OpenAiResponses];
const OPENAI_CHAT: &[ProviderKind] = &[ProviderKind::OpenAi, ProviderKind::AzureOpenAi, ProviderKind::Mock];
