//! Writes the tables of docs/coverage.md, or checks some of them quickly. Called by scripts/coverage.

mod clusters;
mod data;
mod means;
mod pairs;
mod shares;
mod tally;

use std::process::ExitCode;

/// How much is drawn.
pub(crate) struct Study {
    /// Repetitions of what is cheap.
    pub(crate) repetitions: u64,
    /// Repetitions of what resamples each.
    pub(crate) drawn: u64,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |name: &str, default: u64| {
        let at = arguments.iter().position(|argument| argument == name);
        at.and_then(|at| arguments.get(at + 1)).and_then(|value| value.parse().ok()).unwrap_or(default)
    };
    let study = Study { repetitions: number("--repetitions", 10_000), drawn: number("--drawn", 2_000) };
    if arguments.iter().any(|argument| argument == "--short") {
        return short();
    }
    match tables(&study) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

type Section<'a> = (&'static str, &'a dyn Fn(&mut String) -> std::fmt::Result);

/// Prints each table when it is done.
fn tables(study: &Study) -> std::fmt::Result {
    let sections: [Section<'_>; 6] = [
        ("One share", &shares::study),
        ("One mean", &|text| means::study(study, text)),
        ("Pairs of 0/1 values", &pairs::binary),
        ("Non-inferiority of shares", &pairs::margins),
        ("Pairs of numbers", &|text| pairs::numbers(study, text)),
        ("Clusters", &|text| clusters::study(study, text)),
    ];
    for (title, of) in sections {
        let started = std::time::Instant::now();
        let mut text = String::new();
        of(&mut text)?;
        println!("## {title}\n\n{text}");
        eprintln!("{title}: {:.0} s", started.elapsed().as_secs_f64());
    }
    Ok(())
}

/// A part of the study against bounds: what is exact, exactly, and what is drawn within 2 standard errors, which the seed decides.
fn short() -> ExitCode {
    let mut failed = 0;
    let mut check = |what: &str, found: f64, least: f64, most: f64| {
        let right = (least..=most).contains(&found);
        println!("{} {what}: {found:.2}, allowed {least:.2} to {most:.2}", if right { "ok  " } else { "FAIL" });
        failed += u64::from(!right);
    };
    for n in [20, 50, 100] {
        let intervals = shares::intervals(n, "wilson");
        let all: Vec<f64> = (1..100).map(|p| shares::coverage(&intervals, f64::from(p) / 100.0).coverage()).collect();
        check(&format!("wilson, mean, n = {n}"), all.iter().sum::<f64>() / 99.0, 94.5, 96.5);
        check(&format!("wilson, least, n = {n}"), all.iter().copied().fold(100.0, f64::min), 91.0, 100.0);
    }
    for from in data::ALL.iter().filter(|from| !from.heavy) {
        for n in [20, 100] {
            let tally = &means::coverage(from, n, &["hall"], 2000, 1)[0];
            let noise = 2.0 * tally.std_error();
            check(&format!("hall, {}, n = {n}", from.name), tally.coverage(), 93.0 - noise, 97.5 + noise);
        }
    }
    for n in [20, 100] {
        let size = pairs::size(n, 0.2);
        check(&format!("size of compare_paired, n = {n}"), size, 0.0, 5.0);
    }
    println!("{}", if failed == 0 { "all within their bounds".into() } else { format!("{failed} outside") });
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
