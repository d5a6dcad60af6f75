//! Random numbers, and texts of what goes wrong in texts.

/// Splitmix64: every seed is as good as another.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    /// True once in `n` times.
    pub(crate) fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub(crate) fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }
}

/// What a text is put together from: one style takes a few of these.
const PIECES: &[&[&str]] = &[
    &["a", "b", "ab", "ba", " ", " "],
    &[
        "the ",
        "a ",
        "an ",
        "The ",
        "cat ",
        "sat ",
        "sitting ",
        "ponies ",
        "on ",
        "mat. ",
        "generalizations ",
        "A",
        "theatre ",
    ],
    &[
        ".", ",", "!", "?", ";", ":", "'", "\"", "(", ")", "-", "--", "...", "$", "%", "_", "~", "`", "^", "\\", "/",
        "'s ",
    ],
    &[
        "0",
        "7",
        "42",
        "-1",
        "+3.5",
        "1,024",
        "12,34",
        "1,234,567.89",
        "1e999",
        "-1E-5",
        "3.",
        ".5",
        "5-6",
        "$1,000.00",
        "٣٫٥",
        "½",
        "²",
    ],
    &[
        " ", "\t", "\n", "\r", "\r\n", "\u{b}", "\u{c}", "\u{1c}", "\u{1d}", "\u{1e}", "\u{1f}", "\u{85}", "\u{a0}",
        "\u{1680}", "\u{2003}", "\u{2028}", "\u{2029}", "\u{202f}", "\u{205f}", "\u{3000}", "\u{200b}", "\u{feff}",
        "  ",
    ],
    &["e\u{301}", "\u{301}", "\u{308}\u{323}", "a\u{30a}", "\u{345}", "n\u{303}", "\u{20e3}", "\u{fe0f}", "Å", "é"],
    &["👩‍👩‍👧‍👦", "🏳️‍🌈", "🇫🇷", "🇫", "👍🏽", "\u{200d}", "😀", "❤️", "🧑‍🚀"],
    &["שלום", "مرحبا", "\u{202e}abc\u{202c}", "\u{200f}", "کتاب‌ها", "،", "؟", "וְ", " "],
    &[
        "山",
        "寺庙",
        "今天开门。",
        "東京・",
        "カタカナ",
        "ﾊﾝｶｸ",
        "ひらがな",
        "，",
        "（",
        "𠮷",
        "한국어",
        "등대는",
        "ー",
        "〇",
        "㈱",
        " ",
    ],
    &[
        "Поезд ",
        "ΣΑΣ",
        "ς",
        "σ",
        "Ωμέγα",
        "ელ",
        "Ა",
        "հայ",
        "नमस्ते ",
        "কলা",
        "தமிழ்",
        "ตลาดน้ำ",
        "မြန်မာ",
        "ខ្មែរ",
        "አማርኛ",
        "ຂ້ອຍ",
    ],
    &["İ", "ı", "ß", "ẞ", "ſ", "K", "ŉ", "ǰ", "ΐ", "ǅ", "ﬀ", "ﬃ", "Ⅷ", "ⅷ", "Ⓐ", "𝐀", "Ꭰ", "ꭰ"],
    &[
        "\0",
        "\u{1}",
        "\u{7}",
        "\u{8}",
        "\u{1b}[0m",
        "\u{7f}",
        "\u{80}",
        "\u{9f}",
        "\u{ad}",
        "\u{fffd}",
        "\u{ffff}",
        "\u{10ffff}",
        "\u{d7ff}",
        "\u{e000}",
    ],
    &[
        "&quot;",
        "&amp;",
        "&lt;",
        "&gt;",
        "&amp;lt;",
        "<skipped>",
        "<b>",
        "</b>",
        "&#39;",
        "&nbsp",
        "-\n",
        "\n-",
        "<",
        "&",
    ],
    &[
        "{",
        "}",
        "[",
        "]",
        "\"a\"",
        ":",
        ",",
        "1",
        "null",
        "true",
        "\\u00e9",
        "\\",
        "{\"a\": 1}",
        "[1, 2]",
        "1.0",
        "```json\n",
        "```",
        " ",
    ],
    &[
        "a", "\\d+", "(", ")", "[a-z]", "*", "+", "?", "{2,3}", "|", "^", "$", ".", "\\b", "\\w", "(?i)", "(?:",
        "(?P<n>", "\\p{L}", "[^\\s]", "\\", "(?x) ", "#",
    ],
    &["<think>", "</think>", "####", "#### 12", "Answer: ", "The answer is ", "[invalid]", "$.", "\n", "x"],
    &["{{ x }}", "{% if x %}", "{% endif %}", "{# #}", "{{", "}}", "%}", "$5", "%s", "{}"],
    &[
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "supercalifragilistic",
        "ééééééééééééééééééé",
        "12345678",
        "123456789",
    ],
];

/// A text: mostly short, at times empty, seldom long.
pub(crate) fn text(random: &mut Random) -> String {
    let pieces = match random.below(2000) {
        0 => 4000,
        1..10 => 400,
        10..300 => 60,
        300..330 => 0,
        _ => 12,
    };
    let mut text = String::new();
    // The same few kinds of piece all along, so that parts come back.
    let kinds: Vec<&[&str]> = (0..1 + random.below(4)).map(|_| PIECES[random.below(PIECES.len())]).collect();
    let variety = 1 + random.below(8);
    for _ in 0..random.below(pieces + 1) {
        append(&mut text, &kinds, variety, random);
    }
    if random.once_in(300) {
        // One very long word, or much white space.
        let piece = random.pick(&["a", "ab", "é", "字", " ", "\n", "9", ",000", "- ", "[", "(", "\\", "\u{301}"]);
        let at = boundary(&text, random);
        text.insert_str(at, &piece.repeat(1 << random.below(14)));
    }
    text
}

fn append(text: &mut String, kinds: &[&[&str]], variety: usize, random: &mut Random) {
    if random.once_in(40) {
        text.push(character(random));
        return;
    }
    let kind = kinds[random.below(kinds.len())];
    text.push_str(kind[random.below(variety.min(kind.len()))]);
    if random.once_in(3) {
        text.push(' ');
    }
}

/// Any character; those of low numbers more often.
fn character(random: &mut Random) -> char {
    let bound = [0x80, 0x300, 0x3000, 0x1_0000, 0x11_0000][random.below(5)];
    char::from_u32(random.below(bound) as u32).unwrap_or('\u{fffd}')
}

/// A place between two characters.
fn boundary(text: &str, random: &mut Random) -> usize {
    let mut at = random.below(text.len() + 1);
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// A text that has something in common with another one.
pub(crate) fn like(text: &str, random: &mut Random) -> String {
    let mut changed = text.to_string();
    for _ in 0..1 + random.below(4) {
        let (a, b) = (boundary(&changed, random), boundary(&changed, random));
        let (from, to) = (a.min(b), a.max(b));
        match random.below(10) {
            0 => changed.replace_range(from..to, ""),
            1 => changed.insert(from, character(random)),
            2 => {
                let mut words: Vec<&str> = changed.split(' ').collect();
                let (i, j) = (random.below(words.len()), random.below(words.len()));
                words.swap(i, j);
                changed = words.join(" ");
            }
            3 => {
                // A block of words moves.
                let mut words: Vec<&str> = changed.split(' ').collect();
                let start = random.below(words.len());
                let moved: Vec<&str> = words.drain(start..(start + 1 + random.below(5)).min(words.len())).collect();
                let to = random.below(words.len() + 1);
                words.splice(to..to, moved);
                changed = words.join(" ");
            }
            4 => changed = if random.once_in(2) { changed.to_uppercase() } else { changed.to_lowercase() },
            5 => changed.truncate(from),
            6 if text.len() < 500 => changed.insert_str(from, &text[boundary(text, random)..]),
            7 => changed = changed.replace(' ', random.pick(&["\n", "  ", "\u{a0}", "\u{3000}", "", "\t"])),
            8 => changed = changed.chars().rev().collect(),
            9 => changed.push_str(random.pick(&[" ", "!", "\n", "a", "é", "\u{301}", "s", "ing"])),
            _ => {}
        }
    }
    changed
}

/// The text of a JSON value.
pub(crate) fn json(random: &mut Random, depth: usize) -> String {
    let space = random.pick(&["", "", " ", "\n "]);
    match random.below(if depth == 0 { 6 } else { 9 }) {
        0 => random.pick(&["null", "true", "false"]).to_string(),
        1 => random
            .pick(&["0", "1", "1.0", "-0", "1e2", "100", "0.1", "1e308", "-7", "12345678901234567890"])
            .to_string(),
        2 | 3 => serde_json::Value::from(text(random)).to_string(),
        4 | 5 => random.pick(&["\"\"", "\"a\"", "\"b\"", "\"\\u00e9\"", "\"\\ud83d\\ude00\""]).to_string(),
        6 => {
            let items: Vec<String> = (0..random.below(4)).map(|_| json(random, depth - 1)).collect();
            format!("[{space}{}{space}]", items.join(","))
        }
        _ => {
            let items: Vec<String> = (0..random.below(4))
                .map(|_| {
                    format!(
                        "\"{}\"{space}: {}",
                        random.pick(&["a", "b", "c", "é", "", "a/b", "0"]),
                        json(random, depth - 1)
                    )
                })
                .collect();
            format!("{{{}{space}}}", items.join(", "))
        }
    }
}

/// The text of a JSON schema, or of something like it.
pub(crate) fn schema(random: &mut Random, depth: usize) -> String {
    let inner = |random: &mut Random| if depth == 0 { "true".to_string() } else { schema(random, depth - 1) };
    let mut rules = Vec::new();
    for _ in 0..random.below(4) {
        rules.push(match random.below(14) {
            0 => format!(
                "\"type\": \"{}\"",
                random.pick(&["object", "array", "string", "number", "integer", "null", "boolean", "none"])
            ),
            1 => format!("\"properties\": {{\"a\": {}, \"b\": {}}}", inner(random), inner(random)),
            2 => format!("\"items\": {}", inner(random)),
            3 => "\"required\": [\"a\"]".to_string(),
            4 => format!("\"anyOf\": [{}, {}]", inner(random), inner(random)),
            5 => format!("\"not\": {}", inner(random)),
            6 => format!("\"enum\": [{}, {}]", json(random, 1), json(random, 1)),
            7 => format!("\"pattern\": {}", serde_json::Value::from(pattern(random))),
            8 => random
                .pick(&[
                    "\"minimum\": 1",
                    "\"maxLength\": 3",
                    "\"multipleOf\": 0.1",
                    "\"uniqueItems\": true",
                    "\"minItems\": 2",
                ])
                .to_string(),
            9 => random
                .pick(&["\"$ref\": \"#\"", "\"$ref\": \"#/x\"", "\"$ref\": \"http://[::1]:9/\"", "\"$id\": \"urn:x\""])
                .to_string(),
            10 => random
                .pick(&["\"format\": \"date\"", "\"format\": \"regex\"", "\"format\": \"idn-email\"", "\"const\": 1"])
                .to_string(),
            11 => format!("\"additionalProperties\": {}", inner(random)),
            12 => random
                .pick(&["\"$schema\": \"http://json-schema.org/draft-04/schema#\"", "\"$schema\": \"urn:none\""])
                .to_string(),
            _ => format!("\"oneOf\": [{}]", json(random, 1)),
        });
    }
    format!("{{{}}}", rules.join(", "))
}

/// A regular expression that often compiles.
pub(crate) fn pattern(random: &mut Random) -> String {
    let mut pattern = String::new();
    for _ in 0..1 + random.below(5) {
        match random.below(8) {
            0 => pattern.push_str(random.pick(&[
                "\\d+", "\\w*", "[a-c]", "[^ab]", ".", "\\s", "\\b", "^", "$", "\\p{Lu}", "\\pM", "(?i)", "(?s)",
            ])),
            1 => pattern = format!("({pattern})"),
            2 => pattern = format!("(?:{pattern}){}", random.pick(&["*", "+", "?", "{0,3}", "{2}", "*?"])),
            3 => pattern.push('|'),
            4 => pattern.push_str(&regex_escape(character(random))),
            5 if random.once_in(4) => pattern.push_str(&text(random).chars().take(20).collect::<String>()),
            _ => pattern.push_str(random.pick(&["a", "b", "ab", "é", "字", "1", " "])),
        }
    }
    pattern
}

fn regex_escape(c: char) -> String {
    if c.is_ascii_punctuation() { format!("\\{c}") } else { c.to_string() }
}
