//! Connects to a server: TCP, and TLS from the first byte or after StartTLS.

use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::{CertificateDer, ServerName};
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::exchange::Exchange;
use super::request::Request;
use super::settings::{Server, Settings, Transport};
use super::stream::Stream;
use super::tls;
use super::trouble::Trouble;

/// How long a connection is idle before the kernel asks the other side whether it is still there.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(15);
/// How long it waits between such questions.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
/// How long sent bytes may stay unacknowledged before the kernel gives the connection up.
const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(15);

/// A new connection.
pub(super) struct Dialed {
    /// For its operations.
    pub exchange: Exchange,
    /// The certificate that the server showed and that was believed; none on a plain connection.
    pub certificate: Option<CertificateDer<'static>>,
}

/// Makes connections to one server.
pub(super) struct Dialer {
    /// The server.
    pub server: Server,
    /// How TLS is done, for a server that speaks it.
    pub tls: Option<Arc<ClientConfig>>,
    /// The longest wait for a whole connection.
    pub connect_timeout: Duration,
    /// The longest wait for one answer.
    pub operation_timeout: Duration,
}

impl Dialer {
    /// For that server, with the deadlines of the settings.
    pub fn new(server: &Server, tls: Option<Arc<ClientConfig>>, settings: &Settings) -> Self {
        Self {
            server: server.clone(),
            tls,
            connect_timeout: settings.connect_timeout,
            operation_timeout: settings.operation_timeout,
        }
    }

    /// A new connection on which nothing was sent yet but what protects it.
    ///
    /// # Errors
    /// It cannot be made in time, the certificate is not believed, or it would be plain and leave this machine.
    pub async fn dial(&self) -> Result<Exchange, Trouble> {
        self.dial_and_look().await.map(|dialed| dialed.exchange)
    }

    /// The same, with what the server showed.
    ///
    /// # Errors
    /// The same.
    pub async fn dial_and_look(&self) -> Result<Dialed, Trouble> {
        timeout(self.connect_timeout, self.connect())
            .await
            .unwrap_or_else(|_| Err(Trouble::silent(&self.server, "connect", self.connect_timeout)))
    }

    async fn connect(&self) -> Result<Dialed, Trouble> {
        let stream = TcpStream::connect((self.server.host.as_str(), self.server.port))
            .await
            .and_then(|stream| tune(&stream).map(|()| stream))
            .map_err(|error| self.lost(&error.to_string()))?;
        match self.server.transport {
            Transport::Plain => {
                // The configuration allows this for loopback only; a name may mean something else by now.
                let to = stream
                    .peer_addr()
                    .map_err(|error| self.lost(&error.to_string()))?;
                if !to.ip().is_loopback() {
                    let why = format!(
                        "{} is not this machine, and the connection is not protected",
                        to.ip()
                    );
                    return Err(self.lost(&why));
                }
                Ok(Dialed {
                    exchange: self.exchange(Box::new(stream)),
                    certificate: None,
                })
            }
            Transport::Tls => self.protect(Box::new(stream)).await,
            Transport::StartTls => {
                let mut plain = self.exchange(Box::new(stream));
                let answer = plain.ask("StartTLS", &Request::start_tls()).await?;
                if answer.code != 0 {
                    let why = format!("StartTLS refused (code {}): {}", answer.code, answer.text);
                    return Err(self.lost(&why));
                }
                self.protect(plain.into_stream()?).await
            }
        }
    }

    async fn protect(&self, stream: Box<dyn Stream>) -> Result<Dialed, Trouble> {
        let name = ServerName::try_from(self.server.host.clone())
            .map_err(|_| self.lost("neither a host name nor an address"))?;
        let config = self.tls.clone().ok_or_else(|| self.lost("TLS is not set up"))?;
        let stream = TlsConnector::from(config)
            .connect(name, stream)
            .await
            .map_err(|error| self.lost(&tls::diagnosis(&error)))?;
        let shown = stream.get_ref().1.peer_certificates().unwrap_or_default();
        Ok(Dialed {
            certificate: shown.first().map(|certificate| certificate.clone().into_owned()),
            exchange: self.exchange(Box::new(stream)),
        })
    }

    fn exchange(&self, stream: Box<dyn Stream>) -> Exchange {
        Exchange::new(self.server.clone(), stream, self.operation_timeout)
    }

    fn lost(&self, why: &str) -> Trouble {
        Trouble::Lost(format!("{}: connect: {why}", self.server))
    }
}

/// Requests are small and wait for their answers, so Nagle's algorithm would only delay them; and a peer that
/// vanished without a word must not be waited for.
fn tune(stream: &TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    socket.set_tcp_keepalive(
        &TcpKeepalive::new()
            .with_time(KEEPALIVE_IDLE)
            .with_interval(KEEPALIVE_INTERVAL),
    )?;
    socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED_MAX))
}
