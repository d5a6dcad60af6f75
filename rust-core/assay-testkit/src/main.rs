//! `assay-testkit`: the server as a program.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use assay_testkit::{
    AnswerKey, Config, Counting, Distribution, Error, FaultKind, Faults, Habits, Hints, Latency, ModelConfig, Prices,
    Quota, RetryAfterForm, Server, parse_duration,
};
use clap::Parser;

/// A fast LLM server on 127.0.0.1 that injects faults and counts what it serves.
///
/// Serves OpenAI's /v1/chat/completions, /v1/responses, /v1/embeddings (also below /openai and /openai/deployments/NAME),
/// Anthropic's /anthropic/v1/messages, Gemini's /gemini/v1beta/models/NAME:generateContent, :streamGenerateContent,
/// :embedContent and :batchEmbedContents (also v1), and GET /v1/models; look at it with GET /testkit/stats, /testkit/keys and
/// /testkit/ledger and /testkit/usage?from=S&to=S (what the quotas' accounts have counted), direct it with POST
/// /testkit/reset, /testkit/faults and /testkit/quota. Prints one line with its URL when ready.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// The port; 0 takes any free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Right answers: JSON Lines with question, answers and category
    #[arg(long, value_name = "FILE.jsonl")]
    answers: Option<PathBuf>,
    /// A model and the share of questions it answers right; without any, every name is served, always right
    #[arg(long = "model", value_name = "NAME=ACCURACY")]
    models: Vec<ModelConfig>,
    /// Seeds every decision
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// 50ms, uniform:20ms,80ms, lognormal:50ms,0.5 (median, sigma), pareto:20ms,1.5 (smallest, exponent) or
    /// exponential:50ms (mean)
    #[arg(long, default_value = "0", value_name = "DISTRIBUTION")]
    latency: Distribution,
    /// A rare long latency, for instance 0.001=30s
    #[arg(long = "tail", value_name = "PROBABILITY=LATENCY", value_parser = parse_tail)]
    tails: Vec<(f64, Duration)>,
    /// The time between the chunks of a streamed answer
    #[arg(long, default_value = "0", value_parser = parse_duration)]
    token_interval: Duration,
    /// Requests per minute that each model admits
    #[arg(long, value_name = "N")]
    rpm: Option<u64>,
    /// Input and output tokens per minute that each model admits
    #[arg(long, value_name = "N")]
    tpm: Option<u64>,
    /// Input tokens per minute that each model admits
    #[arg(long, value_name = "N")]
    input_tpm: Option<u64>,
    /// Output tokens per minute that each model admits
    #[arg(long, value_name = "N")]
    output_tpm: Option<u64>,
    /// The window over which the limits hold: 1s admits a sixtieth of them every second
    #[arg(long, default_value = "60s", value_parser = parse_duration)]
    quota_window: Duration,
    /// How the limits are counted: bucket (filled all the time, one second's burst), sliding (an exact log over the
    /// window), fixed (windows one after the other), reserved (max_tokens at admission, never given back) or settled (the
    /// answer's tokens when it ends); two may be joined, as in bucket+settled
    #[arg(long, default_value = "sliding", value_name = "WAY")]
    count: Counting,
    /// What a bucket holds when it is full, as a time of filling
    #[arg(long, default_value = "1s", value_parser = parse_duration)]
    burst: Duration,
    /// What --count reserved counts for a request without max_tokens
    #[arg(long, default_value_t = 1024, value_name = "N")]
    default_max_tokens: u64,
    /// All models draw on one account
    #[arg(long)]
    quota_shared: bool,
    /// The form of Retry-After: seconds, date or off
    #[arg(long, default_value = "seconds", value_name = "FORM")]
    retry_after: RetryAfterForm,
    /// Send no retry-after-ms
    #[arg(long)]
    no_retry_after_ms: bool,
    /// Send no rate headers
    #[arg(long)]
    no_rate_headers: bool,
    /// A random fault: 429, 500, 502html, 503, 529, reset, stall, stall-body, truncated, malformed, error200,
    /// stream-error, slow, dribble, refusal, content-filter, length or empty
    #[arg(long = "fault", value_name = "KIND=PROBABILITY", value_parser = parse_fault)]
    faults: Vec<(FaultKind, f64)>,
    /// What a random 429 asks to wait; 0 sends no such header
    #[arg(long, default_value = "1s", value_parser = parse_duration)]
    fault_retry_after: Duration,
    /// What the fault `slow` adds to the latency, and over which `dribble` spreads an answer
    #[arg(long, default_value = "5s", value_parser = parse_duration)]
    slow_by: Duration,
    /// A fault that is billed as a whole answer, or none; without any, those are in which the model ran
    #[arg(long = "billed", value_name = "KIND")]
    billed: Vec<String>,
    /// USD per million tokens of prompts
    #[arg(long, default_value_t = 0.0, value_name = "USD")]
    price_input: f64,
    /// USD per million tokens of answers
    #[arg(long, default_value_t = 0.0, value_name = "USD")]
    price_output: f64,
    /// USD per million tokens of prompts read from the provider's cache; without it, that of prompts
    #[arg(long, value_name = "USD")]
    price_cached_input: Option<f64>,
    /// USD per million tokens of prompts written to the provider's cache; without it, that of prompts
    #[arg(long, value_name = "USD")]
    price_cache_write: Option<f64>,
    /// USD per million tokens of reasoning; without it, that of answers
    #[arg(long, value_name = "USD")]
    price_reasoning: Option<f64>,
    /// The share of each prompt that the provider's cache is said to have had
    #[arg(long, default_value_t = 0.0, value_name = "SHARE")]
    cached_share: f64,
    /// The share of each prompt that is said to have gone to the provider's cache
    #[arg(long, default_value_t = 0.0, value_name = "SHARE")]
    cache_write_share: f64,
    /// Tokens of reasoning before each answer
    #[arg(long, default_value_t = 0, value_name = "N")]
    reasoning_tokens: u64,
    /// The fewest and the most words of a made-up answer
    #[arg(long, default_value = "4,35", value_name = "MIN,MAX", value_parser = parse_words)]
    words: (u64, u64),
    /// Answer 401 unless this key comes in the way of the provider
    #[arg(long, value_name = "KEY")]
    require_key: Option<String>,
    /// The share of right answers that come wrapped in words
    #[arg(long, default_value_t = 0.0, value_name = "SHARE")]
    verbose_rate: f64,
    /// Worker threads
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// How many requests the ledger keeps one by one
    #[arg(long, default_value_t = 1_000_000, value_name = "N")]
    ledger_limit: usize,
    /// Stop when standard input is closed
    #[arg(long)]
    exit_with_parent: bool,
}

fn main() -> ExitCode {
    match run(Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("assay-testkit: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: Args) -> Result<(), Error> {
    let exit_with_parent = args.exit_with_parent;
    let server = Server::start(config(args)?)?;
    // A parent that no longer reads has its own troubles; the server runs on.
    let _ = writeln!(std::io::stdout(), "listening on {}", server.url());
    if exit_with_parent {
        let _ = std::io::copy(&mut std::io::stdin().by_ref(), &mut std::io::sink());
        return Ok(());
    }
    loop {
        std::thread::park();
    }
}

fn config(args: Args) -> Result<Config, Error> {
    Ok(Config {
        port: args.port,
        answers: args.answers.map(AnswerKey::read).transpose()?.unwrap_or_default(),
        models: args.models,
        seed: args.seed,
        latency: Latency { distribution: args.latency, tails: args.tails },
        token_interval: args.token_interval,
        quota: Quota {
            requests_per_minute: args.rpm,
            tokens_per_minute: args.tpm,
            input_tokens_per_minute: args.input_tpm,
            output_tokens_per_minute: args.output_tpm,
            window: args.quota_window,
            kind: args.count.kind,
            charge: args.count.charge,
            burst: args.burst,
            default_max_tokens: args.default_max_tokens,
            is_shared: args.quota_shared,
            hints: Hints {
                retry_after: args.retry_after,
                retry_after_ms: !args.no_retry_after_ms,
                rate_headers: !args.no_rate_headers,
            },
        },
        faults: Faults {
            probabilities: args.faults.into_iter().collect::<BTreeMap<_, _>>(),
            retry_after: args.fault_retry_after,
            slow_by: args.slow_by,
            billed: parse_billed(&args.billed)?,
        },
        prices: Prices {
            input: args.price_input,
            output: args.price_output,
            cached_input: args.price_cached_input,
            cache_write: args.price_cache_write,
            reasoning: args.price_reasoning,
        },
        habits: Habits {
            cached_share: args.cached_share,
            cache_write_share: args.cache_write_share,
            reasoning_tokens: args.reasoning_tokens,
            words: args.words,
        },
        require_key: args.require_key,
        verbose_rate: args.verbose_rate,
        threads: args.threads,
        ledger_limit: args.ledger_limit,
    })
}

fn parse_tail(text: &str) -> Result<(f64, Duration), String> {
    let (share, latency) = text.split_once('=').ok_or("a tail is PROBABILITY=LATENCY")?;
    let share = share.parse().map_err(|_| format!("{share:?} is not a number"))?;
    Ok((share, parse_duration(latency).map_err(|error| error.to_string())?))
}

fn parse_words(text: &str) -> Result<(u64, u64), String> {
    let words = text.split_once(',').and_then(|(fewest, most)| Some((fewest.parse().ok()?, most.parse().ok()?)));
    words.ok_or_else(|| format!("words are MIN,MAX, not {text:?}"))
}

fn parse_billed(names: &[String]) -> Result<Option<BTreeSet<FaultKind>>, Error> {
    if names.is_empty() {
        return Ok(None);
    }
    names.iter().filter(|name| *name != "none").map(|name| name.parse()).collect::<Result<_, _>>().map(Some)
}

fn parse_fault(text: &str) -> Result<(FaultKind, f64), String> {
    let (kind, share) = text.split_once('=').ok_or("a fault is KIND=PROBABILITY")?;
    let share = share.parse().map_err(|_| format!("{share:?} is not a number"))?;
    Ok((kind.parse().map_err(|error: Error| error.to_string())?, share))
}
