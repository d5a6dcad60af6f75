//! Every metric, tokenizer, extractor and the template engine on random texts with random options: no panic, no hang, numbers in
//! range, and the laws of each.
//!
//! A block of cases has one seed, which a failure names: `ASSAY_FUZZ_BLOCK=target:block` runs that block alone.
//! `ASSAY_FUZZ_CASES` is the number of cases in all (`scripts/soak fuzz`: ten million), `ASSAY_FUZZ_SEED` another seed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod options;
mod others;
mod pairs;
mod texts;

use std::fmt::Write;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use texts::Random;

/// Fails the case with a message unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err(format!($($message)+));
        }
    };
}
pub(crate) use ensure;

type Run = Box<dyn Fn(&mut Random, &mut Case) -> Result<(), String> + Sync>;

/// One thing to try.
pub(crate) struct Target {
    pub(crate) name: &'static str,
    /// Runs the cases of a block, which have the same options.
    pub(crate) run: Run,
}

/// The current case, for messages.
#[derive(Default)]
pub(crate) struct Case {
    pub(crate) options: String,
    /// How many cases of the block there were, this one included.
    cases: u64,
    prediction: String,
    references: Vec<String>,
}

impl Case {
    /// A case begins.
    pub(crate) fn begin(&mut self, prediction: &str, references: &[String]) {
        self.cases += 1;
        self.prediction.clear();
        self.prediction.push_str(prediction);
        self.references.clear();
        self.references.extend_from_slice(references);
    }

    fn describe(&self) -> String {
        let mut text = format!("case {} with {}: ", self.cases, self.options);
        let _ = write!(text, "{:.2000?} against {:.2000?}", self.prediction, self.references);
        text.chars().take(6000).collect()
    }
}

/// A block that takes longer hangs.
const DEADLINE: Duration = Duration::from_secs(120);

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.replace('_', "").parse().unwrap_or_else(|_| panic!("{name} is no number")))
}

fn seed_of(seed: u64, target: usize, block: u64) -> u64 {
    Random::new(seed ^ Random::new((target as u64) << 40 | block).next()).next()
}

/// Runs a block; how many cases it had, and what is wrong with it.
fn run(target: &Target, seed: u64) -> (u64, Option<String>) {
    let mut case = Case::default();
    let outcome = catch_unwind(AssertUnwindSafe(|| (target.run)(&mut Random::new(seed), &mut case)));
    let wrong = match outcome {
        Ok(Ok(())) => None,
        Ok(Err(what)) => Some(format!("{what}; {}", case.describe())),
        Err(_) => Some(format!("a panic; {}", case.describe())),
    };
    (case.cases, wrong)
}

#[test]
fn any_text_is_taken() {
    let targets: Vec<Target> = pairs::targets().into_iter().chain(others::targets()).collect();
    let seed = number("ASSAY_FUZZ_SEED").unwrap_or(1);
    if let Ok(one) = std::env::var("ASSAY_FUZZ_BLOCK") {
        let (name, block) = one.split_once(':').expect("ASSAY_FUZZ_BLOCK is target:block");
        let at = targets.iter().position(|target| target.name == name).expect("ASSAY_FUZZ_BLOCK names no target");
        let (_, wrong) = run(&targets[at], seed_of(seed, at, block.parse().unwrap()));
        assert!(wrong.is_none(), "{}", wrong.unwrap());
        return;
    }
    let cases = number("ASSAY_FUZZ_CASES").unwrap_or(SHORT);
    let quota = cases.div_ceil(targets.len() as u64);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    // Of each target the cases that are done, and the time that they took.
    let counts: Vec<(AtomicU64, AtomicU64)> = targets.iter().map(|_| Default::default()).collect();
    let next = AtomicU64::new(0);
    let wrong = Mutex::new(Vec::new());
    // What each thread is at: the number of its block plus one, and since when.
    let begun = Instant::now();
    let at: Vec<(AtomicU64, AtomicU64)> = (0..threads).map(|_| Default::default()).collect();
    std::thread::scope(|scope| {
        let (finished, wait) = channel();
        for (current, since) in &at {
            let finished = finished.clone();
            let (targets, next, counts, wrong) = (&targets, &next, &counts, &wrong);
            scope.spawn(move || {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let (target, block) = ((number % targets.len() as u64) as usize, number / targets.len() as u64);
                    if counts.iter().all(|(done, _)| done.load(Ordering::Relaxed) >= quota)
                        || wrong.lock().unwrap().len() >= 20
                    {
                        break;
                    }
                    let (done, nanoseconds) = &counts[target];
                    if done.load(Ordering::Relaxed) >= quota {
                        continue;
                    }
                    let started = Instant::now();
                    since.store(begun.elapsed().as_millis() as u64, Ordering::Relaxed);
                    current.store(number + 1, Ordering::Relaxed);
                    let (cases, what) = run(&targets[target], seed_of(seed, target, block));
                    if let Some(what) = what {
                        wrong.lock().unwrap().push(format!("{}:{block}: {what}", targets[target].name));
                    }
                    current.store(0, Ordering::Relaxed);
                    nanoseconds.fetch_add(started.elapsed().as_nanos() as u64, Ordering::Relaxed);
                    done.fetch_add(cases, Ordering::Relaxed);
                }
                drop(finished);
            });
        }
        drop(finished);
        while wait.recv_timeout(Duration::from_secs(1)) == Err::<(), _>(RecvTimeoutError::Timeout) {
            let now = begun.elapsed().as_millis() as u64;
            for (current, since) in &at {
                let number = current.load(Ordering::Relaxed);
                if number > 0 && now.saturating_sub(since.load(Ordering::Relaxed)) > DEADLINE.as_millis() as u64 {
                    let (target, block) = ((number - 1) as usize % targets.len(), (number - 1) / targets.len() as u64);
                    eprintln!("{}:{block} hangs", targets[target].name);
                    std::process::exit(101);
                }
            }
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} blocks are wrong (seed {seed}):\n{}", wrong.len(), wrong.join("\n\n"));
    if let Some(path) = std::env::var_os("ASSAY_SOAK") {
        let mut file = std::fs::OpenOptions::new().append(true).create(true).open(path).unwrap();
        for (target, (cases, nanoseconds)) in targets.iter().zip(counts) {
            let line = serde_json::json!({
                "part": "fuzz", "what": target.name, "cases": cases.into_inner(),
                "thread_seconds": nanoseconds.into_inner() as f64 / 1e9, "seconds": begun.elapsed().as_secs_f64(),
                "threads": threads, "seed": seed, "commit": std::env::var("ASSAY_COMMIT").unwrap_or_default(),
            });
            writeln!(file, "{line}").unwrap();
        }
    }
}

/// How many cases there are in a plain run of the tests.
const SHORT: u64 = 100_000;
