//! What tokens cost: the prices of a model, from its settings or from the table of the vendors' published prices.
//!
//! The table (`prices.tsv`) is made by `scripts/prices`; its head states source and date. A name is looked up as it stands,
//! then without the version at its end. A model that the table does not have has no price, never that of another one.

use std::sync::LazyLock;

use reqwest::Url;

use crate::completion::Usage;
use crate::error::{Error, ErrorKind, Result, hint};

/// US dollars for a million tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Price {
    /// Of input.
    pub input: Option<f64>,
    /// Of input that the provider had in its cache; `input` where this is unknown.
    pub cached_input: Option<f64>,
    /// Of input that the provider wrote to its cache; `input` where this is unknown.
    pub cache_write: Option<f64>,
    /// Of output.
    pub output: Option<f64>,
    /// Of reasoning, which is part of the output; `output` where this is unknown.
    pub reasoning: Option<f64>,
    /// The prices of a request with a long prompt, where they are others.
    pub long: Option<LongPrice>,
}

/// US dollars for a million tokens of a request whose input is longer than `above`: all its tokens then cost this.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LongPrice {
    /// The number of input tokens above which these prices hold.
    pub above: i64,
    /// Of input.
    pub input: f64,
    /// Of input that the provider had in its cache; `input` where this is unknown.
    pub cached_input: Option<f64>,
    /// Of input that the provider wrote to its cache; `input` where this is unknown.
    pub cache_write: Option<f64>,
    /// Of output.
    pub output: f64,
}

impl Price {
    /// Whether costs can be computed at all.
    pub fn is_known(&self) -> bool {
        self.input.is_some() && self.output.is_some()
    }

    /// The cost in US dollars; `None` where a price or a count that matters is unknown.
    ///
    /// Tokens read from and written to the provider's cache are part of the input, and reasoning is part of the output. Counts
    /// that cannot be are cut to what they are part of.
    ///
    /// ```
    /// use assay_core::{completion::Usage, provider::Price};
    /// let price = Price { input: Some(1.0), output: Some(4.0), cached_input: Some(0.5), ..Price::default() };
    /// let usage = Usage { input_tokens: Some(1000), cached_input_tokens: Some(400), output_tokens: Some(10),
    ///     ..Usage::default() };
    /// assert_eq!(price.cost(&usage), Some((600.0 * 1.0 + 400.0 * 0.5 + 10.0 * 4.0) / 1e6));
    /// ```
    pub fn cost(&self, usage: &Usage) -> Option<f64> {
        let (mut input, mut output) = (self.input?, self.output);
        let (mut cached_input, mut cache_write, mut reasoning) = (self.cached_input, self.cache_write, self.reasoning);
        let all = usage.input_tokens?.max(0);
        if let Some(long) = self.long.filter(|long| all > long.above) {
            (input, output, reasoning) = (long.input, Some(long.output), None);
            (cached_input, cache_write) = (long.cached_input, long.cache_write);
        }
        let cached = usage.cached_input_tokens.unwrap_or(0).clamp(0, all);
        let written = usage.cache_write_tokens.unwrap_or(0).clamp(0, all - cached);
        let answered = match usage.output_tokens {
            Some(tokens) => tokens.max(0),
            // An embedding has no output and no price for it.
            None if output.is_none_or(|price| price == 0.0) => 0,
            None => return None,
        };
        let output = if answered == 0 { 0.0 } else { output? };
        let reasoned = usage.reasoning_tokens.unwrap_or(0).clamp(0, answered);
        let dollars_per_million = (all - cached - written) as f64 * input
            + cached as f64 * cached_input.unwrap_or(input)
            + written as f64 * cache_write.unwrap_or(input)
            + (answered - reasoned) as f64 * output
            + reasoned as f64 * reasoning.unwrap_or(output);
        Some(dollars_per_million / 1e6)
    }

    /// The prices that `own` gives, and these where it gives none. Another price for input or output leaves no price for long
    /// prompts: the user knows of none.
    #[must_use]
    pub fn overridden(self, own: Price) -> Price {
        Price {
            input: own.input.or(self.input),
            cached_input: own.cached_input.or(self.cached_input),
            cache_write: own.cache_write.or(self.cache_write),
            output: own.output.or(self.output),
            reasoning: own.reasoning.or(self.reasoning),
            long: self.long.filter(|_| own == Price::default()),
        }
    }
}

/// US dollars as whole billionths, as counters keep them.
///
/// ```
/// assert_eq!(assay_core::provider::nanousd(0.000_001_25), 1250);
/// ```
pub fn nanousd(usd: f64) -> i64 {
    (usd * 1e9).round() as i64
}

/// What the table knows of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// Who sells it: openai, azure, anthropic, gemini or bedrock.
    pub vendor: &'static str,
    /// The name in the table.
    pub model: &'static str,
    /// The most tokens of a prompt.
    pub context_window: Option<u64>,
    /// The most tokens of an answer.
    pub max_output_tokens: Option<u64>,
    /// The prices.
    pub price: Price,
}

const SOURCE: &str = include_str!("prices.tsv");

/// The table, by vendor and model.
static TABLE: LazyLock<Vec<Listed>> =
    LazyLock::new(|| SOURCE.lines().filter(|line| !line.starts_with('#')).skip(1).filter_map(listed).collect());

fn listed(line: &'static str) -> Option<Listed> {
    let cells: Vec<&'static str> = line.split('\t').collect();
    let number = |index: usize| cells.get(index).and_then(|cell| cell.parse::<f64>().ok());
    let count = |index: usize| cells.get(index).and_then(|cell| cell.parse::<u64>().ok());
    let long = |above: u64| {
        Some(LongPrice {
            above: i64::try_from(above).ok()?,
            input: number(10)?,
            cached_input: number(11),
            cache_write: number(12),
            output: number(13)?,
        })
    };
    Some(Listed {
        vendor: cells.first()?,
        model: cells.get(1)?,
        context_window: count(2),
        max_output_tokens: count(3),
        price: Price {
            input: Some(number(4)?),
            cached_input: number(5),
            cache_write: number(6),
            output: Some(number(7)?),
            reasoning: number(8),
            long: count(9).and_then(long),
        },
    })
}

/// Where the table comes from and its date, in words.
///
/// ```
/// assert!(assay_core::provider::price_source().contains("Date: 20"));
/// ```
pub fn price_source() -> String {
    let head = SOURCE.lines().take_while(|line| line.starts_with('#')).skip(1);
    head.map(|line| line.trim_start_matches("# ")).collect::<Vec<_>>().join(" ")
}

/// The entry of `vendor` for `model`: the name as it stands, else without the version at its end.
///
/// A version is a date (`-2024-08-06`, `-20241022`, `@20250929`), a number of three or four digits (`-001`), `-latest`, or what
/// Bedrock ends its names with (`-v2:0`). Nothing else may follow, so that `gpt-4o-mini` is never taken for `gpt-4o`. A
/// fine-tuned model (`ft:gpt-4o-2024-08-06:team::id`) has the price of tuned models of its base.
///
/// ```
/// use assay_core::provider::price_of;
/// assert_eq!(price_of("openai", "gpt-4o-2029-01-31").unwrap().model, "gpt-4o");
/// assert_eq!(price_of("openai", "gpt-4o-max"), None);
/// ```
pub fn price_of(vendor: &str, model: &str) -> Option<&'static Listed> {
    let mut name = match model.strip_prefix("ft:").and_then(|tuned| tuned.split_once(':')) {
        Some((base, _)) => &model[.."ft:".len() + base.len()],
        None => model,
    };
    loop {
        if let Some(found) = exact(vendor, name) {
            return Some(found);
        }
        name = without_version(name)?;
    }
}

fn exact(vendor: &str, model: &str) -> Option<&'static Listed> {
    let found = TABLE.binary_search_by(|listed| (listed.vendor, listed.model).cmp(&(vendor, model))).ok()?;
    TABLE.get(found)
}

/// `name` without the version at its end; `None` where it ends with none.
fn without_version(name: &str) -> Option<&str> {
    let digits =
        |text: &str, lengths: &[usize]| lengths.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let (rest, last) = name.rsplit_once(['-', '@', ':'])?;
    if last == "latest" || digits(last, &[3, 8]) {
        return Some(rest);
    }
    // Bedrock's `-v2:0` and `-v1`.
    let is_version = |text: &str| text.strip_prefix('v').is_some_and(|number| digits(number, &[1, 2]));
    if is_version(last) {
        return Some(rest);
    }
    if let (true, Some((base, version))) = (digits(last, &[1, 2]), rest.rsplit_once('-'))
        && is_version(version)
        && name.as_bytes().get(rest.len()) == Some(&b':')
    {
        return Some(base);
    }
    // `-2024-08-06`, before `-0613`: the date's parts are no versions by themselves.
    if digits(last, &[2])
        && let Some((rest, month)) = rest.rsplit_once('-')
        && let Some((rest, year)) = rest.rsplit_once(['-', '@'])
        && digits(month, &[2])
        && digits(year, &[4])
    {
        return Some(rest);
    }
    digits(last, &[4]).then_some(rest)
}

/// Who answers at `endpoint`, where it is a vendor's own; `None` for a gateway and any other server.
fn vendor_at(endpoint: &str) -> Option<(&'static str, Option<String>)> {
    let url = Url::parse(endpoint).ok()?;
    let host = url.host_str()?;
    let vendor = match host {
        "api.openai.com" => "openai",
        "api.anthropic.com" => "anthropic",
        "generativelanguage.googleapis.com" => "gemini",
        _ if [".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com"]
            .iter()
            .any(|domain| host.ends_with(domain)) =>
        {
            "azure"
        }
        _ => {
            let region = host.strip_prefix("bedrock-runtime.")?.strip_suffix(".amazonaws.com")?;
            return Some(("bedrock", Some(region.to_string())));
        }
    };
    Some((vendor, None))
}

/// The vendors of the table.
const VENDORS: [&str; 5] = ["anthropic", "azure", "bedrock", "gemini", "openai"];

/// The entry that holds for a model, given its setting `price.table`.
///
/// `auto`: the vendor's prices at the vendor's own endpoint, none elsewhere: what a gateway or an own server charges is for its
/// owner to say. `true`: the prices of the vendor whose format `provider` is, wherever it is served. `false`: none.
/// `vendor/model`: this entry. Errors: [`ErrorKind::InvalidModel`] for an entry that the table does not have.
pub(super) fn listed_for(
    setting: Option<&str>,
    provider: &str,
    endpoint: &str,
    model: &str,
) -> Result<Option<&'static Listed>> {
    match setting.unwrap_or("auto") {
        "false" => Ok(None),
        "auto" => Ok(vendor_at(endpoint).and_then(|(vendor, region)| {
            // A region may have prices of its own.
            let regional = region.and_then(|region| exact(vendor, &format!("{region}/{model}")));
            regional.or_else(|| price_of(vendor, model))
        })),
        "true" => {
            let vendor = vendor_at(endpoint).map(|(vendor, _)| vendor);
            let vendor = vendor.or_else(|| VENDORS.into_iter().find(|vendor| provider.starts_with(vendor)));
            Ok(vendor.and_then(|vendor| price_of(vendor, model)))
        }
        name => {
            let found = name.split_once('/').and_then(|(vendor, model)| price_of(vendor, model));
            found.map(Some).ok_or_else(|| unknown_entry(name))
        }
    }
}

fn unknown_entry(name: &str) -> Error {
    let what = format!("takes auto, true, false or an entry of the price table as vendor/model, not '{name}'");
    let near = match name.split_once('/') {
        Some((vendor, _)) if VENDORS.contains(&vendor) => {
            let names: Vec<String> = TABLE
                .iter()
                .filter(|listed| listed.vendor == vendor)
                .map(|listed| format!("{vendor}/{}", listed.model))
                .collect();
            hint(name, names.iter().map(String::as_str))
        }
        Some((vendor, _)) => hint(vendor, VENDORS),
        None => hint(name, ["auto", "true", "false"]),
    };
    // The list of a vendor's hundreds of models would help nobody.
    let near = if near.len() > 200 { String::new() } else { near };
    Error::new(ErrorKind::InvalidModel, format!("{what}{near}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tokens(input: i64, cached: i64, written: i64, output: i64, reasoning: i64) -> Usage {
        Usage {
            input_tokens: Some(input),
            cached_input_tokens: Some(cached),
            cache_write_tokens: Some(written),
            output_tokens: Some(output),
            reasoning_tokens: Some(reasoning),
        }
    }

    #[test]
    fn every_line_of_the_table_is_read_and_sorted() {
        let lines = SOURCE.lines().filter(|line| !line.starts_with('#')).count() - 1;
        assert_eq!(TABLE.len(), lines);
        assert!(TABLE.len() > 500);
        assert!(TABLE.windows(2).all(|w| (w[0].vendor, w[0].model) < (w[1].vendor, w[1].model)));
        for listed in TABLE.iter() {
            assert!(VENDORS.contains(&listed.vendor), "{listed:?}");
            assert!(listed.price.input > Some(0.0) && listed.price.output.is_some(), "{listed:?}");
        }
        let long =
            SOURCE.lines().filter(|line| line.split('\t').nth(9).is_some_and(|cell| cell.parse::<u64>().is_ok()));
        assert_eq!(TABLE.iter().filter(|listed| listed.price.long.is_some()).count(), long.count());
    }

    #[test]
    fn published_prices() {
        // As the vendors' price pages state them.
        let price = |vendor, model| price_of(vendor, model).unwrap().price;
        let gpt_4o = price("openai", "gpt-4o");
        assert_eq!((gpt_4o.input, gpt_4o.cached_input, gpt_4o.output), (Some(2.5), Some(1.25), Some(10.0)));
        let sonnet = price("anthropic", "claude-sonnet-4-5");
        assert_eq!((sonnet.input, sonnet.cached_input), (Some(3.0), Some(0.3)));
        assert_eq!((sonnet.cache_write, sonnet.output), (Some(3.75), Some(15.0)));
        let gemini = price("gemini", "gemini-2.5-pro").long.unwrap();
        assert_eq!((gemini.above, gemini.input, gemini.output), (200_000, 2.5, 15.0));
        assert_eq!(price_of("openai", "gpt-4o").unwrap().context_window, Some(128_000));
        assert_eq!(price("openai", "text-embedding-3-small").input, Some(0.02));
    }

    #[test]
    fn names_match_as_they_stand_or_without_a_version() {
        let found = |vendor, model| price_of(vendor, model).map(|listed| listed.model);
        for (vendor, model, expected) in [
            ("openai", "gpt-4o", Some("gpt-4o")),
            ("openai", "gpt-4o-2024-05-13", Some("gpt-4o-2024-05-13")),
            ("openai", "gpt-4o-2030-12-31", Some("gpt-4o")),
            ("openai", "gpt-4o-latest", Some("gpt-4o")),
            ("openai", "gpt-4o-mini", Some("gpt-4o-mini")),
            ("openai", "gpt-4o-mini-2030-12-31", Some("gpt-4o-mini")),
            ("openai", "gpt-4o-mini-tts", None),
            ("openai", "gpt-4o-max", None),
            ("openai", "gpt-4o-5", None),
            ("openai", "gpt-4o2", None),
            ("openai", "gpt-4", Some("gpt-4")),
            ("openai", "gpt-4-32k", None),
            ("openai", "gpt", None),
            ("openai", "", None),
            ("openai", "GPT-4o", None),
            ("openai", "claude-sonnet-4-5", None),
            ("openai", "ft:gpt-4o-2024-08-06:team::x1", Some("ft:gpt-4o-2024-08-06")),
            ("openai", "ft:gpt-5-2030-01-01:team::x1", None),
            ("anthropic", "claude-sonnet-4-5-20301231", Some("claude-sonnet-4-5")),
            ("anthropic", "claude-sonnet-4-5@20301231", Some("claude-sonnet-4-5")),
            ("anthropic", "claude-sonnet-4", None),
            ("anthropic", "claude-sonnet-5-9", None),
            ("gemini", "gemini-2.5-flash-001", Some("gemini-2.5-flash")),
            ("gemini", "gemini-2.5-flash-lite", Some("gemini-2.5-flash-lite")),
            ("gemini", "gemini-2.5-flash-image", None),
            ("nobody", "gpt-4o", None),
        ] {
            assert_eq!(found(vendor, model), expected, "{vendor} {model}");
        }
        assert_eq!(without_version("anthropic.claude-x-20250101-v1:0"), Some("anthropic.claude-x-20250101"));
        assert_eq!(without_version("anthropic.claude-x-v2"), Some("anthropic.claude-x"));
        assert_eq!(without_version("llama3:8"), None);
        assert_eq!(without_version("a-08-06"), None);
    }

    #[test]
    fn a_price_holds_where_its_vendor_answers() {
        let listed = |setting: Option<&str>, provider: &str, endpoint: &str, model: &str| {
            listed_for(setting, provider, endpoint, model).unwrap().map(|l| format!("{}/{}", l.vendor, l.model))
        };
        let openai = "https://api.openai.com/v1";
        assert_eq!(listed(None, "openai", openai, "gpt-4o").as_deref(), Some("openai/gpt-4o"));
        assert_eq!(listed(Some("false"), "openai", openai, "gpt-4o"), None);
        assert_eq!(listed(None, "openai", "http://localhost:8000/v1", "gpt-4o"), None);
        assert_eq!(listed(None, "openai", "https://api.openai.com.evil.example/v1", "gpt-4o"), None);
        assert_eq!(listed(Some("true"), "openai", "http://gateway/v1", "gpt-4o").as_deref(), Some("openai/gpt-4o"));
        assert_eq!(listed(Some("true"), "mock", "", "gpt-4o"), None);
        let named = listed(Some("anthropic/claude-sonnet-4-5"), "openai", "http://gateway/v1", "x");
        assert_eq!(named.as_deref(), Some("anthropic/claude-sonnet-4-5"));
        let azure = listed(None, "openai", "https://mine.openai.azure.com/openai/deployments/d", "gpt-4o");
        assert_eq!(azure.as_deref(), Some("azure/gpt-4o"));
        let bedrock = |region: &str| {
            let endpoint = format!("https://bedrock-runtime.{region}.amazonaws.com");
            listed(None, "bedrock", &endpoint, "meta.llama3-70b-instruct-v1:0")
        };
        assert_eq!(bedrock("eu-west-2").as_deref(), Some("bedrock/eu-west-2/meta.llama3-70b-instruct-v1:0"));
        assert_eq!(bedrock("xx-nowhere-1").as_deref(), Some("bedrock/meta.llama3-70b-instruct-v1:0"));
    }

    #[test]
    fn an_unknown_entry_is_refused_with_the_nearest() {
        let says = |name| listed_for(Some(name), "openai", "", "x").unwrap_err().message().to_string();
        assert!(
            says("openai/gpt-4o-mni").ends_with("did you mean 'openai/gpt-4o-mini'?"),
            "{}",
            says("openai/gpt-4o-mni")
        );
        assert!(says("opnai/gpt-4o").ends_with("did you mean 'openai'?"));
        assert!(says("yes").contains("known: auto, false, true"), "{}", says("yes"));
    }

    #[test]
    fn each_kind_of_token_has_its_price() {
        let price = Price {
            input: Some(1.0),
            cached_input: Some(0.1),
            cache_write: Some(2.0),
            output: Some(10.0),
            reasoning: Some(20.0),
            long: Some(LongPrice { above: 1000, input: 3.0, cached_input: None, cache_write: Some(4.0), output: 30.0 }),
        };
        let dollars = |millionths: f64| Some(millionths / 1e6);
        assert_eq!(price.cost(&tokens(1000, 300, 200, 50, 20)), dollars(500.0 + 30.0 + 400.0 + 300.0 + 400.0));
        assert_eq!(price.cost(&tokens(1001, 300, 200, 50, 20)), dollars(501.0 * 3.0 + 900.0 + 800.0 + 1500.0));
        let plain = Price { input: Some(1.0), output: Some(10.0), ..Price::default() };
        assert_eq!(plain.cost(&tokens(1000, 300, 200, 50, 20)), dollars(1000.0 + 500.0));
        assert_eq!(plain.cost(&Usage { output_tokens: None, ..tokens(1, 0, 0, 0, 0) }), None);
        assert_eq!(plain.cost(&Usage { input_tokens: None, ..tokens(1, 0, 0, 0, 0) }), None);
        let embedding = Price { input: Some(1.0), output: Some(0.0), ..Price::default() };
        assert_eq!(embedding.cost(&Usage { input_tokens: Some(7), ..Usage::default() }), dollars(7.0));
        assert_eq!(Price::default().cost(&tokens(1, 0, 0, 1, 0)), None);
    }

    #[test]
    fn own_prices_stand_over_the_table() {
        let listed = price_of("gemini", "gemini-2.5-pro").unwrap().price;
        assert_eq!(listed.overridden(Price::default()), listed);
        let own = listed.overridden(Price { output: Some(7.0), ..Price::default() });
        assert_eq!((own.input, own.output, own.long), (listed.input, Some(7.0), None));
    }

    proptest! {
        #[test]
        fn a_name_never_matches_one_that_is_no_prefix_at_a_border(name in "[a-z0-9.:@-]{0,24}") {
            for vendor in VENDORS {
                if let Some(found) = price_of(vendor, &name) {
                    let rest = name.strip_prefix(found.model).unwrap();
                    prop_assert!(rest.is_empty() || rest.starts_with(['-', '@', ':']));
                }
            }
        }

        #[test]
        fn no_count_makes_a_negative_cost(
            input in any::<i32>(), cached in any::<i32>(), written in any::<i32>(), output in any::<i32>(),
            reasoning in any::<i32>(),
        ) {
            let usage = tokens(input.into(), cached.into(), written.into(), output.into(), reasoning.into());
            let price = price_of("anthropic", "claude-sonnet-4-5").unwrap().price;
            prop_assert!(price.cost(&usage).unwrap() >= 0.0);
        }
    }
}
