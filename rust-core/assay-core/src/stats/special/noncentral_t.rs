//! The noncentral t distribution.

use std::sync::LazyLock;

use libm::{cos, sqrt};

use super::gamma::poisson_density;
use super::{norm_cdf, norm_ppf};
use crate::stats::roots::root;

const NODES: usize = 16;

/// Nodes and weights of the Gauss-Legendre rule on -1 to 1.
static RULE: LazyLock<[(f64, f64); NODES]> = LazyLock::new(|| {
    std::array::from_fn(|i| {
        let n = NODES as f64;
        let mut x = cos(std::f64::consts::PI * (i as f64 + 0.75) / (n + 0.5));
        let mut slope = 1.0;
        for _ in 0..20 {
            let (mut before, mut now) = (1.0, x);
            for k in 2..=NODES {
                let k = k as f64;
                (before, now) = (now, ((2.0 * k - 1.0) * x * now - (k - 1.0) * before) / k);
            }
            slope = n * (x * now - before) / (x * x - 1.0);
            x -= now / slope;
        }
        (x, 2.0 / ((1.0 - x * x) * slope * slope))
    })
});

/// P(T <= t) of the noncentral t distribution: a standard normal number plus `noncentrality`, over the root of a
/// chi-square number over its `df` degrees of freedom.
///
/// By Gauss-Legendre integration over the denominator; absolute errors are below 1e-12.
pub fn nct_cdf(t: f64, df: f64, noncentrality: f64) -> f64 {
    At::new(t, df, noncentrality).cdf(noncentrality)
}

/// P(T > t) of the noncentral t distribution.
pub fn nct_sf(t: f64, df: f64, noncentrality: f64) -> f64 {
    At::new(t, df, noncentrality).sf(noncentrality)
}

/// One t, for which probabilities of many noncentralities are asked.
struct At {
    t: f64,
    /// Values of the denominator with their weights; NaN makes everything NaN.
    nodes: Vec<(f64, f64)>,
}

/// More panels than this are not laid evenly.
const MAX_PANELS: f64 = 400.0;

impl At {
    fn new(t: f64, df: f64, noncentrality: f64) -> At {
        if t.is_nan() || noncentrality.is_nan() || df.is_nan() || df <= 0.0 {
            return At { t, nodes: vec![(f64::NAN, f64::NAN)] };
        }
        if df > 1e12 {
            return At { t, nodes: vec![(1.0, 1.0)] };
        }
        // Outside of these the chi-square number has less than e^-37 (B. Laurent and P. Massart, 2000).
        let root = 2.0 * sqrt(37.0 / df);
        let (start, end) = (sqrt((1.0 - root).max(0.0)), sqrt(1.0 + root + 74.0 / df));
        // Neither the density nor the normal part may change much within a panel.
        let width = 3.0 / sqrt(2.0 * df + t * t);
        let panels = ((end - start) / width).ceil();
        let mut edges: Vec<f64> = Vec::new();
        let even = panels.min(MAX_PANELS);
        edges.extend((0..=even as usize).map(|k| start + (end - start) * k as f64 / even));
        if panels > MAX_PANELS {
            let (center, width) = (noncentrality / t, 1.0 / t.abs());
            edges.extend([-8.5, -4.0, -1.5, 0.0, 1.5, 4.0, 8.5].map(|k| center + k * width));
            edges.retain(|edge| (start..=end).contains(edge));
        }
        if start == 0.0 && df < 4.0 {
            // The density of few degrees of freedom need not be smooth at 0.
            let first = end / even;
            edges.extend((1..=12).map(|k| first / f64::from(1 << (2 * k))));
        }
        edges.sort_unstable_by(f64::total_cmp);
        let mut nodes = Vec::with_capacity(NODES * edges.len());
        for pair in edges.windows(2) {
            let half = (pair[1] - pair[0]) / 2.0;
            let middle = pair[0] + half;
            for (node, weight) in *RULE {
                let s = middle + half * node;
                nodes.push((s, half * weight * df / s * poisson_density(df / 2.0, df / 2.0 * s * s)));
            }
        }
        nodes.retain(|node| node.1 > 1e-30);
        At { t, nodes }
    }

    fn cdf(&self, noncentrality: f64) -> f64 {
        self.nodes.iter().map(|(s, weight)| weight * norm_cdf(self.t * s - noncentrality)).sum::<f64>().clamp(0.0, 1.0)
    }

    fn sf(&self, noncentrality: f64) -> f64 {
        self.nodes.iter().map(|(s, weight)| weight * norm_cdf(noncentrality - self.t * s)).sum::<f64>().clamp(0.0, 1.0)
    }
}

/// The noncentrality for which P(T <= t) is `p`: the end of a confidence interval.
pub fn nct_noncentrality(t: f64, df: f64, p: f64) -> f64 {
    if t.is_nan() || df.is_nan() || df <= 0.0 || !(p > 0.0 && p < 1.0) {
        return f64::NAN;
    }
    let guess = t - norm_ppf(p);
    let at = At::new(t, df, guess);
    let f = |noncentrality: f64| {
        if p < 0.5 { p - at.cdf(noncentrality) } else { at.sf(noncentrality) - (1.0 - p) }
    };
    let step = 0.5 + t.abs() / sqrt(df).max(1.0);
    let (mut low, mut high) = (guess - step, guess + step);
    for _ in 0..60 {
        if f(low) <= 0.0 {
            break;
        }
        low -= high - low;
    }
    for _ in 0..60 {
        if f(high) >= 0.0 {
            break;
        }
        high += high - low;
    }
    root(low, high, 1e-13, f)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::special::t_two_sided_p;

    #[test]
    fn known_values() {
        // scipy 1.17.1, stats.nct.cdf.
        for (t, df, noncentrality, expected) in [
            (2.0, 5.0, 1.0, 0.7780746626162148),
            (-1.0, 3.0, 0.5, 0.09212120981435942),
            (12.7, 1.0, 3.0, 0.813803218007604),
            (2.0, 1000.0, 2.5, 0.3085373411778196),
            (40.0, 30.0, 38.0, 0.6174752593411157),
        ] {
            let found = nct_cdf(t, df, noncentrality);
            assert!((found - expected).abs() < 1e-9, "{t} {df} {noncentrality}: {found}");
        }
    }

    #[test]
    fn without_noncentrality_it_is_students() {
        for df in [1.0, 2.5, 10.0, 1e5] {
            for t in [-3.0, 0.0, 0.7, 4.0] {
                let half = t_two_sided_p(t, df) / 2.0;
                let expected = if t < 0.0 { half } else { 1.0 - half };
                assert!((nct_cdf(t, df, 0.0) - expected).abs() < 1e-11, "{t} {df}");
            }
        }
        let found = nct_noncentrality(2.0, 12.0, 0.975);
        assert!((nct_cdf(2.0, 12.0, found) - 0.975).abs() < 1e-10);
    }
}
