//! One search, read to its end through `ldap3`.

use std::collections::BTreeMap;
use std::time::Duration;

use ldap3::controls::{Control, ControlType, MatchedValues, PagedResults, RawControl};
use ldap3::{Ldap, LdapError, Scope, SearchEntry, SearchOptions, SearchResult};

use crate::model::Attributes;

use super::active_directory::sid::{self, Sid};
use super::entry::Unavailable;
use super::exchange::shortened;
use super::range;

/// Entries per page (RFC 2696). OpenLDAP's own default limit for one answer.
pub(super) const PAGE_ENTRIES: i32 = 500;
/// Most entries taken in all. A person in more groups than this is not served rather than served in part.
const ENTRIES_MAX: usize = 20_000;
/// Most values taken of an attribute that comes in pieces.
const VALUES_MAX: usize = 100_000;

/// What to search.
#[derive(Debug, Clone)]
pub(super) struct Query {
    /// What it is for, in the admin's words.
    pub purpose: &'static str,
    /// Where.
    pub base: String,
    /// How much of what is there.
    pub extent: Extent,
    /// Which entries, as a filter of RFC 4515 whose values are escaped already.
    pub filter: String,
    /// Which attributes.
    pub attributes: Vec<String>,
    /// Which values of these attributes (RFC 3876), if not all.
    pub values: Option<String>,
}

/// How much of the tree a query covers, and how many entries it wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// The base entry alone.
    Base,
    /// One entry below the base. Two are asked for, so that it shows when there are more.
    One,
    /// All entries below the base, page by page.
    All,
}

/// What the server answered.
#[derive(Debug)]
pub(super) struct Answer {
    /// The server, for messages.
    pub server: String,
    /// The entries.
    pub found: Vec<Found>,
    /// Where more entries may be, as the server says: URLs (RFC 4511 section 4.5.3).
    pub elsewhere: Vec<String>,
    /// The result code; the entries are all there are only if it is 0 and none are elsewhere.
    pub code: u32,
    /// The server's words for the admin.
    pub text: String,
}

/// One page of an answer.
#[derive(Debug)]
pub(super) struct Page {
    /// What is on it.
    pub answer: Answer,
    /// What asks for the next page; empty on the last one.
    pub cookie: Vec<u8>,
}

/// One entry.
#[derive(Debug)]
pub(super) struct Found {
    /// Its distinguished name.
    pub dn: String,
    /// Its attributes. Security identifiers are written out, and the text of one that is none is empty. Other values
    /// that are not UTF-8 are left out.
    pub attributes: Attributes,
}

impl Answer {
    /// All entries.
    ///
    /// # Errors
    /// The server did not give them all.
    pub fn complete(self, purpose: &str) -> Result<Vec<Found>, Unavailable> {
        match self.elsewhere.first() {
            _ if self.code != 0 => Err(self.incomplete(purpose)),
            // Followed nowhere: the service account's password is for the servers that were named.
            Some(url) => Err(Unavailable {
                cause: format!(
                    "{}: {purpose}: more may be at {}, which is not asked: choose a base without references",
                    self.server,
                    shortened(url)
                ),
            }),
            None => Ok(self.found),
        }
    }

    /// Forgets the references by which a domain controller names the other partitions of the forest: no group and no
    /// user of the domain is there.
    pub fn forget_other_partitions(&mut self) {
        self.elsewhere.clear();
    }

    /// What to tell the admin about an answer that is not all of it.
    pub fn incomplete(&self, purpose: &str) -> Unavailable {
        let hint = match self.code {
            TOO_MANY | 11 => {
                "raise the server's size limit for bind_dn (OpenLDAP: limits … size.prtotal=unlimited)"
            }
            3 => "raise the server's time limit for bind_dn, or index what the filter names",
            8 | 13 => "it wants TLS or a bind_dn",
            32 => "the base does not exist, or bind_dn may not see it",
            50 => "bind_dn may not search there",
            _ => "it did not answer in full",
        };
        Unavailable {
            cause: format!(
                "{}: {purpose}: code {} {}: {hint}",
                self.server, self.code, self.text
            ),
        }
    }
}

impl Query {
    /// Runs the query on a connection. After an error the connection must not be used again. `limit` is for each
    /// wait; the caller bounds the whole.
    pub async fn run(&self, server: &str, ldap: &mut Ldap, limit: Duration) -> Result<Answer, LdapError> {
        let mut answer = Answer {
            server: server.to_owned(),
            found: Vec::new(),
            elsewhere: Vec::new(),
            code: 0,
            text: String::new(),
        };
        let mut cookie = Vec::new();
        loop {
            let page = self.page(server, ldap, limit, cookie).await?;
            answer.found.extend(page.answer.found);
            answer.elsewhere.extend(page.answer.elsewhere);
            (answer.code, answer.text) = if answer.found.len() > ENTRIES_MAX {
                (TOO_MANY, format!("more than {ENTRIES_MAX} entries"))
            } else {
                (page.answer.code, page.answer.text)
            };
            cookie = page.cookie;
            if cookie.is_empty() || answer.code != 0 {
                return Ok(answer);
            }
        }
    }

    /// Asks for one page, the first one with an empty cookie. After an error the connection must not be used again.
    pub async fn page(
        &self,
        server: &str,
        ldap: &mut Ldap,
        limit: Duration,
        cookie: Vec<u8>,
    ) -> Result<Page, LdapError> {
        let (scope, size_limit) = match self.extent {
            Extent::Base => (Scope::Base, 0),
            Extent::One => (Scope::Subtree, 2),
            Extent::All => (Scope::Subtree, 0),
        };
        let SearchResult(entries, result) = ldap
            .with_timeout(limit)
            .with_search_options(SearchOptions::new().sizelimit(size_limit))
            .with_controls(self.controls(cookie))
            .search(&self.base, scope, &self.filter, &self.attributes)
            .await?;
        let found = entries
            .into_iter()
            .map(|entry| found_entry(SearchEntry::construct(entry)));
        let mut answer = Answer {
            server: server.to_owned(),
            found: found.collect(),
            elsewhere: result.refs,
            code: result.rc,
            text: shortened(&result.text),
        };
        answer.fetch_rest(ldap, limit).await?;
        Ok(Page {
            answer,
            cookie: next_page(&result.ctrls),
        })
    }

    fn controls(&self, cookie: Vec<u8>) -> Vec<RawControl> {
        let mut controls = Vec::new();
        if self.extent == Extent::All {
            let size = PAGE_ENTRIES;
            controls.push(PagedResults { size, cookie }.into());
        }
        if let Some(values) = &self.values {
            let mut control = MatchedValues::new(values.as_str());
            // A server that does not know it must refuse (code 12): without it, it would send every member.
            control.crit = true;
            controls.push(control);
        }
        controls
    }
}

impl Answer {
    /// Fetches what the server held back of attributes with very many values. If it does not give all of them, the
    /// answer is one of [`OTHER`].
    async fn fetch_rest(&mut self, ldap: &mut Ldap, limit: Duration) -> Result<(), LdapError> {
        for found in &mut self.found {
            let pieces: Vec<String> = found
                .attributes
                .keys()
                .filter(|name| range::piece(name).is_some())
                .cloned()
                .collect();
            for first in pieces {
                if !fetch_pieces(found, &first, ldap, limit).await? {
                    self.code = OTHER;
                    self.text = format!("{} of {} came in part", shortened(&first), shortened(&found.dn));
                }
            }
        }
        Ok(())
    }
}

/// Puts the pieces of one attribute together, of which the entry has the `first`; says whether all came.
async fn fetch_pieces(
    found: &mut Found,
    first: &str,
    ldap: &mut Ldap,
    limit: Duration,
) -> Result<bool, LdapError> {
    let mut values = found.attributes.remove(first).unwrap_or_default();
    let Some(range::Piece {
        attribute,
        first: 0,
        mut last,
    }) = range::piece(first)
    else {
        return Ok(false);
    };
    while let Some(end) = last {
        let start = end.saturating_add(1);
        let wanted = range::from(attribute, start);
        let SearchResult(entries, result) = ldap
            .with_timeout(limit)
            .search(&found.dn, Scope::Base, "(objectClass=*)", [wanted])
            .await?;
        let entry = entries.into_iter().next().filter(|_| result.rc == 0);
        let next = entry.map(|entry| found_entry(SearchEntry::construct(entry)));
        let next = next.and_then(|next| {
            next.attributes.into_iter().find_map(|(name, more)| {
                let follows = |piece: &range::Piece<'_>| piece.attribute == attribute && piece.first == start;
                let piece = range::piece(&name).filter(follows)?;
                Some((piece.last, more))
            })
        });
        let Some((next_last, more)) = next else {
            return Ok(false);
        };
        values.extend(more);
        let advances = next_last.is_none_or(|next_last| next_last > end);
        if !advances || values.len() > VALUES_MAX {
            return Ok(false);
        }
        last = next_last;
    }
    found
        .attributes
        .entry(attribute.to_owned())
        .or_default()
        .extend(values);
    Ok(true)
}

/// `other` (RFC 4511 appendix A.2).
const OTHER: u32 = 80;
/// `sizeLimitExceeded` (RFC 4511 appendix A.2), which is also what our own limit amounts to.
const TOO_MANY: u32 = 4;

/// What asks for the next page; empty on the last one, and where there are no pages.
fn next_page(controls: &[Control]) -> Vec<u8> {
    let cookie = controls.iter().find_map(|Control(kind, raw)| match kind {
        Some(ControlType::PagedResults) => Some(raw.parse::<PagedResults>().cookie),
        _ => None,
    });
    cookie.unwrap_or_default()
}

fn found_entry(entry: SearchEntry) -> Found {
    let mut attributes: Attributes = BTreeMap::new();
    // Which of the two maps holds an attribute depends on its values: some bytes happen to be text.
    let texts = entry.attrs.into_iter().map(|(name, values)| {
        let values: Vec<Vec<u8>> = values.into_iter().map(String::into_bytes).collect();
        (name, values)
    });
    for (name, values) in texts.chain(entry.bin_attrs) {
        let name = name.to_lowercase();
        let readable = if sid::ATTRIBUTES.contains(&name.as_str()) {
            |value: Vec<u8>| Some(Sid::from_bytes(&value).map_or_else(String::new, |sid| sid.to_string()))
        } else {
            |value: Vec<u8>| String::from_utf8(value).ok()
        };
        attributes
            .entry(name)
            .or_default()
            .extend(values.into_iter().filter_map(readable));
    }
    Found {
        dn: entry.dn,
        attributes,
    }
}
