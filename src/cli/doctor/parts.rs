//! What logins stand on with a configuration, part by part, and whether these parts are enough for one.

use std::collections::BTreeSet;

use super::{agents, dialled};
use crate::app::clock;
use crate::config::{Accounts, Configuration};
use crate::directory::{self, Allowance, Examined, Questions, Throttle};
use crate::entitlement::{GroupPattern, Policy};
use crate::http;
use crate::model::Limit;
use crate::model::{Check, Now, Outcome, TypedName};
use crate::pam_worker::{self, Client};

/// Things that were looked at together.
pub(super) struct Part {
    /// What they are about.
    pub(super) title: String,
    /// What was found.
    pub(super) checks: Vec<Check>,
}

impl Part {
    fn works(&self) -> bool {
        self.checks.iter().all(|check| check.outcome != Outcome::Bad)
    }
}

/// Everything that was looked at.
pub(super) struct Parts {
    /// In the order in which a login needs them.
    pub(super) parts: Vec<Part>,
    /// Whether a login could work.
    pub(super) let_people_in: bool,
}

impl Parts {
    /// Looks at everything that the configuration names.
    ///
    /// # Errors
    /// The authorities for the directory's certificates cannot be read, or there is no place for connections to agents.
    #[tokio::main(flavor = "current_thread")]
    pub(super) async fn examine(
        configuration: &Configuration,
        user: Option<&TypedName>,
    ) -> anyhow::Result<Self> {
        let examination = Examination {
            configuration,
            user,
            now: clock::now(),
        };
        let certificate = Part {
            title: "The broker's certificate".to_owned(),
            checks: http::examine(&configuration.server.key_pair, examination.now),
        };
        let mut parts = Vec::new();
        let lets_in = examination.accounts(&mut parts).await?;
        let let_people_in = lets_in && certificate.works();
        parts.push(certificate);
        parts.extend(dialled::examine(&configuration.farms));
        parts.extend(agents::examine(&configuration.agent, &configuration.farms).await?);
        Ok(Self { parts, let_people_in })
    }
}

/// What is asked about.
struct Examination<'a> {
    configuration: &'a Configuration,
    user: Option<&'a TypedName>,
    now: Now,
}

impl Examination<'_> {
    /// Adds the parts that say who is there and check their passwords, and says whether they are enough.
    async fn accounts(&self, parts: &mut Vec<Part>) -> anyhow::Result<bool> {
        Ok(match &self.configuration.accounts {
            Accounts::Unproven => {
                parts.push(Part {
                    title: "Passwords".to_owned(),
                    checks: vec![Check::good(
                        "nobody is checked (methods = [\"none\"]): whoever gives a name gets in with it",
                    )],
                });
                true
            }
            Accounts::Directory(settings) => {
                let servers = self.servers(settings, false).await?;
                let works = lets_people_in(&servers);
                add(parts, servers);
                works
            }
            Accounts::DirectoryByPam(settings, _) => {
                let servers = self.servers(settings, false).await?;
                let directory = lets_people_in(&servers);
                add(parts, servers);
                let pam = self.pam(None).await;
                let works = directory && pam.works();
                parts.push(pam);
                works
            }
            Accounts::DirectoryThenHost {
                directory: settings,
                host,
                when_unreachable,
            } => {
                let servers = self.servers(settings, true).await?;
                let directory = lets_people_in(&servers);
                let has_user = servers
                    .iter()
                    .any(|server| server.lets_people_in() && server.has_user);
                add(parts, servers);
                let user_of_host = self.user.filter(|_| !has_user);
                let in_directory = directory && user_of_host.is_none();
                let pam = self.pam(user_of_host.map(|user| (host.min_uid, user))).await;
                let works = in_directory || pam.works() && (directory || *when_unreachable);
                parts.push(pam);
                works
            }
            Accounts::Host(host) => {
                let pam = self.pam(self.user.map(|user| (host.min_uid, user))).await;
                let works = pam.works();
                parts.push(pam);
                works
            }
        })
    }

    /// Every server of the directory.
    async fn servers(
        &self,
        settings: &directory::Settings,
        others_follow: bool,
    ) -> anyhow::Result<Vec<Examined>> {
        let limits = &self.configuration.authentication.throttle;
        let questions = Questions {
            user: self.user,
            groups: &named_groups(&self.configuration.policy),
            throttle: Throttle {
                user: allowance(limits.user),
                user_elsewhere: allowance(limits.user_elsewhere),
            },
            others_follow,
        };
        Ok(directory::examine(settings, &questions, self.now).await?)
    }

    /// PAM, and a user who is to be one of this host, with the lowest uid that may log in.
    async fn pam(&self, user_of_host: Option<(u32, &TypedName)>) -> Part {
        let settings = &self.configuration.pam_worker;
        let client = Client::new(settings.client());
        let mut part = Part {
            title: "PAM on this host".to_owned(),
            checks: pam_worker::examine(settings, &client).await,
        };
        if let (Some((min_uid, user)), true) = (user_of_host, part.works()) {
            part.checks
                .extend(directory::examine_host(&client, min_uid, user, self.now).await);
        }
        part
    }
}

fn lets_people_in(servers: &[Examined]) -> bool {
    servers.iter().any(Examined::lets_people_in)
}

fn add(parts: &mut Vec<Part>, servers: Vec<Examined>) {
    parts.extend(servers.into_iter().map(|server| Part {
        title: server.server,
        checks: server.checks,
    }));
}

fn allowance(limit: Limit) -> Allowance {
    Allowance {
        failures: u32::from(limit.count),
        within: limit.within,
    }
}

/// The groups that rules name by a bare name, in lower case.
fn named_groups(policy: &Policy) -> Vec<String> {
    let patterns = policy
        .rules()
        .flat_map(|rule| [&rule.groups, &rule.all_groups, &rule.except_groups])
        .flatten();
    let names: BTreeSet<&str> = patterns
        .filter_map(|pattern| match pattern {
            GroupPattern::Name(glob) => glob.exact(),
            GroupPattern::Dn(_) => None,
        })
        .collect();
    names.into_iter().map(str::to_owned).collect()
}
