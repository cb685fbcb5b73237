//! Puts [`super::guard`] between a server and `ldap3`, which only takes a socket: it gets one end of a socket
//! pair, and a task of ours copies bytes between the other end and the server, letting through from the server
//! nothing but whole well-formed messages that can answer a search.

use std::io;
use std::sync::{Arc, OnceLock};

use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, StdStream};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::task::JoinSet;
use url::Url;

use super::exchange::shortened;
use super::guard::{self, Answer};
use super::stream::Stream;

/// Bytes read at once.
const BUFFER_BYTES: usize = 16 * 1024;

/// `ldap3` on a guarded connection. Dropping it ends the connection.
pub(super) struct Relayed {
    /// The handle for searches.
    pub ldap: Ldap,
    /// Why the connection ended, once it has.
    pub ended: Arc<OnceLock<String>>,
    _tasks: JoinSet<()>,
}

/// Runs `ldap3` over the stream of a connection that is already protected and bound.
///
/// # Errors
/// The socket pair cannot be made (file descriptors are used up).
pub(super) async fn relay(stream: Box<dyn Stream>) -> io::Result<Relayed> {
    let (ours, theirs) = UnixStream::pair()?;
    let settings = LdapConnSettings::new().set_std_stream(StdStream::Unix(theirs.into_std()?));
    let (connection, ldap) = connect(settings).await?;
    let ended = Arc::new(OnceLock::new());
    let mut tasks = JoinSet::new();
    let reason = Arc::clone(&ended);
    tasks.spawn(async move {
        let why = copy(stream, ours).await;
        let _first = reason.set(why);
    });
    tasks.spawn(async move {
        // Its errors reach the operations that wait; there is nobody else to tell.
        let _ended = connection.drive().await;
    });
    Ok(Relayed {
        ldap,
        ended,
        _tasks: tasks,
    })
}

async fn connect(settings: LdapConnSettings) -> io::Result<(LdapConnAsync, Ldap)> {
    let url = Url::parse("ldapi:///").map_err(io::Error::other)?;
    LdapConnAsync::from_url_with_settings(settings, &url)
        .await
        .map_err(io::Error::from)
}

/// Copies until one side ends, and says why it ended.
async fn copy(server: Box<dyn Stream>, client: UnixStream) -> String {
    let (from_server, mut to_server) = tokio::io::split(server);
    let (mut from_client, to_client) = client.into_split();
    tokio::select! {
        why = guarded(from_server, to_client) => why,
        _ = tokio::io::copy(&mut from_client, &mut to_server) => "closed by us".to_owned(),
    }
}

/// Lets whole, checked messages of the server through.
async fn guarded(mut server: impl AsyncRead + Unpin, mut client: impl AsyncWrite + Unpin) -> String {
    let mut received = Vec::with_capacity(BUFFER_BYTES);
    loop {
        match server.read_buf(&mut received).await {
            Ok(0) => return "the server closed the connection".to_owned(),
            Ok(_) => {}
            Err(error) => return error.to_string(),
        }
        let checked = match checked(&received) {
            Ok(checked) => checked,
            Err(why) => return why,
        };
        if let Err(error) = client.write_all(&received[..checked]).await {
            return error.to_string();
        }
        received.drain(..checked);
        if received.is_empty() {
            received.shrink_to(BUFFER_BYTES);
        }
    }
}

/// How many bytes at the front are whole messages that may pass.
fn checked(received: &[u8]) -> Result<usize, String> {
    let mut at = 0;
    loop {
        let rest = received.get(at..).unwrap_or_default();
        let length = guard::message_length(rest).map_err(|malformed| malformed.to_string())?;
        let Some(message) = length.and_then(|length| rest.get(..length)) else {
            return Ok(at);
        };
        match guard::message(message) {
            Err(malformed) => return Err(malformed.to_string()),
            Ok(message) => match message.answer {
                Answer::Entry(_) | Answer::Reference | Answer::Done(_) => {}
                Answer::Extended(notice) if message.id == 0 => {
                    return Err(format!(
                        "the server ended the connection: {}",
                        shortened(notice.text)
                    ));
                }
                Answer::Bind(_) | Answer::Modified(_) | Answer::Extended(_) | Answer::Sync(_) => {
                    return Err("malformed answer: not the answer to a search".to_owned());
                }
            },
        }
        at += message.len();
    }
}
