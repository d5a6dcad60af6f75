use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::options::resolve;

fn extractor(options: Value) -> Result<Extractor> {
    Extractor::new(&resolve(&EXTRACT, options.as_object().unwrap())?, &Stop::default())
}

fn extract(options: Value, text: &str) -> Option<String> {
    extractor(options).unwrap().extract(text)
}

fn some(text: &str) -> Option<String> {
    Some(text.to_string())
}

#[test]
fn numbers() {
    assert_eq!(extract(json!({"method": "last_number"}), "3 of 1,024.50."), some("1024.50"));
    assert_eq!(extract(json!({"method": "first_number"}), "3 of 1,024.50."), some("3"));
    assert_eq!(extract(json!({"method": "first_number"}), "none"), None);
    assert_eq!(extract(json!({"method": "first_number", "fallback": "?"}), "none"), some("?"));
}

#[test]
fn patterns() {
    let choice = json!({"method": "regex", "pattern": r"(?i)answer is \(?([A-D])|^([A-D])\b"});
    assert_eq!(extract(choice.clone(), "The answer is (C)."), some("C"));
    assert_eq!(extract(choice, "B, I think"), some("B"));
    let pattern = json!({"method": "regex", "pattern": r"(\d)-(\d)", "occurrence": "last"});
    assert_eq!(extract(pattern, "1-2 3-4"), some("3"));
    let group = |group: i64| json!({"method": "regex", "pattern": r"(\d)-(\d)|x", "group": group});
    assert_eq!(extract(group(2), "1-2 3-4"), some("2"));
    assert_eq!(extract(group(0), "1-2 3-4"), some("1-2"));
    assert_eq!(extract(group(1), "x"), None);
}

#[test]
fn json_values() {
    let text = "Result:\n```json\n{\"a\": {\"b\": [1.0, \"two\", null, {\"c\": true}]}}\n```";
    let at = |path: &str| extract(json!({"method": "json", "path": path}), text);
    assert_eq!(at("$.a.b[1]"), some("two"));
    assert_eq!(at("/a/b/0"), some("1.0"));
    assert_eq!(at("$.a.b[3]"), some("{\"c\":true}"));
    assert_eq!(at("$.a.b[2]"), None);
    assert_eq!(at("$.z"), None);
    assert_eq!(extract(json!({"method": "json"}), "{\"b\": 1, \"a\": 2}").unwrap().len(), 13);
}

#[test]
fn markers() {
    assert_eq!(extract(json!({"method": "marker"}), "#### 1\nso\n####  72 \nbye"), some("72"));
    assert_eq!(extract(json!({"method": "marker", "marker": "Answer:"}), "Answer:"), some(""));
    assert_eq!(extract(json!({"method": "marker"}), "72"), None);
}

#[test]
fn reasoning_goes() {
    let whole = |text: &str| extract(json!({"strip_reasoning": true}), text).unwrap();
    assert_eq!(whole("<think>a</think>\n\n42 <think>b</think>!"), "42 !");
    assert_eq!(whole("a thought</think> 42"), "42");
    assert_eq!(whole("42 <think>cut o"), "42");
    assert_eq!(whole("<think>a<think>b</think>c</think>d"), "c</think>d");
    assert_eq!(extract(json!({}), " <think>a</think> "), some(" <think>a</think> "));
}

#[test]
fn gsm8k_as_lm_eval() {
    let gsm8k = |text: &str| extract(json!({"method": "gsm8k"}), text).unwrap();
    assert_eq!(gsm8k("It is $1,234.50. Sure - 5!"), "5");
    assert_eq!(gsm8k("x = -$1,234.50."), "-$1,234.50.");
    assert_eq!(gsm8k("costs 7 . , $"), "7");
    assert_eq!(gsm8k("wait..."), "...");
    assert_eq!(gsm8k("--7"), "-7");
    assert_eq!(gsm8k("none"), "[invalid]");
}

#[test]
fn options_that_do_not_fit_are_refused() {
    for bad in [
        json!({"method": "regex"}),
        json!({"method": "regex", "pattern": "("}),
        json!({"method": "regex", "pattern": "a", "group": 1}),
        json!({"method": "json", "path": "a.b"}),
        json!({"method": "marker", "marker": ""}),
        json!({"method": "json", "pattern": "a"}),
        json!({"path": "$.a"}),
    ] {
        assert_eq!(extractor(bad.clone()).unwrap_err().kind(), ErrorKind::InvalidOption, "{bad}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_text_is_taken(text in "(<think>|</think>|#### |[-$.,0-9{}\\[\\]\" ]|\\PC){0,40}") {
        for method in ["whole", "last_number", "first_number", "json", "marker", "gsm8k"] {
            extract(json!({"method": method, "strip_reasoning": true}), &text);
        }
        let rule = Regex::new(r"-?[$0-9.,]{2,}|-?[0-9]+").unwrap();
        prop_assert_eq!(flexible_extract(&text), rule.find_iter(&text).last().map(|found| found.as_str()));
    }
}
