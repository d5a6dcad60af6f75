//! Fisher's noncentral hypergeometric distribution.

/// How often a kind comes up in `draws` out of `total`, of which `marked` are of that kind, if it is drawn with some
/// odds; without noncentrality the odds are 1.
#[derive(Debug, Clone, Copy)]
pub struct Hypergeometric {
    /// All that there is to draw from.
    pub total: u64,
    /// How many are of the kind.
    pub marked: u64,
    /// How many are drawn.
    pub draws: u64,
}

/// What a [`Hypergeometric`] distribution says of one number.
#[derive(Debug, Clone, Copy)]
pub struct Tails {
    /// P(X <= x).
    pub less: f64,
    /// P(X >= x).
    pub greater: f64,
    /// The probability of everything that is no likelier than x.
    pub as_rare: f64,
    /// The mean of the distribution.
    pub mean: f64,
}

impl Hypergeometric {
    /// The least and the greatest number that can come up.
    pub fn support(&self) -> (u64, u64) {
        (self.draws.saturating_sub(self.total - self.marked), self.draws.min(self.marked))
    }

    /// P(X = x + 1) / P(X = x).
    fn ratio(&self, x: u64, odds: f64) -> f64 {
        let up = (self.marked - x) as f64 * (self.draws - x) as f64;
        let down = (x + 1) as f64 * ((self.total - self.marked + x + 1) - self.draws) as f64;
        up / down * odds
    }

    /// The tails at `x`, which must be in the support. Sums outwards from the mode, until nothing is left that counts.
    pub fn tails(&self, x: u64, odds: f64) -> Tails {
        let (least, greatest) = self.support();
        let (mut low, mut high) = (least, greatest);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.ratio(middle, odds) < 1.0 {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        let mode = low;
        let mut upper = Vec::new();
        let mut weight = 1.0;
        for k in mode..=greatest {
            upper.push(weight);
            if k < greatest {
                weight *= self.ratio(k, odds);
            }
            if weight < 1e-22 && k >= x || weight == 0.0 {
                break;
            }
        }
        let mut lower = Vec::new();
        weight = 1.0;
        for k in (least..mode).rev() {
            weight /= self.ratio(k, odds);
            lower.push(weight);
            if weight < 1e-22 && k <= x || weight == 0.0 {
                break;
            }
        }
        let at = |k: u64| -> f64 {
            let found = if k >= mode { upper.get((k - mode) as usize) } else { lower.get((mode - k - 1) as usize) };
            found.copied().unwrap_or(0.0)
        };
        let observed = at(x);
        // The smallest first, so that small tails keep their digits.
        let first = mode - lower.len() as u64;
        let last = mode + upper.len() as u64 - 1;
        let (mut less, mut greater, mut as_rare, mut total, mut offset) = (0.0, 0.0, 0.0, 0.0, 0.0);
        let mut visit = |k: u64| {
            let weight = at(k);
            total += weight;
            offset += weight * (k as f64 - mode as f64);
            if k <= x {
                less += weight;
            }
            if k >= x {
                greater += weight;
            }
            if weight <= observed * (1.0 + 1e-11) {
                as_rare += weight;
            }
        };
        (first..mode).for_each(&mut visit);
        (mode..=last).rev().for_each(&mut visit);
        Tails {
            less: less / total,
            greater: greater / total,
            as_rare: (as_rare / total).min(1.0),
            mean: mode as f64 + offset / total,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_overlap_in_one_number() {
        let drawing = Hypergeometric { total: 30, marked: 15, draws: 13 };
        // scipy 1.17.1: hypergeom.cdf(10, 30, 15, 13) and fisher_exact([[10, 5], [3, 12]]).
        let tails = drawing.tails(10, 1.0);
        assert!((tails.as_rare - 0.025327687033676133).abs() < 1e-15);
        assert!((tails.mean - 6.5).abs() < 1e-13);
        for x in 0..=13 {
            let tails = drawing.tails(x, 2.5);
            let mirrored = Hypergeometric { marked: 15, total: 30, draws: 13 }.tails(13 - x, 1.0 / 2.5);
            assert!((tails.less - mirrored.greater).abs() < 1e-13, "{x}");
            assert!(tails.less + tails.greater >= 1.0);
        }
    }
}
