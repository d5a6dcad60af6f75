//! A load generator: many keep-alive connections, one request at a time on each, over raw TCP.
//!
//! It does as little as it can per request, so that it measures the server and not itself.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Error;

/// What to send.
#[derive(Debug, Clone)]
pub struct Load {
    /// The server.
    pub addr: SocketAddr,
    /// Connections, each with one request at a time.
    pub connections: usize,
    /// Stop after this many requests,
    pub requests: Option<u64>,
    /// or after this time.
    pub duration: Option<Duration>,
    /// How many different prompts are sent in turn.
    pub distinct: u64,
    /// The model asked for.
    pub model: String,
    /// The words in a prompt.
    pub prompt_words: usize,
}

/// What came back.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Whole responses by status.
    pub by_status: BTreeMap<u16, u64>,
    /// Connections that broke; each was opened anew.
    pub broken: u64,
    /// From the first request to the last response.
    pub elapsed: Duration,
    /// Latencies of the whole responses in microseconds, sorted.
    pub latencies_us: Vec<u32>,
}

impl Report {
    /// Whole responses.
    pub fn responses(&self) -> u64 {
        self.by_status.values().sum()
    }

    /// Whole responses a second.
    pub fn per_second(&self) -> f64 {
        self.responses() as f64 / self.elapsed.as_secs_f64()
    }

    /// The latency that a share of the responses did not exceed.
    pub fn quantile(&self, share: f64) -> Duration {
        let last = self.latencies_us.len().saturating_sub(1);
        let at = (last as f64 * share).round() as usize;
        Duration::from_micros(u64::from(self.latencies_us.get(at).copied().unwrap_or_default()))
    }
}

/// Sends the load from one thread and waits for the end.
///
/// # Errors
/// If the runtime cannot start or no connection can be made.
pub fn run(load: &Load) -> Result<Report, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::new(format!("cannot start: {error}")))?;
    runtime.block_on(send_all(load))
}

async fn send_all(load: &Load) -> Result<Report, Error> {
    let requests: Arc<Vec<Vec<u8>>> = Arc::new((0..load.distinct.max(1)).map(|i| request(load, i)).collect());
    let next = Arc::new(AtomicU64::new(0));
    let started = Instant::now();
    let budget = Budget { next, limit: load.requests.unwrap_or(u64::MAX), until: load.duration.map(|d| started + d) };
    let tasks: Vec<_> = (0..load.connections.max(1))
        .map(|_| tokio::spawn(client(load.addr, Arc::clone(&requests), budget.clone())))
        .collect();
    let mut report = Report::default();
    for task in tasks {
        let part = task.await.map_err(|error| Error::new(error.to_string()))??;
        for (status, count) in part.by_status {
            *report.by_status.entry(status).or_default() += count;
        }
        report.broken += part.broken;
        report.latencies_us.extend(part.latencies_us);
    }
    report.elapsed = started.elapsed();
    report.latencies_us.sort_unstable();
    Ok(report)
}

/// How much is left to send.
#[derive(Clone)]
struct Budget {
    next: Arc<AtomicU64>,
    limit: u64,
    until: Option<Instant>,
}

impl Budget {
    fn take(&self) -> Option<u64> {
        if self.until.is_some_and(|until| Instant::now() >= until) {
            return None;
        }
        Some(self.next.fetch_add(1, Ordering::Relaxed)).filter(|n| *n < self.limit)
    }
}

fn request(load: &Load, number: u64) -> Vec<u8> {
    let words = ["river", "stone", "why", "does", "light", "bend", "under", "water", "and", "when"];
    let text: Vec<&str> = (0..load.prompt_words).map(|i| words[(i + number as usize) % words.len()]).collect();
    let content = format!("Question {number}: {}?", text.join(" "));
    let body = serde_json::json!({
        "model": load.model, "messages": [{"role": "user", "content": content}], "temperature": 0, "max_tokens": 64,
    })
    .to_string();
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n\
         authorization: Bearer none\r\ncontent-length: {}\r\n\r\n{body}",
        load.addr,
        body.len()
    )
    .into_bytes()
}

async fn client(addr: SocketAddr, requests: Arc<Vec<Vec<u8>>>, budget: Budget) -> Result<Report, Error> {
    let mut report = Report::default();
    let mut stream = connect(addr).await?;
    let mut buffer = Vec::with_capacity(16 * 1024);
    while let Some(number) = budget.take() {
        let began = Instant::now();
        let request = &requests[number as usize % requests.len()];
        match exchange(&mut stream, request, &mut buffer).await {
            Ok(status) => {
                *report.by_status.entry(status).or_default() += 1;
                report.latencies_us.push(began.elapsed().as_micros() as u32);
            }
            Err(_) => {
                report.broken += 1;
                stream = connect(addr).await?;
            }
        }
    }
    Ok(report)
}

async fn connect(addr: SocketAddr) -> Result<TcpStream, Error> {
    let failed = |error| Error::new(format!("cannot connect to {addr}: {error}"));
    let stream = TcpStream::connect(addr).await.map_err(failed)?;
    stream.set_nodelay(true).map_err(failed)?;
    Ok(stream)
}

/// Sends one request and reads one response with a content-length; gives its status.
async fn exchange(stream: &mut TcpStream, request: &[u8], buffer: &mut Vec<u8>) -> std::io::Result<u16> {
    stream.write_all(request).await?;
    buffer.clear();
    loop {
        if stream.read_buf(buffer).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if let Some((status, length)) = parse_head(buffer)
            && buffer.len() >= length
        {
            return Ok(status);
        }
    }
}

/// The status, and the length of head and body together, once the head is there.
fn parse_head(buffer: &[u8]) -> Option<(u16, usize)> {
    let end = buffer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&buffer[..end]).ok()?;
    let status = head.get(9..12)?.parse().ok()?;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?.parse::<usize>().ok()?;
    Some((status, end + length))
}
