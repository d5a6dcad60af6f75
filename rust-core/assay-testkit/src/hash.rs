//! Stable hashes: the server's only source of chance, and the identity of a request.

use serde_json::Value;
use sha2::{Digest, Sha256};

/// A 64-bit hash that is the same on every platform and in every release. Not for adversaries.
#[derive(Clone, Copy)]
pub(crate) struct StableHash(u64);

impl StableHash {
    pub(crate) fn new(seed: u64) -> StableHash {
        StableHash(0x9e37_79b9_7f4a_7c15).number(seed)
    }

    pub(crate) fn number(self, number: u64) -> StableHash {
        let mixed = (self.0 ^ number).wrapping_mul(0xff51_afd7_ed55_8ccd);
        StableHash(mixed.rotate_left(31) ^ (mixed >> 29))
    }

    pub(crate) fn text(self, text: &str) -> StableHash {
        let mut hash = self.number(text.len() as u64);
        for chunk in text.as_bytes().chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            hash = hash.number(u64::from_le_bytes(word));
        }
        hash
    }

    /// The finalizer of splitmix64: every input bit reaches every output bit.
    pub(crate) fn finish(self) -> u64 {
        let mut z = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform on [0, 1).
    pub(crate) fn unit(self) -> f64 {
        (self.finish() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// The identity of a request: SHA-256 over `POST <path>\n` and the body as canonical JSON (keys sorted by code point, no
/// white space, UTF-8 unescaped, numbers as `serde_json` prints them).
///
/// In Python: `sha256(b"POST /v1/chat/completions\n" + json.dumps(body, sort_keys=True, separators=(",", ":"),
/// ensure_ascii=False).encode())`.
pub fn request_key(path: &str, body: &Value) -> [u8; 32] {
    let mut canonical = Vec::with_capacity(512);
    canonical.extend_from_slice(b"POST ");
    canonical.extend_from_slice(path.as_bytes());
    canonical.push(b'\n');
    write_canonical(body, &mut canonical);
    Sha256::digest(&canonical).into()
}

/// The identity of a body that is not JSON.
pub(crate) fn raw_key(path: &str, body: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update("POST ").chain_update(path).chain_update("\n").chain_update(body).finalize().into()
}

fn write_canonical(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Object(fields) => {
            let mut sorted: Vec<_> = fields.iter().collect();
            sorted.sort_unstable_by_key(|(name, _)| *name);
            out.push(b'{');
            for (i, (name, field)) in sorted.into_iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write_scalar(name, out);
                out.push(b':');
                write_canonical(field, out);
            }
            out.push(b'}');
        }
        Value::Array(items) => {
            out.push(b'[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write_canonical(item, out);
            }
            out.push(b']');
        }
        scalar => write_scalar(scalar, out),
    }
}

fn write_scalar<T: serde::Serialize + ?Sized>(scalar: &T, out: &mut Vec<u8>) {
    // Writing to a Vec cannot fail, and neither do strings, numbers, booleans and null.
    let _ = serde_json::to_writer(out, scalar);
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|b| [DIGITS[usize::from(b >> 4)], DIGITS[usize::from(b & 15)]]).map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_key_ignores_the_order_of_fields_and_nothing_else() {
        let key = |body: &str| request_key("/v1/x", &serde_json::from_str(body).unwrap());
        assert_eq!(key(r#"{"a":1,"b":[true,{"d":"é","c":null}]}"#), key(r#"{"b": [true,{"c":null,"d":"é"}], "a":1}"#));
        assert_ne!(key(r#"{"a":1}"#), key(r#"{"a":2}"#));
        assert_ne!(key(r#"{"a":" x"}"#), key(r#"{"a":"x"}"#));
        assert_ne!(request_key("/v1/x", &json!({})), request_key("/v1/y", &json!({})));
        // hashlib.sha256(b'POST /v1/x\n{"a":"\xc3\xa9\\n","b":0.2}').hexdigest()
        let expected: [u8; 32] = Sha256::digest("POST /v1/x\n{\"a\":\"é\\n\",\"b\":0.2}".as_bytes()).into();
        assert_eq!(request_key("/v1/x", &json!({"b": 0.2, "a": "é\n"})), expected);
    }

    #[test]
    fn units_are_uniform() {
        let n = 100_000;
        let mut bins = [0u32; 10];
        for i in 0..n {
            let u = StableHash::new(7).text("model").text(&format!("question {i}")).unit();
            bins[(u * 10.0) as usize] += 1;
        }
        for bin in bins {
            assert!((f64::from(bin) - 10_000.0).abs() < 5.0 * 95.0, "{bins:?}");
        }
    }
}
