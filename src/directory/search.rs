//! One search, read to its last page.

use std::collections::BTreeMap;

use ldap3::controls::{MatchedValues, PagedResults, RawControl};

use crate::model::Attributes;

use super::entry::Unavailable;
use super::exchange::Exchange;
use super::request::{Request, Search};
use super::trouble::Trouble;
use super::{filter, guard};

/// Entries per page (RFC 2696). OpenLDAP's own default limit for one answer.
const PAGE_ENTRIES: i32 = 500;
/// Most entries taken in all. A person in more groups than this is not served rather than served in part.
pub(super) const ENTRIES_MAX: usize = 20_000;

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
    /// The result code; the entries are all there are only if it is 0.
    pub code: u32,
    /// The server's words for the admin.
    pub text: String,
}

/// One entry.
#[derive(Debug)]
pub(super) struct Found {
    /// Its distinguished name.
    pub dn: String,
    /// Its attributes. Values that are not UTF-8 are left out.
    pub attributes: Attributes,
}

impl Answer {
    /// All entries.
    ///
    /// # Errors
    /// The server did not give them all.
    pub fn complete(self, purpose: &str) -> Result<Vec<Found>, Unavailable> {
        if self.code == 0 {
            Ok(self.found)
        } else {
            Err(self.incomplete(purpose))
        }
    }

    /// What to tell the admin about an answer that is not all of it.
    pub fn incomplete(&self, purpose: &str) -> Unavailable {
        let hint = match self.code {
            TOO_MANY | 11 => "raise the server's size limit for bind_dn",
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
    /// Runs the query on a connection. `server` names it in the answer. Each page has the time of one operation;
    /// the caller bounds the whole.
    ///
    /// # Errors
    /// No answer to a page; then the connection is not usable any more.
    pub async fn run(&self, server: &str, connection: &mut Exchange) -> Result<Answer, Trouble> {
        let filter = filter::encoded(&self.filter)
            .ok_or_else(|| Trouble::Final(format!("{}: {} is no filter", self.purpose, self.filter)))?;
        let mut found = Vec::new();
        let mut cookie = Vec::new();
        loop {
            let request = Request::search(&Search {
                base: &self.base,
                subtree: self.extent != Extent::Base,
                entries_max: if self.extent == Extent::One { 2 } else { 0 },
                filter: &filter,
                attributes: &self.attributes,
                controls: &self.controls(cookie),
            });
            let page = connection.ask(self.purpose, &request).await?;
            found.extend(page.found);
            let (code, text) = if found.len() > ENTRIES_MAX {
                (TOO_MANY, format!("more than {ENTRIES_MAX} entries"))
            } else {
                (page.ending.code, page.ending.text)
            };
            cookie = page.cookie;
            if cookie.is_empty() || code != 0 {
                let server = server.to_owned();
                return Ok(Answer {
                    server,
                    found,
                    code,
                    text,
                });
            }
        }
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

/// `sizeLimitExceeded` (RFC 4511 appendix A.2), which is also what our own limit amounts to.
const TOO_MANY: u32 = 4;

impl From<guard::Entry<'_>> for Found {
    fn from(entry: guard::Entry<'_>) -> Self {
        let mut attributes: Attributes = BTreeMap::new();
        for (name, values) in entry.attributes {
            let texts = values.into_iter().filter_map(|value| str::from_utf8(value).ok());
            attributes
                .entry(name.to_lowercase())
                .or_default()
                .extend(texts.map(str::to_owned));
        }
        Self {
            dn: entry.dn.to_owned(),
            attributes,
        }
    }
}
