//! Synthetic pairs of a prediction of about ten words and a reference that shares most of them.

const WORDS: &[&str] = &[
    "the",
    "river",
    "Danube",
    "flows",
    "through",
    "ten",
    "countries",
    "and",
    "a",
    "dozen",
    "large",
    "cities,",
    "of",
    "which",
    "Vienna",
    "(in",
    "Austria)",
    "is",
    "an",
    "example.",
    "Its",
    "length",
    "2850",
    "km",
    "to",
    "delta",
];

const SCRIPTS: &[&str] = &[
    "Дунай",
    "течёт",
    "через",
    "десять",
    "стран,",
    "ποτάμι",
    "Βιέννη",
    "σας",
    "größte",
    "città",
    "école",
    "नदी",
    "दिल्ली",
    "नहर",
    "القاهرة",
    "نهر",
    "the",
    "a",
    "北京",
    "東京",
];

pub(crate) fn ascii(n: usize) -> Vec<(String, String)> {
    pairs(n, WORDS)
}

#[allow(dead_code)] // Not every program that has this module uses it.
pub(crate) fn unicode(n: usize) -> Vec<(String, String)> {
    pairs(n, SCRIPTS)
}

fn pairs(n: usize, words: &[&str]) -> Vec<(String, String)> {
    // A linear congruential generator: the same pairs in every run, without a dependency.
    let mut state = 42u64;
    let mut below = move |bound: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % bound
    };
    (0..n)
        .map(|_| {
            let prediction: Vec<&str> = (0..8 + below(5)).map(|_| words[below(words.len())]).collect();
            let mut reference = prediction.clone();
            for _ in 0..below(4) {
                let at = below(reference.len());
                reference[at] = words[below(words.len())];
            }
            (prediction.join(" "), reference.join(" "))
        })
        .collect()
}
