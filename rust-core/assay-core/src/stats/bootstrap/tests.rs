use super::*;

fn resampled(sample: &Sample, n_resamples: usize, seed: u64) -> Resampled {
    resample(sample, &Moments::new(sample).unwrap(), n_resamples, seed)
}

fn drawn(sample: &Sample, seed: u64) -> Vec<f64> {
    match resampled(sample, 500, seed) {
        Resampled::Drawn { means, .. } => means,
        Resampled::Exact { .. } => panic!("nothing was drawn"),
    }
}

fn mean_and_sd(means: &[f64]) -> (f64, f64) {
    let n = means.len() as f64;
    let mean = means.iter().sum::<f64>() / n;
    (mean, (means.iter().map(|m| (m - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt())
}

#[test]
fn threads_make_no_difference() {
    for k in [5, 700] {
        let sample = Sample::from_values((0..700).map(|i| f64::from(i % k)).collect(), 0);
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| drawn(&sample, 5))
        };
        assert_eq!(on(1), on(3));
        assert_ne!(on(1), drawn(&sample, 6));
    }
}

/// The resampled mean has the sample's mean and its variance over n, on each route.
#[test]
fn each_route_has_the_right_moments() {
    for (n, k) in [(10, 10), (255, 255), (256, 256), (300, 300), (1500, 1500), (1000, 3), (5000, 40)] {
        let values: Vec<f64> = (0..n).map(|i| f64::from(i % k) / f64::from(k)).collect();
        let mean = values.iter().sum::<f64>() / f64::from(n);
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / f64::from(n);
        let expected_sd = (variance / f64::from(n)).sqrt();
        let sample = Sample::from_values(values, 0);
        let Resampled::Drawn { means, below, std_error } = resampled(&sample, 20_000, 1) else {
            panic!("nothing was drawn")
        };
        let (found, sd) = mean_and_sd(&means);
        assert!((sd / std_error - 1.0).abs() < 1e-9);
        assert!((found - mean).abs() < 5.0 * expected_sd / 20_000f64.sqrt(), "{n} {k}");
        assert!((sd / expected_sd - 1.0).abs() < 0.03, "{n} {k}: {sd} {expected_sd}");
        assert!((below / 20_000.0 - 0.5).abs() < 0.03, "{n} {k}: {below}");
    }
}

#[test]
fn ties_are_found_in_spite_of_rounding() {
    // Thirds are not exact, yet many resamples of 0.1, 0.2 and 0.3 have exactly the sample's mean.
    let sample = Sample::from_values(vec![0.1, 0.2, 0.3], 0);
    let Resampled::Drawn { below, .. } = resampled(&sample, 27_000, 1) else { panic!("nothing was drawn") };
    // 10 of the 27 resamples lie below and 7 are ties.
    assert!((below / 27_000.0 - 0.5).abs() < 0.02, "{below}");
}

#[test]
fn quantiles_interpolate() {
    let resampled = Resampled::Drawn { means: vec![1.0, 2.0, 4.0], below: 1.5, std_error: 1.0 };
    assert_eq!(resampled.percentile(0.5), (1.5, 3.0));
    assert_eq!(resampled.quantile(0.0), 1.0);
    assert_eq!(resampled.quantile(1.0), 4.0);
    let one = Resampled::Drawn { means: vec![7.0], below: 0.5, std_error: 0.0 };
    assert_eq!(one.percentile(0.9), (7.0, 7.0));
}

#[test]
fn two_values_need_no_draws() {
    let sample = Sample::from_counts(vec![(-1.0, 30), (3.0, 10)], 0).unwrap();
    let resampled = resampled(&sample, 10, 0);
    assert!(matches!(resampled, Resampled::Exact { successes: 10, n: 40, .. }));
    assert!((resampled.std_error() - 4.0 * (0.25f64 * 0.75 / 40.0).sqrt()).abs() < 1e-15);
    let (lower, upper) = resampled.percentile(0.95);
    assert!((lower + 0.5).abs() < 1e-15 && (upper - 0.6).abs() < 1e-15);
}
