//! A broker with a drawn configuration.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::sync::Arc;

use super::drawn::{Drawn, USERS};
use crate::agent::Agents;
use crate::audit;
use crate::authenticate::fake::FakeAccounts;
use crate::authenticate::{Login, PasswordChecks};
use crate::broker::{Broker, Edge, Records, Snapshot};
use crate::config;
use crate::directory::Entry;
use crate::entitlement::Context;
use crate::grant::{Grants, Pool};
use crate::hooks::Client;
use crate::identity::{Asked, Groups, Identity};
use crate::model::{ClientAddress, GroupName, Membership};
use crate::observe::{Metrics, Stages};
use crate::placement::{Farms, Placements, Stores, Witness};
use crate::socket::Peer;
use crate::store::Embedded;

/// Which groups everybody is in.
pub(in crate::broker) struct Members(pub(in crate::broker) BTreeMap<&'static str, Vec<&'static str>>);

impl Groups for Members {
    fn memberships<'a>(&'a self, entry: &'a Entry) -> Asked<'a> {
        let groups = self.0[entry.user.as_str()].iter().map(|name| Membership {
            name: GroupName::new(name).unwrap(),
            dn: None,
            via: Vec::new(),
            unique: true,
        });
        let groups = groups.collect();
        Box::pin(async { Ok(groups) })
    }
}

/// A broker with this configuration, in a folder and with a host that answers.
pub(in crate::broker) struct Site {
    pub(in crate::broker) broker: Arc<Broker>,
    _folder: tempfile::TempDir,
    _host: TcpListener,
}

impl Site {
    pub(in crate::broker) async fn start(drawn: &Drawn, members: Members) -> Self {
        let now = drawn.moment.clock();
        let folder = tempfile::tempdir().unwrap();
        let host = TcpListener::bind("127.0.0.1:0").unwrap();
        let text = drawn.text(host.local_addr().unwrap().port());
        std::fs::write(folder.path().join("a.toml"), &text).unwrap();
        let configuration = config::load(&[folder.path().to_owned()], std::iter::empty());
        let configuration = configuration.unwrap_or_else(|problems| panic!("{text}\n{problems:?}"));
        let accounts = FakeAccounts::new();
        for user in USERS {
            accounts.add(user, &format!("{user}-secret"));
        }
        let embedded = Arc::new(Embedded::open(&folder.path().join("state.db")).unwrap());
        let pool = Pool::start(&[folder.path().to_owned()], now());
        let grants = Grants::load(Arc::clone(&embedded) as _, pool, now).await.unwrap();
        let stores = Stores {
            leases: Arc::clone(&embedded) as _,
            drains: Arc::clone(&embedded) as _,
            last_hosts: Arc::clone(&embedded) as _,
        };
        let login = Login::new(
            Arc::new(accounts),
            Arc::new(PasswordChecks::new()),
            Arc::clone(&embedded) as _,
            configuration.authentication,
        );
        let snapshot = Snapshot {
            policy: configuration.policy,
            login,
            groups: Arc::new(members),
            directory: None,
            pam: None,
            farms: Farms::start(
                configuration.farms,
                &Agents::default(),
                None,
                now,
                &Witness::nobody(),
            )
            .await,
            agent_key: None,
            keys: configuration.keys,
            client: configuration.client,
            request_timeout: configuration.request_timeout,
            hooks: Client::new(configuration.hooks).map(Arc::new),
            notices: configuration.notices,
            configuration: configuration.hash,
            since: now(),
            recorded_attributes: Vec::new(),
        };
        let records = Arc::new(Records {
            audit: audit::Log::new(),
            metrics: Metrics::new(now(), &[]),
        });
        let edge = Edge { now, random: || 1 };
        let placements = Placements::load(stores).await.unwrap();
        Self {
            broker: Arc::new(Broker::new(
                snapshot,
                placements,
                Arc::new(grants),
                embedded,
                edge,
                records,
            )),
            _folder: folder,
            _host: host,
        }
    }

    /// The ids of what the rules offer this user of the machine, from there.
    pub(in crate::broker) async fn offers(
        &self,
        user: &str,
        client: Option<ClientAddress>,
    ) -> BTreeSet<String> {
        let snapshot = self.broker.snapshot();
        let now = (self.broker.edge.now)();
        let peer = Peer::supposed(1042, user);
        let verified = snapshot.login.peer(&peer, now, &Stages::default()).await.unwrap();
        let identity = Identity::read(&verified, snapshot.groups.as_ref()).await.unwrap();
        let now = Some(now);
        let offers = snapshot.policy.offers(&identity, Context { client, now });
        offers
            .iter()
            .map(|offer| offer.profile_id().to_string())
            .collect()
    }
}
