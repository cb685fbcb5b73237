//! A listener of its own for the numbers: `GET /metrics`, without TLS, for a Prometheus on this machine or on a
//! network of the admin's.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use http::header::HeaderValue;
use http::{Method, Request, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::limits::{ACCEPT_PAUSE, HEAD_BYTES_MAX, HEADERS_MAX};
use super::reply::{self, Reply};

/// Most connections at once; those beyond are closed. One is enough for one Prometheus.
const CONNECTIONS_MAX: usize = 16;
/// Longest time for a connection, from the first byte to the last.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(10);
/// OpenMetrics 1.0, section "Text format".
const OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// What has the numbers.
pub trait MetricsSource: Send + Sync + 'static {
    /// All of them, in the text format of OpenMetrics.
    fn text(&self) -> impl Future<Output = String> + Send;
}

/// A listener that serves. Dropping it ends every connection at once.
pub struct MetricsServer {
    address: SocketAddr,
    _accepting: JoinSet<()>,
}

impl MetricsServer {
    /// Serves on a socket that listens already (see [`bind`](super::bind)). Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// If the socket is not one that Tokio can use.
    pub fn start<S: MetricsSource>(listener: TcpListener, source: Arc<S>) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let address = listener.local_addr()?;
        let mut accepting = JoinSet::new();
        accepting.spawn(accept_all(listener, source));
        Ok(Self {
            address,
            _accepting: accepting,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn accept_all<S: MetricsSource>(listener: tokio::net::TcpListener, source: Arc<S>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((tcp, _)) if connections.len() < CONNECTIONS_MAX => {
                    let source = Arc::clone(&source);
                    connections.spawn(async move {
                        // A reader that is cut off reads again.
                        let _ = timeout(CONNECTION_TIMEOUT, serve(tcp, source)).await;
                    });
                }
                Ok(_) => tracing::warn!("the metrics listener has all the connections that it may have"),
                Err(error) => {
                    tracing::warn!("cannot accept a connection for metrics: {error}");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
}

/// One request, one connection: there is one in many seconds.
async fn serve<S: MetricsSource>(tcp: TcpStream, source: Arc<S>) -> Result<(), hyper::Error> {
    let service = service_fn(move |request| {
        let source = Arc::clone(&source);
        async move { Ok::<_, Infallible>(answer(&request, source.as_ref()).await) }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .keep_alive(false)
        .max_headers(HEADERS_MAX)
        .max_header_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(tcp), service)
        .await
}

async fn answer<S: MetricsSource>(request: &Request<Incoming>, source: &S) -> Reply {
    if request.uri().path() != "/metrics" {
        return reply::status(StatusCode::NOT_FOUND);
    }
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return reply::status(StatusCode::METHOD_NOT_ALLOWED);
    }
    reply::reply(StatusCode::OK, OPEN_METRICS, source.text().await)
}
