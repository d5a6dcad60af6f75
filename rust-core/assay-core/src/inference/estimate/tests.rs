use bytes::Bytes;
use serde_json::{Value, json};

use super::text::{SAMPLE_BYTES, by_words};
use super::*;

const ENGLISH: &str = "The quick brown fox jumps over the lazy dog. It was the best of times, it was the worst of times, it \
    was the age of wisdom, it was the age of foolishness. How many municipalities does the province of Utrecht have today?";
const GERMAN: &str = "Die Würde des Menschen ist unantastbar. Sie zu achten und zu schützen ist Verpflichtung aller \
    staatlichen Gewalt. Wie viele Einwohner hatte die Stadt im Jahre 1871?";
const CHINESE: &str = "人人生而自由，在尊严和权利上一律平等。他们赋有理性和良心，并应以兄弟关系的精神相对待。";
const CODE: &str = "fn main() {\n    let total: u64 = (0..100).map(|x| x * x).sum();\n    println!(\"{total}\");\n}\n";

fn request(body: &Value) -> Prepared {
    Prepared {
        key: String::new(),
        canonical: None,
        body: Bytes::from(body.to_string()),
        headers: Arc::default(),
        wants_json: false,
        max_tokens: None,
    }
}

fn chat(text: &str) -> Prepared {
    request(
        &json!({"model": "m", "messages": [{"role": "user", "content": text}], "temperature": 0.5, "user": "nobody"}),
    )
}

fn usage(input: i64) -> Usage {
    Usage { input_tokens: Some(input), ..Usage::default() }
}

#[test]
fn a_known_tokenizer_counts_exactly() {
    // The counts are those of OpenAI's tiktoken for Python.
    for (model, text, tokens) in [
        ("gpt-4o", "tiktoken is great!", 6),
        ("gpt-4", "tiktoken is great!", 6),
        ("gpt-4o", "antidisestablishmentarianism", 6),
        ("gpt-4", "2 + 2 = 4", 7),
        ("gpt-4o", "お誕生日おめでとう", 8),
        ("gpt-4", "お誕生日おめでとう", 9),
    ] {
        let estimator = Tokens::new(model);
        assert!(estimator.load());
        // One message of a chat: its role and three around it, and three before the answer.
        assert_eq!(estimator.input(&chat(text)).tokens, tokens + 1 + 3 + 3, "{model} {text}");
    }
    assert!(!Tokens::new("llama3").load());
    for (model, vocabulary) in [
        ("gpt-4o-mini-2024-07-18", Some(Vocabulary::O200k)),
        ("openai/gpt-oss-120b", Some(Vocabulary::O200k)),
        ("ft:gpt-4o-2024-08-06:team::x", Some(Vocabulary::O200k)),
        ("text-embedding-3-small", Some(Vocabulary::Cl100k)),
        ("claude-sonnet-4-5", None),
        ("gpt2", None),
    ] {
        assert_eq!(Vocabulary::of(model), vocabulary, "{model}");
    }
}

#[test]
fn words_and_bytes_come_near_a_tokenizer() {
    let tokenizer = Vocabulary::O200k.build();
    let russian = "Все люди рождаются свободными и равными в своем достоинстве и правах.";
    for text in [ENGLISH, GERMAN, CHINESE, CODE, russian] {
        let exact = tokenizer.count_ordinary(text) as f64;
        let near = by_words(text);
        assert!((near / exact - 1.0).abs() < 0.2, "{near} for {exact}: {text}");
    }
    assert_eq!(by_words(""), 0.0);
}

#[test]
fn the_text_is_found_in_every_wire_format() {
    let estimator = Tokens::new("gpt-4o");
    estimator.load();
    let tokens = |body: Value| estimator.input(&request(&body)).tokens;
    let long = ENGLISH.repeat(4);
    let text = Vocabulary::O200k.build().count_ordinary(&long) as u64;
    let openai = tokens(json!({"model": "m", "messages": [{"role": "user", "content": long}]}));
    assert_eq!(openai, text + 7);
    let parts = json!({"messages": [{"role": "user", "content": [{"type": "text", "text": long}]}]});
    assert_eq!(tokens(parts), openai);
    let anthropic = json!({"system": long, "max_tokens": 5, "messages": [{"role": "user", "content": "Hi"}]});
    assert_eq!(tokens(anthropic), text + 1 + 7);
    let gemini = json!({"systemInstruction": {"parts": [{"text": long}]},
        "contents": [{"role": "user", "parts": [{"text": "Hi"}]}], "generationConfig": {"x": long}});
    assert_eq!(tokens(gemini), text + 1 + 7);
    let bedrock = json!({"system": [{"text": long}], "messages": [{"role": "user", "content": [{"text": "Hi"}]}]});
    assert_eq!(tokens(bedrock), text + 1 + 7);
    assert_eq!(tokens(json!({"model": "m", "input": long, "encoding_format": "float"})), text);
    let own = request(&json!({"question": long}));
    assert!(estimator.input(&own).tokens >= text, "a body of its own counts as a whole");
}

#[test]
fn an_image_is_no_text_and_never_certain() {
    let estimator = Tokens::new("gpt-4o");
    estimator.load();
    let data = format!("data:image/png;base64,{}", "A".repeat(100_000));
    let body = json!({"messages": [{"role": "user", "content": [
        {"type": "text", "text": "Hi"}, {"type": "image_url", "image_url": {"url": data}}]}]});
    let estimate = estimator.input(&request(&body));
    assert_eq!(estimate.tokens, 8 + 800);
    assert!(estimate.at_least <= 8);
}

#[test]
fn a_long_prompt_is_sampled_and_still_near() {
    let estimator = Tokens::new("gpt-4o");
    estimator.load();
    let long: String = [ENGLISH, GERMAN, CODE, CHINESE].concat().repeat(300);
    assert!(long.len() > 8 * SAMPLE_BYTES);
    let exact = Vocabulary::O200k.build().count_ordinary(&long) as f64;
    let estimate = estimator.input(&chat(&long));
    assert!((estimate.tokens as f64 / exact - 1.0).abs() < 0.1, "{} for {exact}", estimate.tokens);
    assert!((estimate.at_least as f64) < exact, "{} for {exact}", estimate.at_least);
    // Many short messages are sampled too.
    let messages: Vec<Value> =
        (0..2000).map(|_| json!({"role": "user", "content": "How are you today, my friend?"})).collect();
    let estimate = estimator.input(&request(&json!({"messages": messages})));
    assert!((estimate.tokens as f64 / (2000.0 * 12.0) - 1.0).abs() < 0.15, "{}", estimate.tokens);
}

#[test]
fn usage_corrects_the_estimate_and_outliers_do_not_spoil_it() {
    let estimator = Tokens::new("llama3");
    let before = estimator.input(&chat(ENGLISH));
    let truth = before.raw * 1.7;
    for n in 0..400 {
        let estimate = estimator.input(&chat(ENGLISH));
        // One in twenty is far off.
        let billed = if n % 20 == 19 { truth * 50.0 } else { truth };
        estimator.observe(&estimate, &usage(billed as i64));
    }
    let after = estimator.input(&chat(ENGLISH));
    assert!((1.0..1.35).contains(&(after.tokens as f64 / truth)), "{} for {truth}", after.tokens);
    assert!(after.at_least < truth as u64);
    let same = estimator.input(&chat(ENGLISH));
    estimator.observe(&same, &Usage::default());
    assert_eq!(estimator.input(&chat(ENGLISH)), same, "no usage teaches nothing");
}

#[test]
fn estimates_made_at_once_do_not_add_up_their_corrections() {
    let estimator = Tokens::new("llama3");
    let estimates: Vec<Estimate> = (0..64).map(|_| estimator.input(&chat(ENGLISH))).collect();
    let truth = (estimates[0].raw * 2.0) as i64;
    for estimate in &estimates {
        estimator.observe(estimate, &usage(truth));
    }
    let after = estimator.input(&chat(ENGLISH)).tokens as f64;
    assert!((after / truth as f64 - 1.0).abs() < 0.05, "{after} for {truth}");
}

#[test]
fn no_body_makes_it_panic() {
    let estimator = Tokens::new("gpt-4o");
    for body in ["", "{", "[]", "null", "{\"messages\": 1}", "{\"messages\": [[[{\"role\": {}}]]]}", "\u{1F600}"] {
        let prepared = Prepared {
            key: String::new(),
            canonical: None,
            body: Bytes::from(body),
            headers: Arc::default(),
            wants_json: false,
            max_tokens: None,
        };
        let estimate = estimator.input(&prepared);
        assert!(estimate.tokens >= 1 && estimate.at_least <= estimate.tokens, "{body}");
    }
}
