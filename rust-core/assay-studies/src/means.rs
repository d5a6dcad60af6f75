//! Intervals of one mean over values that are not 0 and 1.

use std::fmt::Write;

use assay_core::options::{Options, resolve};
use assay_core::stats::mean_ci::{INFO, mean_ci};
use assay_core::stats::rng::Stream;
use assay_core::stats::state::Sample;
use rayon::prelude::*;
use serde_json::json;

use crate::Study;
use crate::data::{ALL, Distribution};
use crate::tally::{Tally, bounds};

/// Those that draw nothing, and those that do, which get fewer repetitions.
const DIRECT: &[&str] = &["hall", "t", "bca_analytic"];
const DRAWN: &[&str] = &["percentile", "bca", "bootstrap_t"];

fn options(method: &str, number: u64) -> Options {
    let given = json!({"method": method, "n_resamples": 999, "seed": number, "kind": "unbounded"});
    let given = given.as_object().cloned().unwrap_or_default();
    resolve(&INFO, &given).unwrap_or_else(|error| unreachable!("{error:?}"))
}

/// Coverage of `methods` over `repetitions` samples of `n`.
pub(crate) fn coverage(from: &Distribution, n: usize, methods: &[&str], repetitions: u64, seed: u64) -> Vec<Tally> {
    (0..repetitions)
        .into_par_iter()
        .map(|number| {
            let mut stream = Stream::new(seed, number);
            let sample = Sample::from_values((0..n).map(|_| (from.draw)(&mut stream)).collect(), 0);
            let of = |method: &&str| {
                let mut tally = Tally::default();
                tally.add(bounds(&mean_ci(&sample, &options(method, number))), from.mean, 1.0);
                tally
            };
            methods.iter().map(of).collect::<Vec<_>>()
        })
        .reduce(|| vec![Tally::default(); methods.len()], |a, b| a.into_iter().zip(b).map(|(a, b)| a.plus(b)).collect())
}

/// The table of the study, and what of its goals fails.
pub(crate) fn study(study: &Study, text: &mut String) -> std::fmt::Result {
    writeln!(text, "| values | n | {} | {} |", DIRECT.join(" | "), DRAWN.join(" | "))?;
    writeln!(text, "|{}", "---|".repeat(2 + DIRECT.len() + DRAWN.len()))?;
    let (mut outside, mut below_bca) = (Vec::new(), Vec::new());
    for from in ALL {
        for n in [10usize, 20, 50, 100, 300, 1000] {
            let direct = coverage(from, n, DIRECT, study.repetitions, 1);
            // All resamples of 10 values are looked at, which takes long.
            let few = if n <= 10 { study.drawn / 4 } else { (study.drawn * 50 / n as u64).min(study.drawn) };
            let drawn = coverage(from, n, DRAWN, few.max(100), 1);
            let cells: Vec<String> = direct.iter().chain(&drawn).map(Tally::cell).collect();
            writeln!(text, "| {} | {n} | {} |", from.name, cells.join(" | "))?;
            let auto = &direct[0];
            if n >= 20 && !(93.0..=97.5).contains(&auto.coverage()) {
                outside.push(format!(
                    "{} at {n}: {:.1}{}",
                    from.name,
                    auto.coverage(),
                    if from.heavy { " (heavy)" } else { "" }
                ));
            }
            let bca = &drawn[1];
            let noise = 2.0 * libm::hypot(auto.std_error(), bca.std_error());
            if (auto.coverage() - 95.0).abs() > (bca.coverage() - 95.0).abs() + noise
                && auto.coverage() < bca.coverage()
            {
                below_bca.push(format!("{} at {n}: {:.1} to {:.1}", from.name, auto.coverage(), bca.coverage()));
            }
        }
    }
    let list = |found: Vec<String>| if found.is_empty() { "none".to_string() } else { found.join("; ") };
    writeln!(text, "\nOutside of 93 to 97.5 % at n >= 20, `hall`: {}.", list(outside))?;
    writeln!(text, "Below bca by more than two standard errors: {}.", list(below_bca))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distributions_have_their_means() {
        for from in ALL {
            let mut stream = Stream::new(3, 0);
            let values: Vec<f64> = (0..40_000).map(|_| (from.draw)(&mut stream)).collect();
            let mean = values.iter().sum::<f64>() / 4e4;
            let variance = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / 4e4;
            assert!((mean - from.mean).abs() < 4.5 * (variance / 4e4).sqrt(), "{}: {mean}", from.name);
        }
    }
}
