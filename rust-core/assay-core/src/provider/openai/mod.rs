//! The wire formats of OpenAI, which most servers speak.

mod chat;
mod stream;

pub(super) use chat::OpenAiChat;
