use super::*;

fn normalized(text: &str) -> String {
    Normalizer::default().normalize(text).to_string()
}

#[test]
fn like_python() {
    for (text, expected) in [
        ("", ""),
        ("  The  cat,\tsat! ", "cat sat"),
        ("a an the", ""),
        ("A.N. Other", "other"),
        ("theatre an-other", "theatre another"),
        ("can't won't", "cant wont"),
        ("x\u{1c}y\u{85}z\u{3000}w", "x y z w"),
        // \b knows Unicode letters, so the article in them is none.
        ("thé the", "thé"),
        ("a– –the", "– –"),
        ("–a–b", "– –b"),
        ("«the»", "« »"),
        ("x\u{1}a\u{1}the", "x\u{1} \u{1}"),
        // A vowel sign is no word character in Python, so the article before it goes.
        ("a\u{93e}", "\u{93e}"),
        ("ΟΔΟΣ ΣΑΣ", "οδος σας"),
        ("İstanbul", "i\u{307}stanbul"),
        ("THE STRASSE ẞ", "strasse ß"),
        ("日本の、the答え", "日本の、the答え"),
        ("\u{212a}elvin", "kelvin"),
    ] {
        assert_eq!(normalized(text), expected, "{text:?}");
    }
}

#[test]
fn both_ways_agree_on_ascii() {
    proptest::proptest!(|(text in "[aAnthTHE _.,\\-\tbcX0-9\x1c]{0,40}")| {
        let mut fast = Normalizer::default();
        let mut slow = Normalizer::default();
        assert!(fast.lower_ascii(&text));
        fast.tokenize_ascii(text.len());
        slow.tokenize_unicode(&text);
        assert_eq!(fast.tokens.len(), slow.tokens.len());
        for (a, b) in fast.tokens.iter().zip(&slow.tokens) {
            assert!(a.equals(&fast, b, &slow));
            assert_eq!(fast.bytes(a), slow.bytes(b));
        }
    });
}

#[test]
fn any_text_gives_valid_text_and_scratch_does_not_leak() {
    let kept = std::cell::RefCell::new(Normalizer::default());
    proptest::proptest!(|(text in "\\PC{0,30}|[\\x00-\\x7f]{0,30}")| {
        assert_eq!(kept.borrow_mut().normalize(&text), normalized(&text));
        let tokens: Vec<String> = normalized(&text).split(' ').map(str::to_string).collect();
        assert!(tokens.iter().all(|t| !t.is_empty()) || tokens == [""]);
    });
}

#[test]
fn long_tokens_are_compared_in_full() {
    let (mut a, mut b) = (Normalizer::default(), Normalizer::default());
    for (x, y) in [("abcdefgh1", "abcdefgh2"), ("abcdefghabcdefghx", "abcdefghabcdefghy"), ("abcdefgh", "abcdefgh0")] {
        a.tokenize(x);
        b.tokenize(y);
        assert!(!a.tokens()[0].equals(&a, &b.tokens()[0], &b));
        b.tokenize(x);
        assert!(a.tokens()[0].equals(&a, &b.tokens()[0], &b));
    }
}

#[test]
fn blocks_without_case_have_none() {
    for c in (0..=0x10FFFF).filter_map(char::from_u32).filter(|&c| has_no_case(c)) {
        assert!(c.to_lowercase().eq([c]), "{c:?}");
    }
}
