//! What a choice knows of the hosts: values that somebody took from the world before.

use super::{Farm, Host};
use crate::model::{FarmName, HostName, Now};

/// A host under its name in a farm. One machine has several where it serves several farms.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Site {
    /// The farm.
    pub farm: FarmName,
    /// The name there.
    pub host: HostName,
}

/// How many sessions a machine had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// Running and suspended ones.
    pub sessions: u32,
    /// When it was so. A lease confirmed by then is one of these sessions, and any other is not.
    pub at: Now,
}

/// A host at the moment of a choice.
#[derive(Debug, Clone, Copy)]
pub struct HostFacts<'f> {
    /// As the admin wrote it.
    pub host: &'f Host,
    /// Every name of its machine: its load is the load of them all.
    pub sites: &'f [Site],
    /// Whether it answers.
    pub up: bool,
    /// Whether nothing new starts there.
    pub draining: bool,
    /// Whether too many leases there never became sessions: it is chosen only where no other can be.
    pub backed_off: bool,
    /// What it told of its sessions; none where nobody asks or it has not answered.
    pub counted: Option<Counted>,
}

/// A session that its user may resume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resumable {
    /// Where it is.
    pub host: HostName,
    /// When it began. Every count since then has it.
    pub began: Now,
}

/// A farm at the moment of a choice.
#[derive(Debug, Clone)]
pub struct FarmFacts<'f> {
    /// As the admin wrote it; its hosts are in `hosts`.
    pub settings: &'f Farm,
    /// Its hosts.
    pub hosts: Vec<HostFacts<'f>>,
    /// How many sessions the account has there, as far as is known.
    pub sessions: u32,
    /// Those of them that the select may resume instead of starting something. The host of the first comes before all
    /// others.
    pub resumable: Vec<Resumable>,
    /// The host that the account is given if that takes anything: it has a session there, or had its last one there and
    /// the farm gives it again (`sticky`).
    pub preferred: Option<HostName>,
}

impl<'f> FarmFacts<'f> {
    /// The host of that name.
    pub fn host(&self, name: &HostName) -> Option<&HostFacts<'f>> {
        self.hosts.iter().find(|facts| facts.host.name == *name)
    }

    /// The session on that host that may be resumed.
    pub(super) fn resumable_on(&self, name: &HostName) -> Option<&Resumable> {
        self.resumable.iter().find(|session| session.host == *name)
    }
}
