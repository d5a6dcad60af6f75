//! Ranks, and how often values are tied.

/// Midranks of `values` in their own order, and the sizes of the groups of equal values, in ascending order of the value.
pub(crate) fn midranks(values: &[f64]) -> (Vec<f64>, Vec<u64>) {
    let mut order: Vec<u32> = (0..values.len() as u32).collect();
    order.sort_unstable_by(|&a, &b| (values[a as usize] + 0.0).total_cmp(&(values[b as usize] + 0.0)));
    let mut ranks = vec![0.0; values.len()];
    let mut ties = Vec::new();
    let mut before = 0;
    for run in order.chunk_by(|&a, &b| values[a as usize] == values[b as usize]) {
        let rank = before as f64 + (run.len() as f64 + 1.0) / 2.0;
        run.iter().for_each(|&index| ranks[index as usize] = rank);
        ties.push(run.len() as u64);
        before += run.len();
    }
    (ranks, ties)
}

/// The sum of t^3 - t over groups of t equal values.
pub(crate) fn tie_term(ties: &[u64]) -> f64 {
    ties.iter().map(|&t| t as f64).map(|t| t * t * t - t).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_share_their_ranks() {
        let (ranks, ties) = midranks(&[3.0, 1.0, 3.0, -0.0, 0.0, 3.0]);
        assert_eq!(ranks, [5.0, 3.0, 5.0, 1.5, 1.5, 5.0]);
        assert_eq!(ties, [2, 1, 3]);
        assert_eq!(tie_term(&ties), 6.0 + 24.0);
        assert_eq!(midranks(&[]), (vec![], vec![]));
    }
}
