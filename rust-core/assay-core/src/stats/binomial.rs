//! Random binomial numbers, and quantiles of the binomial distribution.

use libm::{exp, floor, log, log1p, sqrt};

use super::rng::Stream;
use super::special::{binom_cdf, stirling_error};

/// How many of `n` trials succeed, each with probability `p`.
///
/// By inversion where fewer than ten successes are expected, else by rejection: W. Hörmann, "The generation of
/// binomial random variates" (1993), algorithm BTRS.
pub fn sample(stream: &mut Stream, n: u64, p: f64) -> u64 {
    if n == 0 || p <= 0.0 {
        return 0;
    }
    if p >= 1.0 {
        return n;
    }
    if p > 0.5 {
        return n - sample(stream, n, 1.0 - p);
    }
    if n as f64 * p < 10.0 { by_inversion(stream, n, p) } else { by_rejection(stream, n as f64, p) }
}

fn by_inversion(stream: &mut Stream, n: u64, p: f64) -> u64 {
    let odds = p / (1.0 - p);
    let nothing = exp(n as f64 * log1p(-p));
    // Beyond this, rounding has eaten what is left of the probability; draw again.
    let limit = n.min(110);
    loop {
        let mut u = stream.next_f64();
        let mut probability = nothing;
        for k in 0..=limit {
            if u < probability {
                return k;
            }
            u -= probability;
            probability *= (n - k) as f64 / (k + 1) as f64 * odds;
        }
    }
}

fn by_rejection(stream: &mut Stream, n: f64, p: f64) -> u64 {
    let q = 1.0 - p;
    let spread = sqrt(n * p * q);
    let b = 1.15 + 2.53 * spread;
    let a = -0.0873 + 0.0248 * b + 0.01 * p;
    let center = n * p + 0.5;
    let inner = 0.92 - 4.2 / b;
    loop {
        let u = stream.next_f64() - 0.5;
        let v = stream.next_f64();
        let us = 0.5 - u.abs();
        let k = floor((2.0 * a / us + b) * u + center);
        if us >= 0.07 && v <= inner {
            return k as u64;
        }
        if k < 0.0 || k > n {
            continue;
        }
        let alpha = (2.83 + 5.1 / b) * spread;
        let mode = floor((n + 1.0) * p);
        let odds = p / q;
        let bound = (mode + 0.5) * log((mode + 1.0) / (odds * (n - mode + 1.0)))
            + (n + 1.0) * log((n - mode + 1.0) / (n - k + 1.0))
            + (k + 0.5) * log(odds * (n - k + 1.0) / (k + 1.0))
            + tail(mode)
            + tail(n - mode)
            - tail(k)
            - tail(n - k);
        if log(v * alpha / (a / (us * us) + b)) <= bound {
            return k as u64;
        }
    }
}

/// log(k!) less (k + 1/2) log(k + 1) - (k + 1) + log(2 pi) / 2, the form of Stirling's formula that BTRS is written in.
fn tail(k: f64) -> f64 {
    stirling_error(k + 1.0)
}

/// The least k with P(X <= k) >= `probability`, for `n` trials with success probability `p`.
pub fn quantile(probability: f64, n: u64, p: f64) -> u64 {
    let (mut low, mut high) = (0, n);
    while low < high {
        let middle = low + (high - low) / 2;
        if binom_cdf(middle, n, p) >= probability {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::special::binom_pmf;

    /// Pearson's statistic over the values that are expected often enough.
    #[test]
    fn samples_follow_the_distribution() {
        for (n, p) in [(5, 0.5), (20, 0.1), (200, 0.02), (40, 0.7), (100, 0.3), (1000, 0.5), (100_000, 0.001)] {
            let draws = 200_000;
            let mut stream = Stream::new(11, n);
            let mut seen = vec![0u32; n as usize + 1];
            (0..draws).for_each(|_| seen[sample(&mut stream, n, p) as usize] += 1);
            let (mut statistic, mut cells) = (0.0, 0.0);
            for (k, &count) in seen.iter().enumerate() {
                let expected = f64::from(draws) * binom_pmf(k as u64, n, p);
                if expected >= 10.0 {
                    statistic += (f64::from(count) - expected).powi(2) / expected;
                    cells += 1.0;
                }
            }
            // Five standard deviations of the chi-square distribution.
            assert!(statistic < cells + 5.0 * (2.0f64 * cells).sqrt(), "{n} {p}: {statistic} over {cells}");
        }
    }

    #[test]
    fn ends_are_certain() {
        let mut stream = Stream::new(0, 0);
        assert_eq!(sample(&mut stream, 9, 0.0), 0);
        assert_eq!(sample(&mut stream, 9, 1.0), 9);
        assert_eq!(sample(&mut stream, 0, 0.5), 0);
        let many = sample(&mut stream, 1 << 53, 0.5);
        assert!(many.abs_diff(1 << 52) < 1 << 30);
    }

    #[test]
    fn quantiles_are_where_the_distribution_passes() {
        for (n, p) in [(1, 0.5), (10, 0.3), (1000, 0.99)] {
            for probability in [0.0, 0.025, 0.5, 0.975, 1.0 - 1e-9] {
                let k = quantile(probability, n, p);
                assert!(binom_cdf(k, n, p) >= probability);
                assert!(k == 0 || binom_cdf(k - 1, n, p) < probability);
            }
        }
    }
}
