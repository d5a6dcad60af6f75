//! Server-sent events, from bytes that may be split anywhere.

use super::format::{StreamDecoder, StreamFault, StreamStep};

/// The most that one event may hold.
const MAX_EVENT: usize = 16 << 20;

/// Cuts bytes into events as the HTML standard says: lines end in LF, CR or CRLF, a blank line ends an event, lines that
/// begin with a colon are comments, several `data` lines are joined by LF. An event without data is none, and one that the
/// end of the stream cuts off is dropped.
#[derive(Default)]
pub(super) struct SseDecoder {
    line: Vec<u8>,
    event: String,
    data: Vec<u8>,
    has_data: bool,
    after_cr: bool,
    begun: bool,
}

impl StreamDecoder for SseDecoder {
    fn feed(
        &mut self,
        mut bytes: &[u8],
        event: &mut dyn FnMut(&str, &[u8]) -> StreamStep,
    ) -> Result<StreamStep, StreamFault> {
        let mut last = StreamStep::Continue;
        while let Some(&first) = bytes.first() {
            if std::mem::take(&mut self.after_cr) && first == b'\n' {
                bytes = &bytes[1..];
                continue;
            }
            let end = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let (piece, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
            if self.line.len() + self.data.len() + piece.len() > MAX_EVENT {
                return Err(StreamFault("an event of the stream is too long"));
            }
            self.line.extend_from_slice(piece);
            let Some((terminator, rest)) = rest.split_first() else { break };
            self.after_cr = *terminator == b'\r';
            bytes = rest;
            match self.end_line(event) {
                Some(StreamStep::Done) => return Ok(StreamStep::Done),
                Some(StreamStep::Token) => last = StreamStep::Token,
                _ => {}
            }
        }
        Ok(last)
    }
}

impl SseDecoder {
    fn end_line(&mut self, event: &mut dyn FnMut(&str, &[u8]) -> StreamStep) -> Option<StreamStep> {
        let mut line = std::mem::take(&mut self.line);
        if !std::mem::replace(&mut self.begun, true) && line.starts_with(b"\xef\xbb\xbf") {
            line.drain(..3);
        }
        let step = if line.is_empty() { self.dispatch(event) } else { self.field(&line) };
        // The buffer is kept for the next line.
        line.clear();
        self.line = line;
        step
    }

    fn dispatch(&mut self, event: &mut dyn FnMut(&str, &[u8]) -> StreamStep) -> Option<StreamStep> {
        let has_data = std::mem::take(&mut self.has_data);
        let name = std::mem::take(&mut self.event);
        let step = has_data.then(|| event(if name.is_empty() { "message" } else { &name }, &self.data));
        self.data.clear();
        step
    }

    fn field(&mut self, line: &[u8]) -> Option<StreamStep> {
        let (name, value) = match line.iter().position(|byte| *byte == b':') {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &b""[..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match name {
            b"data" => {
                if self.has_data {
                    self.data.push(b'\n');
                }
                self.has_data = true;
                self.data.extend_from_slice(value);
            }
            b"event" => self.event = String::from_utf8_lossy(value).into_owned(),
            // A comment has no name; ids and retry times are for readers that come back.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn events(pieces: &[&[u8]]) -> Vec<(String, String)> {
        let mut decoder = SseDecoder::default();
        let mut events = Vec::new();
        for piece in pieces {
            let mut take = |name: &str, data: &[u8]| {
                events.push((name.to_string(), String::from_utf8_lossy(data).into_owned()));
                StreamStep::Continue
            };
            decoder.feed(piece, &mut take).unwrap();
        }
        events
    }

    fn named(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, data)| (name.to_string(), data.to_string())).collect()
    }

    #[test]
    fn the_standards_own_rules() {
        for (text, expected) in [
            ("data: a\n\n", &[("message", "a")][..]),
            ("data:a\r\n\r\ndata: b\r\rdata:  c\n\n", &[("message", "a"), ("message", "b"), ("message", " c")]),
            (": ping\n\n: ping\ndata: a\n: more\ndata: b\n\n", &[("message", "a\nb")]),
            ("event: delta\nid: 1\nretry: 5\ndata: {}\n\n", &[("delta", "{}")]),
            ("event: ping\n\ndata: a\n\n", &[("message", "a")]),
            ("data\n\ndata:\ndata:\n\n", &[("message", ""), ("message", "\n")]),
            ("\u{feff}data: a\n\n", &[("message", "a")]),
            ("other: a\n\n\n\n", &[]),
            ("data: cut", &[]),
            ("data: cut\n", &[]),
        ] {
            assert_eq!(events(&[text.as_bytes()]), named(expected), "{text:?}");
        }
    }

    #[test]
    fn reading_stops_where_the_parser_says() {
        let mut decoder = SseDecoder::default();
        let mut seen = 0;
        let step = decoder.feed(b"data: 1\n\ndata: 2\n\ndata: 3\n\n", &mut |_, data| {
            seen += 1;
            if data == b"2" { StreamStep::Done } else { StreamStep::Token }
        });
        assert_eq!((step, seen), (Ok(StreamStep::Done), 2));
    }

    #[test]
    fn an_endless_event_is_no_event() {
        let mut decoder = SseDecoder::default();
        let piece = vec![b'x'; 1 << 20];
        let fault = (0..20).find_map(|_| decoder.feed(&piece, &mut |_, _| StreamStep::Continue).err());
        assert_eq!(fault, Some(StreamFault("an event of the stream is too long")));
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_events(
            texts in prop::collection::vec(("[a-z]{0,3}", prop::collection::vec("[ -~é€😀]{0,9}", 1..4)), 0..5),
            ends in prop::collection::vec(prop::sample::select(vec!["\n", "\r\n", "\r"]), 40),
            comments in any::<bool>(),
            cuts in prop::collection::vec(0usize..400, 0..9),
        ) {
            let mut stream = String::new();
            let mut expected = Vec::new();
            let mut ends = ends.iter().cycle();
            let mut end = || *ends.next().unwrap_or(&"\n");
            for (name, lines) in &texts {
                if comments {
                    stream.push_str(": keep alive");
                    stream.push_str(end());
                }
                if !name.is_empty() {
                    stream.push_str(&format!("event: {name}{}", end()));
                }
                for line in lines {
                    stream.push_str(&format!("data: {line}{}", end()));
                }
                // After a CR that ends a line, the blank line must not begin with LF.
                stream.push_str(if stream.ends_with('\r') { "\r" } else { "\n" });
                expected.push((if name.is_empty() { "message".to_string() } else { name.clone() }, lines.join("\n")));
            }
            let bytes = stream.as_bytes();
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
            cuts.push(0);
            cuts.push(bytes.len());
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            prop_assert_eq!(events(&pieces), expected);
        }
    }
}
