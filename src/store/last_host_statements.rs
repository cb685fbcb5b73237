//! The SQL of users' last hosts.

use rusqlite::{Connection, Row, Transaction, params};

use super::held::Effect;
use super::last_hosts::{LAST_HOSTS_MAX, LastHostRecord};
use super::statements::{account, moment, word};
use crate::model::{FarmName, HostName, Now};

/// Writes one down.
pub(super) fn write(transaction: &Transaction<'_>, last: &LastHostRecord) -> rusqlite::Result<usize> {
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO last_hosts (source, user, farm, host, at) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            last.account.source.as_str(),
            last.account.user.as_str(),
            last.farm.as_str(),
            last.host.as_str(),
            last.at.unix_ms(),
        ])
}

/// Removes what is too old or too much, and says how many.
pub(super) fn prune(
    transaction: &Transaction<'_>,
    before: Now,
    effects: &mut Vec<Effect>,
) -> rusqlite::Result<usize> {
    let earlier = effects.len();
    let mut delete = transaction.prepare_cached(
        "DELETE FROM last_hosts WHERE at < ?1 OR (source, user, farm) IN (
             SELECT source, user, farm FROM last_hosts ORDER BY at DESC LIMIT -1 OFFSET ?2)
         RETURNING source, user, farm, host, at",
    )?;
    for gone in delete.query_map(params![before.unix_ms(), LAST_HOSTS_MAX], read)? {
        effects.push(Effect::LastHostGone(gone?));
    }
    Ok(effects.len() - earlier)
}

/// Every one in the file.
pub(super) fn load(connection: &Connection) -> rusqlite::Result<Vec<LastHostRecord>> {
    let mut last_hosts = connection.prepare("SELECT source, user, farm, host, at FROM last_hosts")?;
    last_hosts.query_map([], read)?.collect()
}

fn read(row: &Row<'_>) -> rusqlite::Result<LastHostRecord> {
    Ok(LastHostRecord {
        account: account(row)?,
        farm: word(row, 2, |text| FarmName::new(text).ok())?,
        host: word(row, 3, |text| HostName::new(text).ok())?,
        at: moment(row, 4)?,
    })
}
