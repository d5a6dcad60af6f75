//! The one asynchronous runtime of a process.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio_util::sync::CancellationToken;

use crate::error::{Error, ErrorKind, Result};
use crate::provider::Clients;

/// A session's share of the runtime.
#[derive(Debug, Clone)]
pub struct Engine {
    /// Where tasks run.
    pub handle: Handle,
    /// Cancelled with the session, and with the whole runtime.
    pub token: CancellationToken,
    /// The connection pools. They live and die with the runtime that drives their connections.
    pub clients: Arc<Clients>,
}

struct Running {
    runtime: Runtime,
    engine: Engine,
}

static RUNNING: Mutex<Option<Running>> = Mutex::new(None);

/// The runtime, started where it is not running. The token of the result is the caller's own.
pub fn engine() -> Result<Engine> {
    let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
    let engine = match &*running {
        Some(running) => running.engine.clone(),
        None => {
            // Two threads keep 20,000 requests a second going; the executor's cores belong to Spark's tasks.
            let runtime = Builder::new_multi_thread()
                .worker_threads(2)
                .thread_name("assay-inference")
                .enable_all()
                .build()
                .map_err(|e| Error::new(ErrorKind::Internal, format!("the runtime cannot start: {}", e.kind())))?;
            let engine = Engine {
                handle: runtime.handle().clone(),
                token: CancellationToken::new(),
                clients: Arc::new(Clients::default()),
            };
            *running = Some(Running { runtime, engine: engine.clone() });
            engine
        }
    };
    Ok(Engine { token: engine.token.child_token(), ..engine })
}

/// Cancels every session and stops the threads. The next [`engine`] starts anew.
pub fn shutdown() {
    let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(Running { runtime, engine }) = running {
        engine.token.cancel();
        runtime.shutdown_timeout(Duration::from_secs(2));
    }
}
