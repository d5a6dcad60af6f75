//! Sessions: Arrow IPC bytes in, Arrow IPC bytes out. The only part of the engine that knows Arrow.
//!
//! | file | what belongs there |
//! |---|---|
//! | `ipc` | one record batch to and from an IPC stream, checked before it is decoded |
//! | `values` | a row of a struct column as a template value |
//! | `chats` | a column of chat messages: roles, parts, tool calls |
//! | `columns` | text columns and reference columns, whatever their Arrow layout |
//! | `eval` | row functions over a batch |
//! | `metric`, `scores` | metrics of pairs: one, or several in one pass |
//! | `ready` | what is made once for a session and kept between batches |
//! | `corpus` | metrics of a corpus: counts of rows, and their end |
//! | `text` | row functions of one column |
//! | `numbers` | row functions of numbers |
//! | `semantic` | row functions over vectors and local models |
//! | `describe` | what is in force for a model |
//! | `requests` | rows as requests to a model: prompts and per-row options |
//! | `complete` | model calls: batches in, finished rows out as they finish |
//! | `completion_schema` | the completion struct as a column |
//! | `keys` | the request keys of rows |
//! | `stored` | rows of a cache table: from the entries of a journal, and back to completions |
//! | `journal_rows` | a file of a journal as such rows |
//! | `known` | answers that a session is told before its rows |
pub mod complete;
pub mod completion_schema;
pub mod corpus;
pub mod eval;
pub mod ipc;
pub mod journal_rows;
pub mod keys;
pub mod requests;
pub mod stored;
pub mod values;

mod chats;
mod columns;
mod describe;
mod known;
mod metric;
mod numbers;
mod ready;
mod scores;
#[cfg(feature = "semantic")]
mod semantic;
mod text;

pub use complete::CompleteSession;
pub use describe::describe_model;
pub use eval::{EvalSession, check_function};
pub use journal_rows::JournalSession;
pub use keys::KeysSession;
pub use requests::check_call;
