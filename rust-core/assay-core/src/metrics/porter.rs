//! The Porter stemmer, as nltk 3.10.4 has it in its default mode (`NLTK_EXTENSIONS`).
//!
//! Porter, M. (1980), An algorithm for suffix stripping, Program 14.3, with Porter's own later changes and those of nltk.
//! Words come lowered. A word that is not ASCII is taken by code points: only their number and equality matter.

/// Stems words in memory that it keeps.
#[derive(Default)]
pub(super) struct Stemmer {
    bytes: Vec<u8>,
    chars: Vec<char>,
    encoded: String,
}

impl Stemmer {
    /// The stem of `word`, which is UTF-8 in lower case; `None` where no rule is for it, so that it is its own stem.
    pub(super) fn stem(&mut self, word: &[u8]) -> Option<&[u8]> {
        // Every rule wants an ASCII letter at the end.
        if word.len() < 3 || !word.last()?.is_ascii_lowercase() {
            return None;
        }
        if word.is_ascii() {
            self.bytes.clear();
            self.bytes.extend_from_slice(word);
            stem(&mut self.bytes);
            return Some(&self.bytes);
        }
        self.chars.clear();
        self.chars.extend(std::str::from_utf8(word).ok()?.chars());
        stem(&mut self.chars);
        self.encoded.clear();
        self.encoded.extend(&self.chars);
        Some(self.encoded.as_bytes())
    }
}

/// A suffix and what takes its place.
type Rule = (&'static [u8], &'static [u8]);

/// Words that no rule gets right, with their stems, by the last letter.
fn irregular(last: u8) -> &'static [Rule] {
    match last {
        b'y' => &[(b"sky", b"sky")],
        b'g' => &[
            (b"dying", b"die"),
            (b"lying", b"lie"),
            (b"tying", b"tie"),
            (b"inning", b"inning"),
            (b"outing", b"outing"),
            (b"canning", b"canning"),
        ],
        b's' => &[
            (b"skies", b"sky"),
            (b"news", b"news"),
            (b"innings", b"inning"),
            (b"outings", b"outing"),
            (b"cannings", b"canning"),
        ],
        b'd' => &[(b"proceed", b"proceed"), (b"exceed", b"exceed"), (b"succeed", b"succeed")],
        b'e' => &[(b"howe", b"howe")],
        _ => &[],
    }
}

/// The rules of step 2 for words with this last letter. The first suffix that fits decides, whether or not the
/// condition on the stem holds.
fn step_2_rules(last: u8) -> &'static [Rule] {
    match last {
        b'i' => &[
            (b"enci", b"ence"),
            (b"anci", b"ance"),
            (b"bli", b"ble"),
            (b"alli", b"al"),
            (b"entli", b"ent"),
            (b"eli", b"e"),
            (b"ousli", b"ous"),
            (b"aliti", b"al"),
            (b"iviti", b"ive"),
            (b"biliti", b"ble"),
            (b"fulli", b"ful"),
            (b"logi", b"log"),
        ],
        b'l' => &[(b"ational", b"ate"), (b"tional", b"tion")],
        b'm' => &[(b"alism", b"al")],
        b'n' => &[(b"ization", b"ize"), (b"ation", b"ate")],
        b'r' => &[(b"izer", b"ize"), (b"ator", b"ate")],
        b's' => &[(b"iveness", b"ive"), (b"fulness", b"ful"), (b"ousness", b"ous")],
        _ => &[],
    }
}

/// Those of step 3.
fn step_3_rules(last: u8) -> &'static [Rule] {
    match last {
        b'e' => &[(b"icate", b"ic"), (b"ative", b""), (b"alize", b"al")],
        b'i' => &[(b"iciti", b"ic")],
        b'l' => &[(b"ical", b"ic"), (b"ful", b"")],
        b's' => &[(b"ness", b"")],
        _ => &[],
    }
}

/// What step 4 takes away from words with this last letter.
fn step_4_suffixes(last: u8) -> &'static [&'static [u8]] {
    match last {
        b'c' => &[b"ic"],
        b'e' => &[b"ance", b"ence", b"able", b"ible", b"ate", b"ive", b"ize"],
        b'i' => &[b"iti"],
        b'l' => &[b"al"],
        b'm' => &[b"ism"],
        b'n' => &[b"ion"],
        b'r' => &[b"er"],
        b's' => &[b"ous"],
        b't' => &[b"ant", b"ement", b"ment", b"ent"],
        b'u' => &[b"ou"],
        _ => &[],
    }
}

/// A byte of an ASCII word or a character of any word.
trait Letter: Copy + PartialEq + From<u8> {
    /// Itself where it is ASCII, else something that is not.
    fn byte(self) -> u8;

    fn is_vowel(self) -> bool {
        matches!(self.byte(), b'a' | b'e' | b'i' | b'o' | b'u')
    }
}

impl Letter for u8 {
    fn byte(self) -> u8 {
        self
    }
}

impl Letter for char {
    fn byte(self) -> u8 {
        u8::try_from(self).unwrap_or(u8::MAX)
    }
}

fn stem<T: Letter>(word: &mut Vec<T>) {
    if word.len() <= 2 {
        return;
    }
    let mut forms = irregular(last(word)).iter();
    if let Some((_, stem)) = forms.find(|(form, _)| form.len() == word.len() && ends(word, form)) {
        return replace(word, word.len(), stem);
    }
    step_1a(word);
    step_1b(word);
    step_1c(word);
    step_2(word);
    if let Some((suffix, replacement)) = step_3_rules(last(word)).iter().find(|(suffix, _)| ends(word, suffix))
        && measure(without(word, suffix.len())) > 0
    {
        replace(word, suffix.len(), replacement);
    }
    step_4(word);
    step_5(word);
}

/// Plurals.
fn step_1a<T: Letter>(word: &mut Vec<T>) {
    let drop = if ends(word, b"ies") {
        if word.len() == 4 { 1 } else { 2 }
    } else if ends(word, b"sses") {
        2
    } else if ends(word, b"ss") {
        0
    } else {
        usize::from(ends(word, b"s"))
    };
    replace(word, drop, b"");
}

/// Past tenses and participles.
fn step_1b<T: Letter>(word: &mut Vec<T>) {
    if ends(word, b"ied") {
        let drop = if word.len() == 4 { 1 } else { 2 };
        return replace(word, drop, b"");
    }
    if ends(word, b"eed") {
        if measure(without(word, 3)) > 0 {
            replace(word, 1, b"");
        }
        return;
    }
    let suffix = if ends(word, b"ed") {
        2
    } else if ends(word, b"ing") {
        3
    } else {
        return;
    };
    if !contains_vowel(without(word, suffix)) {
        return;
    }
    replace(word, suffix, b"");
    if ends(word, b"at") || ends(word, b"bl") || ends(word, b"iz") {
        replace(word, 0, b"e");
    } else if ends_double_consonant(word) {
        if !b"lsz".iter().any(|&letter| ends(word, &[letter])) {
            replace(word, 1, b"");
        }
    } else if ends(word, b"*d") {
        // nltk writes the rule of double consonants as "*d" and so takes these two characters for it.
        replace(word, 2, b"d");
    } else if measure(word) == 1 && ends_cvc(word) {
        replace(word, 0, b"e");
    }
}

fn step_1c<T: Letter>(word: &mut Vec<T>) {
    if ends(word, b"y") && word.len() > 2 && is_consonant(word, word.len() - 2) {
        replace(word, 1, b"i");
    }
}

fn step_2<T: Letter>(word: &mut Vec<T>) {
    if ends(word, b"alli") && measure(without(word, 4)) > 0 {
        // What this makes ends in "al", so it comes here but once.
        replace(word, 4, b"al");
    }
    if let Some((suffix, replacement)) = step_2_rules(last(word)).iter().find(|(suffix, _)| ends(word, suffix)) {
        let stem = suffix.len() - usize::from(*suffix == b"logi");
        if measure(without(word, stem)) > 0 {
            replace(word, suffix.len(), replacement);
        }
    }
}

fn step_4<T: Letter>(word: &mut Vec<T>) {
    if let Some(suffix) = step_4_suffixes(last(word)).iter().find(|suffix| ends(word, suffix)) {
        let stem = without(word, suffix.len());
        if measure(stem) > 1 && (*suffix != b"ion" || ends(stem, b"s") || ends(stem, b"t")) {
            replace(word, suffix.len(), b"");
        }
    }
}

fn step_5<T: Letter>(word: &mut Vec<T>) {
    if ends(word, b"e") {
        let stem = without(word, 1);
        let measure = measure(stem);
        if measure > 1 || (measure == 1 && !ends_cvc(stem)) {
            replace(word, 1, b"");
        }
    }
    if ends(word, b"ll") && measure(without(word, 1)) > 1 {
        replace(word, 1, b"");
    }
}

fn last<T: Letter>(word: &[T]) -> u8 {
    word.last().map_or(0, |letter| letter.byte())
}

fn ends<T: Letter>(word: &[T], suffix: &[u8]) -> bool {
    word.len() >= suffix.len() && word.iter().rev().zip(suffix.iter().rev()).all(|(&c, &s)| c == T::from(s))
}

fn without<T>(word: &[T], suffix: usize) -> &[T] {
    &word[..word.len().saturating_sub(suffix)]
}

fn replace<T: Letter>(word: &mut Vec<T>, suffix: usize, replacement: &[u8]) {
    word.truncate(word.len().saturating_sub(suffix));
    word.extend(replacement.iter().map(|&letter| T::from(letter)));
}

/// For each letter whether it is a consonant: y is one at the beginning and after a vowel.
fn consonants<T: Letter>(word: &[T]) -> impl Iterator<Item = bool> {
    let mut before = false;
    word.iter().map(move |&letter| {
        before = if letter == T::from(b'y') { !before } else { !letter.is_vowel() };
        before
    })
}

/// How many times vowels are followed by consonants.
fn measure<T: Letter>(word: &[T]) -> usize {
    let mut before = true;
    consonants(word).filter(|&consonant| consonant & !std::mem::replace(&mut before, consonant)).count()
}

fn contains_vowel<T: Letter>(word: &[T]) -> bool {
    consonants(word).any(|consonant| !consonant)
}

fn is_consonant<T: Letter>(word: &[T], at: usize) -> bool {
    // Before a letter that is no y nothing matters.
    let start = word[..at].iter().rposition(|&letter| letter != T::from(b'y')).unwrap_or(0);
    consonants(&word[start..=at]).last().unwrap_or(true)
}

fn ends_double_consonant<T: Letter>(word: &[T]) -> bool {
    matches!(word, [.., a, b] if a == b) && is_consonant(word, word.len() - 1)
}

/// Whether it ends in consonant, vowel, consonant, the last not w, x or y; or is a vowel and a consonant.
fn ends_cvc<T: Letter>(word: &[T]) -> bool {
    match word.len() {
        0 | 1 => false,
        2 => !is_consonant(word, 0) && is_consonant(word, 1),
        n => {
            is_consonant(word, n - 3)
                && !is_consonant(word, n - 2)
                && is_consonant(word, n - 1)
                && !b"wxy".iter().any(|&letter| ends(word, &[letter]))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stem_of(word: &str) -> String {
        let mut stemmer = Stemmer::default();
        String::from_utf8(stemmer.stem(word.as_bytes()).unwrap_or(word.as_bytes()).to_vec()).unwrap()
    }

    #[test]
    fn stems_are_those_of_nltk() {
        // Printed by nltk 3.10.4, PorterStemmer().stem.
        for (word, stem) in [
            ("caresses", "caress"),
            ("ponies", "poni"),
            ("ties", "tie"),
            ("spied", "spi"),
            ("died", "die"),
            ("agreed", "agre"),
            ("hopping", "hop"),
            ("falling", "fall"),
            ("filing", "file"),
            ("enjoy", "enjoy"),
            ("happy", "happi"),
            ("skies", "sky"),
            ("rationally", "ration"),
            ("geologi", "geolog"),
            ("logi", "logi"),
            ("adoption", "adopt"),
            ("controll", "control"),
            ("yyyying", "yyyi"),
            ("a*ded", "ad"),
            ("aééing", "aé"),
            ("наилучшие", "наилучшие"),
            ("", ""),
        ] {
            assert_eq!(stem_of(word), stem, "{word}");
        }
    }
}
