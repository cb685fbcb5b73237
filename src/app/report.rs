//! The daemon's answers at the admin socket.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use super::clock;
use super::daemon::Daemon;
use super::reload::Wish;
use super::{Basis, Explaining, Found};
use crate::admin::{
    AccountTickets, Answer, Asker, DirectoryServer, LogLevel, Operations, Question, Reply, Request, Revoked,
    Status, TicketReport, Tickets,
};
use crate::broker::Snapshot;
use crate::directory::Unavailable;
use crate::model::{Account, Now, TypedName, version};
use crate::store::{StoreError, TicketUse};

/// Most accounts in a list of tickets, so that it fits a reply.
const ACCOUNTS_MAX: usize = 5_000;
/// The word for what works, of hosts and servers alike.
pub(super) const UP: &str = "up";
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

impl Operations for Daemon {
    async fn answer(&self, request: Request, asker: Asker) -> Reply {
        let answer = match request {
            Request::Reload => Ok(Answer::Reload(self.reload(Wish::Admin(asker.uid)).await)),
            Request::Status => self.status().await.map(Box::new).map(Answer::Status),
            Request::Hosts => Ok(Answer::Hosts(self.hosts())),
            Request::Sessions { user } => Ok(Answer::Sessions(self.sessions(user.as_deref()))),
            Request::Drained => Ok(Answer::Drained(self.drained())),
            Request::Drain { hosts, until } => self
                .drain(&hosts, until.as_deref(), asker)
                .await
                .map(Answer::Drained),
            Request::Undrain(hosts) => self.undrain(&hosts, asker).await.map(Answer::Undrained),
            Request::Tickets => self.tickets().await.map(Answer::Tickets),
            Request::RevokeTickets { user } => self.revoke_tickets(&user, asker).await.map(Answer::Revoked),
            Request::Throttle => Ok(Answer::Throttle(self.throttled())),
            Request::ClearThrottle(which) => self.clear_throttle(&which, asker).await.map(Answer::Cleared),
            Request::HostCredentials => self.host_credentials().await.map(Answer::HostCredentials),
            Request::AddHostCredential { host } => self
                .add_host_credential(&host, asker)
                .await
                .map(Answer::HostCredentialAdded),
            Request::RevokeHostCredential { host } => self
                .revoke_host_credential(&host, asker)
                .await
                .map(Answer::HostCredentialRevoked),
            Request::Explain(question) => {
                let explained = self.explain(&question).await;
                explained
                    .map(Answer::Explained)
                    .map_err(|error| format!("{error:#}"))
            }
            Request::LogLevel { filter } => self.log_level(filter, asker).map(Answer::LogLevel),
        };
        answer.map_or_else(Reply::Refused, Reply::Answer)
    }

    fn turned_away(&self, asker: Asker) {
        let ration = self.turned_away.lock();
        if ration.unwrap_or_else(PoisonError::into_inner).admit(clock::now()) {
            let why = "may not ask at the admin socket".to_owned();
            self.note("ask", Some(asker.uid), None, Err(why));
        }
    }
}

impl Daemon {
    async fn status(&self) -> Result<Status, String> {
        let now = clock::now();
        let snapshot = self.broker.snapshot();
        let hosts = self.hosts();
        let keys = self.broker.grants().counts(now);
        let last_reload = self
            .last_reload
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        Ok(Status {
            version: version().to_owned(),
            pid: std::process::id(),
            started: self.started.to_string(),
            uptime_s: now.since(self.started).as_secs(),
            configuration: snapshot.configuration.to_string(),
            configuration_since: snapshot.since.to_string(),
            folders: self
                .folders
                .iter()
                .map(|path| path.display().to_string())
                .collect(),
            profiles: snapshot.policy.profiles().len(),
            rules: snapshot.policy.rules().count(),
            last_reload,
            listeners: self
                .addresses
                .iter()
                .map(|address| format!("https://{address}"))
                .chain(
                    self.fixed
                        .ssh
                        .iter()
                        .map(|ssh| format!("unix:{}", ssh.socket.display())),
                )
                .collect(),
            metrics: self
                .metrics_address
                .map(|address| format!("http://{address}/metrics")),
            connections: self.front.connections(),
            directory: self.directory_servers(),
            hosts: hosts.len(),
            hosts_up: hosts.iter().filter(|host| host.health == UP).count(),
            tickets: self.counting_tickets().await?.len(),
            leases: self.broker.placements().leases(now),
            key_pairs_ready: keys.ready,
            keys_open: keys.open,
            keys_over: keys.over,
            certificate_days_left: self.certificate_days_left(),
            audit_lines_lost: self.records.audit.lost(),
        })
    }

    pub(super) fn directory_servers(&self) -> Vec<DirectoryServer> {
        let snapshot = self.broker.snapshot();
        let servers = snapshot.directory.as_ref().map(|directory| directory.servers());
        let report = |(server, health): (String, crate::directory::ServerHealth)| DirectoryServer {
            server,
            state: health.state.to_owned(),
            cause: health.cause,
        };
        servers.unwrap_or_default().into_iter().map(report).collect()
    }

    pub(super) fn certificate_days_left(&self) -> Option<i64> {
        let ends = self.front.certificate_ends()?;
        Some((ends.unix_ms() - clock::now().unix_ms()).div_euclid(DAY_MS))
    }

    /// The tickets whose end has not come.
    pub(super) async fn counting_tickets(&self) -> Result<Vec<TicketUse>, String> {
        let now = clock::now();
        let mut tickets = self
            .store
            .ticket_uses()
            .await
            .map_err(|error| error.to_string())?;
        tickets.retain(|ticket| now < ticket.expires);
        Ok(tickets)
    }

    async fn tickets(&self) -> Result<Tickets, String> {
        let mut by_account: BTreeMap<Account, Vec<TicketUse>> = BTreeMap::new();
        for ticket in self.counting_tickets().await? {
            by_account.entry(ticket.account.clone()).or_default().push(ticket);
        }
        let left_out = by_account.len().saturating_sub(ACCOUNTS_MAX);
        let accounts = by_account.into_iter().take(ACCOUNTS_MAX).map(account_tickets);
        Ok(Tickets {
            accounts: accounts.collect(),
            left_out,
        })
    }

    /// Ends the tickets of every account of that name, whichever source it lives in, unless the source is named.
    async fn revoke_tickets(&self, user: &str, asker: Asker) -> Result<Revoked, String> {
        let revoked = self.try_revoke(user).await.map_err(|error| error.to_string());
        let done = revoked.as_ref().map(drop).map_err(Clone::clone);
        self.note("revoke tickets", Some(asker.uid), Some(user.to_owned()), done);
        revoked
    }

    async fn try_revoke(&self, user: &str) -> Result<Revoked, StoreError> {
        let folded = user.trim().to_lowercase();
        let mut accounts: Vec<Account> = self
            .store
            .ticket_uses()
            .await?
            .into_iter()
            .map(|ticket| ticket.account)
            .collect();
        let is_meant = |account: &Account| {
            account.user.folded() == folded || account.to_string().to_lowercase() == folded
        };
        accounts.retain(is_meant);
        accounts.sort();
        accounts.dedup();
        let mut tickets = 0;
        for account in &accounts {
            tickets += self.store.revoke_tickets(account).await?;
        }
        Ok(Revoked {
            accounts: accounts.iter().map(ToString::to_string).collect(),
            tickets,
        })
    }

    /// Answers by the configuration in use, and over its connections to the directory.
    async fn explain(&self, question: &Question) -> anyhow::Result<String> {
        let explaining = Explaining::read(question)?;
        let (snapshot, now) = (self.broker.snapshot(), clock::now());
        let found = match explaining.sought() {
            Some(name) => look_up(&snapshot, name, now).await?,
            None => None,
        };
        let basis = Basis {
            policy: &snapshot.policy,
            configuration: snapshot.configuration,
            now,
        };
        explaining.answer(found, &basis)
    }

    fn log_level(&self, filter: Option<String>, asker: Asker) -> Result<LogLevel, String> {
        if let Some(filter) = filter {
            let changed = self.logs.change(&filter).map_err(|error| error.to_string());
            self.note("log level", Some(asker.uid), Some(filter), changed.clone());
            changed?;
        }
        Ok(LogLevel {
            filter: self.logs.filter(),
        })
    }
}

/// The user as a login would find them.
async fn look_up(snapshot: &Snapshot, name: &TypedName, now: Now) -> Result<Option<Found>, Unavailable> {
    let Some((account, entry)) = snapshot.login.look_up(name, now).await? else {
        return Ok(None);
    };
    let memberships = snapshot.groups.memberships(&entry).await?;
    Ok(Some(Found::new(account, &entry, memberships)))
}

fn account_tickets((account, mut tickets): (Account, Vec<TicketUse>)) -> AccountTickets {
    tickets.sort_by_key(|ticket| std::cmp::Reverse(ticket.used));
    let time = |moment: Now| moment.to_string();
    let report = |ticket: TicketUse| TicketReport {
        door: ticket.door.as_str().to_owned(),
        client: ticket.client.map(|client| client.to_string()),
        login: time(ticket.login),
        used: time(ticket.used),
        expires: time(ticket.expires),
    };
    AccountTickets {
        account: account.to_string(),
        tickets: tickets.into_iter().map(report).collect(),
    }
}
