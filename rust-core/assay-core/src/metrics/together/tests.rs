use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::metrics::find;
use crate::options::resolve;

fn chosen(name: &str, options: &Value) -> Chosen {
    let info = find(name).unwrap();
    (info, resolve(&info.function, options.as_object().unwrap()).unwrap())
}

/// Metrics that share, in three families and then one that is none of them.
fn families() -> Vec<Vec<Chosen>> {
    let measures = ["fmeasure", "precision", "recall"];
    let latin = |stemmed: bool| {
        let names = ["llm_rouge_1", "llm_rouge_2", "llm_rouge_3", "llm_rouge_l", "llm_rouge_lsum"];
        let options = move |measure| json!({"use_stemmer": stemmed, "measure": measure});
        names.iter().flat_map(|name| measures.map(|measure| chosen(name, &options(measure)))).collect()
    };
    let types = ["rouge1", "rouge2", "rouge3", "rougeL", "rougeLsum"];
    let unicode = types.map(|kind| chosen("llm_rouge_unicode", &json!({"rouge_type": kind})));
    let squad = vec![
        chosen("llm_token_f1", &json!({})),
        chosen("llm_exact_match", &json!({"normalize": "squad"})),
        chosen("llm_token_f1", &json!({"variant": "v2.0"})),
    ];
    vec![latin(false), latin(true), unicode.into(), squad, vec![chosen("llm_exact_match", &json!({}))]]
}

#[test]
fn metrics_share_within_their_family_only() {
    let families = families();
    for (i, here) in families.iter().enumerate() {
        for (j, there) in families.iter().enumerate() {
            let expected = i == j && i < 4;
            assert!(here.iter().all(|a| there.iter().all(|b| share(a, b) == expected)), "{i} {j}");
        }
    }
    let bleu = chosen("llm_bleu", &json!({}));
    assert!(!share(&bleu, &bleu));
}

fn text() -> impl Strategy<Value = String> {
    let word = prop_oneof!["[a-c]{0,2}", "(run|runs|running|The|a|an)", "[é中ก]{1,2}", "\\PC{0,4}"];
    let separator = prop_oneof![4 => Just(" "), 1 => Just("\n"), 1 => Just(", ")];
    prop::collection::vec((word, separator), 0..12)
        .prop_map(|parts| parts.into_iter().map(|(word, separator)| word + separator).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn together_gives_the_bits_that_each_gives_alone(
        pairs in prop::collection::vec((text(), prop::collection::vec(text(), 0..4)), 1..4),
        from in 0usize..14,
    ) {
        let stop = Stop::default();
        for metrics in families() {
            // Different selections, so that no metric relies on what another has computed.
            let metrics = &metrics[from.min(metrics.len() - 1)..];
            let mut together = create(metrics, &stop).unwrap();
            let mut alone: Vec<_> =
                metrics.iter().map(|(info, options)| (info.create)(options, &stop).unwrap()).collect();
            for (prediction, references) in &pairs {
                let references: Vec<&str> = references.iter().map(String::as_str).collect();
                let mut scores = vec![Some(f64::NAN); metrics.len()];
                together.score_best(prediction, &references, &mut scores);
                let expected: Vec<_> =
                    alone.iter_mut().map(|metric| metric.score_best(prediction, &references)).collect();
                let bits = |scores: &[Option<f64>]| scores.iter().map(|s| s.map(f64::to_bits)).collect::<Vec<_>>();
                prop_assert_eq!(bits(&scores), bits(&expected), "{} of {:?}", metrics[0].0.function.name, references);
            }
        }
    }
}
