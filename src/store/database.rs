//! The SQLite file: how it is opened, whose it is, and which schema it has.

use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, Transaction};

use super::StoreError;

/// The schema this version writes, in `PRAGMA user_version`. A change of the tables raises it and adds a step
/// in [`upgrade`].
const SCHEMA_VERSION: i64 = 4;

/// Longest wait for the file's lock when it is opened: a restart may overlap with the last write of the old
/// process.
const LOCK_WAIT: Duration = Duration::from_secs(1);

/// Most of the file that SQLite holds in memory, in KiB. Reads never ask it, so it holds what is being changed.
const CACHE_KIB: i64 = 512;

const SCHEMA_1: &str = "
    CREATE TABLE tickets (
        hash BLOB PRIMARY KEY,
        password_mac BLOB NOT NULL,
        source TEXT NOT NULL,
        user TEXT NOT NULL,
        door TEXT NOT NULL,
        client TEXT,
        login INTEGER NOT NULL,
        issued INTEGER NOT NULL,
        used INTEGER NOT NULL,
        expires INTEGER NOT NULL,
        replaced INTEGER NOT NULL,
        password_changed INTEGER
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX tickets_of_account ON tickets (source, user);
    CREATE INDEX tickets_by_end ON tickets (expires);
    CREATE TABLE leases (
        source TEXT NOT NULL,
        user TEXT NOT NULL,
        farm TEXT NOT NULL,
        host TEXT NOT NULL,
        since INTEGER NOT NULL,
        confirmed INTEGER,
        expires INTEGER NOT NULL,
        PRIMARY KEY (source, user, farm)
    ) STRICT, WITHOUT ROWID;
";

/// The memory of the throttle.
const SCHEMA_2: &str = "
    CREATE TABLE attempts (
        id INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        network TEXT NOT NULL,
        typed TEXT NOT NULL,
        source TEXT,
        user TEXT,
        success INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE seats (
        source TEXT NOT NULL,
        user TEXT NOT NULL,
        network TEXT NOT NULL,
        used INTEGER NOT NULL,
        PRIMARY KEY (source, user, network)
    ) STRICT, WITHOUT ROWID;
";

/// What tickets tell about passwords: when they end, and which one was changed with the ticket. NULL for what is
/// not known of older tickets.
const SCHEMA_3: &str = "
    ALTER TABLE tickets ADD COLUMN password_expires INTEGER;
    ALTER TABLE tickets ADD COLUMN grace_logins INTEGER;
    ALTER TABLE tickets ADD COLUMN former_mac BLOB;
    ALTER TABLE tickets ADD COLUMN former_client TEXT;
    ALTER TABLE tickets ADD COLUMN change_only INTEGER NOT NULL DEFAULT 0;
";

/// Farms: who may start where, under which account there, and the keys that were placed for it. NULL for the account
/// of older leases, and for the farm that was offered where it is that of the host.
const SCHEMA_4: &str = "
    ALTER TABLE leases ADD COLUMN session_user TEXT;
    ALTER TABLE leases ADD COLUMN offered TEXT;
    CREATE TABLE drains (
        farm TEXT NOT NULL,
        host TEXT NOT NULL,
        since INTEGER NOT NULL,
        until INTEGER,
        PRIMARY KEY (farm, host)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE last_hosts (
        source TEXT NOT NULL,
        user TEXT NOT NULL,
        farm TEXT NOT NULL,
        host TEXT NOT NULL,
        at INTEGER NOT NULL,
        PRIMARY KEY (source, user, farm)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE keys (
        id INTEGER NOT NULL,
        source TEXT NOT NULL,
        user TEXT NOT NULL,
        farm TEXT NOT NULL,
        session_user TEXT NOT NULL,
        target_farm TEXT NOT NULL,
        target_host TEXT NOT NULL,
        address TEXT NOT NULL,
        port INTEGER NOT NULL,
        delivery TEXT NOT NULL,
        line TEXT NOT NULL,
        placed INTEGER NOT NULL,
        expires INTEGER NOT NULL,
        PRIMARY KEY (id, address, port)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX keys_of_account ON keys (source, user, farm);
    CREATE TABLE host_credentials (
        hash BLOB PRIMARY KEY,
        farm TEXT NOT NULL,
        host TEXT NOT NULL,
        added INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
";

/// What each version added to the one before, beginning with the first.
const STEPS: [&str; SCHEMA_VERSION as usize] = [SCHEMA_1, SCHEMA_2, SCHEMA_3, SCHEMA_4];

/// The open file. No other process can open it meanwhile.
pub(super) struct Database {
    connection: Connection,
}

impl Database {
    /// Opens the file, or makes it (0600) with the folders above it (0700).
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let say = |why: String| StoreError(format!("{}: {why}", path.display()));
        prepare_file(path).map_err(|error| say(error.to_string()))?;
        let mut connection = Connection::open(path).map_err(|error| say(explain(&error)))?;
        configure(&connection).map_err(|error| say(explain(&error)))?;
        let transaction = connection.transaction().map_err(|error| say(explain(&error)))?;
        check_schema(&transaction).map_err(say)?;
        transaction.commit().map_err(|error| say(explain(&error)))?;
        Ok(Self { connection })
    }

    /// Runs `work` in one transaction, durable when this returns, or undone if anything fails.
    pub(super) fn transact<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let whole = || {
            let transaction = self.connection.transaction()?;
            let value = work(&transaction)?;
            transaction.commit()?;
            Ok(value)
        };
        whole().map_err(|error| StoreError(explain(&error)))
    }
}

/// Gives the file its mode before SQLite opens it. The file is never opened here: closing any descriptor of it
/// would drop the locks that this process holds on it (POSIX `fcntl` locks).
fn prepare_file(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let created = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    match created {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            std::fs::set_permissions(path, Permissions::from_mode(0o600))
        }
        Err(error) => Err(error),
    }
}

/// Takes the file for this process alone, and makes each commit reach the disk.
fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(LOCK_WAIT)?;
    // Before WAL: from its first read on SQLite then holds the lock until the file is closed.
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)
}

/// Brings an empty file or one of an older version to the schema; says in the admin's words why another cannot be used.
fn check_schema(transaction: &Transaction<'_>) -> Result<(), String> {
    let integrity: String = transaction
        .pragma_query_value(None, "quick_check", |row| row.get(0))
        .map_err(|error| explain(&error))?;
    if integrity != "ok" {
        return Err(format!("{DAMAGED} ({integrity})"));
    }
    let version: i64 = transaction
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(|error| explain(&error))?;
    let tables: i64 = transaction
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(|error| explain(&error))?;
    match version {
        SCHEMA_VERSION => Ok(()),
        0 if tables > 0 => Err(NOT_OURS.to_owned()),
        newer if newer > SCHEMA_VERSION => Err(format!(
            "was written by a newer x2godirector (schema {newer}, this one knows {SCHEMA_VERSION}); install that \
             version again, or move the file away: users then log in once more"
        )),
        0.. => upgrade(transaction, version).map_err(|error| explain(&error)),
        _ => Err(NOT_OURS.to_owned()),
    }
}

/// Takes the steps that a file of this version lacks.
fn upgrade(transaction: &Transaction<'_>, version: i64) -> rusqlite::Result<()> {
    for step in STEPS.iter().skip(usize::try_from(version).unwrap_or_default()) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", SCHEMA_VERSION)
}

const NOT_OURS: &str = "is an SQLite file of another program; name another file in `state`";
const DAMAGED: &str = "is damaged, or no state file; move it away: users then log in once more";

/// An SQLite error in the admin's words.
fn explain(error: &rusqlite::Error) -> String {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another x2godirector uses it; stop that one, or name another file in `state`".to_owned()
        }
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => format!("{DAMAGED} ({error})"),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(folder: &tempfile::TempDir) -> Result<Database, StoreError> {
        Database::open(&folder.path().join("state/state.db"))
    }

    #[test]
    fn the_file_is_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let database = open(&folder).unwrap();
        let mode = |name: &str| {
            std::fs::metadata(folder.path().join(name))
                .unwrap()
                .permissions()
                .mode()
                & 0o777
        };
        assert_eq!(mode("state"), 0o700);
        assert_eq!(mode("state/state.db"), 0o600);
        assert_eq!(mode("state/state.db-wal"), 0o600);
        drop(database);

        std::fs::set_permissions(
            folder.path().join("state/state.db"),
            Permissions::from_mode(0o644),
        )
        .unwrap();
        let _database = open(&folder).unwrap();
        assert_eq!(mode("state/state.db"), 0o600);
    }

    #[test]
    fn a_full_disk_undoes_the_whole_transaction() {
        let folder = tempfile::tempdir().unwrap();
        let mut database = open(&folder).unwrap();
        let pages: i64 = database
            .connection
            .pragma_query_value(None, "page_count", |row| row.get(0))
            .unwrap();
        database
            .connection
            .pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
            .unwrap();
        let lease = "INSERT INTO leases VALUES ('ldap', ?1, 'farm', 'host', 0, NULL, 0, NULL, NULL)";
        let failed = database.transact(|transaction| {
            for user in 0..10_000 {
                transaction.execute(lease, [format!("user{user}")])?;
            }
            Ok(())
        });
        assert!(failed.unwrap_err().to_string().contains("full"));
        let kept: i64 = database
            .transact(|transaction| {
                transaction.execute(lease, ["alice"])?;
                transaction.query_row("SELECT count(*) FROM leases", [], |row| row.get(0))
            })
            .unwrap();
        assert_eq!(kept, 1);
    }

    #[test]
    fn files_that_cannot_be_used_say_why() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.db");
        let refusal = |path: &Path| Database::open(path).err().map(|error| error.to_string()).unwrap();

        std::fs::write(
            &path,
            "this is no database, but longer than a header of one".repeat(100),
        )
        .unwrap();
        assert!(refusal(&path).contains("damaged, or no state file"));

        let other = folder.path().join("other.db");
        Connection::open(&other)
            .unwrap()
            .execute_batch("CREATE TABLE notes (text TEXT)")
            .unwrap();
        assert!(refusal(&other).contains("another program"));

        let newer = folder.path().join("newer.db");
        drop(Database::open(&newer).unwrap());
        Connection::open(&newer)
            .unwrap()
            .pragma_update(None, "user_version", SCHEMA_VERSION + 1)
            .unwrap();
        assert!(refusal(&newer).contains(&format!(
            "schema {}, this one knows {SCHEMA_VERSION}",
            SCHEMA_VERSION + 1
        )));

        assert!(refusal(Path::new("/proc/nowhere/state.db")).contains("/proc/nowhere/state.db"));
    }

    #[test]
    fn two_daemons_cannot_share_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let first = open(&folder).unwrap();
        assert!(
            open(&folder)
                .err()
                .unwrap()
                .to_string()
                .contains("another x2godirector uses it")
        );
        drop(first);
        assert!(open(&folder).is_ok());
    }
}
