//! Follows the changes of one server after the other, and keeps the copy in step with them.

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::directory::exchange::shortened;
use crate::directory::filter::{self, EncodedFilter};
use crate::directory::frames::Frames;
use crate::directory::guard::{self, Answer};
use crate::directory::health::Health;
use crate::directory::request::{NO_ATTRIBUTES, Request};
use crate::directory::server::Server;
use crate::directory::servers::Servers;
use crate::directory::settings::{Schema, Settings};
use crate::directory::trouble::Trouble;
use crate::directory::way::Way;
use crate::model::Dn;

use super::copy::Record;
use super::end::{self, End};
use super::session::{self, Session, Step, id};
use super::value::Uuid;
use super::{Held, Synced};

/// The pause between two probes. Two fit into [`CURRENT_MAX`](super::CURRENT_MAX), so that one may be slow.
const PROBE_PAUSE: Duration = Duration::from_millis(200);
/// The same while it is in doubt whether something is on its way.
const DOUBT_PAUSE: Duration = Duration::from_millis(50);
/// How long a probe may take, in operations. A server that is sending all groups is busy; and a frozen one that goes on
/// later sends what it owes, so that nothing has to be read again.
const PATIENCE_OPERATIONS: u32 = 6;
/// How long a server that is not asked any more is still followed, in case it is asked again at once.
const LEFT_MAX: Duration = Duration::from_secs(5);
/// The pause before another attempt is this long, and twice as long each time up to the other.
const AGAIN_MIN: Duration = Duration::from_secs(1);
const AGAIN_MAX: Duration = Duration::from_secs(30);
/// The pause where another attempt will hardly go better.
const UNFIT_PAUSE: Duration = Duration::from_secs(10 * 60);
/// Messages longer than this are read beside the tasks that must not wait.
const LONG_BYTES: usize = 64 * 1024;
/// The attribute of the root entry with the databases of the server (RFC 4512 section 5.1).
const NAMING_CONTEXTS: &str = "namingContexts";
/// What groups lie in, in the schemas of OpenLDAP, 389 Directory Server and their kin.
const PLACES: &str = "(|(objectClass=organizationalUnit)(objectClass=organization)(objectClass=domain)\
     (objectClass=container)(objectClass=nsContainer)(objectClass=locality)(objectClass=country))";

/// What to follow.
pub(in crate::directory) struct Plan {
    schema: Schema,
    base: Dn,
    groups: EncodedFilter,
    places: EncodedFilter,
    with_members: EncodedFilter,
    attributes: Vec<&'static str>,
    limit: Duration,
}

impl Plan {
    /// The groups of these settings.
    ///
    /// # Errors
    /// The filter for groups is none.
    pub fn new(settings: &Settings) -> Result<Self, String> {
        let groups = settings.group_filter.as_str();
        let with_members: Vec<String> = Way::member_attributes(settings.schema)
            .iter()
            .map(|attribute| filter::present(attribute))
            .collect();
        Ok(Self {
            schema: settings.schema,
            base: settings.group_base.clone(),
            groups: filter::encode(groups)?,
            places: filter::encode(PLACES)?,
            with_members: filter::encode(&filter::both(groups, &filter::any_of(&with_members)))?,
            attributes: Record::attributes(settings.schema),
            limit: settings.operation_timeout,
        })
    }
}

/// Keeps the copy in step until the task is dropped.
pub(in crate::directory) async fn follow_forever(synced: Arc<Synced>, servers: Arc<Servers>, plan: Plan) {
    let mut pause = AGAIN_MIN;
    let mut told = String::new();
    loop {
        let at = synced.health.until_preferred(|_| true).await;
        let Some(server) = servers.at(at) else { return };
        let follower = Follower {
            synced: &synced,
            server: &server,
            plan: &plan,
            at,
        };
        let end = tokio::select! {
            end = follower.follow() => end,
            () = left(&synced.health, at) => End::Again("another server is asked now".to_owned()),
        };
        let was_current = synced.change(std::mem::take).proven.is_some();
        let (cause, wait) = match end {
            End::Again(cause) if was_current => (cause, AGAIN_MIN),
            End::Again(cause) => (cause, pause),
            End::Unfit(cause) => (cause, UNFIT_PAUSE),
        };
        if was_current || told != cause {
            let server = server.dialer.server.to_string();
            tracing::info!(server, cause, "groups are searched for, not kept in memory");
            told = cause;
        }
        pause = if was_current {
            AGAIN_MIN
        } else {
            AGAIN_MAX.min(pause * 2)
        };
        tokio::select! {
            () = sleep(wait) => {}
            () = left(&synced.health, at) => {}
        }
    }
}

/// Waits until another server has been the one to ask for a while.
async fn left(health: &Health, at: usize) {
    loop {
        health.until_preferred(|preferred| preferred != at).await;
        let again = health.until_preferred(|preferred| preferred == at);
        if timeout(LEFT_MAX, again).await.is_err() {
            return;
        }
    }
}

/// Follows one server over one connection.
struct Follower<'a> {
    synced: &'a Synced,
    server: &'a Server,
    plan: &'a Plan,
    at: usize,
}

impl Follower<'_> {
    /// Follows until something is in the way, and says what.
    async fn follow(self) -> End {
        let connection = self
            .server
            .connect()
            .await
            .and_then(|exchange| exchange.into_frames());
        let ended = match connection {
            Ok(frames) => self.run(frames).await,
            Err(trouble) => Err(End::Again(trouble.cause())),
        };
        match ended {
            Err(end) => end,
            Ok(never) => match never {},
        }
    }

    async fn run(&self, mut frames: Frames) -> Result<Infallible, End> {
        let suffix = timeout(self.plan.limit, self.suffix(&mut frames))
            .await
            .unwrap_or_else(|_| Err(self.silent(self.plan.limit)))?;
        for (id, filter, attributes) in [
            (id::PLACES, &self.plan.places, &[NO_ATTRIBUTES][..]),
            (id::GROUPS, &self.plan.groups, &self.plan.attributes),
        ] {
            let request = Request::follow(self.plan.base.as_str(), filter, attributes);
            self.send(&mut frames, id, &request).await?;
        }
        let mut session = Session::new(self.plan.schema);
        let mut probed = Instant::now();
        loop {
            let pause = if session.is_in_doubt() {
                DOUBT_PAUSE
            } else {
                PROBE_PAUSE
            };
            tokio::select! {
                message = frames.receive() => {
                    let message = message.map_err(End::Again)?;
                    let (back, step) = taken(session, message).await?;
                    session = back;
                    if self.apply(step?)? {
                        self.ask_members(&mut frames).await?;
                    }
                    self.prove(&session);
                }
                () = sleep_until(probed + pause) => {
                    probed = Instant::now();
                    self.probe(&mut frames, &mut session, &suffix).await?;
                }
            }
        }
    }

    /// The top of the database that the groups are in, as far as the server says what it has.
    async fn suffix(&self, frames: &mut Frames) -> Result<String, End> {
        self.send(frames, id::PROBE, &Request::read("", &[NAMING_CONTEXTS]))
            .await?;
        let mut suffixes: Vec<Dn> = Vec::new();
        loop {
            let bytes = frames.receive().await.map_err(End::Again)?;
            let message = guard::message(&bytes).map_err(|malformed| End::Unfit(malformed.to_string()))?;
            match (message.id, message.answer) {
                (id::PROBE, Answer::Entry(entry)) => {
                    let values = entry.values().filter_map(|(_, value)| str::from_utf8(value).ok());
                    suffixes.extend(values.filter_map(|value| Dn::new(value).ok()));
                }
                (id::PROBE, Answer::Done(_)) => break,
                _ => return Err(end::unasked()),
            }
        }
        suffixes.retain(|suffix| self.plan.base.is_within(suffix));
        let nearest = suffixes.iter().max_by_key(|suffix| suffix.normal().len());
        Ok(nearest.unwrap_or(&self.plan.base).as_str().to_owned())
    }

    async fn ask_members(&self, frames: &mut Frames) -> Result<(), End> {
        let request = Request::find(self.plan.base.as_str(), &self.plan.with_members, &[NO_ATTRIBUTES]);
        self.send(frames, id::MEMBERS, &request).await
    }

    /// Sends a probe, unless one is on its way.
    async fn probe(&self, frames: &mut Frames, session: &mut Session, suffix: &str) -> Result<(), End> {
        let patience = self.plan.limit * PATIENCE_OPERATIONS;
        match session.probing_since() {
            None => {
                session.probe(Instant::now());
                let request = Request::read(suffix, &[session::CONTEXT_CSN]);
                self.send(frames, id::PROBE, &request).await
            }
            Some(sent) if sent.elapsed() < patience => Ok(()),
            Some(_) => Err(self.silent(patience)),
        }
    }

    async fn send(&self, frames: &mut Frames, id: u32, request: &Request) -> Result<(), End> {
        timeout(self.plan.limit, frames.send(&request.message(id)))
            .await
            .unwrap_or_else(|_| Err("the server takes no requests".to_owned()))
            .map_err(End::Again)
    }

    /// Does with the copy what a message says. True if it is to be asked which groups have members.
    fn apply(&self, step: Step) -> Result<bool, End> {
        match step {
            Step::Nothing => {}
            Step::AskMembers => return Ok(true),
            Step::Put(uuid, record) => self.synced.change(|held| {
                if held.copy.dn(&uuid).is_some_and(|before| before != record.dn()) {
                    nothing_below(held, &uuid)?;
                }
                held.copy
                    .put(uuid, *record)
                    .map_err(|unfit| End::Unfit(unfit.to_string()))
            })?,
            Step::Remove(uuids) => self.synced.change(|held| {
                for uuid in &uuids {
                    nothing_below(held, uuid)?;
                    held.copy.remove(uuid);
                }
                Ok(())
            })?,
            Step::Compare(with_members) => self.synced.change(|held| {
                let empty: HashSet<&str> = held.copy.empty().collect();
                match with_members.iter().find(|dn| empty.contains(dn.as_str())) {
                    None => Ok(()),
                    Some(dn) => Err(End::Unfit(format!(
                        "bind_dn may search for the members of {} and not read them: let it",
                        shortened(dn)
                    ))),
                }
            })?,
        }
        Ok(false)
    }

    /// Makes known that the copy is current, if that was shown anew.
    fn prove(&self, session: &Session) {
        let proven = session.proven();
        self.synced.change(|held| {
            if held.proven.is_none() && proven.is_some() {
                let (server, groups) = (self.server.dialer.server.to_string(), held.copy.len());
                tracing::info!(
                    server,
                    groups,
                    "groups are kept in memory, in step with the server"
                );
            }
            held.proven = proven;
            held.server = self.at;
        });
    }

    fn silent(&self, limit: Duration) -> End {
        End::Again(Trouble::silent(&self.server.dialer.server, "synchronisation", limit).cause())
    }
}

/// Lets the session take a message. One with very many members takes a while.
async fn taken(mut session: Session, message: Bytes) -> Result<(Session, Result<Step, End>), End> {
    let long = message.len() > LONG_BYTES;
    let take = move || {
        let step = session.take(&message);
        (session, step)
    };
    if !long {
        return Ok(take());
    }
    spawn_blocking(take).await.map_err(|_| end::unasked())
}

/// Checks that no group is below this one, which was renamed or removed: the server says nothing of those.
fn nothing_below(held: &Held, uuid: &Uuid) -> Result<(), End> {
    let dn = held.copy.dn(uuid).and_then(|dn| Dn::new(dn).ok());
    match dn {
        Some(dn) if held.copy.has_below(&dn) => Err(end::moved(dn.as_str())),
        _ => Ok(()),
    }
}
