//! Clients that log in, list and select for as long as they are let: some on a connection for each request, some on one
//! that they keep.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;

use crate::lab::https::{Answer, HttpsClient, PATIENCE, Trust};
use crate::lab::site::{list, profiles, select, ticket};

/// Clients at once, every other one with a connection that it keeps.
const CLIENTS: usize = 8;
/// What a client does in between.
const PAUSE: Duration = Duration::from_millis(10);
/// A broker places a user at most ten times in a minute.
const SELECTS_MAX: u32 = 8;

/// Who logs in.
pub struct Users(Vec<String>);

impl Users {
    /// So many of them, at least one for each client.
    pub fn new(count: usize) -> Self {
        assert!(count >= CLIENTS);
        Self((0..count).map(|number| format!("user{number}")).collect())
    }

    /// Their names; each has the password `NAME-secret`.
    pub fn names(&self) -> &[String] {
        &self.0
    }
}

/// Clients at work.
pub struct Load {
    shared: Arc<Shared>,
    clients: JoinSet<Done>,
}

struct Shared {
    broker: SocketAddr,
    answered: AtomicUsize,
    stop: AtomicBool,
}

/// What was done.
#[derive(Debug, Default)]
pub struct Done {
    pub logins: usize,
    pub ticket_lists: usize,
    pub selects: usize,
    /// What went wrong, each in words.
    pub failures: Vec<String>,
    /// The last ticket of each user.
    pub tickets: BTreeMap<String, String>,
}

impl Load {
    /// Sets clients to work on this broker.
    pub fn start(broker: SocketAddr, users: &Users) -> Self {
        let shared = Arc::new(Shared {
            broker,
            answered: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
        });
        let mut clients = JoinSet::new();
        for number in 0..CLIENTS {
            let own = users.0.iter().skip(number).step_by(CLIENTS).cloned().collect();
            let client = Client {
                shared: Arc::clone(&shared),
                keeps: number % 2 == 0,
                kept: None,
                done: Done::default(),
            };
            clients.spawn(client.work(own));
        }
        Self { shared, clients }
    }

    /// Waits until so many more requests are answered.
    pub async fn answers(&self, more: usize) {
        let until = self.shared.answered.load(Ordering::Relaxed) + more;
        let answered = async {
            while self.shared.answered.load(Ordering::Relaxed) < until {
                tokio::time::sleep(PAUSE).await;
            }
        };
        tokio::time::timeout(PATIENCE, answered)
            .await
            .expect("the clients get no answers");
    }

    /// Lets every client finish what it is at.
    pub async fn finish(self) -> Done {
        self.shared.stop.store(true, Ordering::Relaxed);
        let mut all = Done::default();
        for done in self.clients.join_all().await {
            all.logins += done.logins;
            all.ticket_lists += done.ticket_lists;
            all.selects += done.selects;
            all.failures.extend(done.failures);
            all.tickets.extend(done.tickets);
        }
        all
    }
}

struct Client {
    shared: Arc<Shared>,
    keeps: bool,
    kept: Option<HttpsClient>,
    done: Done,
}

impl Client {
    async fn work(mut self, users: Vec<String>) -> Done {
        let mut selects: BTreeMap<&str, u32> = BTreeMap::new();
        for user in users.iter().cycle() {
            if self.shared.stop.load(Ordering::Relaxed) {
                break;
            }
            let secret = format!("{user}-secret");
            let Some(listed) = self.request("login", &list(user, &secret, "")).await else {
                continue;
            };
            self.done.logins += 1;
            let ticket = ticket(&listed).to_owned();
            self.done.tickets.insert(user.clone(), ticket.clone());
            if self
                .request("list", &list(user, &secret, &ticket))
                .await
                .is_some()
            {
                self.done.ticket_lists += 1;
            }
            let selected = selects.entry(user).or_default();
            if *selected < SELECTS_MAX {
                *selected += 1;
                if self
                    .request("select", &select("office", user, &ticket))
                    .await
                    .is_some()
                {
                    self.done.selects += 1;
                }
            }
        }
        self.done
    }

    /// One request; its answer, if it is the one that is right.
    async fn request(&mut self, what: &str, form: &str) -> Option<String> {
        tokio::time::sleep(PAUSE).await;
        let body = match self.post(form).await {
            Ok(answer) if answer.status == 200 => answer.text().to_owned(),
            Ok(answer) => return self.failed(what, &format!("{answer:?}")),
            Err(error) => return self.failed(what, &error.to_string()),
        };
        let is_right = if what == "select" {
            body.contains("SERVER:127.0.0.")
        } else {
            body.contains("Access granted") && profiles(&body) == ["office", "terminal"]
        };
        if !is_right {
            return self.failed(what, &body);
        }
        self.shared.answered.fetch_add(1, Ordering::Relaxed);
        Some(body)
    }

    fn failed(&mut self, what: &str, why: &str) -> Option<String> {
        self.done.failures.push(format!("{what}: {why}"));
        None
    }

    /// As every HTTP client does: a connection that was used before and gives no answer is replaced by a new one.
    async fn post(&mut self, form: &str) -> io::Result<Answer> {
        if let Some(mut kept) = self.kept.take() {
            match kept.post_form("/plain/", form).await {
                Ok(answer) => return Ok(self.keep(kept, answer)),
                Err(error) if kept.has_received_part() => return Err(error),
                Err(_) => {}
            }
        }
        let mut fresh = HttpsClient::connect(self.shared.broker, Trust::Anybody, None).await?;
        let answer = fresh.post_form("/plain/", form).await?;
        Ok(self.keep(fresh, answer))
    }

    fn keep(&mut self, client: HttpsClient, answer: Answer) -> Answer {
        let closes = answer.header("connection").is_some_and(|value| value == "close");
        if self.keeps && !closes {
            self.kept = Some(client);
        }
        answer
    }
}
