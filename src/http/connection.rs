//! One connection, from the moment it is accepted until it is closed.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use http::Request;
use http::header::{CONNECTION, HeaderValue};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::sync::{Notify, OwnedSemaphorePermit};
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use warp::filters::BoxedFilter;

use super::body::Received;
use super::certificate::Served;
use super::joined_credentials::JoinedCredentials;
use super::limits::{BUFFER_BYTES_MAX, HEAD_BYTES_MAX, HEADERS_MAX};
use super::proxy::{self, Origin, ProxyError};
use super::reply::Reply;
use super::sources::{Seat, Sources};
use super::stop::Stop;
use super::write_deadline::WriteDeadline;
use super::{Settings, body, forwarded};
use crate::model::{ClientAddress, Network};
use crate::wire::Fault;

/// What all connections share.
pub(super) struct Gate {
    pub(super) settings: Settings,
    /// How long a request may take, as it is now.
    pub(super) request_timeout: Box<dyn Fn() -> Duration + Send + Sync>,
    pub(super) certificate: ArcSwap<Served>,
    pub(super) sources: Arc<Sources>,
    pub(super) routes: BoxedFilter<(Reply,)>,
    /// How many connections there are.
    pub(super) connections: AtomicUsize,
}

/// A connection that is counted, until dropped.
struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    fn new(connections: &'a AtomicUsize) -> Self {
        connections.fetch_add(1, Ordering::Relaxed);
        Self(connections)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The place that a connection takes among all and among those of its source, free again when the last
/// owner drops it. Work that outlives its connection keeps it, so that hanging up frees nothing early.
#[derive(Debug)]
pub(super) struct Presence {
    _slot: OwnedSemaphorePermit,
    _seat: Option<Seat>,
}

/// What the routes know of a request beside its head and body.
#[derive(Debug, Clone)]
pub(super) struct Visit {
    /// Who asks.
    pub(super) client: ClientAddress,
    /// When the reply must be there.
    pub(super) deadline: Instant,
    /// Why the body is only the beginning of one, if it is.
    pub(super) body_fault: Option<Fault>,
    /// The place of its connection.
    pub(super) presence: Arc<Presence>,
}

/// Why a connection was closed, for the log.
#[derive(Debug, thiserror::Error)]
enum Closed {
    #[error("no complete PROXY header within the deadline")]
    ProxyDeadline,
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    #[error("{0} has all the connections that one source may have")]
    SourceFull(Network),
    #[error("no complete TLS handshake within the deadline")]
    TlsDeadline,
    #[error("TLS handshake: {0}")]
    Tls(std::io::Error),
    #[error("HTTP: {0}")]
    Http(#[from] hyper::Error),
}

impl Gate {
    /// Serves a connection until either side ends it or, once `stop` says so, its request under way is
    /// answered; who has connected and not asked yet may still ask once. Whatever goes wrong costs only this
    /// connection.
    pub(super) async fn serve(
        self: Arc<Self>,
        tcp: TcpStream,
        remote: ClientAddress,
        slot: OwnedSemaphorePermit,
        stop: Stop,
    ) {
        let _counted = Counted::new(&self.connections);
        if let Err(closed) = Arc::clone(&self).try_serve(tcp, remote, slot, stop).await {
            tracing::debug!(%remote, "connection closed: {closed}");
        }
    }

    async fn try_serve(
        self: Arc<Self>,
        mut tcp: TcpStream,
        remote: ClientAddress,
        slot: OwnedSemaphorePermit,
        stop: Stop,
    ) -> Result<(), Closed> {
        let patience = self.settings.handshake_timeout;
        let origin = if contains(&self.settings.proxy_protocol_from, remote) {
            timeout(patience, proxy::read(&mut tcp))
                .await
                .map_err(|_| Closed::ProxyDeadline)??
        } else {
            Origin::Client(remote.ip())
        };
        let (peer, seat) = self.admit(remote, origin)?;
        let presence = Arc::new(Presence {
            _slot: slot,
            _seat: seat,
        });
        let acceptor = TlsAcceptor::from(Arc::clone(&self.certificate.load().tls));
        let stream = timeout(patience, acceptor.accept(tcp))
            .await
            .map_err(|_| Closed::TlsDeadline)?
            .map_err(Closed::Tls)?;
        self.converse(stream, peer, presence, stop).await
    }

    /// Who the peer is, and its place among the connections of its source. Proxies have no such limit, for
    /// many clients come through one connection or address of theirs.
    fn admit(&self, remote: ClientAddress, origin: Origin) -> Result<(ClientAddress, Option<Seat>), Closed> {
        let Origin::Client(address) = origin else {
            return Ok((remote, None));
        };
        let peer = ClientAddress::new(address);
        if contains(&self.settings.forwarded_for_from, peer) {
            return Ok((peer, None));
        }
        match self.sources.seat(peer) {
            Some(seat) => Ok((peer, Some(seat))),
            None => Err(Closed::SourceFull(peer.network())),
        }
    }

    /// Speaks HTTP/1.1. X2Go Client asks for nothing newer.
    async fn converse(
        self: Arc<Self>,
        stream: TlsStream<TcpStream>,
        peer: ClientAddress,
        presence: Arc<Presence>,
        stop: Stop,
    ) -> Result<(), Closed> {
        let settings = &self.settings;
        let stream = WriteDeadline::new(stream, (self.request_timeout)());
        let stream = TokioIo::new(JoinedCredentials::new(stream));
        let asked = Notify::new();
        let service = service_fn(|request| {
            asked.notify_one();
            Arc::clone(&self).respond(request, peer, Arc::clone(&presence))
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(settings.header_timeout)
            .max_headers(HEADERS_MAX)
            .max_header_size(HEAD_BYTES_MAX)
            .max_buf_size(BUFFER_BYTES_MAX)
            .serve_connection(stream, service);
        let mut connection = pin!(connection);
        // The connection first, here and below: a request that has arrived is begun before the word to stop is heard.
        tokio::select! {
            biased;
            ended = connection.as_mut() => return Ok(ended?),
            () = stop.given() => {}
        }
        // To close a connection that was never asked anything would fail the request that is on its way: clients repeat one
        // only where an earlier one on the same connection went well.
        let first = timeout(settings.handshake_timeout, asked.notified());
        tokio::select! {
            biased;
            ended = connection.as_mut() => return Ok(ended?),
            _ = first => connection.as_mut().graceful_shutdown(),
        }
        Ok(connection.await?)
    }

    /// Receives the rest of a request and has the routes answer it.
    async fn respond(
        self: Arc<Self>,
        request: Request<Incoming>,
        peer: ClientAddress,
        presence: Arc<Presence>,
    ) -> Result<Reply, Infallible> {
        let settings = &self.settings;
        let begun = Instant::now();
        let limit = (self.request_timeout)();
        let patience = settings.header_timeout.min(limit);
        let (head, body) = request.into_parts();
        let Received { bytes, fault } = body::receive(body, begun + patience).await;
        let is_broken = fault.is_some();
        let mut request = Request::from_parts(head, Full::new(bytes));
        let visit = Visit {
            client: forwarded::client(peer, request.headers(), &settings.forwarded_for_from),
            deadline: begun + limit,
            body_fault: fault,
            presence,
        };
        request.extensions_mut().insert(visit);
        let mut reply = TowerToHyperService::new(warp::service(self.routes.clone()))
            .call(request)
            .await?;
        if is_broken {
            let close = HeaderValue::from_static("close");
            reply.headers_mut().insert(CONNECTION, close);
        }
        Ok(reply)
    }
}

fn contains(networks: &[Network], address: ClientAddress) -> bool {
    networks.iter().any(|network| network.contains(address))
}
