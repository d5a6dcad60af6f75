//! The request keys of rows, as the calls of a session would have them: what is looked up before anything is called.

use std::sync::Arc;

use arrow::array::{ArrayRef, StringBuilder};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::record_batch::RecordBatch;

use super::complete::guard_of;
use super::ipc::{check_columns, read_batch, write_batch};
use super::requests::RequestPlan;
use crate::error::{Error, Result};
use crate::spec::KeysSpec;

/// Gives the keys of the requests that [`CompleteSession`](super::CompleteSession) would make for the same batches.
pub struct KeysSession {
    columns: usize,
    calls: Vec<(RequestPlan, Option<usize>)>,
    schema: Arc<Schema>,
}

impl KeysSession {
    /// Checks the spec. Errors: those of the calls' settings, options and templates.
    pub fn open(spec: &KeysSpec) -> Result<Self> {
        let calls = spec.calls.iter().map(|call| {
            let plan = RequestPlan::new(&call.model, call.kind, &call.prompt, &call.options, &call.per_row)?;
            Ok((plan, call.guard))
        });
        let fields: Vec<Field> =
            (0..spec.calls.len()).map(|i| Field::new(format!("c{i}"), DataType::Utf8, true)).collect();
        Ok(KeysSession {
            columns: spec.columns,
            calls: calls.collect::<Result<_>>()?,
            schema: Arc::new(Schema::new(fields)),
        })
    }

    /// A column of keys for each call; NULL where no call is made: its guard is not true, or the row has no request.
    pub fn eval(&self, ipc: &[u8]) -> Result<Vec<u8>> {
        let batch = read_batch(ipc)?;
        check_columns(&batch, self.columns)?;
        let mut keys: Vec<ArrayRef> = Vec::with_capacity(self.calls.len());
        for (plan, guard) in &self.calls {
            let (rows, guard) = (plan.rows(batch.columns())?, guard_of(*guard, batch.columns())?);
            let mut column = StringBuilder::with_capacity(batch.num_rows(), batch.num_rows() * 64);
            for row in 0..batch.num_rows() {
                let is_called = guard.is_none_or(|guard| guard.is_called(row));
                column.append_option(is_called.then(|| rows.key(row).ok()).flatten());
            }
            keys.push(Arc::new(column.finish()));
        }
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), keys)
            .map_err(|e| Error::internal(format!("keys do not fit: {e}")))?;
        write_batch(&batch)
    }
}
