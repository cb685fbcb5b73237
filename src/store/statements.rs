//! The SQL: records to rows and back, and one change at a time within a transaction.

use rusqlite::types::Type;
use rusqlite::{Connection, Row, Transaction, params};

use super::TICKETS_PER_ACCOUNT_MAX;
use super::drains::DrainRecord;
use super::held::{Effect, Held};
use super::history::Forgotten;
use super::host_credentials::HostCredentialRecord;
use super::keys::{KeyId, KeyRecord};
use super::records::{FormerPassword, LeaseRecord, TicketHash, TicketRecord};
use super::{
    drain_statements, history_statements, host_credential_statements, key_statements, last_host_statements,
};
use crate::model::{
    Account, Door, FarmName, HostName, Machine, Network, Now, PasswordEnd, SessionUser, Source, UserName,
};

/// One change of the records.
pub(super) enum Change {
    AddTicket(TicketRecord),
    RotateTicket {
        replaced: TicketHash,
        end: Now,
        successor: TicketRecord,
    },
    RevokeTickets(Account),
    KeepOnlyTicket(TicketRecord),
    PruneTickets(Now),
    PutLease(LeaseRecord),
    RemoveLease(Account, FarmName),
    PutKey(Vec<KeyRecord>),
    RemoveKey(KeyId, Machine),
    PutHostCredential(HostCredentialRecord),
    RemoveHostCredential(FarmName, HostName),
    ForgetAttempts(Forgotten),
    PruneHistory {
        attempts_before: Now,
        seats_before: Now,
    },
    PutDrain(DrainRecord),
    RemoveDrain(FarmName, HostName),
    PruneLastHosts(Now),
}

impl Change {
    /// Makes the change, adds what it did to `effects`, and says how many records it was about: none for a
    /// rotation that came too late.
    pub(super) fn make(
        self,
        transaction: &Transaction<'_>,
        effects: &mut Vec<Effect>,
    ) -> rusqlite::Result<usize> {
        match self {
            Self::AddTicket(ticket) => insert_ticket(transaction, ticket, effects),
            Self::RotateTicket {
                replaced: hash,
                end,
                successor,
            } => {
                let rotated = transaction
                    .prepare_cached(
                        "UPDATE tickets SET replaced = 1, expires = min(expires, ?2)
                         WHERE hash = ?1 AND replaced = 0",
                    )?
                    .execute(params![hash.0, end.unix_ms()])?;
                if rotated == 0 {
                    return Ok(0);
                }
                effects.push(Effect::TicketReplaced { hash, end });
                insert_ticket(transaction, successor, effects)
            }
            Self::RevokeTickets(account) => revoke_tickets(transaction, &account, effects),
            Self::KeepOnlyTicket(ticket) => {
                let before = effects.len();
                let revoked = revoke_tickets(transaction, &ticket.account, effects)?;
                let was_there =
                    |effect: &Effect| matches!(effect, Effect::TicketGone(hash) if *hash == ticket.hash);
                if effects.iter().skip(before).any(was_there) {
                    insert_ticket(transaction, ticket, effects)?;
                }
                Ok(revoked)
            }
            Self::PruneTickets(now) => delete_tickets(
                transaction,
                "DELETE FROM tickets WHERE expires <= ?1 RETURNING hash",
                params![now.unix_ms()],
                effects,
            ),
            Self::PutLease(lease) => put_lease(transaction, lease, effects),
            Self::RemoveLease(account, farm) => {
                let removed = transaction
                    .prepare_cached("DELETE FROM leases WHERE source = ?1 AND user = ?2 AND farm = ?3")?
                    .execute(params![
                        account.source.as_str(),
                        account.user.as_str(),
                        farm.as_str()
                    ])?;
                effects.push(Effect::LeaseGone(account, farm));
                Ok(removed)
            }
            Self::PutKey(records) => key_statements::put(transaction, records, effects),
            Self::RemoveKey(id, machine) => key_statements::remove(transaction, id, machine, effects),
            Self::PutHostCredential(record) => host_credential_statements::put(transaction, record, effects),
            Self::RemoveHostCredential(farm, host) => {
                host_credential_statements::remove(transaction, &farm, &host, effects)
            }
            Self::ForgetAttempts(which) => history_statements::forget(transaction, &which),
            Self::PruneHistory {
                attempts_before,
                seats_before,
            } => history_statements::prune(transaction, attempts_before, seats_before),
            Self::PutDrain(drain) => drain_statements::put(transaction, drain, effects),
            Self::RemoveDrain(farm, host) => drain_statements::remove(transaction, farm, host, effects),
            Self::PruneLastHosts(before) => last_host_statements::prune(transaction, before, effects),
        }
    }
}

/// Writes down when a ticket was last used.
pub(super) fn write_use(transaction: &Transaction<'_>, hash: &TicketHash, at: Now) -> rusqlite::Result<()> {
    transaction
        .prepare_cached("UPDATE tickets SET used = ?2 WHERE hash = ?1")?
        .execute(params![hash.0, at.unix_ms()])?;
    Ok(())
}

fn insert_ticket(
    transaction: &Transaction<'_>,
    ticket: TicketRecord,
    effects: &mut Vec<Effect>,
) -> rusqlite::Result<usize> {
    // Room is made first, so that a clock set back cannot make the new ticket the one unused for longest.
    delete_tickets(
        transaction,
        "DELETE FROM tickets WHERE hash IN (
             SELECT hash FROM tickets WHERE source = ?1 AND user = ?2
             ORDER BY replaced, used DESC, issued DESC LIMIT -1 OFFSET ?3)
         RETURNING hash",
        params![
            ticket.account.source.as_str(),
            ticket.account.user.as_str(),
            i64::try_from(TICKETS_PER_ACCOUNT_MAX - 1).unwrap_or(i64::MAX)
        ],
        effects,
    )?;
    transaction
        .prepare_cached(
            "INSERT INTO tickets VALUES
             (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
        )?
        .execute(params![
            ticket.hash.0,
            ticket.password_mac,
            ticket.account.source.as_str(),
            ticket.account.user.as_str(),
            ticket.door.as_str(),
            ticket.client.map(|network| network.to_string()),
            ticket.login.unix_ms(),
            ticket.issued.unix_ms(),
            ticket.used.unix_ms(),
            ticket.expires.unix_ms(),
            ticket.replaced,
            ticket.password_changed.map(Now::unix_ms),
            match ticket.password_end {
                Some(PasswordEnd::At(end)) => Some(end.unix_ms()),
                _ => None,
            },
            match ticket.password_end {
                Some(PasswordEnd::AfterLogins(logins)) => Some(logins),
                _ => None,
            },
            ticket.former.as_ref().map(|former| former.mac),
            ticket.former.as_ref().map(|former| former.client.to_string()),
            ticket.change_only,
        ])?;
    effects.push(Effect::TicketKept(ticket));
    Ok(1)
}

fn revoke_tickets(
    transaction: &Transaction<'_>,
    account: &Account,
    effects: &mut Vec<Effect>,
) -> rusqlite::Result<usize> {
    delete_tickets(
        transaction,
        "DELETE FROM tickets WHERE source = ?1 AND user = ?2 RETURNING hash",
        params![account.source.as_str(), account.user.as_str()],
        effects,
    )
}

fn delete_tickets(
    transaction: &Transaction<'_>,
    sql: &str,
    values: impl rusqlite::Params,
    effects: &mut Vec<Effect>,
) -> rusqlite::Result<usize> {
    let before = effects.len();
    let mut statement = transaction.prepare_cached(sql)?;
    for hash in statement.query_map(values, |row| row.get(0).map(TicketHash))? {
        effects.push(Effect::TicketGone(hash?));
    }
    Ok(effects.len() - before)
}

fn put_lease(
    transaction: &Transaction<'_>,
    lease: LeaseRecord,
    effects: &mut Vec<Effect>,
) -> rusqlite::Result<usize> {
    transaction
        .prepare_cached("INSERT OR REPLACE INTO leases VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?
        .execute(params![
            lease.account.source.as_str(),
            lease.account.user.as_str(),
            lease.farm.as_str(),
            lease.host.as_str(),
            lease.since.unix_ms(),
            lease.confirmed.map(Now::unix_ms),
            lease.expires.unix_ms(),
            lease.session_user.as_ref().map(SessionUser::as_str),
            (lease.offered != lease.farm).then(|| lease.offered.as_str()),
        ])?;
    effects.push(Effect::LeaseKept(lease));
    Ok(1)
}

/// Every record in the file.
pub(super) fn load(connection: &Connection) -> rusqlite::Result<Held> {
    let mut held = Held::default();
    let mut tickets = connection.prepare(
        "SELECT source, user, hash, password_mac, door, client, login, issued, used, expires, replaced,
                password_changed, password_expires, grace_logins, former_mac, former_client, change_only
         FROM tickets",
    )?;
    for ticket in tickets.query_map([], read_ticket)? {
        held.follow(Effect::TicketKept(ticket?));
    }
    let mut leases = connection.prepare(
        "SELECT source, user, farm, host, since, confirmed, expires, session_user, offered FROM leases",
    )?;
    for lease in leases.query_map([], read_lease)? {
        held.follow(Effect::LeaseKept(lease?));
    }
    key_statements::load(connection, &mut held)?;
    for drain in drain_statements::load(connection)? {
        held.follow(Effect::DrainKept(drain));
    }
    for last in last_host_statements::load(connection)? {
        held.keep_last_host(last);
    }
    host_credential_statements::load(connection, &mut held)?;
    held.remember(history_statements::load(connection)?);
    Ok(held)
}

fn read_ticket(row: &Row<'_>) -> rusqlite::Result<TicketRecord> {
    Ok(TicketRecord {
        account: account(row)?,
        hash: TicketHash(row.get(2)?),
        password_mac: row.get(3)?,
        door: word(row, 4, Door::from_word)?,
        client: network(row, 5)?,
        login: moment(row, 6)?,
        issued: moment(row, 7)?,
        used: moment(row, 8)?,
        expires: moment(row, 9)?,
        replaced: row.get(10)?,
        password_changed: row.get::<_, Option<i64>>(11)?.map(Now::from_unix_ms),
        password_end: match row.get::<_, Option<i64>>(12)? {
            Some(end) => Some(PasswordEnd::At(Now::from_unix_ms(end))),
            None => row.get::<_, Option<u32>>(13)?.map(PasswordEnd::AfterLogins),
        },
        former: match (row.get(14)?, network(row, 15)?) {
            (Some(mac), Some(client)) => Some(Box::new(FormerPassword { mac, client })),
            _ => None,
        },
        change_only: row.get(16)?,
    })
}

fn read_lease(row: &Row<'_>) -> rusqlite::Result<LeaseRecord> {
    let farm = word(row, 2, |text| FarmName::new(text).ok())?;
    let offered = optional_word(row, 8, |text| FarmName::new(text).ok())?;
    Ok(LeaseRecord {
        account: account(row)?,
        offered: offered.unwrap_or_else(|| farm.clone()),
        farm,
        host: word(row, 3, |text| HostName::new(text).ok())?,
        since: moment(row, 4)?,
        confirmed: row.get::<_, Option<i64>>(5)?.map(Now::from_unix_ms),
        expires: moment(row, 6)?,
        session_user: optional_word(row, 7, |text| SessionUser::new(text).ok())?,
    })
}

/// The account in the first two columns.
pub(super) fn account(row: &Row<'_>) -> rusqlite::Result<Account> {
    Ok(Account {
        source: word(row, 0, Source::from_word)?,
        user: word(row, 1, |text| UserName::new(text).ok())?,
    })
}

fn network(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Network>> {
    optional_word(row, column, |text| text.parse().ok())
}

/// What the word in that column stands for, if there is one.
fn optional_word<T>(
    row: &Row<'_>,
    column: usize,
    read: impl FnOnce(&str) -> Option<T>,
) -> rusqlite::Result<Option<T>> {
    match row.get_ref(column)?.data_type() {
        Type::Null => Ok(None),
        _ => word(row, column, read).map(Some),
    }
}

/// The moment in that column.
pub(super) fn moment(row: &Row<'_>, column: usize) -> rusqlite::Result<Now> {
    row.get(column).map(Now::from_unix_ms)
}

/// What the word in that column stands for.
pub(super) fn word<T>(
    row: &Row<'_>,
    column: usize,
    read: impl FnOnce(&str) -> Option<T>,
) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    read(&text).ok_or_else(|| {
        let why = format!("`{}` is no value of this column", text.escape_debug());
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, why.into())
    })
}
