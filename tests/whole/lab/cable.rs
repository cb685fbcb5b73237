//! A cable between the broker and a server, which can be cut, or hold what it carries.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What becomes of the connections on which somebody asked for something that has the mark in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Marked {
    Carried,
    Held,
    Cut,
}

/// Carries connections to a port of this machine.
pub struct Cable {
    port: u16,
    marked: Arc<watch::Sender<Marked>>,
    _carrying: JoinSet<()>,
}

impl Cable {
    /// A cable to the server at `to`. Connections that carry `mark` towards it are special.
    pub fn to(to: u16, mark: &'static [u8]) -> Self {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let listener = TcpListener::from_std(listener).unwrap();
        let marked = Arc::new(watch::Sender::new(Marked::Carried));
        let mut carrying = JoinSet::new();
        let state = Arc::clone(&marked);
        carrying.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((near, _)) = listener.accept().await {
                let state = Arc::clone(&state);
                connections.spawn(async move {
                    let far = SocketAddr::from((Ipv4Addr::LOCALHOST, to));
                    let Ok(far) = tokio::net::TcpStream::connect(far).await else { return };
                    let ((from_near, to_near), (from_far, to_far)) = (near.into_split(), far.into_split());
                    let seen = watch::Sender::new(false);
                    tokio::select! {
                        () = carry(from_near, to_far, Some((mark, &seen)), seen.subscribe(), state.subscribe()) => {}
                        () = carry(from_far, to_near, None, seen.subscribe(), state.subscribe()) => {}
                    }
                });
            }
        });
        Self {
            port,
            marked,
            _carrying: carrying,
        }
    }

    /// Its near end.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// From now on nothing passes on the marked connections, and nobody is told.
    pub fn hold(&self) {
        self.marked.send_replace(Marked::Held);
    }

    /// What was held passes, and so does what comes.
    pub fn let_go(&self) {
        self.marked.send_replace(Marked::Carried);
    }

    /// Ends the marked connections that there are.
    pub async fn cut(&self) {
        self.marked.send_replace(Marked::Cut);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        self.let_go();
    }
}

/// Carries one way until something ends it.
async fn carry(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mark: Option<(&[u8], &watch::Sender<bool>)>,
    seen: watch::Receiver<bool>,
    mut state: watch::Receiver<Marked>,
) {
    let mut bytes = vec![0; 64 * 1024];
    loop {
        let length = tokio::select! {
            length = from.read(&mut bytes) => length.unwrap_or(0),
            _ = state.wait_for(|state| *state == Marked::Cut && *seen.borrow()) => return,
        };
        let bytes = &bytes[..length];
        if let Some((mark, seen)) = mark
            && bytes.windows(mark.len()).any(|part| part == mark)
        {
            seen.send_replace(true);
        }
        let held = |state: &Marked| *state == Marked::Held && *seen.borrow();
        if length == 0
            || state.wait_for(|state| !held(state)).await.is_err()
            || to.write_all(bytes).await.is_err()
        {
            return;
        }
    }
}
