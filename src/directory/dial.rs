//! Connects to a server: TCP, and TLS from the first byte or after StartTLS.

use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::exchange::Exchange;
use super::request::Request;
use super::settings::{Server, Transport};
use super::stream::Stream;
use super::tls;
use super::trouble::Trouble;

/// How long a connection is idle before the kernel asks the other side whether it is still there.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(15);
/// How long it waits between such questions.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
/// How long sent bytes may stay unacknowledged before the kernel gives the connection up.
const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(15);

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
    /// A new connection on which nothing was sent yet but what protects it.
    ///
    /// # Errors
    /// It cannot be made in time, the certificate is not believed, or it would be plain and leave this machine.
    pub async fn dial(&self) -> Result<Exchange, Trouble> {
        timeout(self.connect_timeout, self.connect())
            .await
            .unwrap_or_else(|_| Err(Trouble::silent(&self.server, "connect", self.connect_timeout)))
    }

    async fn connect(&self) -> Result<Exchange, Trouble> {
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
                Ok(self.exchange(Box::new(stream)))
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

    async fn protect(&self, stream: Box<dyn Stream>) -> Result<Exchange, Trouble> {
        let name = ServerName::try_from(self.server.host.clone())
            .map_err(|_| self.lost("neither a host name nor an address"))?;
        let config = self.tls.clone().ok_or_else(|| self.lost("TLS is not set up"))?;
        let stream = TlsConnector::from(config)
            .connect(name, stream)
            .await
            .map_err(|error| self.lost(&tls::diagnosis(&error)))?;
        Ok(self.exchange(Box::new(stream)))
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
