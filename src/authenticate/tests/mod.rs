//! A login path with a directory in memory and a real store, and the laws it must keep.

mod chain;
mod gate;
mod login_order;
mod password_change;
mod peers;
mod throttled;
mod ticket_laws;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tempfile::TempDir;

use super::fake::FakeAccounts;
use super::*;
use crate::model::{ClientAddress, Door, Now, Password, Secret, Source, TicketText, TypedName};
use crate::observe::Stages;
use crate::store::Embedded;

const HOUR: i64 = 3600;
const SEAT: &str = "10.1.2.3";

fn at(second: i64) -> Now {
    Now::from_unix_ms(1_800_000_000_000 + second * 1000)
}

fn settings() -> Settings {
    Settings {
        methods: vec![Method::Ldap],
        ticket_lifetime: Duration::from_secs(10 * 3600),
        ticket_idle: Duration::from_secs(2 * 3600),
        bind_ticket_to_client: true,
        throttle: Arc::default(),
    }
}

/// The parts of a login path, as a broker would wire them.
struct Lab {
    accounts: Arc<FakeAccounts>,
    checks: Arc<PasswordChecks>,
    store: Arc<Embedded>,
    login: Login,
    folder: TempDir,
}

/// What a client sends, as plain text.
#[derive(Debug, Clone, Copy)]
struct Form<'a> {
    user: &'a str,
    password: &'a str,
    ticket: Option<&'a str>,
    client: &'a str,
    door: Door,
    second: i64,
    gate: Option<&'a dyn Gate>,
}

fn alice(second: i64) -> Form<'static> {
    Form {
        user: "alice",
        password: "apple",
        ticket: None,
        client: SEAT,
        door: Door::Plain,
        second,
        gate: None,
    }
}

impl<'a> Form<'a> {
    fn ticket(self, ticket: &'a str) -> Self {
        Self {
            ticket: Some(ticket),
            ..self
        }
    }
}

impl Lab {
    fn new() -> Self {
        let accounts = FakeAccounts::new();
        accounts.add("alice", "apple");
        accounts.add("bob", "banana");
        Self::with(Arc::new(accounts), tempfile::tempdir().unwrap())
    }

    fn with(accounts: Arc<FakeAccounts>, folder: TempDir) -> Self {
        let store = Arc::new(Embedded::open(&folder.path().join("state.db")).unwrap());
        let checks = Arc::new(PasswordChecks::new());
        let login = Login::new(accounts.clone(), checks.clone(), store.clone(), settings());
        Self {
            accounts,
            checks,
            store,
            login,
            folder,
        }
    }

    /// As after a reload with these settings.
    fn reload(&mut self, settings: Settings) {
        self.login = Login::new(
            self.accounts.clone(),
            self.checks.clone(),
            self.store.clone(),
            settings,
        );
    }

    /// As after a restart: the same directory and the same files, and nothing remembered.
    fn restart(self, meanwhile: impl FnOnce(&Path)) -> Self {
        let Self {
            accounts,
            store,
            login,
            folder,
            ..
        } = self;
        drop((store, login));
        let path = folder.path().join("state.db");
        meanwhile(&path);
        Self::with(accounts, folder)
    }

    async fn list(&self, form: Form<'_>) -> Result<Verified, Failure> {
        send(&self.login, form, false).await
    }

    async fn event(&self, form: Form<'_>) -> Result<Verified, Failure> {
        send(&self.login, form, true).await
    }

    /// A login that must succeed by password: the ticket it gives.
    async fn ticket(&self, form: Form<'_>) -> String {
        let verified = self.list(form).await.unwrap();
        assert_eq!(verified.proof(), Proof::Password);
        new_ticket(&verified).unwrap()
    }

    /// What the request was proven by.
    async fn proof(&self, form: Form<'_>) -> Proof {
        self.list(form).await.unwrap().proof()
    }

    fn binds(&self) -> usize {
        self.accounts.binds.load(Ordering::SeqCst)
    }
}

async fn send(login: &Login, form: Form<'_>, event: bool) -> Result<Verified, Failure> {
    let user = TypedName::new(form.user).unwrap();
    let password = Password::new(Secret::new(form.password.to_owned())).ok();
    let ticket = form
        .ticket
        .map(|text| TicketText::new(Secret::new(text.to_owned())).unwrap());
    let attempt = Attempt {
        user: &user,
        password: password.as_ref(),
        ticket: ticket.as_ref(),
        door: form.door,
        client: ClientAddress::new(form.client.parse().unwrap()),
        now: at(form.second),
        stages: &Stages::default(),
        gate: form.gate,
    };
    if event {
        login.ticket_only(&attempt).await
    } else {
        login
            .password_or_ticket(&attempt)
            .await
            .and_then(Proven::verified)
    }
}

fn new_ticket(verified: &Verified) -> Option<String> {
    verified.ticket().unwrap().map(|text| text.expose().to_owned())
}

fn user(verified: &Verified) -> &str {
    verified.account().user.as_str()
}
