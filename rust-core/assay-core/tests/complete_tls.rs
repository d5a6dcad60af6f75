//! Connections: certificates of an own authority, HTTP/2, compressed answers, proxies.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use arrow::array::{ArrayRef, StringArray, StructArray};
use assay_core::ErrorKind;
use assay_core::exec::check_call;
use assay_core::spec::ModelConf;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE};
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use serde_json::json;
use support::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// What one request looked like.
#[derive(Debug, Clone)]
struct TlsRequest {
    connection: usize,
    version: Version,
    accepts: String,
}

#[derive(Default)]
struct SeenTls {
    requests: Mutex<Vec<TlsRequest>>,
    open: AtomicUsize,
}

/// A server that speaks TLS with a certificate of its own authority.
struct TlsServer {
    endpoint: String,
    ca_file: PathBuf,
    seen: Arc<SeenTls>,
    /// Answers leave once this is true.
    gate: watch::Sender<bool>,
    _runtime: Runtime,
}

impl TlsServer {
    /// `protocols` are offered by ALPN; answers are compressed by `encoding`.
    fn start(name: &str, protocols: &[&str], encoding: &'static str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.distinguished_name.push(DnType::CommonName, "An authority of the test");
        let authority_key = KeyPair::generate().unwrap();
        let ca_file = std::env::temp_dir().join(format!("assay-{}-{name}.pem", std::process::id()));
        std::fs::write(&ca_file, authority.self_signed(&authority_key).unwrap().pem()).unwrap();
        let issuer = Issuer::new(authority, authority_key);
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec!["localhost".to_string()]).unwrap().signed_by(&key, &issuer).unwrap();
        let mut config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
            .unwrap();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let endpoint = format!("https://localhost:{}/v1", listener.local_addr().unwrap().port());
        let seen = Arc::new(SeenTls::default());
        let (gate, opened) = watch::channel(true);
        runtime.spawn({
            let seen = Arc::clone(&seen);
            async move {
                for connection in 0.. {
                    let (stream, _) = listener.accept().await.unwrap();
                    let (acceptor, seen, opened) = (acceptor.clone(), Arc::clone(&seen), opened.clone());
                    tokio::spawn(async move {
                        let Ok(stream) = acceptor.accept(stream).await else { return };
                        let service = hyper::service::service_fn(move |request| {
                            answer_tls(request, connection, Arc::clone(&seen), opened.clone(), encoding)
                        });
                        let builder = auto::Builder::new(TokioExecutor::new());
                        let _ = builder.serve_connection(TokioIo::new(stream), service).await;
                    });
                }
            }
        });
        TlsServer { endpoint, ca_file, seen, gate, _runtime: runtime }
    }

    fn requests(&self) -> Vec<TlsRequest> {
        self.seen.requests.lock().unwrap().clone()
    }

    fn model(&self, pairs: &[(&str, &str)]) -> ModelConf {
        let base = [("endpoint", self.endpoint.as_str()), ("proxy", "none")];
        model(&base.iter().chain(pairs).copied().collect::<Vec<_>>())
    }

    fn trusted(&self, pairs: &[(&str, &str)]) -> ModelConf {
        let ca_file = [("caFile", self.ca_file.to_str().unwrap())];
        self.model(&ca_file.iter().chain(pairs).copied().collect::<Vec<_>>())
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.ca_file);
    }
}

fn chat_answer() -> String {
    json!({
        "model": "served",
        "choices": [{"message": {"role": "assistant", "content": "fine"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 2}
    })
    .to_string()
}

async fn answer_tls(
    request: Request<Incoming>,
    connection: usize,
    seen: Arc<SeenTls>,
    mut gate: watch::Receiver<bool>,
    encoding: &'static str,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let accepts = request.headers().get(ACCEPT_ENCODING).map(|v| v.to_str().unwrap().to_string()).unwrap_or_default();
    seen.requests.lock().unwrap().push(TlsRequest { connection, version: request.version(), accepts });
    seen.open.fetch_add(1, Ordering::SeqCst);
    let _ = gate.wait_for(|open| *open).await;
    seen.open.fetch_sub(1, Ordering::SeqCst);
    let text = chat_answer();
    let body = match encoding {
        "gzip" => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(text.as_bytes()).unwrap();
            encoder.finish().unwrap()
        }
        "deflate" => {
            let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(text.as_bytes()).unwrap();
            encoder.finish().unwrap()
        }
        _ => text.into_bytes(),
    };
    let mut response = Response::builder().header(CONTENT_TYPE, "application/json");
    if !encoding.is_empty() {
        response = response.header(CONTENT_ENCODING, encoding);
    }
    Ok(response.body(Full::new(Bytes::from(body))).unwrap())
}

fn prompts(count: usize) -> Vec<u8> {
    let texts: Vec<String> = (0..count).map(|i| format!("PRIVATE {i}")).collect();
    ipc(vec![Arc::new(StringArray::from(texts)) as ArrayRef])
}

fn one(conf: ModelConf) -> StructArray {
    let session = open(1, vec![call(conf)]);
    session.push(&prompts(1)).unwrap();
    drain(&session, 1).remove(&0).unwrap().remove(0)
}

#[test]
fn an_authority_of_ones_own_is_trusted_when_its_file_is_named() {
    let server = TlsServer::start("authority", &["h2", "http/1.1"], "");
    let stranger = one(server.model(&[]));
    assert_eq!((text(&stranger, "status").as_deref(), attempts(&stranger)), (Some("network_error"), 1));
    let message = error_text(&stranger, "message").unwrap();
    assert!(message.contains("caFile") && !message.contains("PRIVATE"), "{message}");
    assert!(server.requests().is_empty());

    let known = one(server.trusted(&[]));
    assert_eq!(text(&known, "text").as_deref(), Some("fine"));
    assert_eq!(
        server.requests()[0].version,
        Version::HTTP_11,
        "one connection for each request, unless told otherwise"
    );
}

#[test]
fn a_file_of_certificates_that_cannot_be_used_is_an_error_at_planning() {
    let no_pem = std::env::temp_dir().join(format!("assay-{}-no-pem", std::process::id()));
    std::fs::write(&no_pem, "not a certificate").unwrap();
    for (file, says) in [("/no/such/ca.pem", "cannot be read"), (no_pem.to_str().unwrap(), "no certificate")] {
        let conf = model(&[("endpoint", "https://localhost:1/v1"), ("caFile", file)]);
        for e in [
            check_call(&call(conf.clone()), &[], &[], false).unwrap_err(),
            assay_core::exec::CompleteSession::open(&spec(1, vec![call(conf)])).err().unwrap(),
        ] {
            assert_eq!(e.kind(), ErrorKind::InvalidModel);
            assert!(e.message().contains(says) && e.message().contains("model 'm'"), "{e}");
        }
    }
    std::fs::remove_file(&no_pem).unwrap();
}

#[test]
fn compressed_answers_are_read() {
    for encoding in ["gzip", "deflate"] {
        let server = TlsServer::start(encoding, &["http/1.1"], encoding);
        let row = one(server.trusted(&[]));
        assert_eq!(text(&row, "text").as_deref(), Some("fine"), "{encoding}");
        assert!(server.requests()[0].accepts.contains(encoding), "{:?}", server.requests());
    }
}

#[test]
fn by_http2_as_many_requests_are_open_as_the_model_allows() {
    let server = TlsServer::start("h2", &["h2", "http/1.1"], "");
    server.gate.send_replace(false);
    let session = open(1, vec![call(server.trusted(&[("http2", "true"), ("maxConcurrency", "100")]))]);
    session.push(&prompts(300)).unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while server.seen.open.load(Ordering::SeqCst) < 100 && Instant::now() < deadline {
        std::thread::yield_now();
    }
    assert!(session.poll(Duration::from_millis(50), 1, 1).unwrap().is_none());
    assert_eq!(server.seen.open.load(Ordering::SeqCst), 100);
    server.gate.send_replace(true);
    drain(&session, 300);
    let requests = server.requests();
    assert_eq!(requests.len(), 300);
    assert!(requests.iter().all(|request| request.version == Version::HTTP_2));
    let connections: BTreeSet<usize> = requests.iter().map(|request| request.connection).collect();
    assert_eq!(connections.len(), 2, "64 requests to a connection");
}

#[test]
fn a_server_without_http2_is_spoken_to_by_http_1() {
    let server = TlsServer::start("h1", &["http/1.1"], "");
    let row = one(server.trusted(&[("http2", "true")]));
    assert_eq!(text(&row, "status").as_deref(), Some("ok"));
    assert_eq!(server.requests()[0].version, Version::HTTP_11);
}

/// A proxy that tunnels what asks for it, and answers the rest itself.
struct Proxy {
    url: String,
    /// The first line of every request.
    heads: Arc<Mutex<Vec<String>>>,
    _runtime: Runtime,
}

impl Proxy {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let heads = Arc::new(Mutex::new(Vec::new()));
        runtime.spawn({
            let heads = Arc::clone(&heads);
            async move {
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    tokio::spawn(proxied(stream, Arc::clone(&heads)));
                }
            }
        });
        Proxy { url, heads, _runtime: runtime }
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

async fn proxied(mut stream: TcpStream, heads: Arc<Mutex<Vec<String>>>) {
    let mut head = Vec::new();
    while !head.windows(4).any(|w| w == b"\r\n\r\n") {
        if stream.read_buf(&mut head).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let line = String::from_utf8_lossy(&head).lines().next().unwrap().to_string();
    heads.lock().unwrap().push(line.clone());
    match line.strip_prefix("CONNECT ") {
        Some(rest) => {
            let mut target = TcpStream::connect(rest.split(' ').next().unwrap()).await.unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            let _ = copy_bidirectional(&mut stream, &mut target).await;
        }
        None => {
            stream.write_all(http(200, "connection: close\r\n", &chat_answer()).as_bytes()).await.unwrap();
            // The body of the request is still on its way; closing at once would reset the connection.
            let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
        }
    }
}

#[test]
fn a_proxy_is_gone_through() {
    let proxy = Proxy::start();
    let server = TlsServer::start("proxy", &["http/1.1"], "");
    let row = one(server.trusted(&[("proxy", &proxy.url)]));
    assert_eq!(text(&row, "status").as_deref(), Some("ok"));
    let heads = proxy.heads();
    assert_eq!(heads.len(), 1);
    assert!(heads[0].starts_with("CONNECT localhost:"), "{heads:?}");

    let row = one(model(&[("endpoint", "http://nowhere.invalid/v1"), ("proxy", &proxy.url)]));
    assert_eq!(text(&row, "status").as_deref(), Some("ok"));
    assert_eq!(proxy.heads()[1], "POST http://nowhere.invalid/v1/chat/completions HTTP/1.1");
}

/// In a process of its own, because the environment is the process's.
#[test]
fn the_environment_names_the_proxy_and_what_goes_past_it() {
    const CHILD: &str = "ASSAY_TEST_PROXY_CHILD";
    if let Some(direct) = std::env::var_os(CHILD) {
        let through = one(model(&[("endpoint", "http://nowhere.invalid/v1")]));
        assert_eq!(text(&through, "status").as_deref(), Some("ok"));
        let past = one(model(&[("endpoint", direct.to_str().unwrap())]));
        assert_eq!(text(&past, "text").as_deref(), Some("direct"));
        let none = one(model(&[("endpoint", "http://nowhere.invalid/v1"), ("proxy", "none"), ("maxRetries", "0")]));
        assert_eq!(text(&none, "status").as_deref(), Some("network_error"));
        return;
    }
    let proxy = Proxy::start();
    let server = Server::start(|_, _| answer("direct"));
    let status = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_environment_names_the_proxy_and_what_goes_past_it"])
        .env(CHILD, &server.endpoint)
        .env("HTTP_PROXY", &proxy.url)
        .env("http_proxy", &proxy.url)
        .env("NO_PROXY", "127.0.0.1")
        .env("no_proxy", "127.0.0.1")
        .status()
        .unwrap();
    assert!(status.success());
    assert_eq!(proxy.heads(), ["POST http://nowhere.invalid/v1/chat/completions HTTP/1.1"]);
    assert_eq!(server.requests(), 1);
}
