//! The SQL of the keys.

use rusqlite::{Connection, Row, Transaction, params};

use super::held::{Effect, Held};
use super::keys::{KeyId, KeyRecord};
use super::statements::{account, moment, word};
use crate::model::{
    AuthorizedKey, FarmName, HostAddress, HostName, KeyDelivery, KeyTarget, Machine, SessionUser,
};

/// Keeps the records of one key and ends the earlier ones of its account and farm.
pub(super) fn put(
    transaction: &Transaction<'_>,
    records: Vec<KeyRecord>,
    effects: &mut Vec<Effect>,
) -> rusqlite::Result<usize> {
    let count = records.len();
    if let Some(first) = records.first() {
        end_earlier(transaction, first, effects)?;
    }
    let mut insert = transaction
        .prepare_cached("INSERT INTO keys VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)")?;
    for record in records {
        insert.execute(params![
            record.id.0.cast_signed(),
            record.account.source.as_str(),
            record.account.user.as_str(),
            record.farm.as_str(),
            record.session_user.as_str(),
            record.target.farm.as_str(),
            record.target.host.as_str(),
            record.target.machine.address(),
            record.target.machine.port(),
            record.target.delivery.as_str(),
            record.line.as_str(),
            record.placed.unix_ms(),
            record.expires.unix_ms(),
        ])?;
        effects.push(Effect::KeyKept(record));
    }
    Ok(count)
}

fn end_earlier(
    transaction: &Transaction<'_>,
    record: &KeyRecord,
    effects: &mut Vec<Effect>,
) -> rusqlite::Result<()> {
    let mut end = transaction.prepare_cached(
        "UPDATE keys SET expires = ?5
         WHERE source = ?1 AND user = ?2 AND farm = ?3 AND id <> ?4 AND expires > ?5
         RETURNING id, address, port",
    )?;
    let values = params![
        record.account.source.as_str(),
        record.account.user.as_str(),
        record.farm.as_str(),
        record.id.0.cast_signed(),
        record.placed.unix_ms(),
    ];
    let ended = end.query_map(values, |row| Ok((key_id(row, 0)?, machine(row, 1)?)))?;
    for ended in ended {
        let (id, machine) = ended?;
        effects.push(Effect::KeyEnded(id, machine, record.placed));
    }
    Ok(())
}

/// Forgets that a key is on a host.
pub(super) fn remove(
    transaction: &Transaction<'_>,
    id: KeyId,
    machine: Machine,
    effects: &mut Vec<Effect>,
) -> rusqlite::Result<usize> {
    let removed = transaction
        .prepare_cached("DELETE FROM keys WHERE id = ?1 AND address = ?2 AND port = ?3")?
        .execute(params![id.0.cast_signed(), machine.address(), machine.port()])?;
    effects.push(Effect::KeyGone(id, machine));
    Ok(removed)
}

/// Every key of the file.
pub(super) fn load(connection: &Connection, held: &mut Held) -> rusqlite::Result<()> {
    let mut keys = connection.prepare(
        "SELECT source, user, id, farm, session_user, target_farm, target_host, address, port, delivery, line,
                placed, expires
         FROM keys",
    )?;
    for key in keys.query_map([], read)? {
        held.follow(Effect::KeyKept(key?));
    }
    Ok(())
}

fn read(row: &Row<'_>) -> rusqlite::Result<KeyRecord> {
    let farm = |column| word(row, column, |text| FarmName::new(text).ok());
    Ok(KeyRecord {
        account: account(row)?,
        id: key_id(row, 2)?,
        farm: farm(3)?,
        session_user: word(row, 4, |text| SessionUser::new(text).ok())?,
        target: KeyTarget {
            farm: farm(5)?,
            host: word(row, 6, |text| HostName::new(text).ok())?,
            machine: machine(row, 7)?,
            delivery: word(row, 9, KeyDelivery::from_word)?,
        },
        line: word(row, 10, |text| AuthorizedKey::new(text).ok())?,
        placed: moment(row, 11)?,
        expires: moment(row, 12)?,
    })
}

fn key_id(row: &Row<'_>, column: usize) -> rusqlite::Result<KeyId> {
    row.get(column).map(|id: i64| KeyId(id.cast_unsigned()))
}

/// The machine whose address is in that column and whose port is in the next.
fn machine(row: &Row<'_>, column: usize) -> rusqlite::Result<Machine> {
    let address = word(row, column, |text| HostAddress::new(text).ok())?;
    Ok(Machine::new(&address, row.get(column + 1)?))
}
