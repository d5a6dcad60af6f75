//! Perplexity.

use crate::options::FunctionInfo;

/// `llm_perplexity(logprobs)`: e to the power of the negative mean of the logarithms of the tokens' probabilities.
pub const PERPLEXITY: FunctionInfo = FunctionInfo { name: "llm_perplexity", options: &[] };

/// The perplexity of a text whose tokens have these natural logarithms of probability: exp(-mean). `None` where
/// there is none of them or one is not a number.
///
/// At least 1 for probabilities; infinite where one of them is zero, or the result is beyond a double.
///
/// ```
/// use assay_core::metrics::perplexity::perplexity;
///
/// assert_eq!(perplexity(&[0.25f64.ln(); 3]), Some(4.0));
/// assert_eq!(perplexity(&[]), None);
/// ```
pub fn perplexity(logprobs: &[f64]) -> Option<f64> {
    let mean = logprobs.iter().sum::<f64>() / logprobs.len() as f64;
    (!mean.is_nan()).then(|| (-mean).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corners() {
        assert_eq!(perplexity(&[0.0, 0.0]), Some(1.0));
        assert_eq!(perplexity(&[-1.0, f64::NEG_INFINITY]), Some(f64::INFINITY));
        assert_eq!(perplexity(&[-1.0, f64::NAN]), None);
        assert!((perplexity(&[-1.0, -2.0, -3.0]).unwrap() - 2.0f64.exp()).abs() < 1e-14);
    }
}
