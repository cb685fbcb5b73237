//! What a server says about itself in its root entry (RFC 4512 section 5.1).

use std::time::Duration;

use crate::directory::account::generalized_time;
use crate::directory::entry::Unavailable;
use crate::directory::search::{Extent, Query};
use crate::directory::servers::Servers;
use crate::directory::settings::{Schema, Settings};
use crate::model::{Attributes, Check, Now};

/// Paged results (RFC 2696).
const PAGING: &str = "1.2.840.113556.1.4.319";
/// Matched values (RFC 3876).
const MATCHED_VALUES: &str = "1.2.826.0.1.3344810.2.3";
/// \[MS-ADTS\] 3.1.1.3.4.3.1: the server is a domain controller.
const ACTIVE_DIRECTORY: &str = "1.2.840.113556.1.4.800";
/// Tickets, lockouts and days until a password expires are told wrong by clocks that differ by more.
const CLOCKS_DIFFER: Duration = Duration::from_secs(60);

const ATTRIBUTES: [&str; 5] = [
    "supportedControl",
    "supportedCapabilities",
    "currentTime",
    "namingContexts",
    "defaultNamingContext",
];

/// The root entry.
#[derive(Debug)]
pub(super) struct Root(Attributes);

/// Reads it.
pub(super) async fn read(servers: &Servers) -> Result<Root, Unavailable> {
    let query = Query {
        purpose: "root entry",
        base: String::new(),
        extent: Extent::Base,
        filter: "(objectClass=*)".to_owned(),
        attributes: ATTRIBUTES.map(str::to_owned).to_vec(),
        values: None,
    };
    let found = servers.search(query).await?.complete("root entry")?;
    Ok(Root(
        found
            .into_iter()
            .next()
            .map(|root| root.attributes)
            .unwrap_or_default(),
    ))
}

impl Root {
    /// The top of the tree that is the site's: of a domain, the domain.
    pub fn top(&self) -> Option<&str> {
        let mut tops = self
            .values("defaultnamingcontext")
            .chain(self.values("namingcontexts"));
        tops.next()
    }

    /// What it means for logins.
    pub fn checks(&self, settings: &Settings, now: Now) -> Vec<Check> {
        let mut checks = Vec::new();
        let domain = settings.schema == Schema::ActiveDirectory;
        match (domain, self.has("supportedcapabilities", ACTIVE_DIRECTORY)) {
            (true, false) => checks.push(Check::bad(
                "this is no Active Directory",
                Some("schema = \"rfc2307bis\"".to_owned()),
            )),
            (false, true) => checks.push(Check::doubtful(
                "this is an Active Directory",
                "schema = \"active-directory\"",
            )),
            _ => {}
        }
        checks.push(if self.has("supportedcontrol", PAGING) {
            Check::good("it gives long answers page by page")
        } else {
            Check::doubtful(
                "it does not give answers page by page: somebody in more groups than its size limit is refused",
                "raise the server's size limit for bind_dn",
            )
        });
        if settings.nested_groups {
            checks.push(Check::good(match settings.schema {
                Schema::ActiveDirectory => "nested groups: the server works them out (tokenGroups)",
                Schema::Rfc2307 => "nested groups: there are none in this schema",
                Schema::Rfc2307bis if self.has("supportedcontrol", MATCHED_VALUES) => {
                    "nested groups: one search for each level"
                }
                Schema::Rfc2307bis => {
                    "nested groups: one search for each group, as it knows no matched values"
                }
            }));
        }
        checks.extend(
            self.values("currenttime")
                .next()
                .and_then(generalized_time)
                .map(|there| {
                    let apart = there.since(now).max(now.since(there));
                    if apart > CLOCKS_DIFFER {
                        Check::doubtful(
                            format!("its clock and ours are {} s apart", apart.as_secs()),
                            "let both follow the same time servers",
                        )
                    } else {
                        Check::good("its clock agrees with ours")
                    }
                }),
        );
        checks
    }

    fn has(&self, attribute: &str, value: &str) -> bool {
        self.values(attribute).any(|one| one == value)
    }

    fn values(&self, attribute: &str) -> impl Iterator<Item = &str> {
        self.0.get(attribute).into_iter().flatten().map(String::as_str)
    }
}
