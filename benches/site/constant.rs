//! The same stack (rustls, hyper, warp) with nothing behind it but one body.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;
use warp::Filter;

use crate::lab::authority::Authority;

/// A server with a runtime of its own.
pub struct Constant {
    pub address: SocketAddr,
    _runtime: Runtime,
}

impl Constant {
    /// Answers every POST with this body.
    pub fn start(body: Bytes) -> Self {
        let runtime = Runtime::new().unwrap();
        let listener = runtime
            .block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
            .unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(serve(listener, body));
        Self {
            address,
            _runtime: runtime,
        }
    }
}

async fn serve(listener: TcpListener, body: Bytes) {
    let routes = warp::post()
        .and(warp::body::bytes())
        .map(move |_: Bytes| warp::reply::Response::new(body.clone().into()))
        .boxed();
    let acceptor = TlsAcceptor::from(tls());
    loop {
        let (tcp, _) = listener.accept().await.unwrap();
        tcp.set_nodelay(true).unwrap();
        let (acceptor, routes) = (acceptor.clone(), routes.clone());
        tokio::spawn(async move {
            let stream = acceptor.accept(tcp).await.unwrap();
            let service = TowerToHyperService::new(warp::service(routes));
            // Ends with an error when the client goes away.
            let _ended = http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

fn tls() -> Arc<ServerConfig> {
    let issued = Authority::new("benchmark").issue(&["localhost"]);
    let certificate = CertificateDer::from_pem_slice(issued.certificate.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(issued.key.as_bytes()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key);
    Arc::new(config.unwrap())
}
