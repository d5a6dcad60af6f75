//! Connections: proxies, certificates, HTTP versions; one pool for all sessions of a process whose models connect alike.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::{Certificate, Client, Proxy, Url};

use crate::error::{Error, ErrorKind, Result};

/// How to reach an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Connection {
    /// How long opening a connection may take.
    pub connect_timeout: Duration,
    /// What stands between.
    pub proxy: ProxyChoice,
    /// A file of certificates, as PEM, that are trusted besides those of the system and of Mozilla.
    pub ca_file: Option<PathBuf>,
    /// Whether HTTP/2 is used where the server offers it.
    pub http2: bool,
}

/// What stands between this process and an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ProxyChoice {
    /// What HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY of the process say.
    Environment,
    /// Nothing, whatever the environment says.
    None,
    /// The proxy at this URL, whatever the environment says.
    At(String),
}

impl ProxyChoice {
    /// Reads the setting `proxy`: a URL or `none`. Gives what is wrong with it.
    pub(super) fn read(text: &str) -> std::result::Result<Self, &'static str> {
        if text == "none" {
            return Ok(ProxyChoice::None);
        }
        let url = Url::parse(text).map_err(|_| "must be none or the URL of a proxy, for instance http://proxy:3128")?;
        match () {
            () if !matches!(url.scheme(), "http" | "https") => Err("must begin with http:// or https://"),
            () if !url.username().is_empty() || url.password().is_some() => {
                Err("must not hold a user or password, which Spark would show; \
                     give such a proxy by HTTPS_PROXY in the environment of the executors")
            }
            () => Ok(ProxyChoice::At(text.to_string())),
        }
    }
}

/// How many requests one HTTP/2 connection carries: under what servers allow, commonly 100 or more. What is above that
/// would wait inside the connection, out of sight, so more requests get more connections.
const STREAMS_PER_CONNECTION: usize = 64;
/// The most connections of a model by HTTP/2.
const MOST_CONNECTIONS: usize = 64;

/// The connections to one model.
#[derive(Debug, Clone)]
pub struct Channels {
    clients: Vec<Client>,
    turn: Arc<AtomicUsize>,
}

impl Channels {
    /// The client for the next request.
    ///
    /// By HTTP/1.1 it is always the same, whose pool has one connection for each open request. By HTTP/2 requests take turns
    /// among as many connections as the model's concurrency needs.
    pub fn next(&self) -> Option<&Client> {
        let turn = if self.clients.len() > 1 { self.turn.fetch_add(1, Ordering::Relaxed) } else { 0 };
        self.clients.get(turn % self.clients.len().max(1))
    }
}

/// The HTTP clients of a process, by how they connect. Usually one.
#[derive(Debug, Default)]
pub struct Clients(Mutex<HashMap<Connection, Vec<Client>>>);

impl Clients {
    /// The connections for a model that has up to `max_concurrency` requests open. Errors: [`ErrorKind::InvalidModel`] for a
    /// file of certificates that cannot be used.
    pub fn get(&self, connection: &Connection, max_concurrency: usize) -> Result<Channels> {
        let wanted = match connection.http2 {
            true => max_concurrency.div_ceil(STREAMS_PER_CONNECTION).clamp(1, MOST_CONNECTIONS),
            false => 1,
        };
        let mut clients = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = clients.entry(connection.clone()).or_default();
        while known.len() < wanted {
            known.push(client(connection)?);
        }
        Ok(Channels { clients: known.iter().take(wanted).cloned().collect(), turn: Arc::default() })
    }
}

fn client(connection: &Connection) -> Result<Client> {
    let cannot = |e: reqwest::Error| Error::new(ErrorKind::Internal, format!("the HTTP client cannot be built: {e}"));
    // Mozilla's certificates besides the system's: a slim container has none of its own.
    let mut roots = Vec::with_capacity(webpki_root_certs::TLS_SERVER_ROOT_CERTS.len());
    for der in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
        roots.push(Certificate::from_der(der).map_err(cannot)?);
    }
    if let Some(file) = &connection.ca_file {
        roots.extend(certificates(file)?);
    }
    let mut builder = Client::builder()
        .connect_timeout(connection.connect_timeout)
        .tls_certs_merge(roots)
        .tcp_nodelay(true)
        .pool_max_idle_per_host(usize::MAX)
        .pool_idle_timeout(Duration::from_secs(60))
        // A key must not follow a redirect, and attempts are counted in one place only.
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .user_agent(concat!("spark-assay/", env!("CARGO_PKG_VERSION")));
    builder = match connection.http2 {
        // A connection that many requests share is watched, lest all of them wait for a peer that is gone.
        true => builder
            .http2_adaptive_window(true)
            .http2_keep_alive_interval(Duration::from_secs(20))
            .http2_keep_alive_timeout(Duration::from_secs(20)),
        // One request, one connection: a slow answer holds up no other, and a broken connection loses one request.
        false => builder.http1_only(),
    };
    builder = match &connection.proxy {
        ProxyChoice::Environment => builder,
        ProxyChoice::None => builder.no_proxy(),
        ProxyChoice::At(url) => builder.no_proxy().proxy(Proxy::all(url).map_err(cannot)?),
    };
    builder.build().map_err(cannot)
}

/// The certificates of a PEM file. Errors: [`ErrorKind::InvalidModel`] where it cannot be read or holds none.
pub(super) fn certificates(file: &Path) -> Result<Vec<Certificate>> {
    let invalid = |what: &str| {
        Error::new(ErrorKind::InvalidModel, format!("setting 'caFile': the file {} {what}", file.display()))
    };
    let pem = std::fs::read(file).map_err(|e| invalid(&format!("cannot be read: {}", e.kind())))?;
    match Certificate::from_pem_bundle(&pem) {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err(invalid("holds no certificate; it must be PEM, with BEGIN CERTIFICATE")),
        Err(_) => Err(invalid("holds a certificate that cannot be read; it must be PEM")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(http2: bool) -> Connection {
        Connection { connect_timeout: Duration::from_secs(1), proxy: ProxyChoice::Environment, ca_file: None, http2 }
    }

    #[test]
    fn concurrency_has_connections_enough_by_http2() {
        let clients = Clients::default();
        for (http2, concurrency, expected) in
            [(false, 1000, 1), (true, 1, 1), (true, 64, 1), (true, 65, 2), (true, 1 << 20, MOST_CONNECTIONS)]
        {
            let channels = clients.get(&connection(http2), concurrency).unwrap();
            assert_eq!(channels.clients.len(), expected, "{concurrency}");
        }
        assert_eq!(clients.0.lock().unwrap().len(), 2, "one pool for each way to connect");
    }

    #[test]
    fn a_proxy_is_a_url_without_a_password() {
        assert_eq!(ProxyChoice::read("none"), Ok(ProxyChoice::None));
        assert_eq!(ProxyChoice::read("http://proxy:3128"), Ok(ProxyChoice::At("http://proxy:3128".into())));
        for bad in ["", "proxy", "proxy:3128", "socks5://proxy:1", "http://me:secret@proxy:1"] {
            assert!(ProxyChoice::read(bad).is_err(), "{bad}");
        }
    }
}
