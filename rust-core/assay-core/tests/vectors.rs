//! Reference values of other libraries: the project's own vectors, and a larger set where it is at hand.
//!
//! The larger set is looked for in `$ASSAY_SHARED/vectors`, else in `shared/vectors` beside the repository.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use arrow::array::cast::AsArray;
use arrow::array::types::Float64Type;
use arrow::array::{Array, ArrayRef, ListBuilder, StringArray, StringBuilder};
use arrow::record_batch::RecordBatch;
use assay_core::exec::ipc::{read_batch, write_batch};
use assay_core::exec::{EvalSession, corpus};
use assay_core::spec::{EvalSpec, FunctionSpec, SPEC_VERSION};
use assay_core::stats::moments::Moments;
use assay_core::stats::state::{Sample, encode_values};
use assay_core::stats::{self, Outcome, special};
use serde::Deserialize;
use serde_json::{Map, Value, json};

fn own() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors")
}

fn shared() -> Option<PathBuf> {
    let folder = match std::env::var_os("ASSAY_SHARED") {
        Some(folder) => PathBuf::from(folder).join("vectors"),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors"),
    };
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: shared vectors not present");
    None
}

/// The rows of a file of JSON lines, or of one JSON array.
fn rows(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    if text.trim_start().starts_with('[') {
        return serde_json::from_str(&text).unwrap();
    }
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A number; NaN and infinities are strings.
fn number(value: &Value) -> f64 {
    match value {
        Value::String(text) => text.replace("Infinity", "inf").parse().unwrap(),
        other => other.as_f64().unwrap_or(f64::NAN),
    }
}

/// Collects what is wrong, so that one run shows all of it.
#[derive(Default)]
struct Report {
    checked: usize,
    wrong: Vec<String>,
}

impl Report {
    fn check(&mut self, right: bool, what: impl FnOnce() -> String) {
        self.checked += 1;
        if !right {
            self.wrong.push(what());
        }
    }

    fn finish(self, what: &str, at_least: usize) {
        println!("{what}: {} checks", self.checked);
        assert!(self.wrong.is_empty(), "{} of {} wrong:\n{}", self.wrong.len(), self.checked, self.wrong.join("\n"));
        assert!(self.checked >= at_least, "{what}: only {} checks", self.checked);
    }
}

// --- lexical ---------------------------------------------------------------------------------------------------------

/// How a metric of the vectors is called here; `functions.json` says so for Rust and for SQL.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// Functions with their fixed options. Each but the first takes what the one before gives for its prediction.
    functions: Vec<(String, Map<String, Value>)>,
    /// Parameters that are options of the last function.
    #[serde(default)]
    options: Vec<String>,
    /// Where the expected number stands; several are given by the option `measure`.
    #[serde(default = "score_alone")]
    expected: Vec<String>,
    /// What our number is multiplied by.
    #[serde(default = "one")]
    scale: f64,
}

fn score_alone() -> Vec<String> {
    vec!["score".into()]
}

fn one() -> f64 {
    1.0
}

static CASES: LazyLock<BTreeMap<String, Case>> =
    LazyLock::new(|| serde_json::from_str(&fs::read_to_string(own().join("functions.json")).unwrap()).unwrap());

fn case_of(row: &Value) -> &'static Case {
    let metric = row["metric"].as_str().unwrap();
    CASES.get(metric).unwrap_or_else(|| panic!("no function for the vectors of {metric}"))
}

fn options_of(case: &Case, row: &Value) -> Map<String, Value> {
    case.options.iter().filter_map(|o| Some((o.clone(), row["params"].get(o)?.clone()))).collect()
}

fn lists(rows: &[&Value]) -> ArrayRef {
    let mut references = ListBuilder::new(StringBuilder::new());
    for row in rows {
        references.append_value(row.as_array().unwrap().iter().map(Value::as_str));
    }
    Arc::new(references.finish())
}

fn session(columns: usize, functions: Vec<FunctionSpec>) -> EvalSession {
    EvalSession::open(&EvalSpec { version: SPEC_VERSION, columns, functions }).unwrap()
}

fn function(name: &str, args: &[usize], options: Map<String, Value>) -> FunctionSpec {
    let (constant, model) = (None, None);
    FunctionSpec { name: name.into(), args: args.to_vec(), options, constant, model, per_row: BTreeMap::new() }
}

fn evaluate(session: &EvalSession, predictions: StringArray, references: ArrayRef) -> RecordBatch {
    let columns: [(_, ArrayRef); 2] = [("p", Arc::new(predictions)), ("r", references)];
    let input = write_batch(&RecordBatch::try_from_iter(columns).unwrap()).unwrap();
    read_batch(&session.eval(&input).unwrap()).unwrap()
}

/// The scores of rows of one metric, with the same options. The functions of a case follow one another.
fn score(case: &Case, options: &Map<String, Value>, rows: &[&Value]) -> Vec<Option<f64>> {
    let last = case.functions.len() - 1;
    let functions = case.functions.iter().enumerate().map(|(i, (name, fixed))| {
        let mut given = fixed.clone();
        let before = if i == 0 { 0 } else { 1 + i };
        if i < last {
            return function(name, &[before], given);
        }
        given.extend(options.clone());
        function(name, &[before, 1], given)
    });
    let session = session(2, functions.collect());
    let references: Vec<&Value> = rows.iter().map(|row| &row["references"]).collect();
    let predictions = rows.iter().map(|row| row["prediction"].as_str()).collect();
    let output = evaluate(&session, predictions, lists(&references));
    output.column(last).as_primitive::<Float64Type>().iter().map(|x| x.map(|x| x * case.scale)).collect()
}

/// The score of a corpus by its aggregate.
fn corpus_score(name: &str, options: &Map<String, Value>, row: &Value) -> f64 {
    let counting =
        FunctionSpec { constant: Some(name.into()), ..function("assay_corpus_counts", &[0, 1], options.clone()) };
    let predictions = row["prediction"].as_array().unwrap().iter().map(Value::as_str).collect();
    let references: Vec<&Value> = row["references"].as_array().unwrap().iter().collect();
    let output = evaluate(&session(2, vec![counting]), predictions, lists(&references));
    let counts = output.column(0).as_binary::<i32>();
    let mut state = vec![1];
    state.extend((counts.null_count() as u64).to_le_bytes());
    state.extend(((counts.len() - counts.null_count()) as u64).to_le_bytes());
    counts.iter().flatten().for_each(|row| state.extend(row));
    let outcome = corpus::finish(name, options, &state).unwrap();
    assert!(outcome.lower.is_none() || outcome.lower <= outcome.upper, "{name}: {outcome:?}");
    outcome.estimate.unwrap()
}

fn close(found: f64, expected: f64) -> bool {
    (found - expected).abs() <= 1e-9 + 1e-9 * expected.abs()
}

fn lexical(file: &Path, at_least: usize) {
    let rows = rows(file);
    let mut report = Report::default();
    let mut groups: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for row in &rows {
        let case = case_of(row);
        if row["prediction"].is_array() {
            let found = corpus_score(&case.functions[0].0, &options_of(case, row), row) * case.scale;
            let expected = number(&row["expected"][&case.expected[0]]);
            report.check(close(found, expected), || format!("{}: {found}, expected {expected}", row["id"]));
        } else {
            groups.entry(format!("{} {:?}", row["metric"], options_of(case, row))).or_default().push(row);
        }
    }
    for group in groups.values() {
        let case = case_of(group[0]);
        for measure in &case.expected {
            let mut options = options_of(case, group[0]);
            if case.expected.len() > 1 {
                options.insert("measure".into(), json!(measure));
            }
            for (row, found) in group.iter().zip(score(case, &options, group)) {
                let right = if row["class"] == "policy" {
                    // A NULL on either side, or no reference, gives NULL.
                    found.is_none()
                } else {
                    let stated = &row["expected"];
                    let expected = number(stated.get(measure).unwrap_or(&stated["score"]));
                    found.map_or(expected.is_nan(), |found| close(found, expected))
                };
                report.check(right, || format!("{} {measure}: {found:?}, expected {}", row["id"], row["expected"]));
            }
        }
    }
    report.finish(&format!("{}", file.display()), at_least);
}

#[test]
fn own_lexical_vectors() {
    for (file, at_least) in
        [("lexical.jsonl", 250), ("mt.jsonl", 250), ("nltk.jsonl", 200), ("rouge.jsonl", 650), ("edit.jsonl", 590)]
    {
        lexical(&own().join(file), at_least);
    }
}

#[test]
fn shared_lexical_vectors() {
    if let Some(folder) = shared() {
        lexical(&folder.join("lexical_public.jsonl"), 900);
    }
}

// --- statistics ------------------------------------------------------------------------------------------------------

/// The values of a row, which may lie in a file.
fn values(row: &Value, folder: &Path) -> Option<Vec<f64>> {
    match &row["inputs"]["x"] {
        Value::Array(items) => Some(items.iter().map(number).collect()),
        Value::Object(file) => {
            let text = fs::read_to_string(folder.join(file["csv"].as_str()?)).unwrap();
            Some(text.lines().filter_map(|line| line.trim().parse().ok()).collect())
        }
        _ => None,
    }
}

fn mean_ci(values: &[f64], options: Value) -> Outcome {
    stats::finish("mean_ci", options.as_object().unwrap(), &encode_values(values, 0)).unwrap()
}

fn within(found: f64, expected: f64, row: &Value) -> bool {
    let tolerance = &row["tolerance"];
    found == expected
        || (found - expected).abs() <= number(&tolerance["abs"]) + number(&tolerance["rel"]) * expected.abs()
}

fn mean_row(row: &Value, folder: &Path, report: &mut Report) {
    let x = values(row, folder).unwrap();
    let outcome = mean_ci(&x, json!({"method": row["params"]["method"], "level": row["params"]["confidence"]}));
    if row["class"] == "degenerate" {
        report.check(outcome.lower.is_none() && outcome.reason.is_some(), || format!("{}: {outcome:?}", row["id"]));
        return;
    }
    for (name, found) in
        [("mean", outcome.estimate), ("se", outcome.std_error), ("low", outcome.lower), ("high", outcome.upper)]
    {
        let expected = number(&row["expected"][name]);
        let right = found.is_some_and(|found| within(found, expected, row));
        report.check(right, || format!("{} {name}: {found:?}, expected {expected}", row["id"]));
    }
}

fn wilson_row(row: &Value, report: &mut Report) {
    let (successes, n) = (row["inputs"]["successes"].as_u64().unwrap(), row["inputs"]["n"].as_u64().unwrap());
    let state = stats::state::encode_counts(&[(1.0, successes), (0.0, n - successes)], 0);
    let options = json!({"method": "wilson", "level": row["params"]["confidence"]});
    let outcome = stats::finish("mean_ci", options.as_object().unwrap(), &state).unwrap();
    for (name, found) in [("estimate", outcome.estimate), ("low", outcome.lower), ("high", outcome.upper)] {
        let expected = number(&row["expected"][name]);
        let right = found.map_or(expected.is_nan(), |found| within(found, expected, row));
        report.check(right, || format!("{} {name}: {found:?}, expected {expected}", row["id"]));
    }
}

/// The rule for values that were drawn, as the vectors' README gives it.
fn bootstrap_row(row: &Value, folder: &Path, report: &mut Report) {
    let x = values(row, folder).unwrap();
    let (method, level) = (&row["params"]["method"], &row["params"]["confidence"]);
    let resamples = 9999;
    let outcome = mean_ci(&x, json!({"method": method, "level": level, "n_resamples": resamples, "seed": 1}));
    if row["class"] == "degenerate" {
        report.check(outcome.lower.is_none() && outcome.reason.is_some(), || format!("{}: {outcome:?}", row["id"]));
        return;
    }
    let (expected, tolerance) = (&row["expected"], &row["tolerance"]);
    let two_values = x.iter().all(|v| *v == x[0] || *v == *x.iter().find(|w| **w != x[0]).unwrap());
    for (end, (side, found)) in [("low", outcome.lower), ("high", outcome.upper)].into_iter().enumerate() {
        let found = found.unwrap_or(f64::NAN);
        let wanted = number(&expected[side]);
        let range = &expected[format!("range_{side}_B99999")];
        let in_range = (number(&range[0]) - 1e-9..=number(&range[1]) + 1e-9).contains(&found);
        let on_jump = expected["endpoint_on_cdf_jump"][end] == true;
        let atom = tolerance["atom"].as_f64();
        let ratio = number(&tolerance["B"]) / f64::from(resamples) + 1.0 / number(&tolerance["K"]);
        let drawn = 5.0 * number(&tolerance[format!("sd_{side}")]) * ratio.sqrt() + 1e-9 * wanted.abs().max(1.0);
        let right = if two_values {
            // Computed, not drawn: the limit itself, unless the limit is where the distribution jumps.
            let exact = number(&expected[format!("exact_{side}")]);
            (found - exact).abs() < 1e-9 || (on_jump && in_range)
        } else {
            (found - wanted).abs() <= drawn
                || atom.is_some_and(|atom| (found - wanted).abs() <= atom * (1.0 + 1e-9))
                || (atom.is_some() && on_jump && in_range)
        };
        report.check(right, || format!("{} {side}: {found}, expected {wanted} ({x:.60?})", row["id"]));
    }
    let (se, wanted) = (outcome.std_error.unwrap(), number(&expected["bootstrap_se"]));
    report.check((se / wanted - 1.0).abs() < 0.05, || format!("{} se: {se}, expected {wanted}", row["id"]));
}

fn acceleration_row(row: &Value, folder: &Path, report: &mut Report) {
    let x = values(row, folder).unwrap();
    let found = Moments::new(&Sample::from_values(x, 0)).unwrap().acceleration();
    let expected = number(&row["expected"]["acceleration"]);
    report.check(within(found, expected, row), || format!("{}: {found}, expected {expected}", row["id"]));
}

fn special_row(row: &Value, report: &mut Report) -> bool {
    let input = |name: &str| number(&row["inputs"][name]);
    let found = match row["function"].as_str().unwrap() {
        "norm_ppf" => special::norm_ppf(input("p")),
        "norm_cdf" => special::norm_cdf(input("x")),
        "t_ppf" => special::t_ppf(input("p"), input("df")),
        "t_two_sided_p" => special::t_two_sided_p(input("t"), input("df")),
        "beta_cdf" => special::beta_cdf(input("x"), input("a"), input("b")),
        "binom_cdf" => special::binom_cdf(input("k") as u64, input("n") as u64, input("p")),
        _ => return false,
    };
    let expected = number(&row["expected"]["value"]);
    report.check(within(found, expected, row), || format!("{}: {found}, expected {expected}", row["id"]));
    true
}

fn statistics(file: &Path, at_least: usize) {
    let folder = file.parent().unwrap();
    let mut report = Report::default();
    for row in rows(file) {
        if special_row(&row, &mut report) {
            continue;
        }
        let statistic = row["params"]["statistic"].as_str();
        match (row["function"].as_str().unwrap(), row["params"]["method"].as_str()) {
            ("mean_ci", Some("t" | "normal")) => mean_row(&row, folder, &mut report),
            ("proportion_ci", Some("wilson")) => wilson_row(&row, &mut report),
            ("bootstrap_ci", Some("percentile" | "bca")) if statistic == Some("mean") => {
                bootstrap_row(&row, folder, &mut report);
            }
            ("bca_acceleration", _) if statistic == Some("mean") && row["class"] == "strict" => {
                acceleration_row(&row, folder, &mut report);
            }
            _ => {}
        }
    }
    report.finish(&format!("{}", file.display()), at_least);
}

#[test]
fn own_statistics_vectors() {
    statistics(&own().join("stats/basic.jsonl"), 250);
}

#[test]
fn shared_statistics_vectors() {
    if let Some(folder) = shared() {
        statistics(&folder.join("stats_public.json"), 700);
    }
}
