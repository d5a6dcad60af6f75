//! Metrics of pairs, and what holds for their numbers.

use assay_core::metrics::corpus::{self, CorpusInfo};
use assay_core::metrics::{METRICS, Metric, MetricInfo, Stop};
use assay_core::options::Options;

use crate::options::draw;
use crate::texts::{Random, json, like, pattern, schema, text};
use crate::{Case, Target, ensure};

/// Metrics that give no number where a reference is not what it has to be.
const WITHOUT_NUMBER: &[&str] = &["llm_regex_match", "llm_json_match", "llm_length_ratio", "llm_bleu_nltk"];

/// Metrics of which the best of several references is the least number, and those whose best is no single reference's.
const LESS_IS_BETTER: &[&str] = &["llm_wer", "llm_cer", "llm_osa_distance"];
const ALL_REFERENCES: &[&str] = &["llm_bleu", "llm_bleu_nltk", "llm_ter", "llm_length_ratio"];

/// How many pairs are scored with the same options, by the same metric.
const PAIRS: usize = 24;

pub(crate) fn targets() -> Vec<Target> {
    let metrics = METRICS.iter().map(|info| Target {
        name: info.function.name,
        run: Box::new(move |random, case| score_pairs(info, random, case)),
    });
    let corpora = corpus::CORPUS.iter().map(|info| Target {
        name: info.function.name,
        run: Box::new(move |random, case| count_pairs(info, random, case)),
    });
    metrics.chain(corpora).collect()
}

/// A prediction and its references.
fn pair(name: &str, random: &mut Random) -> (String, Vec<String>) {
    let first = |random: &mut Random| match name {
        "llm_json_match" if !random.once_in(4) => json(random, 3),
        _ => text(random),
    };
    let prediction = first(random);
    let n = if random.once_in(4) { random.below(5) } else { 1 };
    let references = (0..n).map(|_| match (name, random.below(6)) {
        ("llm_regex_match", 1..) => pattern(random),
        ("llm_json_match", 0..2) => schema(random, 2),
        ("llm_json_match", 2..4) => json(random, 3),
        (_, 0) => prediction.clone(),
        (_, 1) => first(random),
        _ => like(&prediction, random),
    });
    let references = references.collect();
    (prediction, references)
}

fn score_pairs(info: &MetricInfo, random: &mut Random, case: &mut Case) -> Result<(), String> {
    let name = info.function.name;
    let options = draw(&info.function, random);
    case.options = format!("{:?}", options.as_map());
    let create = |stop: &Stop| (info.create)(&options, stop);
    let Ok(mut metric) = create(&Stop::default()) else { return Ok(()) };
    for _ in 0..PAIRS {
        let (prediction, references) = pair(name, random);
        case.begin(&prediction, &references);
        let references: Vec<&str> = references.iter().map(String::as_str).collect();
        let score = metric.score_best(&prediction, &references);
        ensure!(score.is_some() != references.is_empty(), "{score:?} of {} references", references.len());
        let Some(score) = score else { continue };
        ensure!(
            (info.range.0..=info.range.1).contains(&score) || score.is_nan() && WITHOUT_NUMBER.contains(&name),
            "{score} is out of range"
        );
        ensure!(score.is_finite() || score.is_nan(), "{score} is not finite");
        if random.once_in(3) {
            // Nothing is left over from the texts before.
            let fresh = create(&Stop::default()).map_err(|e| e.to_string())?.score_best(&prediction, &references);
            ensure!(fresh.is_some_and(|fresh| same(fresh, score)), "{score}, and {fresh:?} in a new metric");
        }
        check_best(name, &options, &mut *metric, &prediction, &references, score)?;
        check_alone(name, &options, &mut *metric, &prediction, references[0])?;
        if random.once_in(16) {
            let stop = Stop::default();
            stop.set();
            let mut stopped = create(&stop).map_err(|e| e.to_string())?;
            stopped.score_best(&prediction, &references);
        }
    }
    Ok(())
}

fn same(a: f64, b: f64) -> bool {
    a == b || a.is_nan() && b.is_nan()
}

fn near(a: f64, b: f64) -> bool {
    same(a, b) || (a - b).abs() <= 1e-12 * a.abs().max(b.abs()).max(1.0)
}

/// What holds for the best of several references.
fn check_best(
    name: &str,
    options: &Options,
    metric: &mut dyn Metric,
    prediction: &str,
    references: &[&str],
    score: f64,
) -> Result<(), String> {
    let singles: Vec<f64> = references.iter().map(|reference| metric.score(prediction, reference)).collect();
    if let [single] = singles[..] {
        ensure!(same(single, score), "{score} of one reference in a list, {single} alone");
    }
    let by_f = name.starts_with("llm_rouge") && options.text("measure") != Some("fmeasure");
    if !by_f && !ALL_REFERENCES.contains(&name) && !singles.iter().any(|single| single.is_nan()) {
        let better = if LESS_IS_BETTER.contains(&name) { f64::min } else { f64::max };
        let best = singles.iter().copied().reduce(better);
        ensure!(best == Some(score), "{score} is not the best of {singles:?}");
    }
    if by_f {
        ensure!(singles.contains(&score), "{score} is none of {singles:?}");
    }
    if !by_f && name != "llm_length_ratio" && references.len() > 1 {
        let reversed: Vec<&str> = references.iter().rev().copied().collect();
        let other = metric.score_best(prediction, &reversed);
        ensure!(other.is_some_and(|other| same(other, score)), "{score}, and {other:?} in another order");
    }
    Ok(())
}

/// What holds for one pair: a text against itself, and both ways round.
fn check_alone(name: &str, options: &Options, metric: &mut dyn Metric, a: &str, b: &str) -> Result<(), String> {
    let (itself, ab, ba) = (metric.score(a, a), metric.score(a, b), metric.score(b, a));
    let one_or_none = itself == 0.0 || near(itself, 1.0);
    let (identity, symmetry) = match name {
        "llm_exact_match" => (itself == 1.0, ab == ba),
        "llm_contains" => (itself == 1.0, true),
        "llm_token_f1" => (one_or_none, ab == ba),
        "llm_numeric_match" => (itself == 0.0 || itself == 1.0, options.text("extract") == Some("first") || ab == ba),
        "llm_json_match" => (options.text("mode") != Some("equal") || itself.is_nan() || itself == 1.0, true),
        "llm_bleu" => (!options.flag("effective_order") || one_or_none, true),
        "llm_chrf" => (options.flag("eps_smoothing") || one_or_none, true),
        "llm_ter" => (options.flag("normalized") || itself == 0.0, true),
        "llm_rouge_lsum" => (one_or_none, true),
        "llm_rouge_unicode" if options.text("rouge_type") == Some("rougeLsum") => (one_or_none, true),
        name if name.starts_with("llm_rouge") => {
            (one_or_none, options.text("measure") != Some("fmeasure") || near(ab, ba))
        }
        "llm_meteor" => (itself <= 1.0, true),
        "llm_wer" | "llm_cer" => (itself == 0.0, (ab == 0.0) == (ba == 0.0)),
        "llm_levenshtein_similarity" | "llm_indel_similarity" => {
            (itself == 1.0, ab == ba && (ab == 1.0) == (a == b) && distances(name, ab, a, b))
        }
        "llm_jaro_winkler" => (near(itself, 1.0), a != b || ab == ba),
        "llm_osa_distance" => (itself == 0.0, ab == ba && (ab == 0.0) == (a == b) && distances(name, ab, a, b)),
        "llm_length_ratio" => (itself.is_nan() || itself == 1.0, ab.is_nan() || ba.is_nan() || near(ab * ba, 1.0)),
        _ => (true, true),
    };
    ensure!(identity, "{itself} against itself");
    ensure!(symmetry, "{ab} one way round and {ba} the other, or not what a plain matrix gives");
    Ok(())
}

/// Whether a measure of two short texts is that of the matrix in full.
fn distances(name: &str, found: f64, a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let (m, n) = (a.len(), b.len());
    if m * n > 2000 {
        return true;
    }
    let (substitution, swaps) = (if name == "llm_indel_similarity" { 2 } else { 1 }, name == "llm_osa_distance");
    let mut cells = vec![vec![0usize; n + 1]; m + 1];
    for i in 0..=m {
        for j in 0..=n {
            cells[i][j] = match (i, j) {
                (0, _) => j,
                (_, 0) => i,
                _ => {
                    let equal = a[i - 1] == b[j - 1];
                    let diagonal = cells[i - 1][j - 1] + if equal { 0 } else { substitution };
                    let mut least = diagonal.min(cells[i - 1][j] + 1).min(cells[i][j - 1] + 1);
                    if swaps && i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                        least = least.min(cells[i - 2][j - 2] + 1);
                    }
                    least
                }
            };
        }
    }
    let distance = cells[m][n] as f64;
    let most = if substitution == 2 { m + n } else { m.max(n) } as f64;
    if swaps { found == distance } else { most == 0.0 || found == 1.0 - distance / most }
}

fn count_pairs(info: &CorpusInfo, random: &mut Random, case: &mut Case) -> Result<(), String> {
    let options = draw(&info.function, random);
    case.options = format!("{:?}", options.as_map());
    let Ok(mut metric) = (info.create)(&options, &Stop::default()) else { return Ok(()) };
    // What scores one row scores a corpus of one row.
    let row_name = info.function.name.replace("corpus_", "llm_");
    let row_info = METRICS.iter().find(|row| row.function.name == row_name).ok_or("no metric of rows")?;
    let mut of_rows = (row_info.create)(&options, &Stop::default()).map_err(|e| e.to_string())?;
    let width = metric.width();
    let mut totals = vec![0.0; width];
    for _ in 0..PAIRS {
        let (prediction, references) = pair(&row_name, random);
        case.begin(&prediction, &references);
        let references: Vec<&str> = references.iter().map(String::as_str).collect();
        let mut counts = Vec::new();
        let counted = metric.counts(&prediction, &references, &mut counts);
        ensure!(counted != references.is_empty(), "counted: {counted}");
        ensure!(counts.len() == if counted { width } else { 0 }, "{} counts", counts.len());
        ensure!(counts.iter().all(|count| *count >= 0.0 && count.fract() == 0.0), "counts are {counts:?}");
        if counted {
            let (alone, row) = (metric.score(&counts), of_rows.score_best(&prediction, &references));
            ensure!(row.is_some_and(|row| near(row, alone)), "{alone} as a corpus, {row:?} as a row");
        }
        totals.iter_mut().zip(&counts).for_each(|(total, count)| *total += count);
        let score = metric.score(&totals);
        ensure!((info.range.0..=info.range.1).contains(&score) && score.is_finite(), "the corpus has {score}");
    }
    Ok(())
}
