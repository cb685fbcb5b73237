//! The SQL of the hosts' credentials.

use rusqlite::{Connection, Row, Transaction, params};

use super::held::{Effect, Held};
use super::host_credentials::{HostCredentialHash, HostCredentialRecord};
use super::statements::{moment, word};
use crate::model::{FarmName, HostName};

/// Keeps a credential in place of the host's earlier one.
pub(super) fn put(
    transaction: &Transaction<'_>,
    record: HostCredentialRecord,
    effects: &mut Vec<Effect>,
) -> rusqlite::Result<usize> {
    remove(transaction, &record.farm, &record.host, effects)?;
    transaction
        .prepare_cached("INSERT INTO host_credentials VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![
            record.hash.0,
            record.farm.as_str(),
            record.host.as_str(),
            record.added.unix_ms()
        ])?;
    effects.push(Effect::HostCredentialKept(record));
    Ok(1)
}

/// Removes the credential of a host.
pub(super) fn remove(
    transaction: &Transaction<'_>,
    farm: &FarmName,
    host: &HostName,
    effects: &mut Vec<Effect>,
) -> rusqlite::Result<usize> {
    let before = effects.len();
    let mut delete = transaction
        .prepare_cached("DELETE FROM host_credentials WHERE farm = ?1 AND host = ?2 RETURNING hash")?;
    let hashes = delete.query_map(params![farm.as_str(), host.as_str()], |row| {
        row.get(0).map(HostCredentialHash)
    })?;
    for hash in hashes {
        effects.push(Effect::HostCredentialGone(hash?));
    }
    Ok(effects.len() - before)
}

/// Every credential of the file.
pub(super) fn load(connection: &Connection, held: &mut Held) -> rusqlite::Result<()> {
    let mut credentials = connection.prepare("SELECT hash, farm, host, added FROM host_credentials")?;
    for credential in credentials.query_map([], read)? {
        held.follow(Effect::HostCredentialKept(credential?));
    }
    Ok(())
}

fn read(row: &Row<'_>) -> rusqlite::Result<HostCredentialRecord> {
    Ok(HostCredentialRecord {
        hash: HostCredentialHash(row.get(0)?),
        farm: word(row, 1, |text| FarmName::new(text).ok())?,
        host: word(row, 2, |text| HostName::new(text).ok())?,
        added: moment(row, 3)?,
    })
}
