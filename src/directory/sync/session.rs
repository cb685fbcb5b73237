//! One content synchronisation (RFC 4533): what its messages mean, and whether the copy made from them is current.
//! Pure: messages in, steps out.
//!
//! The synchronisation begins from nothing each time. A cookie would spare the server that, but a cookie of a server
//! that was restored or killed can be refused for ever, or taken for granted and leave deleted groups behind.
//!
//! **When the copy is current.** OpenLDAP confirms a change after it has put the message about it into a queue of this
//! connection, which it empties one message at a time between the other work it does. So a probe can be answered
//! before such a message is sent. But each message carries a change sequence number (CSN), also those that say no
//! more than that some other entry changed. A probe reads the highest CSN of the database (`contextCSN`), and it counts
//! once the messages have come that far. 389 Directory Server has no such number to read; it queues a change just after
//! it confirmed it, and a thread for each connection sends the queue at once. There a probe counts when it is answered,
//! and the difference between [`CURRENT_MAX`](super::CURRENT_MAX) and a second is what that thread has to do it.

use std::collections::HashMap;

use tokio::time::Instant;

use crate::directory::exchange::shortened;
use crate::directory::guard::{self, Answer, Entry, Message, Outcome};
use crate::directory::search::Found;
use crate::model::Attributes;

use super::copy::Record;
use super::csns::{CSNS_MAX, Csns};
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
/// Most entries that groups lie in.
const PLACES_MAX: usize = 20_000;

/// Why a synchronisation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::directory) enum End {
    /// Another attempt, soon, may go better.
    Again(String),
    /// The server, or what is in it, is not fit for it.
    Unfit(String),
}

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
    groups: Part,
    places: Part,
    lies_in: HashMap<Uuid, String>,
    with_members: Option<Vec<String>>,
    complete: bool,
    probe: Option<Probe>,
    proven: Option<Instant>,
}

/// One of the two searches.
#[derive(Default)]
struct Part {
    refreshed: bool,
    reached: Csns,
}

/// A question how far the database is.
struct Probe {
    sent: Instant,
    csns: Vec<String>,
    answered: bool,
}

impl Session {
    /// Nothing has come yet.
    pub fn new() -> Self {
        Self {
            groups: Part::default(),
            places: Part::default(),
            lies_in: HashMap::new(),
            with_members: None,
            complete: false,
            probe: None,
            proven: None,
        }
    }

    /// When the last probe was sent that showed the copy to be current; nothing while it is incomplete.
    pub fn proven(&self) -> Option<Instant> {
        self.proven.filter(|_| self.complete)
    }

    /// When the probe was sent that has not been answered, or not reached, yet.
    pub fn probing_since(&self) -> Option<Instant> {
        self.probe.as_ref().map(|probe| probe.sent)
    }

    /// A probe was sent.
    pub fn probe(&mut self, sent: Instant) {
        self.probe = Some(Probe {
            sent,
            csns: Vec::new(),
            answered: false,
        });
    }

    /// Takes the next message of the server.
    ///
    /// # Errors
    /// The synchronisation is over.
    pub fn take(&mut self, bytes: &[u8]) -> Result<Step, End> {
        let message = guard::message(bytes).map_err(|malformed| End::Unfit(malformed.to_string()))?;
        let step = match message.id {
            id::GROUPS => self.group(message)?,
            id::PLACES => self.place(message)?,
            id::MEMBERS => self.member(message)?,
            id::PROBE => self.probed(&message)?,
            _ => return Err(notice(&message)),
        };
        self.prove()?;
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
            News::Here(uuid, _, entry) => Ok(Step::Put(uuid, Box::new(Record::new(&found(entry))))),
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
        let Some(probe) = self.probe.as_mut().filter(|probe| !probe.answered) else {
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
            Answer::Done(_) => probe.answered = true,
            _ => return Err(unasked()),
        }
        Ok(Step::Nothing)
    }

    /// Counts the probe, if the messages have come as far as the database was.
    fn prove(&mut self) -> Result<(), End> {
        let Some(probe) = self
            .probe
            .as_ref()
            .filter(|probe| probe.answered && self.complete)
        else {
            return Ok(());
        };
        if probe.csns.is_empty() && !self.groups.reached.is_empty() {
            return Err(End::Unfit(
                "bind_dn may not read contextCSN, without which nothing shows that the groups are current: let it"
                    .to_owned(),
            ));
        }
        let reached = |part: &Part| probe.csns.iter().all(|csn| part.reached.includes(csn));
        if reached(&self.groups) && reached(&self.places) {
            self.proven = Some(probe.sent);
            self.probe = None;
        }
        Ok(())
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
            (Answer::Bind(_) | Answer::Extended(_), _) => Err(unasked()),
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

/// How the server ended a search that should not end, or that should have gone well.
fn refused(outcome: Outcome<'_>) -> End {
    let said = format!("code {} {}", outcome.code, shortened(outcome.text));
    match outcome.code {
        // RFC 4511 appendix A: unavailableCriticalExtension.
        12 => End::Unfit(
            "the server does not offer content synchronisation (RFC 4533) for group_base".to_owned(),
        ),
        // timeLimitExceeded, sizeLimitExceeded, adminLimitExceeded.
        3 | 4 | 11 => End::Unfit(format!(
            "{said}: raise the server's size and time limits for bind_dn"
        )),
        // success, busy, unavailable, unwillingToPerform, other, and e-syncRefreshRequired (RFC 4533 section 2.6).
        0 | 51 | 52 | 53 | 80 | 4096 => End::Again(said),
        _ => End::Unfit(said),
    }
}

/// What the server said without being asked.
fn notice(message: &Message<'_>) -> End {
    match &message.answer {
        Answer::Extended(notice) if message.id == 0 => End::Again(format!(
            "the server ended the connection: {}",
            shortened(notice.text)
        )),
        _ => unasked(),
    }
}

pub(super) fn unasked() -> End {
    End::Unfit("malformed answer: a message that answers nothing that was asked".to_owned())
}

pub(super) fn moved(what: &str) -> End {
    End::Again(format!(
        "{} was renamed or removed, and groups below it with it",
        shortened(what)
    ))
}
