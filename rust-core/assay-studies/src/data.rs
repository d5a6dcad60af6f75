//! Distributions that scores of models come from.

use assay_core::stats::rng::Stream;
use assay_core::stats::special::norm_ppf;
use libm::{exp, log, sin, sqrt};

/// A distribution with a known mean.
#[derive(Clone, Copy)]
pub(crate) struct Distribution {
    pub(crate) name: &'static str,
    pub(crate) mean: f64,
    pub(crate) draw: fn(&mut Stream) -> f64,
    /// Its tail is too heavy for any interval at 20 values.
    pub(crate) heavy: bool,
}

const LIKERT: [f64; 5] = [0.05, 0.1, 0.2, 0.4, 0.25];
const LIKERT_SKEWED: [f64; 5] = [0.02, 0.03, 0.1, 0.25, 0.6];

/// All of the study of one mean.
pub(crate) const ALL: &[Distribution] = &[
    Distribution { name: "normal", mean: 0.0, draw: normal, heavy: false },
    Distribution { name: "beta(2, 5)", mean: 2.0 / 7.0, draw: beta_2_5, heavy: false },
    Distribution { name: "beta(1/2, 1/2)", mean: 0.5, draw: arcsine, heavy: false },
    Distribution { name: "beta(5, 1)", mean: 5.0 / 6.0, draw: |s| libm::pow(s.next_f64(), 0.2), heavy: false },
    Distribution { name: "Likert", mean: 3.7, draw: |s| category(s, &LIKERT), heavy: false },
    Distribution { name: "Likert, skewed", mean: 4.38, draw: |s| category(s, &LIKERT_SKEWED), heavy: false },
    Distribution { name: "Poisson(1)", mean: 1.0, draw: |s| poisson(s, 1.0), heavy: false },
    Distribution { name: "Poisson(5)", mean: 5.0, draw: |s| poisson(s, 5.0), heavy: false },
    Distribution { name: "exponential", mean: 1.0, draw: exponential, heavy: false },
    Distribution {
        name: "half zeros, else beta(2, 5)",
        mean: 1.0 / 7.0,
        draw: |s| rarely(s, 0.5, beta_2_5),
        heavy: false,
    },
    Distribution {
        name: "half zeros, else exponential",
        mean: 0.5,
        draw: |s| rarely(s, 0.5, exponential),
        heavy: false,
    },
    Distribution {
        name: "lognormal(0, 1/2)",
        mean: 1.133_148_453_066_826_3,
        draw: |s| exp(normal(s) / 2.0),
        heavy: false,
    },
    Distribution { name: "lognormal(0, 1)", mean: 1.648_721_270_700_128, draw: |s| exp(normal(s)), heavy: true },
];

pub(crate) fn normal(stream: &mut Stream) -> f64 {
    norm_ppf(stream.next_f64())
}

pub(crate) fn exponential(stream: &mut Stream) -> f64 {
    -log(stream.next_f64())
}

/// The second smallest of six uniform numbers.
fn beta_2_5(stream: &mut Stream) -> f64 {
    let (mut least, mut second) = (2.0f64, 2.0f64);
    for _ in 0..6 {
        let u = stream.next_f64();
        if u < least {
            (least, second) = (u, least);
        } else {
            second = second.min(u);
        }
    }
    second
}

fn arcsine(stream: &mut Stream) -> f64 {
    let root = sin(std::f64::consts::FRAC_PI_2 * stream.next_f64());
    root * root
}

fn category(stream: &mut Stream, shares: &[f64]) -> f64 {
    let mut u = stream.next_f64();
    for (value, share) in (1..).zip(shares) {
        if u < *share {
            return f64::from(value);
        }
        u -= share;
    }
    shares.len() as f64
}

fn poisson(stream: &mut Stream, mean: f64) -> f64 {
    let (mut product, mut count) = (stream.next_f64(), 0.0);
    let least = exp(-mean);
    while product > least {
        product *= stream.next_f64();
        count += 1.0;
    }
    count
}

fn rarely(stream: &mut Stream, share: f64, draw: fn(&mut Stream) -> f64) -> f64 {
    if stream.next_f64() < share { 0.0 } else { draw(stream) }
}

/// Values in clusters of unequal size: each is its cluster's number plus its own, so that a share `correlation` of the variance
/// is between clusters. Sizes are 2 to 20, in the proportions 1 : 2 : 3 : 4 : 10 over and over.
pub(crate) fn clustered(stream: &mut Stream, clusters: usize, correlation: f64, skewed: bool) -> (Vec<f64>, Vec<u64>) {
    let mut number = || if skewed { exponential(stream) - 1.0 } else { normal(stream) };
    let (mut values, mut labels) = (Vec::new(), Vec::new());
    for cluster in 0..clusters {
        let shared = sqrt(correlation) * number();
        for _ in 0..[2, 4, 6, 8, 20][cluster % 5] {
            values.push(shared + sqrt(1.0 - correlation) * number());
            labels.push(cluster as u64);
        }
    }
    (values, labels)
}
