use super::*;
use proptest::prelude::*;

fn options(method: BootstrapMethod) -> BootstrapOptions {
    BootstrapOptions { method, ..BootstrapOptions::default() }
}

const STATISTICS: [Statistic; 5] =
    [Statistic::Mean, Statistic::Median, Statistic::Std, Statistic::Quantile(0.8), Statistic::TrimmedMean(0.2)];

/// All of n^n resamples.
fn all_resamples(x: &[f64], statistic: Statistic) -> Vec<f64> {
    let n = x.len();
    let mut found = Vec::new();
    for mut number in 0..n.pow(n as u32) {
        let mut resample: Vec<f64> = (0..n)
            .map(|_| {
                let value = x[number % n];
                number /= n;
                value
            })
            .collect();
        resample.sort_unstable_by(f64::total_cmp);
        found.push(statistic.of(&resample));
    }
    found.sort_unstable_by(f64::total_cmp);
    found
}

#[test]
fn small_samples_are_those_of_all_resamples() {
    for x in [&[0.3, 1.0, 2.5, 2.5, 7.0][..], &[1.0, 2.0, 4.0, 8.0], &[1.0, 2.0, 2.0, 9.0, -3.0, 0.5]] {
        for statistic in STATISTICS {
            let all = all_resamples(x, statistic);
            let outcome = bootstrap_ci(x, statistic, &options(BootstrapMethod::Percentile));
            let at = |p: f64| all[((p * all.len() as f64).ceil() as usize).clamp(1, all.len()) - 1];
            assert!(
                (outcome.lower.unwrap() - at(0.025)).abs() < 1e-12,
                "{statistic:?} {:?} {}",
                outcome.lower,
                at(0.025)
            );
            assert!(
                (outcome.upper.unwrap() - at(0.975)).abs() < 1e-12,
                "{statistic:?} {:?} {}",
                outcome.upper,
                at(0.975)
            );
            let mean = all.iter().sum::<f64>() / all.len() as f64;
            let variance = all.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / all.len() as f64;
            assert!((outcome.std_error.unwrap() / variance.sqrt() - 1.0).abs() < 1e-9, "{statistic:?}");
        }
    }
}

#[test]
fn degenerate_data_have_a_reason() {
    for statistic in STATISTICS {
        for method in [BootstrapMethod::Bca, BootstrapMethod::Percentile, BootstrapMethod::Basic] {
            for x in [&[][..], &[1.0], &[2.0, 2.0], &[1.0, f64::NAN], &[1.0, f64::INFINITY]] {
                let outcome = bootstrap_ci(x, statistic, &options(method));
                assert!(outcome.reason.is_some() && outcome.lower.is_none(), "{outcome:?}");
            }
        }
        let studentized = bootstrap_ci(&[1.0, 2.0, 3.0], statistic, &options(BootstrapMethod::BcaAnalytic));
        assert_eq!(studentized.reason.is_some(), statistic != Statistic::Mean);
    }
    assert!(bootstrap_difference_ci(&[1.0, 1.0], &[2.0, 2.0], &BootstrapOptions::default()).reason.is_some());
}

#[test]
fn large_samples_agree_with_the_normal_limit() {
    let x: Vec<f64> = (0..3000).map(|i| norm_ppf((f64::from(i) + 0.5) / 3000.0)).collect();
    let root = 3000f64.sqrt();
    for (statistic, expected) in [
        (Statistic::Mean, 1.0 / root),
        (Statistic::Median, 1.2533 / root),
        (Statistic::Std, 0.5f64.sqrt() / root),
        (Statistic::TrimmedMean(0.1), 1.031 / root),
    ] {
        let outcome = bootstrap_ci(&x, statistic, &BootstrapOptions { n_resamples: 1999, ..Default::default() });
        assert!((outcome.std_error.unwrap() / expected - 1.0).abs() < 0.06, "{statistic:?} {outcome:?} {expected}");
        let width = outcome.upper.unwrap() - outcome.lower.unwrap();
        assert!((width / (3.92 * expected) - 1.0).abs() < 0.1, "{statistic:?}");
    }
    for method in [BootstrapMethod::BootstrapT, BootstrapMethod::BcaAnalytic, BootstrapMethod::Basic] {
        let outcome = bootstrap_ci(&x, Statistic::Mean, &BootstrapOptions { n_resamples: 1999, ..options(method) });
        assert!((outcome.upper.unwrap() * root / 1.96 - 1.0).abs() < 0.06, "{method:?} {outcome:?}");
    }
}

#[test]
fn the_analytic_interval_is_near_the_drawn_one() {
    let x: Vec<f64> = (0..400).map(|i| -((f64::from(i) + 0.5) / 400.0).ln()).collect();
    let drawn = bootstrap_ci(&x, Statistic::Mean, &BootstrapOptions { n_resamples: 99_999, ..Default::default() });
    let analytic = bootstrap_ci(&x, Statistic::Mean, &options(BootstrapMethod::BcaAnalytic));
    assert!((drawn.lower.unwrap() - analytic.lower.unwrap()).abs() < 2e-3, "{drawn:?} {analytic:?}");
    assert!((drawn.upper.unwrap() - analytic.upper.unwrap()).abs() < 2e-3);
}

#[test]
fn threads_make_no_difference() {
    let x: Vec<f64> = (0..300).map(|i| (f64::from(i) * 1.3).sin()).collect();
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let options = BootstrapOptions { n_resamples: 999, ..BootstrapOptions::default() };
            let all = STATISTICS.map(|statistic| bootstrap_ci(&x, statistic, &options));
            (all, bootstrap_difference_ci(&x[..100], &x[100..], &options))
        })
    };
    assert_eq!(run(1), run(3));
}

proptest! {
    #[test]
    fn shifts_move_and_signs_mirror(x in prop::collection::vec(-20i32..20, 3..9)) {
        let x: Vec<f64> = x.into_iter().map(f64::from).collect();
        let shifted: Vec<f64> = x.iter().map(|x| x + 64.0).collect();
        let turned: Vec<f64> = x.iter().map(|x| -x).collect();
        for statistic in [Statistic::Mean, Statistic::Median, Statistic::TrimmedMean(0.2)] {
            // Without a jump at the end, where one side is closed and the other is not.
            let options = BootstrapOptions { level: 0.8712345, ..options(BootstrapMethod::Bca) };
            let there = bootstrap_ci(&x, statistic, &options);
            let moved = bootstrap_ci(&shifted, statistic, &options);
            let back = bootstrap_ci(&turned, statistic, &options);
            prop_assert_eq!(&there.reason, &moved.reason);
            if let (Some(lower), Some(upper)) = (there.lower, there.upper) {
                prop_assert!((moved.lower.unwrap() - lower - 64.0).abs() < 1e-9);
                prop_assert!((back.upper.unwrap() + lower).abs() < 1e-9 && lower <= upper);
            }
        }
    }
}
