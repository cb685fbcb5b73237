//! The front end as a whole: start it, change its certificate, stop it.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::certificate::Served;
use super::connection::Gate;
use super::listener::accept_all;
use super::routes::routes;
use super::sources::Sources;
use super::stop::{StopSender, stop};
use super::{Operations, Settings};
use crate::model::Now;

/// A front end that serves. Dropping it ends every connection at once; see [`Server::shutdown`].
pub struct Server {
    addresses: Vec<SocketAddr>,
    gate: Arc<Gate>,
    slots: Arc<Semaphore>,
    slot_count: u32,
    stop: StopSender,
    loops: JoinSet<()>,
    drain_timeout: Duration,
}

/// What else may be done with a running front end, by whoever does not own it.
#[derive(Clone)]
pub struct Handle {
    gate: Arc<Gate>,
}

impl Handle {
    /// Serves this certificate from the next handshake on. Connections that are there stay.
    pub fn reload(&self, certificate: Served) {
        self.gate.certificate.store(Arc::new(certificate));
    }

    /// When the certificate that is served ends, if it says so.
    pub fn certificate_ends(&self) -> Option<Now> {
        self.gate.certificate.load().ends
    }

    /// How many connections there are.
    pub fn connections(&self) -> usize {
        self.gate.connections.load(Ordering::Relaxed)
    }
}

impl Server {
    /// Serves on sockets that listen already (see [`bind`](super::bind)). Must be called within a Tokio
    /// runtime.
    ///
    /// # Errors
    /// If a socket is not one that Tokio can use.
    pub fn start<O: Operations>(
        listeners: Vec<TcpListener>,
        settings: Settings,
        certificate: Served,
        operations: Arc<O>,
    ) -> io::Result<Self> {
        let slot_count = u32::try_from(settings.connections).unwrap_or(u32::MAX);
        let slots = Arc::new(Semaphore::new(slot_count as usize));
        let (stop, stopped) = stop();
        let drain_timeout = settings.drain_timeout;
        let timed = Arc::clone(&operations);
        let gate = Arc::new(Gate {
            request_timeout: Box::new(move || timed.request_timeout()),
            sources: Sources::new(settings.connections_per_source),
            routes: routes(operations, stopped.clone()),
            certificate: ArcSwap::from_pointee(certificate),
            connections: AtomicUsize::new(0),
            settings,
        });
        let mut addresses = Vec::new();
        let mut loops = JoinSet::new();
        for listener in listeners {
            listener.set_nonblocking(true)?;
            let listener = tokio::net::TcpListener::from_std(listener)?;
            addresses.push(listener.local_addr()?);
            loops.spawn(accept_all(
                listener,
                Arc::clone(&gate),
                Arc::clone(&slots),
                stopped.clone(),
            ));
        }
        Ok(Self {
            addresses,
            gate,
            slots,
            slot_count,
            stop,
            loops,
            drain_timeout,
        })
    }

    /// Where it listens, in the order of the sockets.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// What else may be done with it.
    pub fn handle(&self) -> Handle {
        Handle {
            gate: Arc::clone(&self.gate),
        }
    }

    /// Stops taking connections, lets the requests under way finish, and closes each connection behind its
    /// reply; one that was accepted and asked nothing yet may begin, within `handshake_timeout`. What is not done
    /// after `drain_timeout` is cut off.
    pub async fn shutdown(mut self) {
        self.stop.send();
        let drained = async {
            while self.loops.join_next().await.is_some() {}
            // Requests whose client has gone hold their connection's slot until they are done.
            let _all = self.slots.acquire_many(self.slot_count).await;
        };
        if timeout(self.drain_timeout, drained).await.is_err() {
            tracing::warn!("requests under way were cut off at `drain_timeout`");
        }
    }
}
