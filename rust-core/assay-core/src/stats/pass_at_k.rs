//! pass@k and pass^k: whether one, or every one, of k attempts at a problem succeeds.

use super::Outcome;
use super::common::Spread;
use super::student_t;

/// The probability that at least one of `k` attempts, chosen among `n` of which `c` succeeded, is a success:
/// 1 - C(n - c, k) / C(n, k). NaN where k is 0 or there are fewer than k attempts.
///
/// Source: M. Chen et al., "Evaluating large language models trained on code" (2021). OpenAI's program gives 1 where n < k.
///
/// ```
/// assert_eq!(assay_core::stats::pass_at_k::pass_at_k(2, 1, 1), 0.5);
/// ```
pub fn pass_at_k(n: u64, c: u64, k: u64) -> f64 {
    if k == 0 || k > n || c > n {
        return f64::NAN;
    }
    1.0 - all_of(n, n - c, k)
}

/// The probability that all of `k` attempts, chosen among `n` of which `c` succeeded, are successes: C(c, k) / C(n, k).
/// NaN where k is 0 or there are fewer than k attempts.
///
/// Source: S. Yao et al., "tau-bench" (2024).
pub fn pass_hat_k(n: u64, c: u64, k: u64) -> f64 {
    if k == 0 || k > n || c > n {
        return f64::NAN;
    }
    all_of(n, c, k)
}

/// C(m, k) / C(n, k), as a product of the fewer factors.
fn all_of(n: u64, m: u64, k: u64) -> f64 {
    if m < k {
        return 0.0;
    }
    let (steps, taken) = if k <= n - m { (k, n - m) } else { (n - m, k) };
    let mut product = 1.0;
    for i in 0..steps {
        product *= (n - taken - i) as f64 / (n - i) as f64;
        if product == 0.0 {
            break;
        }
    }
    product
}

/// The mean of [`pass_at_k`] over problems, with the t interval over problems; `n` and `c` are a problem's attempts and
/// successes. Problems with fewer than `k` attempts are left out and counted in `n_null`.
pub fn pass_at_k_ci(n: &[u64], c: &[u64], k: u64, level: f64) -> Outcome {
    over_problems(n, c, k, level, "pass_at_k", pass_at_k)
}

/// The mean of [`pass_hat_k`] over problems, as [`pass_at_k_ci`].
pub fn pass_hat_k_ci(n: &[u64], c: &[u64], k: u64, level: f64) -> Outcome {
    over_problems(n, c, k, level, "pass_hat_k", pass_hat_k)
}

fn over_problems(n: &[u64], c: &[u64], k: u64, level: f64, what: &str, of: impl Fn(u64, u64, u64) -> f64) -> Outcome {
    let mut values: Vec<f64> = n.iter().zip(c).map(|(&n, &c)| of(n, c, k)).collect();
    values.retain(|value| !value.is_nan());
    let left_out = (n.len() - values.len()) as u64;
    let outcome = Outcome { n_null: left_out, ..Outcome::new("t", level, values.len()) };
    if n.len() != c.len() {
        return outcome.because("there are not as many successes as attempts");
    }
    if values.is_empty() {
        return outcome.because(&format!("no problem has the k = {k} attempts that {what} needs"));
    }
    let spread = Spread::new(&values);
    let outcome = outcome.estimate(spread.mean);
    if values.len() < 2 {
        return outcome.because("one problem has no spread");
    }
    if spread.constant {
        return outcome.std_error(0.0).because("all problems have the same value");
    }
    let (lower, upper) = student_t::interval(spread.mean, spread.std_error(), values.len() as u64, level);
    // Both are probabilities.
    outcome.std_error(spread.std_error()).bounds((lower.max(0.0), upper.min(1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_numbers_are_counted() {
        let choose = |n: u64, k: u64| (0..k).fold(1.0, |product, i| product * (n - i) as f64 / (i + 1) as f64);
        for n in 1..=12u64 {
            for c in 0..=n {
                for k in 1..=n {
                    let none = if n - c < k { 0.0 } else { choose(n - c, k) / choose(n, k) };
                    let all = if c < k { 0.0 } else { choose(c, k) / choose(n, k) };
                    assert!((pass_at_k(n, c, k) - (1.0 - none)).abs() < 1e-14);
                    assert!((pass_hat_k(n, c, k) - all).abs() < 1e-14);
                }
            }
        }
        assert!(pass_at_k(3, 1, 5).is_nan() && pass_at_k(3, 1, 0).is_nan() && pass_hat_k(3, 4, 1).is_nan());
    }

    #[test]
    fn problems_with_too_few_attempts_are_counted_apart() {
        let outcome = pass_at_k_ci(&[10, 10, 2], &[3, 0, 1], 5, 0.95);
        assert_eq!((outcome.n, outcome.n_null), (2, 1));
        assert!(outcome.lower.is_some() && pass_at_k_ci(&[2], &[1], 5, 0.95).reason.is_some());
        assert!(pass_hat_k_ci(&[5, 5], &[5, 5], 2, 0.95).reason.is_some());
    }
}
