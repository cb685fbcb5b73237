//! What the directory was asked, from its own log, and asking the same again without the broker.

use std::collections::BTreeMap;

use ldap3::controls::{MatchedValues, PagedResults, RawControl};
use ldap3::{Ldap, LdapConnAsync, Scope, SearchEntry};

use crate::lab::slapd::{self, Slapd};

/// A search as slapd logged it.
#[derive(Debug, Clone)]
pub struct Asked {
    base: String,
    scope: Scope,
    filter: String,
    attributes: Vec<String>,
}

/// How many binds and which searches the log shows, those for the broker's own sake left out: its service
/// account, its probes, and the names of groups that it looks up once a minute.
pub fn asked(log: &str) -> (usize, Vec<Asked>) {
    let users = format!(",{}\" method=128", slapd::PEOPLE);
    let binds = log.lines().filter(|line| line.contains(&users)).count();
    let mut searches: Vec<Asked> = Vec::new();
    // The attributes stand in the next line of the same operation.
    let mut last: BTreeMap<&str, usize> = BTreeMap::new();
    for line in log.lines() {
        let Some((operation, rest)) = line.split_once(" SRCH ") else {
            continue;
        };
        let operation = operation
            .split_once("conn=")
            .map_or("", |(_, operation)| operation);
        if let Some(attributes) = rest.strip_prefix("attr=") {
            if let Some(at) = last.remove(operation) {
                searches[at].attributes = attributes.split(' ').map(str::to_owned).collect();
            }
        } else if let Some(search) = search(rest)
            && is_for_a_user(&search)
        {
            last.insert(operation, searches.len());
            searches.push(search);
        }
    }
    (binds, searches)
}

/// `base="…" scope=2 deref=0 filter="…"`.
fn search(line: &str) -> Option<Asked> {
    let (base, rest) = line.strip_prefix("base=\"")?.split_once("\" scope=")?;
    let (scope, rest) = rest.split_once(" deref=")?;
    let (_, filter) = rest.split_once("filter=\"")?;
    Some(Asked {
        base: base.to_owned(),
        scope: match scope {
            "0" => Scope::Base,
            "1" => Scope::OneLevel,
            _ => Scope::Subtree,
        },
        // slapd marks what its schema does not know.
        filter: filter.trim_end().strip_suffix('"')?.replace("(?", "("),
        attributes: Vec::new(),
    })
}

fn is_for_a_user(search: &Asked) -> bool {
    !search.base.is_empty()
        && ["(uid=", "(member="]
            .iter()
            .any(|part| search.filter.contains(part))
}

/// A connection of the service account.
pub async fn connect(directory: &Slapd) -> Ldap {
    let mut ldap = anonymous(directory).await;
    let bound = ldap.simple_bind(slapd::SERVICE, slapd::SERVICE_PASSWORD).await;
    bound.unwrap().success().unwrap();
    ldap
}

/// A connection of nobody.
pub async fn anonymous(directory: &Slapd) -> Ldap {
    let url = format!("ldap://127.0.0.1:{}", directory.ldap_port());
    let (connection, ldap) = LdapConnAsync::new(&url).await.unwrap();
    ldap3::drive!(connection);
    ldap
}

impl Asked {
    /// Asks the same.
    pub async fn again(&self, ldap: &mut Ldap) {
        let answer = ldap
            .with_controls(self.controls())
            .search(&self.base, self.scope, &self.filter, &self.attributes)
            .await
            .unwrap();
        let (entries, _) = answer.success().unwrap();
        for entry in entries {
            std::hint::black_box(SearchEntry::construct(entry));
        }
    }

    /// What the log does not show: groups are asked for in pages (RFC 2696), and of the members of a group only
    /// those that the filter names (RFC 3876).
    fn controls(&self) -> Vec<RawControl> {
        let Some(at) = self.filter.find("(member=") else {
            return Vec::new();
        };
        let (size, cookie) = (500, Vec::new());
        let mut controls = vec![PagedResults { size, cookie }.into()];
        if self.attributes.iter().any(|name| name == "member") {
            // Without the ends of the two filters around them.
            let members = self.filter[at..].strip_suffix("))").unwrap();
            controls.push(MatchedValues::new(format!("((cn=*){members})")));
        }
        controls
    }
}
