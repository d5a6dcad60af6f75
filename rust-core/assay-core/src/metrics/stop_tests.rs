//! Kernels whose time grows faster than their texts ask often whether to stop, and end where they are told so.

use serde_json::{Value, json};

use super::*;

/// Some of a thousand words, 20,000 bytes in all, in lines of `line` words.
fn words(seed: u64, line: usize) -> String {
    let mut state = seed;
    let mut text = String::new();
    let mut n = 0;
    while text.len() < 20_000 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        n += 1;
        let end = if n % line == 0 { '\n' } else { ' ' };
        text.push_str(&format!("w{}{end}", (state >> 33) % 1000));
    }
    text
}

/// How often a kernel asked, with a stop that is set when it asks for the `set_at`th time.
fn asked(name: &str, options: &Value, (prediction, reference): (&str, &str), set_at: u64) -> u64 {
    let info = find(name).unwrap();
    let stop = Stop::default();
    stop.0.set_at.store(set_at, Ordering::Relaxed);
    let options = crate::options::resolve(&info.function, options.as_object().unwrap()).unwrap();
    (info.create)(&options, &stop).unwrap().score(prediction, reference);
    stop.0.asked.load(Ordering::Relaxed)
}

#[test]
fn kernels_ask_often_and_end_at_once() {
    let (one, other) = (words(1, usize::MAX), words(2, usize::MAX));
    let lines = (words(1, 9), words(2, 9));
    let halves = (words(1, 2000), words(2, 2000));
    // Each character a word.
    let letters = [&one, &other].map(|text| text.chars().map(|c| format!("{c} ")).collect::<String>());
    // The second half of the words first.
    let (first, second) = one.split_at(one.len() / 2);
    let moved = format!("{second} {first}");
    let twice = one.repeat(2);
    let pair = (one.as_str(), other.as_str());
    for (name, options, pair, at_least) in [
        ("llm_levenshtein_similarity", json!({}), pair, 50),
        ("llm_indel_similarity", json!({}), pair, 50),
        ("llm_osa_distance", json!({}), pair, 50),
        ("llm_cer", json!({}), pair, 50),
        ("llm_wer", json!({}), (letters[0].as_str(), letters[1].as_str()), 20),
        ("llm_rouge_l", json!({}), pair, 500),
        ("llm_rouge_lsum", json!({}), (lines.0.as_str(), lines.1.as_str()), 500),
        ("llm_rouge_lsum", json!({}), (halves.0.as_str(), halves.1.as_str()), 500),
        ("llm_rouge_unicode", json!({}), pair, 500),
        ("llm_ter", json!({}), (moved.as_str(), one.as_str()), 500),
        ("llm_chrf", json!({"char_order": 100}), (one.as_str(), twice.as_str()), 50),
        ("llm_bleu", json!({"max_ngram_order": 100}), (one.as_str(), twice.as_str()), 50),
    ] {
        let all = asked(name, &options, pair, 0);
        assert!(all >= at_least, "{name} asked {all} times");
        for set_at in [1, all / 2] {
            let until = asked(name, &options, pair, set_at);
            assert!(until <= set_at + 10, "{name} was told at {set_at} and asked {until} times");
        }
    }
}
