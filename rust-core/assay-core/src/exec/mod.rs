//! Sessions: Arrow IPC bytes in, Arrow IPC bytes out. The only part of the engine that knows Arrow.
//!
//! | file | what belongs there |
//! |---|---|
//! | `ipc` | one record batch to and from an IPC stream, checked before it is decoded |
//! | `values` | a row of a struct column as a template value |
//! | `chats` | a column of chat messages: roles, parts, tool calls |
//! | `columns` | text columns and reference columns, whatever their Arrow layout |
//! | `eval` | row functions over a batch |
//! | `requests` | rows as requests to a model: prompts and per-row options |
//! | `complete` | model calls: batches in, finished rows out as they finish |
//! | `completion_schema` | the completion struct as a column |
pub mod complete;
pub mod completion_schema;
pub mod eval;
pub mod ipc;
pub mod requests;
pub mod values;

mod chats;
mod columns;

pub use complete::CompleteSession;
pub use eval::{EvalSession, check_function};
pub use requests::check_call;
