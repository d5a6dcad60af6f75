//! Regular expressions and other things that are made from texts of rows, and kept.

use regex::{Regex, RegexBuilder};

/// A regular expression, or why it is none.
///
/// The syntax is that of the crate regex: Perl's without look-around and back-references. A search takes time that
/// grows with the text alone, for one expression. An expression that takes more than a megabyte when it is compiled
/// is refused.
pub(super) fn compile(pattern: &str, full_match: bool, ignore_case: bool) -> Result<Regex, regex::Error> {
    let build = |pattern: &str| {
        RegexBuilder::new(pattern)
            .case_insensitive(ignore_case)
            .size_limit(SIZE_LIMIT)
            .dfa_size_limit(SIZE_LIMIT)
            .build()
    };
    let alone = build(pattern)?;
    if !full_match {
        return Ok(alone);
    }
    // The line break ends a comment of an expression that has them, where the first form does not compile.
    build(&format!(r"\A(?:{pattern})\z")).or_else(|_| build(&format!("\\A(?:{pattern}\n)\\z")))
}

const SIZE_LIMIT: usize = 1 << 20;

/// The last things that were made, by the texts that they were made from.
pub(super) struct Kept<T> {
    entries: Vec<(String, T)>,
    /// Where the next goes when it is full.
    next: usize,
}

/// How many are kept.
const KEPT: usize = 64;

impl<T> Default for Kept<T> {
    fn default() -> Kept<T> {
        Kept { entries: Vec::new(), next: 0 }
    }
}

impl<T> Kept<T> {
    /// What was made from `text`, or is made now.
    pub(super) fn get(&mut self, text: &str, make: impl FnOnce(&str) -> T) -> &T {
        let at = match self.entries.iter().position(|(known, _)| known == text) {
            Some(at) => at,
            None => {
                let entry = (text.to_string(), make(text));
                let at = self.next;
                match self.entries.get_mut(at) {
                    Some(old) => *old = entry,
                    None => self.entries.push(entry),
                }
                self.next = (at + 1) % KEPT;
                at
            }
        };
        &self.entries[at].1
    }
}

/// The best of scores of at most 1. Not a number is that of a reference which cannot be read, and which might have
/// been better than anything but 1.
pub(super) fn best(scores: impl Iterator<Item = f64>) -> Option<f64> {
    let mut best = None;
    for score in scores {
        if score == 1.0 {
            return Some(score);
        }
        best = Some(match best {
            Some(best) if !(score > best || score.is_nan()) => best,
            Some(best) if f64::is_nan(best) => best,
            _ => score,
        });
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_text_is_matched_by_any_alternative() {
        let matches = |pattern: &str, text: &str| compile(pattern, true, false).unwrap().is_match(text);
        assert!(matches("a|ab", "ab") && matches("(?x) a b # both", "ab") && matches("(?i)A", "a"));
        assert!(!matches("a|b", "ab") && !matches("a", "a\n") && !matches("^a$", "b\na"));
        assert!(compile("a)(?:b", true, false).is_err());
        assert!(compile(r"(?:\w{1000}){1000}", false, false).is_err());
    }

    #[test]
    fn only_some_are_kept() {
        let mut kept = Kept::default();
        for round in 0..1000 {
            assert_eq!(*kept.get(&(round % 100).to_string(), |text| text.len()), (round % 100).to_string().len());
        }
        assert_eq!(kept.entries.len(), KEPT);
        assert_eq!(*kept.get("99", |_| panic!("kept")), 2);
    }
}
