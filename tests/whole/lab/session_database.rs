//! A real PostgreSQL server that X2Go servers share as their session database.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::process::wait_for;
use super::process_group::ProcessGroup;
use super::x2go_host::Account;

/// The administrator of the server, by whose right `x2godbadmin` makes the database.
const ADMIN_PASSWORD: &str = "database-secret";

/// A running server. It listens on no port but on a socket in a folder, which servers with networks of their own see
/// as well. It ends when this is dropped.
pub struct SessionDatabase {
    folder: TempDir,
    _server: ProcessGroup,
}

impl SessionDatabase {
    /// Starts a server with the tables of X2Go, in which `account` may note sessions. Needs root.
    pub fn start(account: &Account) -> Self {
        // Not below /tmp, of which X2Go servers have their own.
        let folder = TempDir::with_prefix_in("x2go-session-database-", "/var/tmp").unwrap();
        let path = folder.path();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        run(Command::new("install")
            .args(["-d", "-o", "postgres", "-g", "postgres"])
            .args([path.join("data"), socket(path)]));
        fs::write(path.join("password"), ADMIN_PASSWORD).unwrap();
        run(as_postgres("initdb")
            .args(["--auth=scram-sha-256", "--username=postgres", "--no-sync"])
            .args(["--encoding=UTF8", "--locale=C", "--pwfile"])
            .arg(path.join("password"))
            .arg(path.join("data")));
        let log = File::create(path.join("log")).unwrap();
        let server = ProcessGroup::start(
            as_postgres("postgres")
                .args(["-F", "-c", "listen_addresses=", "-D"])
                .arg(path.join("data"))
                .arg("-k")
                .arg(socket(path))
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(log),
        );
        let this = Self {
            folder,
            _server: server,
        };
        wait_for("PostgreSQL", || this.answers().then_some(()));
        this.make_tables(account);
        this
    }

    /// What a server that uses it has as /etc/x2go/x2gosql.
    pub fn settings(&self) -> PathBuf {
        self.folder.path().join("x2gosql")
    }

    /// The folder by which it is reached.
    pub fn socket_folder(&self) -> PathBuf {
        socket(self.folder.path())
    }

    fn answers(&self) -> bool {
        Command::new(program("pg_isready"))
            .args(["--quiet", "--host"])
            .arg(self.socket_folder())
            .status()
            .unwrap()
            .success()
    }

    /// What an administrator does once for all servers.
    fn make_tables(&self, account: &Account) {
        let settings = self.settings();
        fs::create_dir_all(settings.join("passwords")).unwrap();
        fs::set_permissions(settings.join("passwords"), fs::Permissions::from_mode(0o700)).unwrap();
        fs::write(settings.join("passwords/pgadmin"), ADMIN_PASSWORD).unwrap();
        let socket = self.socket_folder();
        let sql = format!(
            "backend=postgres\n\n[postgres]\nhost={}\nport=5432\ndbadmin=postgres\nssl=disable\n",
            socket.display()
        );
        fs::write(settings.join("sql"), sql).unwrap();
        let work =
            "mount --bind \"$1\" /etc/x2go/x2gosql && x2godbadmin --createdb && x2godbadmin --adduser \"$2\"";
        run(Command::new("unshare")
            .args(["--mount", "sh", "-c", work, "sh"])
            .arg(settings)
            .arg(&account.name));
    }
}

fn socket(folder: &Path) -> PathBuf {
    folder.join("socket")
}

/// A program of the server, which refuses to run as root.
fn as_postgres(name: &str) -> Command {
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=postgres", "--regid=postgres", "--clear-groups"])
        .arg(program(name))
        .current_dir("/");
    command
}

/// Where Debian has a program of PostgreSQL, whichever version it ships.
fn program(name: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").expect("Debian's package postgresql");
    let paths = versions.map(|version| version.unwrap().path().join("bin").join(name));
    paths.filter(|path| path.exists()).max().expect(name)
}

fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
}
