//! A server that answers byte by byte what a test says, and short forms for sessions.

#![allow(dead_code, unreachable_pub, missing_docs)]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use arrow::array::cast::AsArray;
use arrow::array::types::{Float64Type, Int32Type, Int64Type};
use arrow::array::{Array, ArrayRef, StructArray};
use arrow::record_batch::RecordBatch;
use assay_core::exec::CompleteSession;
use assay_core::exec::ipc::{read_batch, write_batch};
use assay_core::spec::{CallKind, CallSpec, CompleteSpec, ModelConf, PromptSpec, SPEC_VERSION};
use serde_json::{Map, Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

/// What the server does with one request.
#[derive(Clone)]
pub enum Act {
    /// Writes these bytes and keeps the connection.
    Say(String),
    /// Writes these bytes and closes the connection.
    SayAndClose(String),
    /// Writes these bytes and then nothing more.
    SayAndStall(String),
    /// Resets the connection.
    Reset,
}

pub fn http(status: u16, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len())
}

pub fn answer(text: &str) -> Act {
    let body = json!({
        "model": "served",
        "choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 2}
    });
    Act::Say(http(200, "", &body.to_string()))
}

#[derive(Default)]
pub struct Seen {
    /// Head and body of every request.
    pub requests: Mutex<Vec<(String, String)>>,
    pub closed: AtomicUsize,
}

pub struct Server {
    pub endpoint: String,
    pub seen: Arc<Seen>,
    _runtime: Runtime,
}

impl Server {
    /// `act` gets the number of the request and its body.
    pub fn start(act: impl Fn(usize, &str) -> Act + Send + Sync + 'static) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let endpoint = format!("http://{}/v1", listener.local_addr().unwrap());
        let seen = Arc::new(Seen::default());
        let act = Arc::new(act);
        runtime.spawn({
            let seen = Arc::clone(&seen);
            async move {
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    let (seen, act) = (Arc::clone(&seen), Arc::clone(&act));
                    tokio::spawn(async move {
                        serve(stream, &seen, &*act).await;
                        seen.closed.fetch_add(1, Ordering::SeqCst);
                    });
                }
            }
        });
        Server { endpoint, seen, _runtime: runtime }
    }

    pub fn requests(&self) -> usize {
        self.seen.requests.lock().unwrap().len()
    }
}

async fn serve(mut stream: TcpStream, seen: &Seen, act: &(dyn Fn(usize, &str) -> Act + Send + Sync)) {
    let mut buffer = Vec::new();
    loop {
        let Some((head, body)) = read_request(&mut stream, &mut buffer).await else { return };
        let number = {
            let mut requests = seen.requests.lock().unwrap();
            requests.push((head, body.clone()));
            requests.len() - 1
        };
        match act(number, &body) {
            Act::Say(text) => stream.write_all(text.as_bytes()).await.unwrap(),
            Act::SayAndClose(text) => return stream.write_all(text.as_bytes()).await.unwrap(),
            Act::SayAndStall(text) => {
                stream.write_all(text.as_bytes()).await.unwrap();
                // Until the client hangs up.
                let _ = stream.read(&mut [0; 1]).await;
                return;
            }
            Act::Reset => {
                stream.set_zero_linger().unwrap();
                return;
            }
        }
    }
}

async fn read_request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<(String, String)> {
    loop {
        if let Some(end) = buffer.windows(4).position(|w| w == b"\r\n\r\n") {
            let head = String::from_utf8(buffer[..end].to_vec()).unwrap();
            let length = head
                .lines()
                .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:").map(str::to_string))
                .map_or(0, |n| n.trim().parse::<usize>().unwrap());
            if buffer.len() >= end + 4 + length {
                let body = String::from_utf8(buffer[end + 4..end + 4 + length].to_vec()).unwrap();
                buffer.drain(..end + 4 + length);
                return Some((head, body));
            }
        }
        if stream.read_buf(buffer).await.unwrap_or(0) == 0 {
            return None;
        }
    }
}

/// A model whose connection fails fast: the waits of a test are real.
pub fn model(pairs: &[(&str, &str)]) -> ModelConf {
    let base = [("provider", "openai"), ("model", "gpt"), ("apiKeySecret", "sk-secret"), ("timeoutMs", "5000")];
    let conf: BTreeMap<String, String> =
        base.iter().chain(pairs).map(|(k, v)| (k.to_string(), v.to_string())).collect();
    // Sessions of one process share a limiter by name and endpoint.
    ModelConf { name: "m".into(), conf }
}

pub fn mock(pairs: &[(&str, &str)]) -> ModelConf {
    let conf = [("provider", "mock"), ("model", "mock-1")];
    let conf = conf.iter().chain(pairs).map(|(k, v)| (k.to_string(), v.to_string())).collect();
    ModelConf { name: "m".into(), conf }
}

pub fn call(model: ModelConf) -> CallSpec {
    CallSpec {
        kind: CallKind::Complete,
        model,
        prompt: PromptSpec::Column(0),
        options: Map::new(),
        per_row: BTreeMap::new(),
        guard: None,
    }
}

pub fn options(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

pub fn spec(columns: usize, calls: Vec<CallSpec>) -> CompleteSpec {
    CompleteSpec { version: SPEC_VERSION, columns, calls, quota: None, journal: None, known: None }
}

pub fn open(columns: usize, calls: Vec<CallSpec>) -> CompleteSession {
    CompleteSession::open(&spec(columns, calls)).unwrap()
}

pub fn ipc(columns: Vec<ArrayRef>) -> Vec<u8> {
    let named = columns.into_iter().enumerate().map(|(i, column)| (format!("x{i}"), column, true));
    write_batch(&RecordBatch::try_from_iter_with_nullable(named).unwrap()).unwrap()
}

/// Polls until `rows` rows are there; by id.
pub fn drain(session: &CompleteSession, rows: usize) -> BTreeMap<i64, Vec<StructArray>> {
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut found = BTreeMap::new();
    while found.len() < rows {
        assert!(Instant::now() < deadline, "{} of {rows} rows came", found.len());
        let Some(bytes) = session.poll(Duration::from_millis(100), 1000, 1 << 20).unwrap() else { continue };
        let batch = read_batch(&bytes).unwrap();
        let ids = batch.column(0).as_primitive::<Int64Type>();
        for row in 0..batch.num_rows() {
            let calls = batch.columns()[1..].iter().map(|c| c.as_struct().slice(row, 1)).collect();
            assert!(found.insert(ids.value(row), calls).is_none(), "row {} came twice", ids.value(row));
        }
    }
    assert_eq!(session.in_flight(), 0);
    assert!(session.poll(Duration::ZERO, 1, 1).unwrap().is_none());
    found
}

pub fn text(completion: &StructArray, field: &str) -> Option<String> {
    let column = completion.column_by_name(field).unwrap().as_string::<i32>();
    column.is_valid(0).then(|| column.value(0).to_string())
}

pub fn error_text(completion: &StructArray, field: &str) -> Option<String> {
    text(completion.column_by_name("error").unwrap().as_struct(), field)
}

pub fn http_status(completion: &StructArray) -> Option<i32> {
    let column = completion.column_by_name("error").unwrap().as_struct().column_by_name("http_status").unwrap();
    let column = column.as_primitive::<Int32Type>();
    column.is_valid(0).then(|| column.value(0))
}

pub fn double(completion: &StructArray, field: &str) -> Option<f64> {
    let column = completion.column_by_name(field).unwrap().as_primitive::<Float64Type>();
    column.is_valid(0).then(|| column.value(0))
}

pub fn whole(completion: &StructArray, field: &str) -> Option<i64> {
    let column = completion.column_by_name(field).unwrap().as_primitive::<Int64Type>();
    column.is_valid(0).then(|| column.value(0))
}

pub fn attempts(completion: &StructArray) -> i32 {
    completion.column_by_name("attempts").unwrap().as_primitive::<Int32Type>().value(0)
}

pub fn counter(session: &CompleteSession, name: &str) -> i64 {
    let index = assay_core::inference::COUNTERS.iter().position(|counter| *counter == name).unwrap();
    session.counters()[index]
}
