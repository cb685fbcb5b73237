//! A small HTTPS client: it can trust one authority or anybody, come from another loopback address, keep its
//! connection, and send any bytes. Each wait has a deadline, so that a test fails instead of hanging.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, DigitallySignedStruct, ProtocolVersion, RootCertStore, SignatureScheme,
    SupportedProtocolVersion,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Longest wait for anything; no measure of speed.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Whose certificates are good.
#[derive(Debug, Clone, Copy)]
pub enum Trust<'a> {
    /// Everybody's.
    Anybody,
    /// Those that this certificate, in PEM, has issued.
    Authority(&'a str),
}

/// One connection.
pub struct HttpsClient {
    stream: TlsStream<TcpStream>,
    /// What was received and not yet read as an answer.
    received: Vec<u8>,
}

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl HttpsClient {
    /// Connects, from `source` if one is given.
    pub async fn connect(address: SocketAddr, trust: Trust<'_>, source: Option<IpAddr>) -> io::Result<Self> {
        Self::over(tcp(address, source).await?, trust, rustls::ALL_VERSIONS).await
    }

    /// Speaks TLS of one of these versions on a connection that is there.
    pub async fn over(
        tcp: TcpStream,
        trust: Trust<'_>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> io::Result<Self> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)
            .unwrap();
        let config = match trust {
            Trust::Anybody => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(TrustAnybody(provider)))
                .with_no_client_auth(),
            Trust::Authority(pem) => {
                let mut roots = RootCertStore::empty();
                roots
                    .add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap())
                    .unwrap();
                builder.with_root_certificates(roots).with_no_client_auth()
            }
        };
        let name = ServerName::try_from("localhost").unwrap();
        let stream = within(TlsConnector::from(Arc::new(config)).connect(name, tcp)).await?;
        Ok(Self {
            stream,
            received: Vec::new(),
        })
    }

    /// Posts a form to `path` and reads the answer.
    pub async fn post_form(&mut self, path: &str, body: &str) -> io::Result<Answer> {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        self.send((head + body).as_bytes()).await?;
        self.receive().await
    }

    /// Gets `path`.
    pub async fn get(&mut self, path: &str) -> io::Result<Answer> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        self.send(request.as_bytes()).await?;
        self.receive().await
    }

    /// Sends these bytes.
    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        within(async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        })
        .await
    }

    /// Reads one answer, which must say how long it is or have no body.
    pub async fn receive(&mut self) -> io::Result<Answer> {
        let head_end = loop {
            if let Some(at) = self.received.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break at + 4;
            }
            self.receive_more().await?;
        };
        let head = String::from_utf8(self.received.drain(..head_end).collect()).unwrap();
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).unwrap();
        let status = status.parse().unwrap();
        let headers: Vec<_> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let mut answer = Answer {
            status,
            headers,
            body: Vec::new(),
        };
        let length = answer
            .header("content-length")
            .map_or(0, |text| text.parse().unwrap());
        while self.received.len() < length {
            self.receive_more().await?;
        }
        answer.body = self.received.drain(..length).collect();
        Ok(answer)
    }

    /// Whether some of an answer has come, and not all of it.
    #[allow(dead_code, reason = "benchmarks share this file and lose no connection")]
    pub fn has_received_part(&self) -> bool {
        !self.received.is_empty()
    }

    /// Waits until the server has closed the connection; anything it still sends is an error.
    pub async fn closed(&mut self) -> io::Result<()> {
        match self.receive_more().await {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(()),
            Err(error) => Err(error),
            Ok(()) => Err(io::Error::other("the server sent more")),
        }
    }

    /// The server's own certificate, in DER.
    pub fn certificate(&self) -> Vec<u8> {
        let chain = self.stream.get_ref().1.peer_certificates().unwrap();
        chain[0].to_vec()
    }

    /// The TLS version spoken.
    pub fn version(&self) -> ProtocolVersion {
        self.stream.get_ref().1.protocol_version().unwrap()
    }

    /// The stream itself, for what this client has no word for.
    pub fn into_stream(self) -> TlsStream<TcpStream> {
        self.stream
    }

    async fn receive_more(&mut self) -> io::Result<()> {
        let count = within(self.stream.read_buf(&mut self.received)).await?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }
}

impl Answer {
    /// The value of a header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(have, _)| have == name)?;
        Some(value)
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// Connects, from `source` if one is given.
pub async fn tcp(address: SocketAddr, source: Option<IpAddr>) -> io::Result<TcpStream> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    if let Some(source) = source {
        socket.bind(SocketAddr::new(source, 0))?;
    }
    within(socket.connect(address)).await
}

async fn within<T>(work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| {
        Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "nothing came within 60 s",
        ))
    })
}

/// Takes any certificate, but still has the handshake prove that the server has its key.
#[derive(Debug)]
struct TrustAnybody(Arc<CryptoProvider>);

impl ServerCertVerifier for TrustAnybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
