//! What response headers say about the provider's rate limits.

use std::time::{Duration, SystemTime};

use reqwest::header::HeaderMap;

/// The limits that a response names, all of them optional. Resets are counted from the response.
///
/// Read from `x-ratelimit-{limit,remaining,reset}-{requests,tokens}` (OpenAI, Azure, most gateways) and
/// `anthropic-ratelimit-{requests,tokens,input-tokens,output-tokens}-{limit,remaining,reset}`, and from both behind
/// `llm_provider-`, where LiteLLM passes on what the provider behind it says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RateHeaders {
    /// Requests in the provider's window, usually a minute.
    pub limit_requests: Option<u64>,
    /// Those of them that are left.
    pub remaining_requests: Option<u64>,
    /// When all of them are back.
    pub reset_requests: Option<Duration>,
    /// Tokens of any kind in the provider's window.
    pub limit_tokens: Option<u64>,
    /// Those of them that are left.
    pub remaining_tokens: Option<u64>,
    /// When all of them are back.
    pub reset_tokens: Option<Duration>,
    /// Input tokens in the provider's window.
    pub limit_input_tokens: Option<u64>,
    /// Those of them that are left.
    pub remaining_input_tokens: Option<u64>,
    /// When all of them are back.
    pub reset_input_tokens: Option<Duration>,
    /// Output tokens in the provider's window.
    pub limit_output_tokens: Option<u64>,
    /// Those of them that are left.
    pub remaining_output_tokens: Option<u64>,
    /// When all of them are back.
    pub reset_output_tokens: Option<Duration>,
}

const PASSED_ON: &str = "llm_provider-";

impl RateHeaders {
    /// What `headers` of a response that came at `now` say.
    pub fn read(headers: &HeaderMap, now: SystemTime) -> Self {
        let mut rate = RateHeaders::default();
        // What a gateway says itself stands over what it passes on.
        for passed_on in [true, false] {
            rate.take(headers, passed_on, now);
        }
        rate
    }

    fn take(&mut self, headers: &HeaderMap, passed_on: bool, now: SystemTime) {
        let rate = self;
        for (name, value) in headers {
            let name = match (name.as_str().strip_prefix(PASSED_ON), passed_on) {
                (Some(name), true) => name,
                (None, false) => name.as_str(),
                _ => continue,
            };
            let (kind, what) = if let Some(rest) = name.strip_prefix("x-ratelimit-") {
                let Some((what, kind)) = rest.split_once('-') else { continue };
                (kind, what)
            } else if let Some(rest) = name.strip_prefix("anthropic-ratelimit-") {
                let Some((kind, what)) = rest.rsplit_once('-') else { continue };
                (kind, what)
            } else {
                continue;
            };
            let (limit, remaining, reset) = match kind {
                "requests" => (&mut rate.limit_requests, &mut rate.remaining_requests, &mut rate.reset_requests),
                "tokens" => (&mut rate.limit_tokens, &mut rate.remaining_tokens, &mut rate.reset_tokens),
                "input-tokens" => {
                    (&mut rate.limit_input_tokens, &mut rate.remaining_input_tokens, &mut rate.reset_input_tokens)
                }
                "output-tokens" => {
                    (&mut rate.limit_output_tokens, &mut rate.remaining_output_tokens, &mut rate.reset_output_tokens)
                }
                _ => continue,
            };
            let Ok(text) = value.to_str() else { continue };
            match what {
                "limit" => *limit = whole(text),
                "remaining" => *remaining = whole(text),
                "reset" => *reset = reset_time(text, now),
                _ => {}
            }
        }
    }

    /// How long to wait after a 429 that names no time itself: until the reset of the limits of which nothing is left, the
    /// longest of them; else of those that do not say what is left. A limit with something left says only when all of it is
    /// back, which may be long after enough is.
    pub fn wait(&self) -> Option<Duration> {
        let limits = [
            (self.remaining_requests, self.reset_requests),
            (self.remaining_tokens, self.reset_tokens),
            (self.remaining_input_tokens, self.reset_input_tokens),
            (self.remaining_output_tokens, self.reset_output_tokens),
        ];
        let longest = |left: Option<u64>| {
            limits.iter().filter(|(remaining, _)| *remaining == left).filter_map(|(_, reset)| *reset).max()
        };
        longest(Some(0)).or_else(|| longest(None))
    }
}

/// A count. Some gateways write limits as decimals.
fn whole(text: &str) -> Option<u64> {
    let text = text.trim();
    text.parse().ok().or_else(|| text.parse::<f64>().ok().filter(|n| (0.0..9e15).contains(n)).map(|n| n as u64))
}

/// A time from now: `6m0s`, `1.5s`, `20ms`, plain seconds, a time since the epoch in seconds, or an RFC 3339 time.
fn reset_time(text: &str, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        // A year in seconds: above it stands a point in time.
        return match seconds {
            s if !(0.0..1e11).contains(&s) => None,
            s if s > 31_536_000.0 => {
                let at = SystemTime::UNIX_EPOCH + Duration::from_secs_f64(s);
                Some(at.duration_since(now).unwrap_or_default())
            }
            s => Some(Duration::from_secs_f64(s)),
        };
    }
    if let Some(at) = rfc3339(text) {
        return Some(at.duration_since(now).unwrap_or_default());
    }
    span(text)
}

/// A sum of numbers with units, as Go writes durations: `1h2m3.5s`, `250ms`, `7m12s`.
fn span(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest.get(..digits)?.parse().ok()?;
        rest = rest.get(digits..)?;
        let unit_end = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        seconds += number
            * match rest.get(..unit_end)? {
                "d" => 86_400.0,
                "h" => 3600.0,
                "m" => 60.0,
                "s" => 1.0,
                "ms" => 1e-3,
                "us" | "µs" => 1e-6,
                "ns" => 1e-9,
                _ => return None,
            };
        rest = rest.get(unit_end..)?;
    }
    (!text.is_empty() && seconds < 1e7).then(|| Duration::from_secs_f64(seconds))
}

/// `2026-07-31T10:00:07Z`, with a fraction or an offset (`+02:00`) where there is one.
fn rfc3339(text: &str) -> Option<SystemTime> {
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let zone_at = time.find(['Z', 'z', '+', '-'])?;
    let (clock, zone) = (time.get(..zone_at)?, time.get(zone_at..)?);
    let numbers =
        |text: &str, separator: char| text.split(separator).map(|n| n.parse::<i64>().ok()).collect::<Option<Vec<_>>>();
    let &[year, month, day] = numbers(date, '-')?.as_slice() else { return None };
    let (whole, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let &[hour, minute, second] = numbers(whole, ':')?.as_slice() else { return None };
    if !((1970..10_000).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day)) {
        return None;
    }
    if !((0..24).contains(&hour) && (0..60).contains(&minute) && (0..=60).contains(&second)) {
        return None;
    }
    let nanos: f64 = format!("0.{fraction}").parse::<f64>().ok()? * 1e9;
    let offset = match zone {
        "Z" | "z" => 0,
        _ => {
            let &[hours, minutes] = numbers(zone.get(1..)?, ':')?.as_slice() else { return None };
            (hours * 3600 + minutes * 60) * if zone.starts_with('-') { -1 } else { 1 }
        }
    };
    let seconds = days_since_epoch(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset;
    Some(SystemTime::UNIX_EPOCH + Duration::new(u64::try_from(seconds).ok()?, nanos as u32))
}

/// Days from 1970-01-01 in the Gregorian calendar. Years begin in March here, so that a leap day ends one.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::{HeaderName, HeaderValue};

    fn read(pairs: &[(&'static str, &'static str)]) -> RateHeaders {
        let now = httpdate::parse_http_date("Fri, 31 Jul 2026 10:00:00 GMT").unwrap();
        let header = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        RateHeaders::read(&pairs.iter().map(header).collect(), now)
    }

    #[test]
    fn headers_of_openai() {
        let rate = read(&[
            ("x-ratelimit-limit-requests", "60"),
            ("x-ratelimit-limit-tokens", "150000"),
            ("x-ratelimit-remaining-requests", "59"),
            ("x-ratelimit-remaining-tokens", "0"),
            ("x-ratelimit-reset-requests", "1s"),
            ("x-ratelimit-reset-tokens", "6m0s"),
            ("x-ratelimit-reset-tokens_usage_based", "1s"),
            ("x-request-id", "r"),
        ]);
        assert_eq!(
            rate,
            RateHeaders {
                limit_requests: Some(60),
                remaining_requests: Some(59),
                reset_requests: Some(Duration::from_secs(1)),
                limit_tokens: Some(150_000),
                remaining_tokens: Some(0),
                reset_tokens: Some(Duration::from_secs(360)),
                ..RateHeaders::default()
            }
        );
        assert_eq!(rate.wait(), Some(Duration::from_secs(360)), "the one that is used up");
    }

    #[test]
    fn headers_that_litellm_passes_on() {
        let rate = read(&[
            ("x-ratelimit-limit-requests", "60"),
            ("llm_provider-x-ratelimit-limit-requests", "500"),
            ("llm_provider-anthropic-ratelimit-input-tokens-remaining", "7"),
            ("llm_provider-x-request-id", "r"),
        ]);
        let expected =
            RateHeaders { limit_requests: Some(60), remaining_input_tokens: Some(7), ..RateHeaders::default() };
        assert_eq!(rate, expected);
    }

    #[test]
    fn headers_of_anthropic() {
        let rate = read(&[
            ("anthropic-ratelimit-requests-limit", "50"),
            ("anthropic-ratelimit-requests-remaining", "0"),
            ("anthropic-ratelimit-requests-reset", "2026-07-31T10:00:05Z"),
            ("anthropic-ratelimit-tokens-limit", "100000"),
            ("anthropic-ratelimit-input-tokens-limit", "80000"),
            ("anthropic-ratelimit-input-tokens-remaining", "100"),
            ("anthropic-ratelimit-input-tokens-reset", "2026-07-31T12:00:30+02:00"),
            ("anthropic-ratelimit-output-tokens-limit", "20000"),
            ("anthropic-ratelimit-output-tokens-reset", "2026-07-31T09:00:00Z"),
            ("anthropic-ratelimit-unified-status", "allowed"),
        ]);
        assert_eq!((rate.limit_requests, rate.limit_tokens), (Some(50), Some(100_000)));
        assert_eq!((rate.limit_input_tokens, rate.remaining_input_tokens), (Some(80_000), Some(100)));
        assert_eq!(rate.limit_output_tokens, Some(20_000));
        assert_eq!(rate.reset_requests, Some(Duration::from_secs(5)));
        assert_eq!(rate.reset_input_tokens, Some(Duration::from_secs(30)));
        assert_eq!(rate.reset_output_tokens, Some(Duration::ZERO), "a time that is past");
        assert_eq!(rate.wait(), Some(Duration::from_secs(5)), "the one that is used up");
    }

    #[test]
    fn no_limit_that_says_it_is_used_up() {
        assert_eq!(read(&[]), RateHeaders::default());
        assert_eq!(read(&[]).wait(), None);
        let rate = read(&[("x-ratelimit-reset-requests", "20ms"), ("x-ratelimit-reset-tokens", "2s")]);
        assert_eq!(rate.wait(), Some(Duration::from_secs(2)));
        let rate = read(&[("x-ratelimit-remaining-tokens", "90"), ("x-ratelimit-reset-tokens", "6m0s")]);
        assert_eq!(rate.wait(), None, "enough tokens may be back long before all are");
    }

    #[test]
    fn resets_in_all_their_forms() {
        let now = httpdate::parse_http_date("Fri, 31 Jul 2026 10:00:00 GMT").unwrap();
        for (text, millis) in [
            ("1s", Some(1000)),
            ("6m0s", Some(360_000)),
            ("20ms", Some(20)),
            ("1h2m3.5s", Some(3_723_500)),
            ("1d", Some(86_400_000)),
            ("0", Some(0)),
            ("12", Some(12_000)),
            ("0.25", Some(250)),
            ("1785492010", Some(10_000)),
            ("2026-07-31T10:00:07.250Z", Some(7_250)),
            ("2026-07-31T03:00:07-07:00", Some(7_000)),
            ("2028-02-29T00:00:00Z", Some(49_903_200_000)),
            ("2026-13-01T00:00:00Z", None),
            ("", None),
            ("-1", None),
            ("soon", None),
            ("3 parsecs", None),
            ("1e300", None),
        ] {
            assert_eq!(reset_time(text, now).map(|d| d.as_millis()), millis, "{text}");
        }
    }
}
