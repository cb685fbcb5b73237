//! All users of the directory, page by page (RFC 2696), so that however many there are, few are in memory.

use std::sync::Arc;

use crate::model::Now;

use super::Directory;
use super::entry::{Entry, Unavailable};
use super::pool::SearchConnection;
use super::request::NO_ATTRIBUTES;
use super::search::{PAGE_ENTRIES, Page, Query};
use super::server::Server;
use super::user::EVERYBODY;

/// Most pages; half a million users. A server that goes on is taken as one that never ends.
const PAGES_MAX: usize = 1_000;

/// The users that are still to come. All pages come from one server over a connection of their own; one that it gives up
/// in between is an error, for where it stopped, no other server knows.
pub struct Everybody {
    directory: Directory,
    query: Arc<Query>,
    server: Arc<Server>,
    now: Now,
    pages: usize,
    next: Next,
}

/// Where the next page comes from.
enum Next {
    /// It was read already.
    Read(Page, SearchConnection),
    /// It is to be asked for with this cookie.
    Ask(Vec<u8>, SearchConnection),
    /// There is none.
    End,
}

impl Directory {
    /// All users whom a login would find, in no order. `now` decides the state of their accounts. Of entries
    /// that share a name each one is there, though a login finds none of them.
    ///
    /// # Errors
    /// No server could answer, or `user_dn_template` does not say where all users are.
    pub async fn everybody(&self, now: Now) -> Result<Everybody, Unavailable> {
        let query = Arc::new(self.inner.users.query_for_all()?);
        let (server, connection, page) = self.inner.servers.first_page(&query).await?;
        Ok(Everybody {
            directory: self.clone(),
            query,
            server,
            now,
            pages: 0,
            next: Next::Read(page, connection),
        })
    }
}

impl Directory {
    /// About how many [`Directory::everybody`] gives, for who wants to know beforehand: their entries are counted
    /// without their attributes. OpenLDAP itself makes no guess (RFC 2696 section 3 leaves a server to say 0).
    ///
    /// # Errors
    /// As [`Directory::everybody`].
    pub async fn count_everybody(&self) -> Result<usize, Unavailable> {
        let mut query = self.inner.users.query_for_all()?;
        query.attributes = vec![NO_ATTRIBUTES.to_owned()];
        let query = Arc::new(query);
        let (server, mut connection, mut page) = self.inner.servers.first_page(&query).await?;
        let mut count = page.answer.found.len();
        for _ in 1..PAGES_MAX {
            if page.cookie.is_empty() {
                break;
            }
            let asked = server.page(connection, &query, page.cookie).await;
            (connection, page) = asked.map_err(|trouble| Unavailable {
                cause: trouble.cause(),
            })?;
            count += page.answer.found.len();
        }
        Ok(count)
    }
}

impl Everybody {
    /// The next page, of at most 500; none after the last one. Each page is waited for as long as one operation may
    /// take.
    ///
    /// # Errors
    /// The server did not give the page in full. Nothing more comes after that.
    pub async fn next_page(&mut self) -> Result<Option<Vec<Entry>>, Unavailable> {
        let (page, connection) = match std::mem::replace(&mut self.next, Next::End) {
            Next::End => return Ok(None),
            Next::Read(page, connection) => (page, connection),
            Next::Ask(cookie, connection) => {
                let asked = self.server.page(connection, &self.query, cookie).await;
                let (connection, page) = asked.map_err(|trouble| Unavailable {
                    cause: trouble.cause(),
                })?;
                (page, connection)
            }
        };
        let Page {
            mut answer, cookie, ..
        } = page;
        if self.directory.inner.users.are_of_a_domain() {
            answer.forget_other_partitions();
        }
        let server = answer.server.clone();
        let found = answer.complete(EVERYBODY)?;
        if usize::try_from(PAGE_ENTRIES).is_ok_and(|most| found.len() > most) {
            return Err(self.wrong(&format!("a page has more than {PAGE_ENTRIES} entries")));
        }
        self.pages += 1;
        if !cookie.is_empty() {
            if self.pages == PAGES_MAX {
                return Err(self.wrong(&format!("there are more than {PAGES_MAX} pages")));
            }
            self.next = Next::Ask(cookie, connection);
        }
        self.directory
            .inner
            .users
            .all_of(&server, found, self.now)
            .map(Some)
    }

    fn wrong(&self, what: &str) -> Unavailable {
        Unavailable {
            cause: format!("{}: {EVERYBODY}: {what}", self.server.dialer.server),
        }
    }
}
