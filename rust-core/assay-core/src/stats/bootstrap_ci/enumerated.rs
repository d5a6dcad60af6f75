//! All resamples of a small sample, with their probabilities.

use libm::{exp, lgamma, log, sqrt};

use super::distribution::Distribution;
use super::{Statistic, What};

/// Up to this number of different resamples all are looked at.
const MAX_RESAMPLES: f64 = 200_000.0;

/// The distribution over all resamples of different values with their counts; `None` where there are too many.
pub(super) fn one_sample(values: &[(f64, u64)], n: u64, what: What) -> Option<Distribution> {
    if resamples(values.len(), n as usize) > MAX_RESAMPLES {
        return None;
    }
    let evaluate = Evaluate::new(values, what);
    let mut atoms = Vec::new();
    visit(values, n as usize, |counts, probability| atoms.push((evaluate.of(counts), probability)));
    Some(Distribution::of_atoms(atoms))
}

/// The distribution of the difference of two means over all resamples of both; `None` where there are too many.
pub(super) fn differences(a: &[f64], b: &[f64]) -> Option<Distribution> {
    let (first, second) = (distinct(a), distinct(b));
    let number = resamples(first.len(), a.len()) * resamples(second.len(), b.len());
    if number > 5.0 * MAX_RESAMPLES {
        return None;
    }
    let means = |values: &[(f64, u64)], n: usize| {
        let evaluate = Evaluate::new(values, What::Statistic(Statistic::Mean));
        let mut atoms = Vec::new();
        visit(values, n, |counts, probability| atoms.push((evaluate.of(counts), probability)));
        atoms
    };
    let (first, second) = (means(&first, a.len()), means(&second, b.len()));
    let pairs = first.iter().flat_map(|a| second.iter().map(move |b| (a.0 - b.0, a.1 * b.1)));
    Some(Distribution::of_atoms(pairs.collect()))
}

pub(super) fn distinct(ordered: &[f64]) -> Vec<(f64, u64)> {
    ordered.chunk_by(|a, b| a == b).map(|run| (run[0], run.len() as u64)).collect()
}

/// How many different resamples there are of `n` values of which `k` differ.
fn resamples(k: usize, n: usize) -> f64 {
    let (k, n) = (k as f64, n as f64);
    exp(lgamma(n + k) - lgamma(n + 1.0) - lgamma(k))
}

/// Calls `f` with how often each value is in a resample, and its probability.
fn visit(values: &[(f64, u64)], n: usize, mut f: impl FnMut(&[u64], f64)) {
    let log_factorials: Vec<f64> = (0..=n).map(|k| lgamma(k as f64 + 1.0)).collect();
    let log_shares: Vec<f64> = values.iter().map(|value| log(value.1 as f64 / n as f64)).collect();
    let last = values.len() - 1;
    let mut counts = vec![0u64; values.len()];
    // The logarithm of the probability of the counts before each place, and the draws that are left for it.
    let mut logs = vec![log_factorials[n]; values.len()];
    let mut left = vec![n; values.len()];
    // The first place after which nothing is settled yet.
    let mut place = 0;
    loop {
        for next in place + 1..=last {
            let count = counts[next - 1] as usize;
            logs[next] = logs[next - 1] + count as f64 * log_shares[next - 1] - log_factorials[count];
            left[next] = left[next - 1] - count;
            counts[next] = 0;
        }
        let rest = left[last];
        counts[last] = rest as u64;
        f(&counts, exp(logs[last] + rest as f64 * log_shares[last] - log_factorials[rest]));
        // One more to the last place but one that can take it.
        let Some(more) = (0..last).rev().find(|&place| (counts[place] as usize) < left[place]) else { return };
        counts[more] += 1;
        place = more;
    }
}

/// Computes a statistic from how often each value is in a resample.
pub(super) struct Evaluate<'a> {
    values: &'a [(f64, u64)],
    what: What,
    n: f64,
    mean: f64,
}

impl<'a> Evaluate<'a> {
    /// For resamples of these values with their counts.
    pub(super) fn new(values: &'a [(f64, u64)], what: What) -> Evaluate<'a> {
        let n = values.iter().map(|value| value.1).sum::<u64>() as f64;
        let mean = crate::stats::common::sum(values.iter().map(|value| value.0 / n * value.1 as f64));
        Evaluate { values, what, n, mean }
    }

    pub(super) fn of(&self, counts: &[u64]) -> f64 {
        let deviations = || self.values.iter().zip(counts).map(|(value, &count)| (value.0 - self.mean, count as f64));
        match self.what {
            What::Statistic(Statistic::TrimmedMean(share)) => self.trimmed(counts, share),
            What::Statistic(Statistic::Std) | What::Studentized => {
                let shift = deviations().map(|(d, count)| d * count).sum::<f64>() / self.n;
                let squares: f64 = deviations().map(|(d, count)| (d - shift) * (d - shift) * count).sum();
                // What rounding leaves of a resample of one value over and over is no spread.
                let squares = if squares <= 1e-24 * self.n * shift * shift { 0.0 } else { squares };
                let std = sqrt(squares / (self.n - 1.0));
                match self.what {
                    // Its value may be the mean itself; the largest of the values is near 1 here.
                    What::Studentized if shift.abs() <= 1e-15 => 0.0,
                    What::Studentized => shift / (std / sqrt(self.n)),
                    What::Statistic(_) => std,
                }
            }
            What::Statistic(_) => self.mean + deviations().map(|(d, count)| d * count).sum::<f64>() / self.n,
        }
    }

    fn trimmed(&self, counts: &[u64], share: f64) -> f64 {
        let cut = (share * self.n) as u64;
        let end = self.n as u64 - cut;
        let (mut before, mut sum) = (0, 0.0);
        for (value, &count) in self.values.iter().zip(counts) {
            let after = before + count;
            let kept = after.min(end).saturating_sub(before.max(cut));
            sum += (value.0 - self.mean) * kept as f64;
            before = after;
        }
        self.mean + sum / (end - cut) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_resample_is_visited_once() {
        for counts in [&[1u64, 1, 1, 1][..], &[3, 1], &[2, 2, 2], &[5]] {
            let values: Vec<(f64, u64)> = counts.iter().enumerate().map(|(i, &count)| (i as f64, count)).collect();
            let n = counts.iter().sum::<u64>() as usize;
            let (mut seen, mut total) = (std::collections::HashSet::new(), 0.0);
            visit(&values, n, |counts, probability| {
                assert_eq!(counts.iter().sum::<u64>() as usize, n);
                assert!(seen.insert(counts.to_vec()));
                total += probability;
            });
            assert_eq!(seen.len() as f64, resamples(counts.len(), n).round());
            assert!((total - 1.0).abs() < 1e-12);
        }
    }
}
