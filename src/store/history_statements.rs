//! The SQL of the throttle's memory.

use rusqlite::types::Type;
use rusqlite::{Connection, Row, Transaction, params};

use super::history::{ATTEMPTS_MAX, AttemptRecord, Forgotten, Remembered, SeatRecord};
use super::last_host_statements;
use super::last_hosts::LastHostRecord;
use super::statements::{account, moment, word};
use crate::model::{Network, Now};

/// What is written behind.
#[derive(Debug)]
pub(super) enum Note {
    Attempt(AttemptRecord),
    Seat(SeatRecord),
    LastHost(LastHostRecord),
}

/// Writes notes down, in their order.
pub(super) fn write_notes(transaction: &Transaction<'_>, notes: &[Note]) -> rusqlite::Result<()> {
    let mut attempt = transaction.prepare_cached(
        "INSERT INTO attempts (at, network, typed, source, user, success) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    let mut seat = transaction.prepare_cached("INSERT OR REPLACE INTO seats VALUES (?1, ?2, ?3, ?4)")?;
    for note in notes {
        match note {
            Note::Attempt(note) => attempt.execute(params![
                note.at.unix_ms(),
                note.network.to_string(),
                note.typed,
                note.account.as_ref().map(|account| account.source.as_str()),
                note.account.as_ref().map(|account| account.user.as_str()),
                note.success,
            ])?,
            Note::Seat(note) => seat.execute(params![
                note.account.source.as_str(),
                note.account.user.as_str(),
                note.network.to_string(),
                note.used.unix_ms(),
            ])?,
            Note::LastHost(last) => last_host_statements::write(transaction, last)?,
        };
    }
    Ok(())
}

/// Forgets tried logins, and says how many.
pub(super) fn forget(transaction: &Transaction<'_>, which: &Forgotten) -> rusqlite::Result<usize> {
    match which {
        Forgotten::All => transaction.execute("DELETE FROM attempts", []),
        Forgotten::Client(network) => {
            transaction.execute("DELETE FROM attempts WHERE network = ?1", [network.to_string()])
        }
        // SQLite's own lower() knows ASCII alone.
        Forgotten::Name(name) => {
            let mut ids = Vec::new();
            let mut rows = transaction.prepare("SELECT id, typed, user FROM attempts")?;
            let mut rows = rows.query([])?;
            while let Some(row) = rows.next()? {
                let user: Option<String> = row.get(2)?;
                let is_theirs = row.get::<_, String>(1)? == *name
                    || user.is_some_and(|user| user.to_lowercase() == *name);
                if is_theirs {
                    ids.push(row.get::<_, i64>(0)?);
                }
            }
            let mut delete = transaction.prepare("DELETE FROM attempts WHERE id = ?1")?;
            for id in &ids {
                delete.execute([id])?;
            }
            Ok(ids.len())
        }
    }
}

/// Removes what is too old or too much, and says how many.
pub(super) fn prune(
    transaction: &Transaction<'_>,
    attempts_before: Now,
    seats_before: Now,
) -> rusqlite::Result<usize> {
    let old = transaction.execute(
        "DELETE FROM attempts WHERE at < ?1
         OR id <= (SELECT ifnull(max(id), 0) FROM attempts) - ?2",
        params![attempts_before.unix_ms(), ATTEMPTS_MAX],
    )?;
    let seats = transaction.execute("DELETE FROM seats WHERE used < ?1", [seats_before.unix_ms()])?;
    Ok(old + seats)
}

/// Everything that is kept.
pub(super) fn load(connection: &Connection) -> rusqlite::Result<Remembered> {
    let mut remembered = Remembered::default();
    let mut attempts =
        connection.prepare("SELECT source, user, at, network, typed, success FROM attempts ORDER BY id")?;
    for attempt in attempts.query_map([], read_attempt)? {
        remembered.attempts.push(attempt?);
    }
    let mut seats = connection.prepare("SELECT source, user, network, used FROM seats")?;
    for seat in seats.query_map([], read_seat)? {
        remembered.seats.push(seat?);
    }
    Ok(remembered)
}

fn read_attempt(row: &Row<'_>) -> rusqlite::Result<AttemptRecord> {
    let is_known = row.get_ref(0)?.data_type() != Type::Null;
    Ok(AttemptRecord {
        account: is_known.then(|| account(row)).transpose()?,
        at: moment(row, 2)?,
        network: word(row, 3, |text| text.parse::<Network>().ok())?,
        typed: row.get(4)?,
        success: row.get(5)?,
    })
}

fn read_seat(row: &Row<'_>) -> rusqlite::Result<SeatRecord> {
    Ok(SeatRecord {
        account: account(row)?,
        network: word(row, 2, |text| text.parse::<Network>().ok())?,
        used: moment(row, 3)?,
    })
}
