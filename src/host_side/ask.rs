//! Asking, over HTTPS.

use std::io;

use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::Settings;
use crate::model::{AuthorizedKey, Invalid, SessionUser};
use crate::tls::{self, BadAuthorities};
use crate::wire::host_keys::{self, ANSWER_BYTES_MAX, HostKeysRequest, PATH};

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum AskError {
    #[error(transparent)]
    Authorities(#[from] BadAuthorities),
    #[error("{0} is no name that a certificate could have")]
    Name(String),
    #[error("no connection to the broker: {0}")]
    Connection(#[from] io::Error),
    #[error("the broker's answer: {0}")]
    Http(#[from] hyper::Error),
    #[error("the request: {0}")]
    Request(#[from] http::Error),
    #[error("the broker refuses this host ({0}): its audit log says why")]
    Refused(StatusCode),
    #[error("the broker's answer broke off or is too long")]
    Body,
    #[error("the broker's answer: {0}")]
    Answer(#[from] Invalid),
}

/// The lines that open this account here now, as the broker says. The caller sets the deadline.
///
/// # Errors
/// Then there are none.
pub async fn ask(settings: Settings, user: SessionUser) -> Result<Vec<AuthorizedKey>, AskError> {
    let name = ServerName::try_from(settings.broker.clone());
    let name = name.map_err(|_| AskError::Name(settings.broker.clone()))?;
    let tls = TlsConnector::from(tls::client(settings.ca_file.as_deref())?);
    let tcp = TcpStream::connect((settings.broker.as_str(), settings.port)).await?;
    let stream = tls.connect(name, tcp).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Ends with the runtime, and an error of it is one of the request's.
    tokio::spawn(connection);
    let authority = format!("{}:{}", settings.broker, settings.port);
    let asked = HostKeysRequest {
        credential: settings.credential,
        user,
    };
    let mut authorization =
        HeaderValue::from_str(asked.authorization().expose()).map_err(http::Error::from)?;
    authorization.set_sensitive(true);
    let request = Request::post(format!("/{PATH}"))
        .header(HOST, authority)
        .header(AUTHORIZATION, authorization)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Full::<bytes::Bytes>::from(asked.body()))?;
    let response = sender.send_request(request).await?;
    if response.status() != StatusCode::OK {
        return Err(AskError::Refused(response.status()));
    }
    let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX)
        .collect()
        .await;
    let body = body.map_err(|_| AskError::Body)?.to_bytes();
    Ok(host_keys::decode(&body)?)
}
