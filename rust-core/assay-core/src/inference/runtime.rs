//! The one asynchronous runtime of a process.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio_util::sync::CancellationToken;

use crate::error::{Error, ErrorKind, Result};
use crate::provider::Clients;

/// A session's share of the runtime.
#[derive(Debug, Clone)]
pub struct Engine {
    handle: Handle,
    /// Cancelled with the session, and with the whole runtime.
    token: CancellationToken,
    /// They live and die with the runtime that drives their connections.
    clients: Arc<Clients>,
}

impl Engine {
    /// The connection pools.
    pub fn clients(&self) -> &Clients {
        &self.clients
    }

    /// Runs `future`, which is dropped when the session is cancelled.
    pub fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        let token = self.token.clone();
        self.handle.spawn(async move {
            // Biased to the cancellation: a call whose turn comes because another was cancelled must not begin.
            tokio::select! {
                biased;
                () = token.cancelled() => {}
                () = future => {}
            }
        });
    }

    /// The runtime's handle, for what serves all sessions: it ends with the runtime only.
    pub(super) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Drops everything that the session has spawned, each as soon as it is next scheduled.
    pub fn cancel(&self) {
        self.token.cancel();
    }

    /// Whether the session, or the whole runtime, was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.token.is_cancelled()
    }
}

/// Whether the current thread belongs to a runtime and must not be blocked.
pub fn is_inside() -> bool {
    Handle::try_current().is_ok()
}

struct Running {
    runtime: Runtime,
    engine: Engine,
}

static RUNNING: Mutex<Option<Running>> = Mutex::new(None);

/// A new session's share of the runtime, which is started where it is not running.
pub fn engine() -> Result<Engine> {
    let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
    let engine = match &*running {
        Some(running) => running.engine.clone(),
        None => {
            let runtime = Builder::new_multi_thread()
                .worker_threads(workers())
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

/// How many threads make the calls: the executor's cores belong to Spark's tasks, one thread keeps 20,000 requests a second
/// going, and a second one costs each of them a tenth more, because they wake each other.
fn workers() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| (cores.get() / 4).clamp(1, 4))
}

/// Cancels every session and stops the threads. The next [`engine`] starts anew.
pub fn shutdown() {
    let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(Running { runtime, engine }) = running {
        engine.token.cancel();
        runtime.shutdown_timeout(Duration::from_secs(2));
    }
}
