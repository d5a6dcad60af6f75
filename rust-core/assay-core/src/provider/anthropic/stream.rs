//! A streamed message, put together again.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{Block, WHAT, WireUsage, answer, words};
use crate::provider::classify::ErrorBody;
use crate::provider::format::{Parsed, StreamParser, StreamStep};
use crate::provider::wire;

/// The events of one stream so far.
#[derive(Default)]
pub(super) struct MessageStream {
    begun: bool,
    model: Option<String>,
    blocks: BTreeMap<u64, StreamBlock>,
    stop_reason: Option<String>,
    usage: WireUsage,
    bytes: usize,
    is_done: bool,
    fault: Option<Fault>,
}

enum Fault {
    Broken,
    Error(ErrorBody),
}

struct StreamBlock {
    block: Block,
    /// The arguments of a tool call, in pieces of JSON text.
    json: String,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Event {
    MessageStart {
        message: Start,
    },
    ContentBlockStart {
        index: u64,
        content_block: Block,
    },
    ContentBlockDelta {
        index: u64,
        delta: Delta,
    },
    MessageDelta {
        delta: MessageDelta,
        usage: Option<WireUsage>,
    },
    MessageStop,
    Error {
        #[serde(default)]
        error: Value,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Start {
    model: Option<String>,
    usage: Option<WireUsage>,
}

#[derive(Deserialize)]
struct MessageDelta {
    stop_reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[allow(clippy::enum_variant_names)]
enum Delta {
    TextDelta {
        text: String,
    },
    ThinkingDelta {
        thinking: String,
    },
    InputJsonDelta {
        partial_json: String,
    },
    #[serde(other)]
    Other,
}

impl StreamParser for MessageStream {
    fn event(&mut self, _event: &str, data: &[u8]) -> StreamStep {
        self.bytes += data.len();
        let Ok(event) = serde_json::from_slice::<Event>(data) else {
            self.fault = Some(Fault::Broken);
            return StreamStep::Done;
        };
        match event {
            Event::MessageStart { message } => {
                self.begun = true;
                self.model = message.model;
                self.usage.update(message.usage.unwrap_or_default());
            }
            Event::ContentBlockStart { index, content_block } => {
                self.blocks.insert(index, StreamBlock { block: content_block, json: String::new() });
            }
            Event::ContentBlockDelta { index, delta } => return self.delta(index, &delta),
            Event::MessageDelta { delta, usage } => {
                self.stop_reason = delta.stop_reason.or(self.stop_reason.take());
                self.usage.update(usage.unwrap_or_default());
            }
            Event::MessageStop => {
                self.is_done = true;
                return StreamStep::Done;
            }
            Event::Error { error } => {
                self.fault = Some(Fault::Error(words(&error)));
                return StreamStep::Done;
            }
            Event::Other => {}
        }
        StreamStep::Continue
    }

    fn finish(self: Box<Self>, http_status: u16, complete: bool) -> Parsed {
        let usage = self.usage.clone().into();
        let failure = match self.fault {
            Some(Fault::Broken) => wire::broken(WHAT, http_status, self.bytes, false),
            Some(Fault::Error(words)) => wire::error_in_success(http_status, &words, self.bytes),
            None if !self.is_done => wire::stream_cut(http_status, complete, self.bytes),
            None if !self.begun => wire::broken(WHAT, http_status, self.bytes, false),
            None => {
                let mut blocks = Vec::new();
                for StreamBlock { mut block, json } in self.blocks.into_values() {
                    if let Block::ToolUse { input, .. } = &mut block
                        && !json.is_empty()
                    {
                        // A call that was cut has arguments that are no JSON; it stays as its text.
                        *input = serde_json::from_str(&json).unwrap_or(Value::String(json));
                    }
                    blocks.push(block);
                }
                return (answer(http_status, blocks, self.stop_reason, self.model), usage);
            }
        };
        (Err(failure), usage)
    }
}

impl MessageStream {
    fn delta(&mut self, index: u64, delta: &Delta) -> StreamStep {
        let Some(StreamBlock { block, json }) = self.blocks.get_mut(&index) else { return StreamStep::Continue };
        match (block, delta) {
            (Block::Text { text }, Delta::TextDelta { text: more }) => text.push_str(more),
            (Block::Thinking { thinking }, Delta::ThinkingDelta { thinking: more }) => thinking.push_str(more),
            (Block::ToolUse { .. }, Delta::InputJsonDelta { partial_json }) => json.push_str(partial_json),
            _ => return StreamStep::Continue,
        }
        StreamStep::Token
    }
}
