//! Tests of pairs: how often they reject what is true and what is not.

use std::fmt::Write;

use assay_core::stats::Outcome;
use assay_core::stats::compare_paired::{Kind, compare_paired};
use assay_core::stats::margin::non_inferiority_counts;
use assay_core::stats::mcnemar::{McnemarMethod, PairedCounts, mcnemar_counts};
use assay_core::stats::permutation::PermutationOptions;
use assay_core::stats::rng::Stream;
use assay_core::stats::special::binom_pmf;
use assay_core::stats::{Alternative, margin};
use rayon::prelude::*;

use crate::Study;
use crate::data::{exponential, normal};
use crate::tally::{Tally, bounds};

const SIZES: [u64; 5] = [20, 50, 100, 300, 1000];
const DISCORDANCE: [f64; 5] = [0.02, 0.05, 0.1, 0.2, 0.3];

/// What McNemar's test, or whatever `of` does, gives over all tables of `n` pairs, by their probability where `discordance`
/// is the share of pairs that differ and `difference` that of the first alone less that of the second alone.
fn over_tables<T: Send>(
    n: u64,
    discordance: f64,
    difference: f64,
    of: impl Fn(&PairedCounts) -> T + Sync,
) -> Vec<(f64, T)> {
    let first = (discordance + difference) / (2.0 * discordance);
    let tables: Vec<(f64, PairedCounts)> = (0..=n)
        .flat_map(|differ| {
            let outer = binom_pmf(differ, n, discordance);
            let inner = move |b| (outer * if outer < 1e-9 { 0.0 } else { binom_pmf(b, differ, first) }, b);
            (0..=differ).map(inner).map(move |(probability, b)| {
                let counts = PairedCounts { both: n - differ, first_only: b, second_only: differ - b, neither: 0 };
                (probability, counts)
            })
        })
        .filter(|(probability, _)| *probability > 1e-9)
        .collect();
    tables.into_par_iter().map(|(probability, counts)| (probability, of(&counts))).collect()
}

fn p(outcome: &Outcome) -> f64 {
    outcome.test.as_ref().and_then(|test| test.p_value).unwrap_or(1.0)
}

/// The probability of what holds, in percent.
fn percent_of(all: &[(f64, bool)]) -> f64 {
    // A sum of nothing is -0.
    100.0 * all.iter().filter(|(_, holds)| *holds).map(|(probability, _)| probability).sum::<f64>() + 0.0
}

/// The probability of a p-value of at most 5 %.
fn rejections(n: u64, discordance: f64, difference: f64, of: impl Fn(&PairedCounts) -> Outcome + Sync) -> f64 {
    percent_of(&over_tables(n, discordance, difference, |counts| p(&of(counts)) <= 0.05))
}

/// The size of `compare_paired` for 0/1 values.
pub(crate) fn size(n: u64, discordance: f64) -> f64 {
    rejections(n, discordance, 0.0, |counts| mcnemar_counts(counts, McnemarMethod::MidP, Alternative::TwoSided, 0.95))
}

/// Size and power of McNemar's tests, and what a rule on the difference of the shares alone does.
pub(crate) fn binary(text: &mut String) -> std::fmt::Result {
    writeln!(
        text,
        "| n | pairs that differ | midp | exact | asymptotic | power of midp | interval of midp | first is ahead | MLflow, min_absolute_change 0.02 |"
    )?;
    writeln!(text, "|{}", "---|".repeat(9))?;
    let mut largest = (0.0, 0, 0.0);
    for n in SIZES {
        for discordance in DISCORDANCE {
            let mcnemar =
                |method| move |counts: &PairedCounts| mcnemar_counts(counts, method, Alternative::TwoSided, 0.95);
            let size = |method| rejections(n, discordance, 0.0, mcnemar(method));
            let midp = size(McnemarMethod::MidP);
            if midp > largest.0 {
                largest = (midp, n, discordance);
            }
            let power = rejections(n, discordance, discordance / 2.0, mcnemar(McnemarMethod::MidP));
            let mut tally = Tally::default();
            for (probability, interval) in
                over_tables(n, discordance, 0.0, |counts| bounds(&mcnemar(McnemarMethod::MidP)(counts)))
            {
                tally.add(interval, 0.0, probability);
            }
            // By at least so much, and by more than nothing.
            let ahead = |by: f64| {
                let is = |counts: &PairedCounts| {
                    (counts.first_only as f64 - counts.second_only as f64) / n as f64 >= by * (1.0 - 1e-9)
                };
                percent_of(&over_tables(n, discordance, 0.0, is))
            };
            writeln!(
                text,
                "| {n} | {discordance} | {midp:.2} | {:.2} | {:.2} | {power:.1} | {} | {:.1} | {:.1} |",
                size(McnemarMethod::Exact),
                size(McnemarMethod::Asymptotic),
                tally.cell(),
                ahead(1e-9),
                ahead(0.02)
            )?;
        }
    }
    writeln!(
        text,
        "\nThe largest size of midp is {:.2} %, at n = {} and {} that differ.",
        largest.0, largest.1, largest.2
    )
}

/// Size and power of the test of non-inferiority at a margin.
pub(crate) fn margins(text: &mut String) -> std::fmt::Result {
    writeln!(
        text,
        "| n | margin | pairs that differ | size | power without a difference | rule: not behind by the margin |"
    )?;
    writeln!(text, "|{}", "---|".repeat(6))?;
    let mut largest = (0.0, 0, 0.0, 0.0);
    for n in SIZES {
        for margin in [0.02, 0.05, 0.1] {
            for discordance in DISCORDANCE.into_iter().filter(|d| *d >= margin) {
                let of = |counts: &PairedCounts| non_inferiority_counts(counts, margin, 0.95);
                let size = rejections(n, discordance, -margin, of);
                let power = rejections(n, discordance, 0.0, of);
                if size > largest.0 {
                    largest = (size, n, margin, discordance);
                }
                let is = |counts: &PairedCounts| {
                    (counts.first_only as f64 - counts.second_only as f64) / n as f64 > -margin + 1e-12
                };
                let rule = percent_of(&over_tables(n, discordance, -margin, is));
                writeln!(text, "| {n} | {margin} | {discordance} | {size:.2} | {power:.1} | {rule:.1} |")?;
            }
        }
    }
    writeln!(
        text,
        "\nThe largest size is {:.2} %, at n = {}, margin {} and {} that differ.",
        largest.0, largest.1, largest.2, largest.3
    )
}

/// What `compare_paired` does for differences of numbers, with a true mean difference of 0 and of half a standard deviation.
pub(crate) fn numbers(study: &Study, text: &mut String) -> std::fmt::Result {
    type Draw = fn(&mut Stream) -> f64;
    let all: [(&str, Draw); 3] = [
        ("normal", normal),
        ("Laplace", |s| exponential(s) - exponential(s)),
        ("exponential less its mean, not symmetric", |s| exponential(s) - 1.0),
    ];
    writeln!(
        text,
        "| differences | n | size of compare_paired | coverage | power at a shift of 0.3 | size of non-inferiority |"
    )?;
    writeln!(text, "|{}", "---|".repeat(6))?;
    for (name, draw) in all {
        for n in [20usize, 50, 100, 300, 1000] {
            let repetitions = match n {
                // Every one of a million sign flips is looked at.
                20 => study.drawn / 10,
                50 => study.drawn,
                _ => study.repetitions,
            };
            let run = |shift: f64| {
                (0..repetitions.max(50))
                    .into_par_iter()
                    .map(|number| {
                        let mut stream = Stream::new(5, number);
                        let a: Vec<f64> = (0..n).map(|_| draw(&mut stream) + shift).collect();
                        let b = vec![0.0; n];
                        let options =
                            PermutationOptions { n_resamples: 999, seed: number, ..PermutationOptions::default() };
                        let found = compare_paired(&a, &b, Kind::Unbounded, &options, 0.95);
                        let mut tally = Tally::default();
                        tally.add(bounds(&found), shift, 1.0);
                        // At the margin itself.
                        let behind: Vec<f64> = a.iter().map(|x| x - 0.5).collect();
                        let margin = margin::non_inferiority_test(&behind, &b, Kind::Unbounded, 0.5, 0.95);
                        (tally, f64::from(p(&found) <= 0.05), f64::from(p(&margin) <= 0.05))
                    })
                    .reduce(|| (Tally::default(), 0.0, 0.0), |a, b| (a.0.plus(b.0), a.1 + b.1, a.2 + b.2))
            };
            let (null, there) = (run(0.0), run(0.3));
            let percent = |count: f64| 100.0 * count / null.0.total;
            writeln!(
                text,
                "| {name} | {n} | {:.1} | {} | {:.1} | {:.1} |",
                percent(null.1),
                null.0.cell(),
                percent(there.1),
                percent(null.2)
            )?;
        }
    }
    Ok(())
}
