//! The frames of `application/vnd.amazon.eventstream`, in which AWS streams.
//!
//! A frame is: its length, the length of its headers, the CRC-32 of these eight bytes; headers; payload; the CRC-32 of all
//! before. Numbers are big-endian. A header is: length and name, a type, a value.

use bytes::{Buf, Bytes, BytesMut};

use super::format::{StreamDecoder, StreamFault, StreamStep};

/// Stands before the name of an event that is an exception or an error.
pub(super) const EXCEPTION: &str = "exception:";

/// What a frame carries.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Frame {
    /// The header `:message-type`: `event`, `exception` or `error`.
    kind: String,
    /// The header `:event-type`, `:exception-type` or `:error-code`.
    name: String,
    /// The payload.
    payload: Bytes,
}

/// Why a stream cannot be read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Broken {
    /// A length that no frame has.
    Length,
    /// A checksum that does not fit the bytes.
    Checksum,
    /// Headers that do not fill their place.
    Headers,
}

impl Broken {
    /// In words.
    fn describe(self) -> &'static str {
        match self {
            Broken::Length => "a frame of the stream has an impossible length",
            Broken::Checksum => "the checksum of a frame of the stream does not fit",
            Broken::Headers => "the headers of a frame of the stream cannot be read",
        }
    }
}

/// Prelude (12 bytes) and the checksum at the end.
const SMALLEST: usize = 16;
/// The limits of AWS's own clients: 24 MiB of payload and 128 KiB of headers.
const LARGEST: usize = (24 << 20) + (128 << 10) + SMALLEST;

/// Puts frames together from the pieces in which they arrive.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    buffer: BytesMut,
}

impl Decoder {
    /// Takes the next piece of the response.
    fn push(&mut self, piece: &[u8]) {
        self.buffer.extend_from_slice(piece);
    }

    /// The next whole frame; `None` until more has arrived. After an error nothing more can be read.
    fn next(&mut self) -> Result<Option<Frame>, Broken> {
        let Some((prelude, _)) = self.buffer.split_at_checked(12) else { return Ok(None) };
        let [length, headers_length, checksum] = [0, 4, 8].map(|at| number(prelude, at));
        if checksum != crc32(&prelude[..8]) {
            return Err(Broken::Checksum);
        }
        let (length, headers_length) = (length as usize, headers_length as usize);
        if !(SMALLEST..=LARGEST).contains(&length) || headers_length > length - SMALLEST {
            return Err(Broken::Length);
        }
        if self.buffer.len() < length {
            return Ok(None);
        }
        let mut frame = self.buffer.split_to(length).freeze();
        let (covered, end) = frame.split_at(length - 4);
        if number(end, 0) != crc32(covered) {
            return Err(Broken::Checksum);
        }
        frame.truncate(length - 4);
        frame.advance(12);
        let headers = frame.split_to(headers_length);
        let (kind, name) = names(&headers).ok_or(Broken::Headers)?;
        Ok(Some(Frame { kind, name, payload: frame }))
    }
}

impl StreamDecoder for Decoder {
    fn feed(
        &mut self,
        bytes: &[u8],
        event: &mut dyn FnMut(&str, &[u8]) -> StreamStep,
    ) -> Result<StreamStep, StreamFault> {
        self.push(bytes);
        let mut last = StreamStep::Continue;
        while let Some(frame) = self.next().map_err(|broken| StreamFault(broken.describe()))? {
            let step = match frame.kind.as_str() {
                "event" => event(&frame.name, &frame.payload),
                _ => event(&format!("{EXCEPTION}{}", frame.name), &frame.payload),
            };
            match step {
                StreamStep::Done => return Ok(StreamStep::Done),
                StreamStep::Token => last = StreamStep::Token,
                StreamStep::Continue => {}
            }
        }
        Ok(last)
    }
}

/// The big-endian number at `at`; the caller knows that it is there.
fn number(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|four| four.try_into().ok()).map_or(0, u32::from_be_bytes)
}

/// The message type and the name that goes with it.
fn names(mut headers: &[u8]) -> Option<(String, String)> {
    let (mut kind, mut name) = (String::from("event"), String::new());
    while let Some((&length, rest)) = headers.split_first() {
        let (header, rest) = rest.split_at_checked(usize::from(length))?;
        let (&value_type, rest) = rest.split_first()?;
        // Byte strings and texts bring their length.
        let (length, rest) = match value_type {
            0 | 1 => (0, rest),
            2 => (1, rest),
            3 => (2, rest),
            4 => (4, rest),
            5 | 8 => (8, rest),
            6 | 7 => {
                let (length, rest) = rest.split_at_checked(2)?;
                (usize::from(u16::from_be_bytes(length.try_into().ok()?)), rest)
            }
            9 => (16, rest),
            _ => return None,
        };
        let (value, rest) = rest.split_at_checked(length)?;
        if value_type == 7 {
            let value = || String::from_utf8(value.to_vec()).ok();
            match header {
                b":message-type" => kind = value()?,
                b":event-type" | b":exception-type" | b":error-code" => name = value()?,
                _ => {}
            }
        }
        headers = rest;
    }
    Some((kind, name))
}

const CRC_TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut value = index as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { value >> 1 ^ 0xedb8_8320 } else { value >> 1 };
            bit += 1;
        }
        table[index] = value;
        index += 1;
    }
    table
};

/// The CRC-32 of IEEE 802.3.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| crc >> 8 ^ CRC_TABLE[((crc ^ u32::from(*byte)) & 0xff) as usize])
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn text_header(name: &str, value: &str) -> Vec<u8> {
        let mut header = vec![name.len() as u8];
        header.extend(name.bytes());
        header.push(7);
        header.extend((value.len() as u16).to_be_bytes());
        header.extend(value.bytes());
        header
    }

    /// A frame as AWS sends it.
    pub(in crate::provider) fn frame(kind: &str, name: &str, payload: &[u8]) -> Vec<u8> {
        let name_of = if kind == "exception" { ":exception-type" } else { ":event-type" };
        let headers = [
            text_header(name_of, name),
            text_header(":content-type", "application/json"),
            text_header(":message-type", kind),
        ]
        .concat();
        let mut bytes = ((headers.len() + payload.len() + SMALLEST) as u32).to_be_bytes().to_vec();
        bytes.extend((headers.len() as u32).to_be_bytes());
        bytes.extend(crc32(&bytes).to_be_bytes());
        bytes.extend(headers);
        bytes.extend(payload);
        bytes.extend(crc32(&bytes).to_be_bytes());
        bytes
    }

    fn read(bytes: &[u8], piece: usize) -> (Vec<Frame>, Option<Broken>, bool) {
        let (mut decoder, mut frames) = (Decoder::default(), Vec::new());
        for piece in bytes.chunks(piece) {
            decoder.push(piece);
            loop {
                match decoder.next() {
                    Ok(Some(frame)) => frames.push(frame),
                    Ok(None) => break,
                    Err(broken) => return (frames, Some(broken), true),
                }
            }
        }
        (frames, None, !decoder.buffer.is_empty())
    }

    #[test]
    fn checksums_are_those_of_the_standard() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(b""), 0);
    }

    #[test]
    fn frames_are_those_that_botocore_reads() {
        let vectors = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/eventstream.jsonl"));
        for line in vectors.lines() {
            let row: Value = serde_json::from_str(line).unwrap();
            let hex = row["hex"].as_str().unwrap();
            let bytes: Vec<u8> =
                (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
            let (frames, broken, rest) = read(&bytes, 7);
            let found: Vec<Value> = frames
                .iter()
                .map(|f| serde_json::json!([f.kind, f.name, String::from_utf8(f.payload.to_vec()).unwrap()]))
                .collect();
            assert_eq!(Value::from(found), row["frames"], "{}", row["id"]);
            assert_eq!(broken.is_some(), row["broken"] == true, "{}", row["id"]);
            assert_eq!(rest, row["rest"] == true || row["broken"] == true, "{}", row["id"]);
        }
    }

    #[test]
    fn what_is_no_frame() {
        let whole = frame("event", "messageStart", b"{}");
        let mut wrong_prelude = whole.clone();
        wrong_prelude[3] ^= 1;
        assert_eq!(read(&wrong_prelude, 9999).1, Some(Broken::Checksum));
        let mut wrong_payload = whole.clone();
        *wrong_payload.last_mut().unwrap() ^= 1;
        assert_eq!(read(&wrong_payload, 9999).1, Some(Broken::Checksum));
        for (length, headers) in [(15u32, 0u32), (0, 0), (u32::MAX, 0), (32, 17), (32, u32::MAX)] {
            let mut bytes = [length.to_be_bytes(), headers.to_be_bytes()].concat();
            bytes.extend(crc32(&bytes).to_be_bytes());
            assert_eq!(read(&bytes, 9999).1, Some(Broken::Length), "{length} {headers}");
        }
        assert_eq!(read(&whole[..whole.len() - 1], 3), (vec![], None, true));
    }

    proptest! {
        #[test]
        fn pieces_of_any_size_make_the_same_frames(
            payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..5),
            piece in 1usize..60,
        ) {
            let bytes: Vec<u8> = payloads.iter().flat_map(|p| frame("event", "contentBlockDelta", p)).collect();
            let (frames, broken, rest) = read(&bytes, piece);
            prop_assert_eq!((broken, rest), (None, false));
            let read: Vec<Vec<u8>> = frames.iter().map(|f| f.payload.to_vec()).collect();
            prop_assert_eq!(read, payloads);
        }

        #[test]
        fn no_bytes_make_it_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..80), headers in prop::collection::vec(any::<u8>(), 0..40),
            piece in 1usize..20,
        ) {
            let _ = read(&bytes, piece);
            let _ = names(&headers);
            // Arbitrary headers within right lengths and checksums.
            let mut framed = ((headers.len() + SMALLEST) as u32).to_be_bytes().to_vec();
            framed.extend((headers.len() as u32).to_be_bytes());
            framed.extend(crc32(&framed).to_be_bytes());
            framed.extend(&headers);
            framed.extend(crc32(&framed).to_be_bytes());
            let (frames, broken, _) = read(&framed, piece);
            prop_assert_eq!(frames.len() + usize::from(broken == Some(Broken::Headers)), 1);
        }

        #[test]
        fn a_changed_byte_is_noticed(at in any::<prop::sample::Index>(), flip in 1u8..) {
            let mut bytes = frame("event", "messageStart", b"{\"role\":\"assistant\"}");
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
            prop_assert!(read(&bytes, 9999).0.is_empty());
        }
    }
}
