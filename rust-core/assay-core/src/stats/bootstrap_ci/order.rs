//! The distribution of a sample quantile over resamples, in closed form.
//!
//! A quantile of type 7 lies between two neighbours among the sorted values of the resample, the m-th and the next. The
//! m-th is at most the i-th of the n values exactly where at least m of the n draws are, a binomial probability; and the m-th is
//! at most the i-th and the next above the j-th where m draws are at most the i-th and all others above the j-th.

use libm::{exp, floor, lgamma, log, log1p, sqrt};

use crate::stats::hodges_lehmann::{from_key, key};
use crate::stats::special::beta_cdf;

/// A quantile's distribution.
pub(super) struct OrderStatistic {
    values: Vec<f64>,
    /// The place of the lower neighbour, from 1 on.
    place: usize,
    /// The weight of the upper neighbour.
    share: f64,
    /// The first value, from 1 on, that the lower neighbour may be with a probability that counts, and the
    /// probabilities from it on that it is at most each.
    first: usize,
    at_most: Vec<f64>,
    /// The logarithm of the probability that `place` of the draws fall among so many of the values.
    log_density: f64,
}

impl OrderStatistic {
    /// Of values in ascending order.
    pub(super) fn new(ordered: &[f64], probability: f64) -> OrderStatistic {
        let n = ordered.len();
        let position = probability * (n - 1) as f64;
        let below = floor(position);
        let place = (below as usize + 1).min(n);
        let share = if place == n { 0.0 } else { position - below };
        let (size, m) = (n as f64, place as f64);
        let spread = sqrt(size * (m / size) * (1.0 - m / size));
        let reach = (10.0 * spread) as usize + 40;
        let (first, last) = (place.saturating_sub(reach).max(1), (place + reach).min(n));
        let at_most = (first..=last).map(|i| beta_cdf(i as f64 / size, m, size - m + 1.0)).collect();
        let log_density = if place == n {
            0.0
        } else {
            lgamma(size + 1.0) - lgamma(m + 1.0) - lgamma(size - m + 1.0)
                + m * log(m / size)
                + (size - m) * log1p(-m / size)
        };
        OrderStatistic { values: ordered.to_vec(), place, share, first, at_most, log_density }
    }

    fn below(&self, i: usize) -> f64 {
        if i < self.first { 0.0 } else { self.at_most[i - self.first] }
    }

    /// (i / n)^m and (1 - j / n)^(n - m), each over its value at m.
    fn lower_part(&self, i: usize) -> f64 {
        if i == 0 { 0.0 } else { exp(self.place as f64 * log(i as f64 / self.place as f64)) }
    }

    fn upper_part(&self, j: usize) -> f64 {
        let rest = self.values.len() - self.place;
        let left = self.values.len() - j;
        if left == 0 { 0.0 } else { exp(rest as f64 * log(left as f64 / rest as f64)) }
    }

    /// The quantile of a resample whose neighbours are these.
    fn value(&self, i: usize, j: usize) -> f64 {
        let (low, high) = (self.values[i - 1], self.values[j - 1]);
        if low == high || self.share == 0.0 { low } else { low * (1.0 - self.share) + high * self.share }
    }

    /// P(quantile <= t).
    pub(super) fn at_most(&self, t: f64) -> f64 {
        if self.share == 0.0 {
            let i = self.values.partition_point(|&value| value <= t);
            return if i < self.first { 0.0 } else { self.below(i.min(self.first + self.at_most.len() - 1)) };
        }
        let density = exp(self.log_density);
        let mut total = 0.0;
        // The greatest upper neighbour only comes down.
        let mut j = self.values.len();
        for i in self.first..self.first + self.at_most.len() {
            while j >= i && self.value(i, j) > t {
                j -= 1;
            }
            if j < i {
                break;
            }
            let above = density * self.upper_part(j);
            let part = above * (self.lower_part(i) - self.lower_part(i - 1));
            total += self.below(i) - self.below(i - 1) - part;
        }
        total.clamp(0.0, 1.0)
    }

    /// The least value that is not passed with this probability.
    pub(super) fn quantile(&self, probability: f64) -> f64 {
        let probability = (probability - 1e-14).max(0.0);
        if self.share == 0.0 {
            let i = self.at_most.partition_point(|&below| below < probability);
            return self.values[(self.first + i).min(self.values.len()) - 1];
        }
        let (mut low, mut high) = (key(self.values[0]), key(self.values[self.values.len() - 1]));
        while low < high {
            let middle = ((low as i128 + high as i128) >> 1) as i64;
            if self.at_most(from_key(middle)) >= probability {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        from_key(low)
    }

    /// The standard deviation.
    pub(super) fn std_error(&self) -> f64 {
        let last = self.first + self.at_most.len() - 1;
        let center = self.value(self.place, (self.place + 1).min(self.values.len()));
        let at = |i: usize| self.values[i - 1] - center;
        let density = exp(self.log_density);
        let (mut mean, mut square) = (0.0, 0.0);
        // Sums over upper neighbours above i, of probability, value and square.
        let (mut rest, mut rest_value, mut rest_square) = (0.0, 0.0, 0.0);
        // What the last value in reach leaves out lies beyond it with no probability that counts.
        for i in (self.first..=last).rev() {
            let own = self.below(i) - self.below(i - 1);
            if self.share == 0.0 {
                mean += own * at(i);
                square += own * at(i) * at(i);
                continue;
            }
            let lower = density * (self.lower_part(i) - self.lower_part(i - 1));
            let (w, v) = (1.0 - self.share, self.share);
            let same = (own - lower * rest).max(0.0);
            mean += same * at(i) + lower * (w * at(i) * rest + v * rest_value);
            square += same * at(i) * at(i)
                + lower * (w * w * at(i) * at(i) * rest + 2.0 * w * v * at(i) * rest_value + v * v * rest_square);
            let upper = self.upper_part(i - 1) - self.upper_part(i);
            rest += upper;
            rest_value += upper * at(i);
            rest_square += upper * at(i) * at(i);
        }
        sqrt((square - mean * mean).max(0.0))
    }
}
