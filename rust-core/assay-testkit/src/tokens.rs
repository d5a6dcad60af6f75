//! Token counts that look real: about four characters of English a token.

/// Splits text into pieces the way a byte-pair tokenizer roughly does: a word with the space before it (long words in
/// parts), up to three digits, one sign. The pieces joined are the text.
pub(crate) fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (piece, tail) = rest.split_at(piece_len(rest));
        rest = tail;
        Some(piece)
    })
}

/// How many pieces `text` has.
pub(crate) fn count(text: &str) -> u64 {
    pieces(text).count() as u64
}

fn piece_len(text: &str) -> usize {
    const LETTERS: usize = 7;
    const DIGITS: usize = 3;
    let bytes = text.as_bytes();
    let start = usize::from(bytes[0] == b' ' && bytes.len() > 1 && bytes[1] != b' ');
    let Some(first) = text[start..].chars().next() else { return text.len() };
    let run = |limit: usize, belongs: fn(u8) -> bool| {
        start + bytes[start..].iter().take(limit).take_while(|b| belongs(**b)).count()
    };
    if first.is_ascii_alphabetic() {
        run(LETTERS, |b| b.is_ascii_alphabetic())
    } else if first.is_ascii_digit() {
        run(DIGITS, |b| b.is_ascii_digit())
    } else {
        start + first.len_utf8()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_joined_are_the_text() {
        for text in
            ["", " ", "  a", "The capital of Côte d'Ivoire is  Yamoussoukro.\n\n12345 東京", "a ", "\u{1F600} x"]
        {
            assert_eq!(pieces(text).collect::<String>(), text);
        }
    }

    #[test]
    fn counts_look_real() {
        assert_eq!(count("What is the capital of France?"), 7);
        assert_eq!(count("1234567"), 3);
    }
}
