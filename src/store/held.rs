//! The image of the database in memory, which answers every read.

use std::collections::HashMap;

use super::drains::DrainRecord;
use super::history::Remembered;
use super::history_statements::Note;
use super::host_credentials::{HostCredentialHash, HostCredentialRecord};
use super::keys::{KeyId, KeyRecord};
use super::last_hosts::LastHostRecord;
use super::records::{LeaseRecord, TicketHash, TicketRecord};
use crate::model::{Account, FarmName, HostName, Machine, Now};

/// What a committed change did to the records, for the image to follow.
pub(super) enum Effect {
    TicketKept(TicketRecord),
    TicketReplaced { hash: TicketHash, end: Now },
    TicketGone(TicketHash),
    LeaseKept(LeaseRecord),
    LeaseGone(Account, FarmName),
    KeyKept(KeyRecord),
    KeyEnded(KeyId, Machine, Now),
    KeyGone(KeyId, Machine),
    DrainKept(DrainRecord),
    DrainGone(FarmName, HostName),
    LastHostGone(LastHostRecord),
    HostCredentialKept(HostCredentialRecord),
    HostCredentialGone(HostCredentialHash),
}

/// Most notes that wait to be written. Only a disk that takes none makes so many; the oldest are given up.
const NOTES_MAX: usize = 10_000;

/// All records, and what is not written yet.
#[derive(Default)]
pub(super) struct Held {
    tickets: HashMap<TicketHash, TicketRecord>,
    leases: HashMap<(Account, FarmName), LeaseRecord>,
    keys: HashMap<(KeyId, Machine), KeyRecord>,
    drains: HashMap<(FarmName, HostName), DrainRecord>,
    last_hosts: HashMap<(Account, FarmName), (HostName, Now)>,
    host_credentials: HashMap<HostCredentialHash, HostCredentialRecord>,
    uses: HashMap<TicketHash, Now>,
    notes: Vec<Note>,
    remembered: Remembered,
}

impl Held {
    pub(super) fn ticket(&self, hash: &TicketHash) -> Option<&TicketRecord> {
        self.tickets.get(hash)
    }

    pub(super) fn tickets(&self) -> impl Iterator<Item = &TicketRecord> {
        self.tickets.values()
    }

    pub(super) fn leases(&self) -> impl Iterator<Item = &LeaseRecord> {
        self.leases.values()
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &KeyRecord> {
        self.keys.values()
    }

    pub(super) fn drains(&self) -> impl Iterator<Item = &DrainRecord> {
        self.drains.values()
    }

    pub(super) fn last_host(&self, account: &Account, farm: &FarmName) -> Option<&HostName> {
        let last = self.last_hosts.get(&(account.clone(), farm.clone()));
        last.map(|(host, _)| host)
    }

    pub(super) fn keep_last_host(&mut self, last: LastHostRecord) {
        let LastHostRecord {
            account,
            farm,
            host,
            at,
        } = last;
        self.last_hosts.insert((account, farm), (host, at));
    }

    pub(super) fn host_credentials(&self) -> &HashMap<HostCredentialHash, HostCredentialRecord> {
        &self.host_credentials
    }

    /// Notes a use, for [`Held::take_uses`] to hand on.
    pub(super) fn touch(&mut self, hash: TicketHash, at: Now) {
        if let Some(ticket) = self.tickets.get_mut(&hash).filter(|ticket| ticket.used < at) {
            ticket.used = at;
            self.uses.insert(hash, at);
        }
    }

    /// The uses noted since the last call; the ticket of one may be gone.
    pub(super) fn take_uses(&mut self) -> HashMap<TicketHash, Now> {
        std::mem::take(&mut self.uses)
    }

    /// Gives uses back that could not be written; later ones noted meanwhile stay.
    pub(super) fn return_uses(&mut self, uses: HashMap<TicketHash, Now>) {
        for (hash, at) in uses {
            self.uses.entry(hash).or_insert(at);
        }
    }

    /// Keeps what was read at the start until somebody takes it.
    pub(super) fn remember(&mut self, remembered: Remembered) {
        self.remembered = remembered;
    }

    pub(super) fn take_remembered(&mut self) -> Remembered {
        std::mem::take(&mut self.remembered)
    }

    /// Adds a note, for [`Held::take_notes`] to hand on.
    pub(super) fn note(&mut self, note: Note) {
        self.notes.push(note);
        self.bound_notes();
    }

    pub(super) fn take_notes(&mut self) -> Vec<Note> {
        std::mem::take(&mut self.notes)
    }

    /// Gives notes back that could not be written.
    pub(super) fn return_notes(&mut self, mut notes: Vec<Note>) {
        notes.append(&mut self.notes);
        self.notes = notes;
        self.bound_notes();
    }

    fn bound_notes(&mut self) {
        let beyond = self.notes.len().saturating_sub(NOTES_MAX);
        self.notes.drain(..beyond);
    }

    pub(super) fn follow(&mut self, effect: Effect) {
        match effect {
            Effect::TicketKept(ticket) => {
                self.tickets.insert(ticket.hash, ticket);
            }
            Effect::TicketReplaced { hash, end } => {
                if let Some(ticket) = self.tickets.get_mut(&hash) {
                    ticket.replaced = true;
                    ticket.expires = ticket.expires.min(end);
                }
            }
            Effect::TicketGone(hash) => {
                self.tickets.remove(&hash);
            }
            Effect::LeaseKept(lease) => {
                self.leases
                    .insert((lease.account.clone(), lease.farm.clone()), lease);
            }
            Effect::LeaseGone(account, farm) => {
                self.leases.remove(&(account, farm));
            }
            Effect::KeyKept(key) => {
                self.keys.insert((key.id, key.target.machine.clone()), key);
            }
            Effect::KeyEnded(id, machine, end) => {
                if let Some(key) = self.keys.get_mut(&(id, machine)) {
                    key.expires = key.expires.min(end);
                }
            }
            Effect::HostCredentialKept(record) => {
                self.host_credentials.insert(record.hash, record);
            }
            Effect::HostCredentialGone(hash) => {
                self.host_credentials.remove(&hash);
            }
            Effect::KeyGone(id, machine) => {
                self.keys.remove(&(id, machine));
            }
            Effect::DrainKept(drain) => {
                self.drains
                    .insert((drain.farm.clone(), drain.host.clone()), drain);
            }
            Effect::DrainGone(farm, host) => {
                self.drains.remove(&(farm, host));
            }
            Effect::LastHostGone(gone) => {
                let slot = (gone.account, gone.farm);
                // A later one may have been noted meanwhile.
                if self.last_hosts.get(&slot).is_some_and(|(_, at)| *at <= gone.at) {
                    self.last_hosts.remove(&slot);
                }
            }
        }
    }
}
