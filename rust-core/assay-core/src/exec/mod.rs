//! Sessions: Arrow IPC bytes in, Arrow IPC bytes out. The only part of the engine that knows Arrow.
//!
//! | file | what belongs there |
//! |---|---|
//! | `ipc` | one record batch to and from an IPC stream, checked before it is decoded |
//! | `values` | a row of a struct column as a template value |
//! | `columns` | text columns and reference columns, whatever their Arrow layout |
//! | `eval` | row functions over a batch |
pub mod eval;
pub mod ipc;
pub mod values;

mod columns;

pub use eval::{EvalSession, check_function};
