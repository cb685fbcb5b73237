//! One content synchronisation (RFC 4533): what its messages mean, and whether the copy made from them is current.
//! Pure: messages in, steps out.
//!
//! The synchronisation begins from nothing each time. A cookie would spare the server that, but a cookie of a server
//! that was restored or killed can be refused for ever, or taken for granted and leave deleted groups behind.
//!
//! **When the copy is current.** OpenLDAP confirms a change after it has put the message about it into a queue of this
//! search, which it empties one message at a time between the other work it does. So a probe can be answered before such
//! a message is sent. But most messages carry a change sequence number (CSN), also those that say no more than that some
//! other entry changed. A probe reads the highest CSN of the database (`contextCSN`), and it counts as soon as the
//! messages have come that far. Nothing is said of the removal of an entry that was not asked for, which has a CSN too;
//! so a probe also counts once [`QUIET_PROBES`] more were answered and nothing came in between. A queue that is not
//! empty sends a message in that time, for its turn comes before that of a request which arrives later.
//!
//! 389 Directory Server has no such number to read. It queues a change just after it confirmed it, and a thread of this
//! search sends what is queued at once. There a probe counts when it is answered, and the difference between
//! [`CURRENT_MAX`](super::CURRENT_MAX) and a second is what that thread has to do it.

use std::collections::HashMap;

use tokio::time::Instant;

use crate::directory::guard::{self, Answer, Entry, Message, Outcome};
use crate::directory::search::Found;
use crate::directory::settings::Schema;
use crate::model::Attributes;

use super::copy::Record;
use super::csns::{CSNS_MAX, Csns};
use super::end::{End, moved, notice, refused, unasked};
use super::value::{Change, Info, State, Uuid};

/// The message ids of what is asked.
pub(super) mod id {
    /// The groups, and every change to them.
    pub(in super::super) const GROUPS: u32 = 1;
    /// The entries that groups lie in, and every change to them: when one is renamed, all below it are, and the
    /// server says nothing of those.
    pub(in super::super) const PLACES: u32 = 2;
    /// Which groups have members.
    pub(in super::super) const MEMBERS: u32 = 3;
    /// How far the database is.
    pub(in super::super) const PROBE: u32 = 4;
}

/// The attribute with the highest CSNs of a database of OpenLDAP, one for each server that took changes.
pub(super) const CONTEXT_CSN: &str = "contextcsn";
/// How many probes with nothing in between show that nothing is on its way.
const QUIET_PROBES: u32 = 3;
/// Most entries that groups lie in.
const PLACES_MAX: usize = 20_000;

/// What to do with the copy.
#[derive(Debug)]
pub(super) enum Step {
    /// Nothing.
    Nothing,
    /// A group is new or changed.
    Put(Uuid, Box<Record>),
    /// These are no groups any more.
    Remove(Vec<Uuid>),
    /// All groups came. It is to be asked which of them have members.
    AskMembers,
    /// These groups have members; that those of all of them can be read is to be checked.
    Compare(Vec<String>),
}

/// The state of one synchronisation.
pub(super) struct Session {
    schema: Schema,
    groups: Part,
    places: Part,
    lies_in: HashMap<Uuid, String>,
    with_members: Option<Vec<String>>,
    complete: bool,
    probe: Option<Probe>,
    unreached: Option<Unreached>,
    proven: Option<Instant>,
}

/// One of the two searches.
#[derive(Default)]
struct Part {
    refreshed: bool,
    reached: Csns,
}

/// A question how far the database is, which is not answered yet.
struct Probe {
    sent: Instant,
    csns: Vec<String>,
}

/// An answered probe that the messages have not come as far as.
struct Unreached {
    probe: Probe,
    quiet: u32,
}

impl Session {
    /// Nothing has come yet of the groups, which are of this schema.
    pub fn new(schema: Schema) -> Self {
        Self {
            schema,
            groups: Part::default(),
            places: Part::default(),
            lies_in: HashMap::new(),
            with_members: None,
            complete: false,
            probe: None,
            unreached: None,
            proven: None,
        }
    }

    /// When the last probe was sent that showed the copy to be current; nothing while it is incomplete.
    pub fn proven(&self) -> Option<Instant> {
        self.proven.filter(|_| self.complete)
    }

    /// When the probe was sent that has not been answered yet.
    pub fn probing_since(&self) -> Option<Instant> {
        self.probe.as_ref().map(|probe| probe.sent)
    }

    /// Whether the next probe should follow soon, since the last one did not show enough.
    pub fn is_in_doubt(&self) -> bool {
        self.unreached.is_some()
    }

    /// A probe was sent.
    pub fn probe(&mut self, sent: Instant) {
        let csns = Vec::new();
        self.probe = Some(Probe { sent, csns });
    }

    /// Takes the next message of the server.
    ///
    /// # Errors
    /// The synchronisation is over.
    pub fn take(&mut self, bytes: &[u8]) -> Result<Step, End> {
        let message = guard::message(bytes).map_err(|malformed| End::Unfit(malformed.to_string()))?;
        let step = match message.id {
            id::GROUPS => self.group(message).inspect(|_| self.catch_up())?,
            id::PLACES => self.place(message).inspect(|_| self.catch_up())?,
            id::MEMBERS => self.member(message)?,
            id::PROBE => self.probed(&message)?,
            _ => return Err(notice(&message)),
        };
        if matches!(step, Step::Nothing)
            && self.groups.refreshed
            && self.places.refreshed
            && self.with_members.is_none()
            && !self.complete
        {
            self.with_members = Some(Vec::new());
            return Ok(Step::AskMembers);
        }
        Ok(step)
    }

    fn group(&mut self, message: Message<'_>) -> Result<Step, End> {
        match self.groups.take(message)? {
            News::Nothing => Ok(Step::Nothing),
            News::Gone(uuids) => Ok(Step::Remove(uuids)),
            News::Here(uuid, _, entry) => {
                let record = Record::new(&found(entry), self.schema);
                Ok(Step::Put(uuid, Box::new(record)))
            }
        }
    }

    fn place(&mut self, message: Message<'_>) -> Result<Step, End> {
        let settled = self.places.refreshed;
        match self.places.take(message)? {
            News::Nothing => {}
            News::Gone(uuids) => {
                if uuids.iter().any(|uuid| self.lies_in.contains_key(uuid)) {
                    return Err(moved("an entry that groups lie in"));
                }
            }
            News::Here(uuid, change, entry) => {
                let before = self.lies_in.insert(uuid, entry.dn.to_owned());
                if settled && change != Change::Add && before.is_none_or(|before| before != entry.dn) {
                    return Err(moved(entry.dn));
                }
                if self.lies_in.len() > PLACES_MAX {
                    return Err(End::Unfit(format!(
                        "groups lie in more than {PLACES_MAX} entries"
                    )));
                }
            }
        }
        Ok(Step::Nothing)
    }

    fn member(&mut self, message: Message<'_>) -> Result<Step, End> {
        match (message.answer, &mut self.with_members) {
            (Answer::Entry(entry), Some(dns)) => dns.push(entry.dn.to_owned()),
            (Answer::Done(outcome), Some(dns)) if !self.complete => {
                if outcome.code != 0 {
                    return Err(refused(outcome));
                }
                self.complete = true;
                return Ok(Step::Compare(std::mem::take(dns)));
            }
            _ => return Err(unasked()),
        }
        Ok(Step::Nothing)
    }

    fn probed(&mut self, message: &Message<'_>) -> Result<Step, End> {
        let Some(probe) = self.probe.as_mut() else {
            return Err(unasked());
        };
        match &message.answer {
            Answer::Entry(entry) => {
                let values = entry
                    .values()
                    .filter(|(name, _)| name.eq_ignore_ascii_case(CONTEXT_CSN));
                let texts = values.filter_map(|(_, value)| str::from_utf8(value).ok());
                probe.csns.extend(texts.take(CSNS_MAX).map(str::to_owned));
            }
            Answer::Reference => {}
            Answer::Done(Outcome { code: 51 | 52, .. }) => {
                return Err(End::Again("the server says that it cannot answer".to_owned()));
            }
            Answer::Done(_) => {
                if let Some(probe) = self.probe.take().filter(|_| self.complete) {
                    self.answered(probe)?;
                }
            }
            _ => return Err(unasked()),
        }
        Ok(Step::Nothing)
    }

    /// Counts an answered probe, at once or as one of those with nothing in between.
    fn answered(&mut self, probe: Probe) -> Result<(), End> {
        if probe.csns.is_empty() && !self.groups.reached.is_empty() {
            return Err(End::Unfit(
                "bind_dn may not read contextCSN, without which nothing shows that the groups are current: let it"
                    .to_owned(),
            ));
        }
        if self.has_reached(&probe.csns) {
            self.proven = Some(probe.sent);
            self.unreached = None;
            return Ok(());
        }
        let unreached = self.unreached.get_or_insert(Unreached { probe, quiet: 0 });
        unreached.quiet += 1;
        if unreached.quiet > QUIET_PROBES {
            let Probe { sent, csns } = &unreached.probe;
            self.proven = Some(*sent);
            for part in [&mut self.groups, &mut self.places] {
                part.reached.raise(csns);
            }
            self.unreached = None;
        }
        Ok(())
    }

    /// A message came: the queue was not empty, and perhaps it is now.
    fn catch_up(&mut self) {
        let Some(mut unreached) = self.unreached.take() else {
            return;
        };
        if self.has_reached(&unreached.probe.csns) {
            self.proven = Some(unreached.probe.sent);
        } else {
            unreached.quiet = 0;
            self.unreached = Some(unreached);
        }
    }

    fn has_reached(&self, csns: &[String]) -> bool {
        let reached = |part: &Part| csns.iter().all(|csn| part.reached.includes(csn));
        reached(&self.groups) && reached(&self.places)
    }
}

/// What a message says about the entries of one search.
enum News<'a> {
    Nothing,
    Here(Uuid, Change, Entry<'a>),
    Gone(Vec<Uuid>),
}

impl Part {
    fn take<'a>(&mut self, message: Message<'a>) -> Result<News<'a>, End> {
        match (message.answer, message.state) {
            (Answer::Entry(entry), Some(State { change, uuid, cookie })) => {
                self.reach(cookie)?;
                match change {
                    Change::Add | Change::Modify => Ok(News::Here(uuid, change, entry)),
                    Change::Delete => Ok(News::Gone(vec![uuid])),
                    Change::Present => Err(unasked()),
                }
            }
            (Answer::Entry(_), None) => Err(End::Unfit(
                "the server sends entries without their state".to_owned(),
            )),
            (Answer::Reference, _) => Err(End::Unfit("some groups are on another server".to_owned())),
            (Answer::Done(outcome), _) => Err(refused(outcome)),
            (Answer::Sync(info), _) => self.info(info),
            (Answer::Bind(_) | Answer::Modified(_) | Answer::Extended(_), _) => Err(unasked()),
        }
    }

    fn info(&mut self, info: Info<'_>) -> Result<News<'static>, End> {
        match info {
            Info::NewCookie(cookie) => self.reach(Some(cookie))?,
            Info::Phase { cookie, done } => {
                self.reach(cookie)?;
                self.refreshed |= done;
            }
            Info::Ids {
                cookie,
                gone: true,
                uuids,
            } => {
                self.reach(cookie)?;
                return Ok(News::Gone(uuids));
            }
            // Nothing can be as before for somebody who begins from nothing.
            Info::Ids { gone: false, .. } => return Err(unasked()),
        }
        Ok(News::Nothing)
    }

    fn reach(&mut self, cookie: Option<&[u8]>) -> Result<(), End> {
        if self.reached.add(cookie.unwrap_or_default()) {
            Ok(())
        } else {
            Err(End::Unfit(format!("more than {CSNS_MAX} servers take changes")))
        }
    }
}

/// What was found, as a search through `ldap3` gives it.
fn found(entry: Entry<'_>) -> Found {
    let mut attributes = Attributes::new();
    for (name, value) in entry.values() {
        let Ok(value) = str::from_utf8(value) else {
            continue;
        };
        if let Some(values) = attributes.get_mut(name) {
            values.push(value.to_owned());
        } else {
            attributes
                .entry(name.to_lowercase())
                .or_default()
                .push(value.to_owned());
        }
    }
    Found {
        dn: entry.dn.to_owned(),
        attributes,
    }
}

#[cfg(test)]
mod tests;
