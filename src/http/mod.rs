//! The HTTPS front end: listening, TLS, who is calling, limits and deadlines, and the routes. The only room
//! that knows `warp`, hyper and rustls' server side.
//!
//! It decides nothing about users: the body of a request is read by `wire`, answered by an [`Operations`],
//! and the reply is written by `wire` again.

mod activation;
mod authorized_keys;
mod body;
pub mod certificate;
mod connection;
mod doctor;
mod door;
mod forwarded;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod host_names;
mod joined_credentials;
mod limits;
mod listener;
mod metrics;
mod page;
mod proxy;
mod reply;
mod routes;
mod self_signed;
mod server;
mod settings;
mod sources;
mod stop;
mod uccs;
mod write_deadline;

use std::future::Future;
use std::time::Duration;

pub use activation::{Activated, ActivationError};
pub use certificate::{CertificateError, Served};
pub use doctor::examine;
pub use listener::{BindError, bind};
pub use metrics::{MetricsServer, MetricsSource};
pub use server::{Handle, Server};
pub use settings::{KeyPair, Settings};

use crate::broker::{Caller, Remote};
use crate::model::{AuthorizedKey, ClientAddress};
use crate::wire::host_keys::HostKeysRequest;
use crate::wire::{BadRequest, Fault, Reply, Request};

/// What stands behind the front end.
pub trait Operations: Send + Sync + 'static {
    /// Answers one request. The future is run to its end or to the deadline of the request, whichever comes
    /// first, also when the client has gone meanwhile: what it counts and records cannot be skipped by
    /// hanging up. At the deadline it is dropped, and the client is refused, as it is if it panics: either is for
    /// the future to log, which knows what it was about.
    fn answer(&self, caller: Caller, request: Request) -> impl Future<Output = Reply> + Send;

    /// Notes that something was refused because it is no request, and is done when the refusal may leave.
    fn turned_away(&self, sender: Remote, bad: BadRequest) -> impl Future<Output = ()> + Send;

    /// The keys that open an account on the host that asks from there; `None` for whoever is not the host whose
    /// credential it shows, or asks for what is no request. It is dropped when nobody waits any more.
    fn host_keys(
        &self,
        from: ClientAddress,
        request: Result<HostKeysRequest, Fault>,
    ) -> impl Future<Output = Option<Vec<AuthorizedKey>>> + Send;

    /// The line of the public SSH key that the broker shows to hosts, if it has one; `/pubkeys/` has it. Must return at
    /// once.
    fn agent_key(&self) -> Option<String>;

    /// Longest time from the head of a request to its answer, and again from there until the client has taken the whole
    /// reply. Asked when a request begins, and for its reply when its connection did. Must return at once.
    fn request_timeout(&self) -> Duration;

    /// Whether requests can be answered now; `/readyz` says so to a load balancer. Must return at once.
    fn ready(&self) -> bool;
}
