//! The distribution of a sum of whole numbers each of which is in it with probability 1/2.

/// Probabilities of the sums from 0 on; symmetric around half of the greatest.
pub(crate) struct HalfSums(Vec<f64>);

impl HalfSums {
    /// The sum of some of `parts`.
    pub(crate) fn new(parts: impl IntoIterator<Item = usize>) -> HalfSums {
        let mut probabilities = vec![1.0];
        for part in parts {
            let before = probabilities.len();
            probabilities.resize(before + part, 0.0);
            for k in (part..before + part).rev() {
                probabilities[k] = (probabilities[k] + probabilities[k - part]) / 2.0;
            }
            probabilities[..part.min(before)].iter_mut().for_each(|probability| *probability /= 2.0);
        }
        HalfSums(probabilities)
    }

    /// P(sum >= `place`).
    pub(crate) fn at_least(&self, place: f64) -> f64 {
        if place <= 0.0 {
            return 1.0;
        }
        let place = place as usize;
        if place >= self.0.len() {
            return 0.0;
        }
        if place >= self.0.len() / 2 {
            self.0[place..].iter().rev().sum()
        } else {
            1.0 - self.0[..place].iter().sum::<f64>()
        }
    }

    /// P(sum <= `place`).
    pub(crate) fn at_most(&self, place: f64) -> f64 {
        self.at_least((self.0.len() - 1) as f64 - place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_subsets_are_counted() {
        let parts = [3, 1, 0, 2, 2, 7];
        let sums = HalfSums::new(parts);
        for place in 0..=15 {
            let count = (0u32..64)
                .filter(|mask| (0..6).filter(|i| mask >> i & 1 == 1).map(|i| parts[i]).sum::<usize>() >= place)
                .count();
            assert_eq!(sums.at_least(place as f64), count as f64 / 64.0, "{place}");
            assert!((sums.at_most(place as f64) + sums.at_least(place as f64 + 1.0) - 1.0).abs() < 1e-15);
        }
        assert_eq!(HalfSums::new([]).at_least(0.0), 1.0);
    }
}
