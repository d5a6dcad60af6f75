use super::*;
use proptest::prelude::*;

/// The whole matrix, cell by cell.
fn naive(measure: Measure, a: &[u32], b: &[u32]) -> usize {
    let mut cells = vec![vec![0usize; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            cells[i][j] = match (measure, i, j) {
                (Measure::Lcs, 0, _) | (Measure::Lcs, _, 0) => 0,
                (Measure::Lcs, ..) if a[i - 1] == b[j - 1] => cells[i - 1][j - 1] + 1,
                (Measure::Lcs, ..) => cells[i - 1][j].max(cells[i][j - 1]),
                (_, 0, length) | (_, length, 0) => length,
                _ => {
                    let change = cells[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                    let least = change.min(cells[i - 1][j] + 1).min(cells[i][j - 1] + 1);
                    let swaps = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                    if measure == Measure::Osa && swaps { least.min(cells[i - 2][j - 2] + 1) } else { least }
                }
            };
        }
    }
    cells[a.len()][b.len()]
}

const MEASURES: [Measure; 3] = [Measure::Levenshtein, Measure::Lcs, Measure::Osa];

fn check(distances: &mut Distances, a: &[u32], b: &[u32]) {
    for measure in MEASURES {
        assert_eq!(distances.sequences(measure, a, b), naive(measure, a, b), "{measure:?} {a:?} {b:?}");
    }
}

/// Numbers from a small generator: which ones does not matter.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }
}

/// Lengths around words and their multiples, few and many symbols, near and far pairs, all by the same `Distances`.
#[test]
fn kernels_agree_with_the_matrix() {
    let mut numbers = Numbers(7);
    let mut distances = Distances::new(&Stop::default());
    for round in 0..600 {
        let symbols = [2, 4, 30, 300, 70_000][numbers.below(5)];
        let length = [5, 63, 64, 65, 127, 130, 260, 400][numbers.below(8)];
        let first = numbers.below(2) * 200;
        let a: Vec<u32> = (0..length).map(|_| (first + numbers.below(symbols)) as u32).collect();
        let b = match round % 3 {
            0 => (0..numbers.below(length + 40)).map(|_| (first + numbers.below(symbols)) as u32).collect(),
            _ => {
                let mut b = a.clone();
                for _ in 0..numbers.below(length / 6 + 2) {
                    let at = numbers.below(b.len().max(1)).min(b.len().saturating_sub(1));
                    match numbers.below(4) {
                        _ if b.len() < 2 => b.push(1),
                        0 => b.insert(at, (first + numbers.below(symbols)) as u32),
                        1 => drop(b.remove(at)),
                        2 => b[at] = (first + numbers.below(symbols)) as u32,
                        _ => b.swap(at, at.saturating_sub(1)),
                    }
                }
                b
            }
        };
        check(&mut distances, &a, &b);
    }
}

/// Rows that are made when asked for: many words and many symbols.
#[test]
fn sparse_rows_agree_with_the_matrix() {
    let mut numbers = Numbers(11);
    let mut distances = Distances::new(&Stop::default());
    let a: Vec<u32> = (0..5000).map(|_| numbers.below(3000) as u32).collect();
    let mut b: Vec<u32> = (0..5000).map(|_| numbers.below(3000) as u32).collect();
    distances.blocks.fill(&a);
    assert!(distances.blocks.is_sparse);
    let mut dense = Distances::new(&Stop::default());
    let few: Vec<u32> = a.iter().map(|symbol| symbol % 200).collect();
    dense.blocks.fill(&few);
    assert!(!dense.blocks.is_sparse);
    check(&mut distances, &a, &b);
    b[..3000].copy_from_slice(&a[..3000]);
    b[100] = 1_000_000;
    check(&mut distances, &a, &b);
}

#[test]
fn a_stop_ends_a_long_comparison() {
    let stop = Stop::default();
    stop.set();
    let mut distances = Distances::new(&stop);
    let (a, b) = ("ab".repeat(50_000), "ba c".repeat(25_000));
    let start = std::time::Instant::now();
    for measure in MEASURES {
        distances.texts(measure, &a, &b);
    }
    assert!(start.elapsed().as_millis() < 500);
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[ab]{0,90}", "[a-e é\u{301}中🎉]{0,80}", ".{0,20}", "\\PC{0,150}"]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn texts_are_measured_by_code_points(a in text(), b in text()) {
        let mut distances = Distances::new(&Stop::default());
        let (x, y): (Vec<u32>, Vec<u32>) = (a.chars().map(u32::from).collect(), b.chars().map(u32::from).collect());
        for measure in MEASURES {
            let measured = distances.texts(measure, &a, &b);
            prop_assert_eq!(measured.value, naive(measure, &x, &y));
            prop_assert_eq!(measured.lengths, (x.len(), y.len()));
            prop_assert_eq!(distances.texts(measure, &b, &a).value, measured.value);
        }
    }

    #[test]
    fn levenshtein_keeps_the_triangle_inequality(a in text(), b in text(), c in text()) {
        let mut distances = Distances::new(&Stop::default());
        let mut levenshtein = |a: &str, b: &str| distances.texts(Measure::Levenshtein, a, b).value;
        prop_assert!(levenshtein(&a, &c) <= levenshtein(&a, &b) + levenshtein(&b, &c));
        prop_assert_eq!(levenshtein(&a, &a), 0);
    }

    #[test]
    fn affixes_are_whole_characters(prefix in text(), a in text(), b in text(), suffix in text()) {
        let (a, b) = (format!("{prefix}{a}{suffix}"), format!("{prefix}{b}{suffix}"));
        let (start, end) = common_affixes(&a, &b);
        prop_assert!(start + end <= a.len().min(b.len()));
        prop_assert!(start >= prefix.len());
        prop_assert_eq!(&a[..start], &b[..start]);
        prop_assert_eq!(&a[a.len() - end..], &b[b.len() - end..]);
    }
}
