//! The server: its own thread, runtime and listener.

use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use std::time::Duration;

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

use crate::service::{State, serve};
use crate::{Config, Error, Faults, KeyCount, LedgerEntry, Quota, Scripted, Stats, Usage};

/// A running server. It stops when dropped; open connections are closed then.
pub struct Server {
    addr: SocketAddr,
    state: Arc<State>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts a server on 127.0.0.1 with threads of its own; it can be used from async and from plain code.
    ///
    /// # Errors
    /// If a setting is out of range or the port cannot be had.
    pub fn start(config: Config) -> Result<Server, Error> {
        config.check()?;
        let (port, threads) = (config.port, config.threads);
        let state = Arc::new(State::new(config));
        let (stop, stopped) = oneshot::channel();
        let (bound, addr) = mpsc::channel();
        let shared = Arc::clone(&state);
        let run = move || match start_runtime(port, threads) {
            Ok((runtime, listener, addr)) => {
                if bound.send(Ok(addr)).is_ok() {
                    runtime.block_on(accept(listener, shared, stopped));
                }
                runtime.shutdown_timeout(Duration::from_millis(100));
            }
            Err(error) => drop(bound.send(Err(error))),
        };
        let failed = |error: &dyn std::fmt::Display| Error::new(format!("cannot listen on port {port}: {error}"));
        let thread =
            std::thread::Builder::new().name("assay-testkit".to_string()).spawn(run).map_err(|error| failed(&error))?;
        let addr = addr.recv().map_err(|error| failed(&error))?.map_err(|error| failed(&error))?;
        Ok(Server { addr, state, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The base URL of the API, ending in `/v1`.
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.addr)
    }

    /// All counters, as one consistent picture.
    pub fn stats(&self) -> Stats {
        self.state.ledger.stats(|id| self.state.models.name_of(id))
    }

    /// Every request key with its counts, sorted by key.
    pub fn keys(&self) -> Vec<KeyCount> {
        self.state.ledger.keys()
    }

    /// The ended requests one by one in order of arrival, up to about [`Config::ledger_limit`].
    pub fn ledger(&self) -> Vec<LedgerEntry> {
        self.state.ledger.entries(|id| self.state.models.name_of(id))
    }

    /// Back to the state after the start: counters, quota windows, faults and script. Requests in flight are not booked.
    pub fn reset(&self) {
        self.state.reset();
    }

    /// Replaces the random faults.
    ///
    /// # Errors
    /// If probabilities are out of range.
    pub fn set_faults(&self, faults: Faults) -> Result<(), Error> {
        faults.check()?;
        self.state.set_faults(faults);
        Ok(())
    }

    /// Lowers, raises or otherwise changes the quota of all models from now on; what was used stays used.
    ///
    /// # Errors
    /// If a setting is out of range.
    pub fn set_quota(&self, quota: Quota) -> Result<(), Error> {
        quota.check()?;
        self.state.models.set_quota(None, quota);
        Ok(())
    }

    /// The server's own account of a model's quota, from second `from` up to second `to` since the start; `None` stands for
    /// the first second in which anything happened, and for the last full one. A server with one model, or with one account
    /// for all, needs no name.
    ///
    /// # Errors
    /// If there is no such model.
    pub fn usage(&self, model: Option<&str>, from: Option<u64>, to: Option<u64>) -> Result<Usage, Error> {
        self.state.models.usage(model, from, to)
    }

    /// Says what happens to the next requests, after those already scripted.
    ///
    /// # Errors
    /// If an item names no fault or status that exists; then none is taken.
    pub fn script(&self, next: Vec<Scripted>) -> Result<(), Error> {
        self.state.extend_script(next)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn start_runtime(port: u16, threads: usize) -> std::io::Result<(Runtime, TcpListener, SocketAddr)> {
    let mut builder = if threads == 1 { Builder::new_current_thread() } else { Builder::new_multi_thread() };
    if threads > 1 {
        builder.worker_threads(threads).thread_name("assay-testkit-worker");
    }
    let runtime = builder.enable_all().build()?;
    let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, port)))?;
    let addr = listener.local_addr()?;
    Ok((runtime, listener, addr))
}

/// Accepts connections until the sender of `stopped` is gone.
async fn accept(listener: TcpListener, state: Arc<State>, mut stopped: oneshot::Receiver<()>) {
    loop {
        tokio::select! {
            _ = &mut stopped => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    tokio::spawn(connection(stream, Arc::clone(&state)));
                }
                // Out of file descriptors, most likely: let some connections end.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
        }
    }
}

async fn connection(stream: TcpStream, state: Arc<State>) {
    let _ = stream.set_nodelay(true);
    let reset = Arc::new(AtomicBool::new(false));
    let wire = Wire { stream: TokioIo::new(stream), reset: Arc::clone(&reset) };
    let service = service_fn(move |request| {
        let (state, reset) = (Arc::clone(&state), Arc::clone(&reset));
        async move { serve(state, request).await.inspect_err(|_| reset.store(true, Ordering::Relaxed)) }
    });
    // An error here is a client that went away, or a fault on purpose.
    let _ = http1::Builder::new().pipeline_flush(true).header_read_timeout(None).serve_connection(wire, service).await;
}

/// A connection that ends with a reset (RST) instead of a close when told to.
struct Wire {
    stream: TokioIo<TcpStream>,
    reset: Arc<AtomicBool>,
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.reset.load(Ordering::Relaxed) {
            let _ = self.stream.inner().set_zero_linger();
        }
    }
}

impl Read for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl Write for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }
}
