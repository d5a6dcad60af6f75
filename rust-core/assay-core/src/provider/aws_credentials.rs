//! What a Bedrock model's key may be: a Bedrock API key, or AWS credentials as JSON or as a shared credentials file.

use serde_json::Value;

use super::secret::Secret;
use super::sigv4::Credentials;

/// Who calls.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Identity {
    /// A Bedrock API key, sent as it is.
    ApiKey,
    /// Credentials that sign.
    Signed(Credentials),
}

impl Identity {
    /// Reads `key`: a JSON object (`AccessKeyId`, `SecretAccessKey` and, for temporary credentials, `SessionToken`, as
    /// `credential_process` programs and AWS's metadata services write it), a shared credentials file of which `profile` is
    /// taken, or else an API key. Errors say what is missing, without the text.
    pub(super) fn read(key: &Secret, profile: &str) -> Result<Identity, String> {
        let text = key.expose().trim();
        let fields: Vec<(String, String)> = if text.starts_with('{') {
            let object: serde_json::Map<String, Value> =
                serde_json::from_str(text).map_err(|_| "the AWS credentials begin as JSON and are none".to_string())?;
            object.into_iter().filter_map(|(name, value)| Some((name, value.as_str()?.to_string()))).collect()
        } else if text.lines().any(|line| line.trim_start().starts_with('[')) {
            section(text, profile).ok_or_else(|| format!("the AWS credentials have no profile [{profile}]"))?
        } else {
            return Ok(Identity::ApiKey);
        };
        let field = |names: &[&str]| {
            let found = fields.iter().find(|(name, value)| {
                let name = name.replace('_', "").to_ascii_lowercase();
                names.contains(&name.as_str()) && !value.is_empty()
            });
            found.map(|(_, value)| Secret::new(value.as_str()))
        };
        let missing = |name: &str| format!("the AWS credentials have no {name}");
        Ok(Identity::Signed(Credentials {
            access_key_id: field(&["accesskeyid", "awsaccesskeyid"]).ok_or_else(|| missing("access key id"))?,
            secret_access_key: field(&["secretaccesskey", "awssecretaccesskey"])
                .ok_or_else(|| missing("secret access key"))?,
            session_token: field(&["sessiontoken", "awssessiontoken", "token"]),
        }))
    }
}

/// The fields under `[profile]` of an INI file, or `[profile <name>]` as config files write it.
fn section(text: &str, profile: &str) -> Option<Vec<(String, String)>> {
    let mut fields = None;
    let mut inside = false;
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            let name = name.trim();
            let name = name.strip_prefix("profile ").map_or(name, str::trim);
            inside = name == profile;
            if inside {
                fields.get_or_insert_with(Vec::new);
            }
        } else if inside
            && !line.starts_with(['#', ';'])
            && let Some((name, value)) = line.split_once('=')
        {
            fields.get_or_insert_with(Vec::new).push((name.trim().to_string(), value.trim().to_string()));
        }
    }
    fields
}

/// Credentials as [`Identity::read`] reads them.
pub(super) fn to_json(access_key_id: &str, secret_access_key: &str, session_token: Option<&str>) -> Secret {
    let mut object = serde_json::json!({"AccessKeyId": access_key_id, "SecretAccessKey": secret_access_key});
    if let Some(token) = session_token {
        object["SessionToken"] = token.into();
    }
    Secret::new(object.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn signed(id: &str, secret: &str, token: Option<&str>) -> Result<Identity, String> {
        Ok(Identity::Signed(Credentials {
            access_key_id: Secret::new(id),
            secret_access_key: Secret::new(secret),
            session_token: token.map(Secret::new),
        }))
    }

    #[test]
    fn every_form() {
        let file = "# mine\n[default]\naws_access_key_id = A1\naws_secret_access_key=s=1/+\n\n[ other ]\n; none\n\
            aws_access_key_id=A2\naws_secret_access_key = s2\naws_session_token = t2\n[profile third]\nregion = x\n";
        for (key, profile, expected) in [
            ("ABSKabc", "default", Ok(Identity::ApiKey)),
            (r#"{"Version": 1, "AccessKeyId": "A", "SecretAccessKey": "s"}"#, "default", signed("A", "s", None)),
            (r#"{"AccessKeyId": "A", "SecretAccessKey": "s", "Token": "t"}"#, "x", signed("A", "s", Some("t"))),
            (
                r#"{"aws_access_key_id": "A", "aws_secret_access_key": "s", "aws_session_token": ""}"#,
                "default",
                signed("A", "s", None),
            ),
            (to_json("A\"", "s", Some("t")).expose(), "", signed("A\"", "s", Some("t"))),
            (file, "default", signed("A1", "s=1/+", None)),
            (file, "other", signed("A2", "s2", Some("t2"))),
            (file, "third", Err("the AWS credentials have no access key id".into())),
            (file, "fourth", Err("the AWS credentials have no profile [fourth]".into())),
            (r#"{"AccessKeyId": "A"}"#, "default", Err("the AWS credentials have no secret access key".into())),
            ("{sk-zz", "default", Err("the AWS credentials begin as JSON and are none".into())),
        ] {
            assert_eq!(Identity::read(&Secret::new(key), profile), expected);
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[\\[\\]{}=\" a-z\n\u{e9}]{0,60}", profile in "[a-z ]{0,3}") {
            let _ = Identity::read(&Secret::new(text), &profile);
        }
    }
}
