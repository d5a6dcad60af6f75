//! The text of a request, and its tokens by a tokenizer or by its words and bytes.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use tiktoken_rs::CoreBPE;

/// What a request says to the model: the same for every wire format, by what the fields are called.
#[derive(Debug, Default)]
pub(super) struct Texts<'a> {
    texts: Vec<Cow<'a, str>>,
    bytes: usize,
    messages: usize,
    images: usize,
}

/// The fields at the top of a body that the model reads, in any of the wire formats.
const READ: &[&str] = &[
    "messages",
    "system",
    "contents",
    "systeminstruction",
    "input",
    "inputtext",
    "instructions",
    "prompt",
    "tools",
    "functions",
    "toolconfig",
    "texts",
];

/// Tokens that a chat puts around each message, and before the answer, as OpenAI documents it.
const MESSAGE_TOKENS: usize = 3;
const ANSWER_TOKENS: usize = 3;
/// What an image comes to, in the middle of what providers charge; usage corrects it.
const IMAGE_TOKENS: usize = 800;
/// The most bytes that are run through a tokenizer for one request; the rest is taken to be like them.
pub(super) const SAMPLE_BYTES: usize = 16 << 10;
/// The length of one sample.
const PIECE_BYTES: usize = 1 << 10;

impl<'a> Texts<'a> {
    /// Reads a body. One that is no JSON object counts as one text.
    pub(super) fn read(body: &'a [u8]) -> Self {
        let mut texts = Texts::default();
        let mut deserializer = serde_json::Deserializer::from_slice(body);
        let seed = Walk { texts: &mut texts, place: Place::Top };
        if seed.deserialize(&mut deserializer).is_err() || texts.texts.is_empty() {
            texts = Texts::default();
            texts.push(String::from_utf8_lossy(body));
        }
        texts
    }

    fn push(&mut self, text: Cow<'a, str>) {
        self.bytes += text.len();
        self.texts.push(text);
    }

    pub(super) fn image_tokens(&self) -> f64 {
        (self.images * IMAGE_TOKENS) as f64
    }

    /// The tokens of all, by `tokenizer` where there is one.
    pub(super) fn tokens(&self, tokenizer: Option<&CoreBPE>) -> f64 {
        let frame = match self.messages {
            0 => 0,
            messages => messages * MESSAGE_TOKENS + ANSWER_TOKENS,
        };
        let text: f64 = match tokenizer {
            // One pass over the bytes, so there is nothing to sample.
            None => self.texts.iter().map(|text| by_words(text)).sum::<f64>(),
            Some(tokenizer) if self.bytes <= SAMPLE_BYTES => {
                self.texts.iter().map(|text| tokenizer.count_ordinary(text) as f64).sum()
            }
            Some(tokenizer) => {
                let share = SAMPLE_BYTES as f64 / self.bytes as f64;
                self.texts.iter().map(|text| by_samples(text, share, tokenizer)).sum()
            }
        };
        text + frame as f64 + self.image_tokens()
    }
}

/// Tokens of `text` from pieces spread evenly over it, which together are about `share` of it.
fn by_samples(text: &str, share: f64, tokenizer: &CoreBPE) -> f64 {
    let budget = (text.len() as f64 * share) as usize;
    if budget < 64 {
        return by_words(text);
    }
    let pieces = budget.div_ceil(PIECE_BYTES).min(SAMPLE_BYTES / PIECE_BYTES);
    let length = budget / pieces;
    let stride = text.len() / pieces;
    let (mut tokens, mut bytes) = (0, 0);
    for piece in 0..pieces {
        let start = text.floor_char_boundary(piece * stride);
        let end = text.ceil_char_boundary((start + length).min(text.len()));
        let Some(sample) = text.get(start..end) else { continue };
        tokens += tokenizer.count_ordinary(sample);
        bytes += sample.len();
    }
    // Each cut splits a token in two.
    let tokens = tokens.saturating_sub(pieces) as f64;
    tokens * text.len() as f64 / bytes.max(1) as f64
}

/// About how many tokens a byte-pair tokenizer makes of `text`: a word of up to seven letters is one, a longer one more;
/// numbers go by three digits, signs by two, and characters beyond ASCII by their bytes.
pub(super) fn by_words(text: &str) -> f64 {
    #[derive(PartialEq, Clone, Copy)]
    enum Kind {
        Letter,
        Digit,
        Sign,
        Space,
        Accented,
        Wide,
    }
    let mut tokens = 0.0;
    let mut run = (Kind::Space, 0usize);
    let mut end = |(kind, length): (Kind, usize)| {
        tokens += match kind {
            _ if length == 0 => 0.0,
            Kind::Letter => 1.0 + length.saturating_sub(7) as f64 / 4.0,
            Kind::Digit => length.div_ceil(3) as f64,
            Kind::Sign => length.div_ceil(2) as f64,
            // One space belongs to the word that follows.
            Kind::Space => f64::from(length > 1) * 0.8,
            // Counted in bytes: two for a letter of Europe and the Near East, three for an ideograph, four for an emoji.
            Kind::Accented => length as f64 / 7.0,
            Kind::Wide => length as f64 / 3.6,
        };
    };
    for byte in text.bytes() {
        let kind = match byte {
            b'a'..=b'z' | b'A'..=b'Z' => Kind::Letter,
            b'0'..=b'9' => Kind::Digit,
            b' ' | b'\n' | b'\t' | b'\r' => Kind::Space,
            0..=127 => Kind::Sign,
            0xC2..=0xDF => Kind::Accented,
            0x80..=0xBF if run.0 == Kind::Accented => Kind::Accented,
            _ => Kind::Wide,
        };
        if kind == run.0 {
            run.1 += 1;
        } else {
            end(run);
            run = (kind, 1);
        }
    }
    end(run);
    tokens
}

/// Where in a body a value stands.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Top,
    Text,
    Image,
}

struct Walk<'t, 'a> {
    texts: &'t mut Texts<'a>,
    place: Place,
}

impl<'de> DeserializeSeed<'de> for Walk<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_, 'de> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            let plain = name.replace('_', "").to_ascii_lowercase();
            let place = match self.place {
                Place::Top if READ.contains(&plain.as_str()) => Place::Text,
                Place::Top => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
                place => match plain.as_str() {
                    "imageurl" | "inlinedata" | "filedata" | "source" | "image" => {
                        self.texts.images += usize::from(place == Place::Text);
                        Place::Image
                    }
                    // Names of formats, which no model reads.
                    "type" | "mimetype" | "mediatype" | "id" | "toolcallid" | "cachecontrol" => {
                        map.next_value::<IgnoredAny>()?;
                        continue;
                    }
                    "role" => {
                        self.texts.messages += 1;
                        place
                    }
                    _ => place,
                },
            };
            map.next_value_seed(Walk { texts: &mut *self.texts, place })?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        // A list of images within one field is one image each.
        while seq.next_element_seed(Walk { texts: &mut *self.texts, place: self.place })?.is_some() {}
        Ok(())
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<(), E> {
        if self.place == Place::Text {
            self.texts.push(Cow::Borrowed(text));
        }
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        if self.place == Place::Text {
            self.texts.push(Cow::Owned(text.to_string()));
        }
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}
