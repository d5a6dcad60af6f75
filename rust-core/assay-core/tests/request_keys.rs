//! A key stands for one request: another request has another, and the same has the same however it is written.

#![allow(clippy::unwrap_used, clippy::panic)]

use assay_core::inference::Requests;
use assay_core::message::{Message, Role};
use assay_core::provider::Model;
use assay_core::spec::{CallKind, ModelConf};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// All that a user may say of a request.
#[derive(Debug, Clone, PartialEq)]
struct Asked {
    provider: &'static str,
    host: u8,
    model: String,
    header: Option<String>,
    messages: Vec<(bool, String)>,
    options: Vec<(&'static str, Value)>,
}

impl Asked {
    fn key(&self, reversed: bool) -> String {
        let mut conf = vec![
            ("provider".to_string(), self.provider.to_string()),
            ("endpoint".to_string(), format!("http://host-{}/v1", self.host)),
            ("model".to_string(), self.model.clone()),
            ("apiKeySecret".to_string(), "k".to_string()),
        ];
        conf.extend(self.header.iter().map(|value| ("headers.x-team".to_string(), value.clone())));
        let model = Model::from_conf(&ModelConf { name: "m".into(), conf: conf.into_iter().collect() }).unwrap();
        let mut options = self.options.clone();
        if reversed {
            options.reverse();
        }
        let options: Map<String, Value> = options.into_iter().map(|(name, value)| (name.to_string(), value)).collect();
        let role = |user: bool| if user { Role::User } else { Role::Assistant };
        let messages: Vec<Message<'_>> =
            self.messages.iter().map(|(user, text)| Message::text(role(*user), text)).collect();
        Requests::new(&model, CallKind::Complete, &options).unwrap().key(&messages).unwrap()
    }
}

fn option() -> impl Strategy<Value = (&'static str, Value)> {
    prop_oneof![
        (0..=20u8).prop_map(|n| ("temperature", json!(f64::from(n) / 10.0))),
        (1..=10u8).prop_map(|n| ("top_p", json!(f64::from(n) / 10.0))),
        (1..1000i64).prop_map(|n| ("max_tokens", json!(n))),
        any::<i32>().prop_map(|n| ("seed", json!(n))),
        (0..100i64).prop_map(|n| ("repeat", json!(n))),
        "[a-z]{1,8}".prop_map(|text| ("system", json!(text))),
        proptest::collection::vec("[A-Z]{1,4}", 1..3).prop_map(|texts| ("stop", json!(texts))),
        "[a-z]{1,8}".prop_map(|text| ("extra_body", json!({ "user": text, "list": [1, 2.5] }))),
        "[a-z]{1,8}".prop_map(|text| ("extra_headers", json!({ "x-run": text }))),
    ]
}

prop_compose! {
    fn asked()(
        provider in proptest::sample::select(&["openai", "openai_responses"][..]),
        host in 0..3u8,
        model in "[a-z]{1,6}",
        header in proptest::option::of("[a-z]{1,6}"),
        messages in proptest::collection::vec((any::<bool>(), ".{0,12}"), 1..4),
        options in proptest::collection::vec(option(), 0..6),
    ) -> Asked {
        let mut options = options;
        options.sort_by_key(|(name, _)| *name);
        options.dedup_by_key(|(name, _)| *name);
        // The responses API has neither.
        options.retain(|(name, _)| provider == "openai" || !["stop", "seed"].contains(name));
        Asked { provider, host, model, header, messages, options }
    }
}

/// Changes exactly one thing: the `which`-th of those that there are.
fn changed(asked: &Asked, which: usize) -> Asked {
    let mut other = asked.clone();
    let fields = 5 + asked.options.len();
    match which % fields {
        0 => other.host += 1,
        1 => other.model.push('x'),
        2 => other.header = Some(asked.header.clone().unwrap_or_default() + "x"),
        3 => other.messages[which / fields % asked.messages.len()].1.push(' '),
        4 => other.messages.push((true, String::new())),
        n => {
            let (name, value) = &mut other.options[n - 5];
            *value = match (*name, &*value) {
                ("temperature", value) => json!(2.0 - value.as_f64().unwrap() + 0.01 * f64::from(value == &json!(1.0))),
                ("top_p", value) => json!(value.as_f64().unwrap() / 2.0),
                (_, Value::Number(number)) => json!(number.as_i64().unwrap() + 1),
                (_, Value::String(text)) => json!(text.clone() + "x"),
                (_, Value::Array(texts)) => json!([texts.as_slice(), &[json!("MORE")]].concat()),
                (_, Value::Object(map)) => {
                    let mut map = map.clone();
                    map.iter_mut().filter(|(_, v)| v.is_string()).for_each(|(_, v)| *v = json!("changed-to-this"));
                    Value::Object(map)
                }
                (name, value) => panic!("{name}: {value}"),
            };
        }
    }
    other
}

proptest! {
    #[test]
    fn changing_one_thing_changes_the_key(asked in asked(), which in any::<u16>()) {
        let other = changed(&asked, usize::from(which));
        prop_assert_ne!(&asked, &other);
        prop_assert_ne!(asked.key(false), other.key(false), "{:?}", other);
    }

    #[test]
    fn changing_nothing_changes_nothing(asked in asked()) {
        prop_assert_eq!(asked.key(false), asked.key(true));
        prop_assert_eq!(asked.key(false), asked.clone().key(false));
    }

    #[test]
    fn two_requests_with_one_key_are_one(a in asked(), b in asked()) {
        // What is not given has its default: repetition 0.
        let normal = |asked: &Asked| {
            let mut asked = asked.clone();
            asked.options.retain(|(name, value)| !(*name == "repeat" && *value == json!(0)));
            asked
        };
        prop_assert_eq!(a.key(false) == b.key(false), normal(&a) == normal(&b));
    }
}
