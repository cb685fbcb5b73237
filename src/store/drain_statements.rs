//! The SQL of drains.

use rusqlite::{Connection, Transaction, params};

use super::drains::DrainRecord;
use super::held::Effect;
use super::statements::{moment, word};
use crate::model::{FarmName, HostName, Now};

pub(super) fn put(
    transaction: &Transaction<'_>,
    drain: DrainRecord,
    effects: &mut Vec<Effect>,
) -> rusqlite::Result<usize> {
    transaction
        .prepare_cached("INSERT OR REPLACE INTO drains (farm, host, since, until) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![
            drain.farm.as_str(),
            drain.host.as_str(),
            drain.since.unix_ms(),
            drain.until.map(Now::unix_ms),
        ])?;
    effects.push(Effect::DrainKept(drain));
    Ok(1)
}

pub(super) fn remove(
    transaction: &Transaction<'_>,
    farm: FarmName,
    host: HostName,
    effects: &mut Vec<Effect>,
) -> rusqlite::Result<usize> {
    let removed = transaction
        .prepare_cached("DELETE FROM drains WHERE farm = ?1 AND host = ?2")?
        .execute(params![farm.as_str(), host.as_str()])?;
    effects.push(Effect::DrainGone(farm, host));
    Ok(removed)
}

/// Every drain in the file.
pub(super) fn load(connection: &Connection) -> rusqlite::Result<Vec<DrainRecord>> {
    let mut drains = connection.prepare("SELECT farm, host, since, until FROM drains")?;
    let rows = drains.query_map([], |row| {
        Ok(DrainRecord {
            farm: word(row, 0, |text| FarmName::new(text).ok())?,
            host: word(row, 1, |text| HostName::new(text).ok())?,
            since: moment(row, 2)?,
            until: row.get::<_, Option<i64>>(3)?.map(Now::from_unix_ms),
        })
    })?;
    rows.collect()
}
