//! Signature Version 4, with which requests to AWS are signed.
//!
//! The rules are those of "Create a signed AWS API request" in the AWS IAM user guide; `tests/vectors/sigv4.jsonl` holds
//! signatures that botocore made.

use std::time::{SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit, Mac};
use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HOST, HeaderMap, HeaderName, HeaderValue};
use sha2::{Digest, Sha256};

use super::secret::Secret;

/// What signs a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Credentials {
    /// Names the secret; not itself one, but kept out of sight with it.
    pub(super) access_key_id: Secret,
    pub(super) secret_access_key: Secret,
    /// There with temporary credentials only.
    pub(super) session_token: Option<Secret>,
}

/// For what a signature holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) region: &'a str,
    pub(super) service: &'a str,
}

const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
/// Headers that proxies and HTTP libraries change on the way; AWS's own clients leave them out, too.
const UNSIGNED: &[&str] = &["authorization", "expect", "transfer-encoding", "user-agent", "x-amzn-trace-id"];

/// Puts date, token and signature on a POST of `body` to `url`. All of `headers` is signed; headers that are added later
/// are not. `None` where a credential holds characters that a header cannot hold.
pub(super) fn sign(
    credentials: &Credentials,
    scope: Scope<'_>,
    url: &Url,
    headers: &mut HeaderMap,
    body: &[u8],
    now: SystemTime,
) -> Option<()> {
    let secret = |text: &str| {
        let mut value = HeaderValue::from_str(text).ok()?;
        value.set_sensitive(true);
        Some(value)
    };
    let timestamp = timestamp(now);
    headers.insert(DATE, HeaderValue::from_str(&timestamp).ok()?);
    headers.remove(TOKEN);
    if let Some(token) = &credentials.session_token {
        headers.insert(TOKEN, secret(token.expose())?);
    }
    let (signed_headers, canonical) = canonical_request(url, headers, body)?;
    let date = timestamp.get(..8)?;
    let reach = format!("{date}/{}/{}/aws4_request", scope.region, scope.service);
    let to_sign = format!("AWS4-HMAC-SHA256\n{timestamp}\n{reach}\n{}", hex(&Sha256::digest(canonical)));
    let first = format!("AWS4{}", credentials.secret_access_key.expose());
    let mut key = hmac(first.as_bytes(), date)?;
    for part in [scope.region, scope.service, "aws4_request", &to_sign] {
        key = hmac(&key, part)?;
    }
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={}/{reach}, SignedHeaders={signed_headers}, Signature={}",
        credentials.access_key_id.expose(),
        hex(&key)
    );
    headers.insert(AUTHORIZATION, secret(&authorization)?);
    Some(())
}

/// The names of the signed headers and the canonical request.
fn canonical_request(url: &Url, headers: &HeaderMap, body: &[u8]) -> Option<(String, String)> {
    let host = match url.port() {
        Some(port) => format!("{}:{port}", url.host_str()?),
        None => url.host_str()?.to_string(),
    };
    let mut lines = vec![("host".to_string(), host)];
    for name in headers.keys().filter(|name| **name != HOST && !UNSIGNED.contains(&name.as_str())) {
        let values: Option<Vec<String>> = headers.get_all(name).iter().map(value_of).collect();
        lines.push((name.as_str().to_string(), values?.join(",")));
    }
    lines.sort_unstable();
    let names: Vec<&str> = lines.iter().map(|(name, _)| name.as_str()).collect();
    let names = names.join(";");
    let lines: String = lines.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let canonical = format!(
        "POST\n{}\n{}\n{lines}\n{names}\n{}",
        canonical_path(url.path()),
        canonical_query(url.query().unwrap_or_default()),
        hex(&Sha256::digest(body))
    );
    Some((names, canonical))
}

/// White space at the ends goes, and within it becomes one space.
fn value_of(value: &HeaderValue) -> Option<String> {
    let words: Vec<&str> = value.to_str().ok()?.split_whitespace().collect();
    Some(words.join(" "))
}

/// The path without empty segments, encoded once more: what is `%3A` in the URL is `%253A` here.
fn canonical_path(path: &str) -> String {
    let mut canonical: String =
        path.split('/').filter(|part| !part.is_empty()).map(|part| format!("/{}", uri_encode(part, b"-_.~"))).collect();
    if path.ends_with('/') {
        canonical.push('/');
    }
    canonical
}

fn canonical_query(query: &str) -> String {
    let mut pairs: Vec<(&str, &str)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .collect();
    pairs.sort_unstable();
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

/// Percent-encodes every byte of `text` but letters, digits and `safe`.
///
/// A label of an AWS path, such as a model id, takes `-._~` as safe.
pub(super) fn uri_encode(text: &str, safe: &[u8]) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || safe.contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// `None` never comes: HMAC takes keys of any length.
fn hmac(key: &[u8], text: &str) -> Option<[u8; 32]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(text.as_bytes());
    Some(mac.finalize().into_bytes().into())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `now` in UTC as `YYYYMMDDTHHMMSSZ`.
fn timestamp(now: SystemTime) -> String {
    let seconds = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Days since 0000-03-01, so that a leap day is the last of its year; 146,097 days are 400 years.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}{month:02}{day:02}T{:02}{:02}{:02}Z", second / 3600, second / 60 % 60, second % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use serde_json::Value;

    const VECTORS: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/sigv4.jsonl"));

    #[test]
    fn signatures_are_those_of_botocore() {
        let mut checked = 0;
        for line in VECTORS.lines() {
            let row: Value = serde_json::from_str(line).unwrap();
            let text = |name: &str| row[name].as_str().unwrap();
            let credentials = Credentials {
                access_key_id: Secret::new(text("access_key_id")),
                secret_access_key: Secret::new(text("secret_access_key")),
                session_token: row["session_token"].as_str().map(Secret::new),
            };
            let mut headers = HeaderMap::new();
            for (name, value) in row["headers"].as_object().unwrap() {
                let value = HeaderValue::from_str(value.as_str().unwrap()).unwrap();
                headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value);
            }
            let scope = Scope { region: text("region"), service: "bedrock" };
            let now = UNIX_EPOCH + Duration::from_secs(row["time"].as_u64().unwrap());
            let url = Url::parse(text("url")).unwrap();
            assert_eq!(url.as_str(), text("url"));
            sign(&credentials, scope, &url, &mut headers, text("body").as_bytes(), now).unwrap();
            assert_eq!(headers["authorization"], text("authorization"), "{}", text("id"));
            assert_eq!(headers["x-amz-date"], text("x_amz_date"), "{}", text("id"));
            checked += 1;
        }
        assert!(checked >= 50, "{checked}");
    }

    #[test]
    fn dates() {
        for (seconds, text) in [
            (0, "19700101T000000Z"),
            (951_782_399, "20000228T235959Z"),
            (951_782_400, "20000229T000000Z"),
            (4_107_542_399, "21000228T235959Z"),
            (4_107_542_400, "21000301T000000Z"),
            (1_795_533_862, "20261124T152422Z"),
        ] {
            assert_eq!(timestamp(UNIX_EPOCH + Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn signing_again_replaces_what_was_signed() {
        let credentials = |token: Option<&str>| Credentials {
            access_key_id: Secret::new("AKIDEXAMPLE"),
            secret_access_key: Secret::new("secret"),
            session_token: token.map(Secret::new),
        };
        let scope = Scope { region: "eu-west-1", service: "bedrock" };
        let url = Url::parse("https://bedrock-runtime.eu-west-1.amazonaws.com/model/a/converse").unwrap();
        let signed = |token: Option<&str>, headers: &mut HeaderMap| {
            sign(&credentials(token), scope, &url, headers, b"{}", UNIX_EPOCH).unwrap();
            headers[AUTHORIZATION].to_str().unwrap().to_string()
        };
        let mut twice = HeaderMap::new();
        signed(Some("token"), &mut twice);
        assert_eq!(signed(None, &mut twice), signed(None, &mut HeaderMap::new()));
        assert!(!twice.contains_key(TOKEN) && twice[AUTHORIZATION].is_sensitive());
    }
}
