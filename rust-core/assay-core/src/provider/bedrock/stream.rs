//! A streamed Converse response, put together again.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{Block, Reasoning, ReasoningText, TokenUsage, ToolUse, Trace, WHAT, answer, error_type};
use crate::completion::Usage;
use crate::provider::classify::ErrorBody;
use crate::provider::eventstream::EXCEPTION;
use crate::provider::format::{Parsed, StreamParser, StreamStep};
use crate::provider::wire;

/// The events of one stream so far.
#[derive(Default)]
pub(super) struct ConverseStream {
    begun: bool,
    blocks: BTreeMap<u64, StreamBlock>,
    stop_reason: Option<String>,
    model: Option<String>,
    usage: Usage,
    bytes: usize,
    is_done: bool,
    fault: Option<Fault>,
}

enum Fault {
    Broken,
    Error(ErrorBody),
}

#[derive(Default)]
struct StreamBlock {
    block: Block,
    /// The arguments of a tool call, in pieces of JSON text.
    json: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BlockStart {
    start: Option<StartOf>,
    content_block_index: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StartOf {
    tool_use: Option<ToolUse>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BlockDelta {
    delta: Delta,
    content_block_index: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Delta {
    text: Option<String>,
    tool_use: Option<ToolUseDelta>,
    reasoning_content: Option<ReasoningDelta>,
}

#[derive(Deserialize)]
struct ToolUseDelta {
    #[serde(default)]
    input: String,
}

#[derive(Deserialize)]
struct ReasoningDelta {
    text: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MessageStop {
    stop_reason: Option<String>,
}

#[derive(Deserialize)]
struct Metadata {
    usage: Option<TokenUsage>,
    trace: Option<Trace>,
}

impl ConverseStream {
    fn read(&mut self, event: &str, data: &[u8]) -> serde_json::Result<StreamStep> {
        match event {
            "messageStart" => self.begun = true,
            "contentBlockStart" => {
                let start: BlockStart = serde_json::from_slice(data)?;
                let block = Block { tool_use: start.start.and_then(|start| start.tool_use), ..Block::default() };
                self.blocks.insert(start.content_block_index, StreamBlock { block, json: String::new() });
            }
            "contentBlockDelta" => {
                let BlockDelta { delta, content_block_index } = serde_json::from_slice(data)?;
                // A block of text has no start of its own.
                let block = self.blocks.entry(content_block_index).or_default();
                return Ok(if block.add(delta) { StreamStep::Token } else { StreamStep::Continue });
            }
            "messageStop" => self.stop_reason = serde_json::from_slice::<MessageStop>(data)?.stop_reason,
            "metadata" => {
                let metadata: Metadata = serde_json::from_slice(data)?;
                self.usage = metadata.usage.map(Usage::from).unwrap_or_default();
                self.model =
                    metadata.trace.and_then(|trace| trace.prompt_router).and_then(|router| router.invoked_model_id);
                self.is_done = self.stop_reason.is_some();
                return Ok(if self.is_done { StreamStep::Done } else { StreamStep::Continue });
            }
            _ => {
                if let Some(exception) = event.strip_prefix(EXCEPTION) {
                    let words = ErrorBody::default().with("type", Some(&error_type(exception).into()));
                    self.fault = Some(Fault::Error(words));
                    return Ok(StreamStep::Done);
                }
            }
        }
        Ok(StreamStep::Continue)
    }
}

impl StreamBlock {
    /// Takes a piece; whether it has text.
    fn add(&mut self, delta: Delta) -> bool {
        if let Some(text) = delta.text {
            self.block.text.get_or_insert_default().push_str(&text);
        } else if let Some(text) = delta.reasoning_content.and_then(|reasoning| reasoning.text) {
            let reasoning = self.block.reasoning_content.get_or_insert(Reasoning { reasoning_text: None });
            reasoning.reasoning_text.get_or_insert(ReasoningText { text: String::new() }).text.push_str(&text);
        } else if let Some(piece) = delta.tool_use {
            self.json.push_str(&piece.input);
        } else {
            return false;
        }
        true
    }
}

impl StreamParser for ConverseStream {
    fn event(&mut self, event: &str, data: &[u8]) -> StreamStep {
        self.bytes += data.len();
        self.read(event, data).unwrap_or_else(|_| {
            self.fault = Some(Fault::Broken);
            StreamStep::Done
        })
    }

    fn finish(self: Box<Self>, http_status: u16, complete: bool) -> Parsed {
        let usage = self.usage;
        let failure = match self.fault {
            Some(Fault::Broken) => wire::broken(WHAT, http_status, self.bytes, false),
            Some(Fault::Error(words)) => wire::error_in_success(http_status, &words, self.bytes),
            None if !self.begun && self.bytes > 0 => wire::broken(WHAT, http_status, self.bytes, false),
            // The metadata with the usage follow the stop; they are the end.
            None if !self.is_done => wire::stream_cut(http_status, complete, self.bytes),
            None => {
                let mut blocks = Vec::new();
                for StreamBlock { mut block, json } in self.blocks.into_values() {
                    if let Some(call) = &mut block.tool_use
                        && !json.is_empty()
                    {
                        // A call that was cut has arguments that are no JSON; it stays as its text.
                        call.input = serde_json::from_str(&json).unwrap_or(Value::String(json));
                    }
                    blocks.push(block);
                }
                return (answer(http_status, blocks, self.stop_reason, self.model), usage);
            }
        };
        (Err(failure), usage)
    }
}
