//! A real 389 Directory Server on loopback, in a folder of its own, with the plugins memberOf, Retro Changelog and
//! Content Synchronization. Its tree, accounts and passwords are those of [`super::slapd`].
//!
//! Debian's package brings a template of the configuration, which its own setup program fills in; here it is filled
//! in with paths of the folder, so that nothing outside is touched.

use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::process::{Process, wait_for};
use super::slapd::{self, ADMIN, ADMIN_PASSWORD, BASE, SERVICE, TREE};

const TEMPLATE: &str = "/usr/share/dirsrv/data/template-dse.ldif";
const PLUGINS: [&str; 3] = [
    "MemberOf Plugin",
    "Retro Changelog Plugin",
    "Content Synchronization",
];

/// A running server. Ended when dropped.
pub struct Ds389 {
    folder: TempDir,
    port: u16,
    _process: Process,
}

impl Ds389 {
    /// Starts a server with the tree, the service account, which may read everything, and what `ldif` holds.
    pub fn start(ldif: &str) -> Self {
        let folder = TempDir::with_prefix("ds389-").unwrap();
        let port = slapd::free_port();
        for name in ["bak", "db", "ldif", "lock", "log", "run", "schema", "tmp"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        for (from, to) in [
            ("config/slapd-collations.conf", "slapd-collations.conf"),
            ("config/certmap.conf", "certmap.conf"),
            ("schema/99user.ldif", "schema/99user.ldif"),
        ] {
            fs::copy(Path::new("/etc/dirsrv").join(from), folder.path().join(to))
                .expect("389-ds-base is installed");
        }
        fs::write(folder.path().join("dse.ldif"), configuration(folder.path(), port)).unwrap();
        let mut command = Command::new("/usr/sbin/ns-slapd");
        command
            .arg("-D")
            .arg(folder.path())
            .arg("-i")
            .arg(folder.path().join("pid"))
            .args(["-d", "0"]);
        let process = Process::start(command, &folder.path().join("out"));
        let this = Self {
            folder,
            port,
            _process: process,
        };
        wait_for("389 Directory Server answers", || {
            TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()
        });
        let rights = format!(
            "dc: example\naci: (targetattr=\"*\")(version 3.0; acl \"broker\"; allow (read, search, compare) \
             userdn=\"ldap:///{SERVICE}\";)\n"
        );
        this.add(&format!("{}{ldif}", TREE.replace("dc: example\n", &rights)));
        this
    }

    /// The port of `ldap://127.0.0.1`.
    pub fn ldap_port(&self) -> u16 {
        self.port
    }

    /// Adds entries.
    pub fn add(&self, ldif: &str) {
        slapd::change(self.port, "ldapadd", ldif);
    }

    /// Makes changes.
    pub fn modify(&self, ldif: &str) {
        slapd::change(self.port, "ldapmodify", ldif);
    }

    /// All operations that it was asked for so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap()
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("log/access")
    }
}

/// The template, filled in.
fn configuration(folder: &Path, port: u16) -> String {
    let folder = folder.display().to_string();
    let user = Command::new("id").arg("-un").output().unwrap().stdout;
    let user = String::from_utf8(user).unwrap();
    let mut text = fs::read_to_string(TEMPLATE).expect("389-ds-base is installed");
    for name in ["bak", "db", "ldif", "lock", "log", "run", "schema", "tmp"] {
        text = text.replace(&format!("%{name}_dir%"), &format!("{folder}/{name}"));
    }
    for name in ["cert", "config", "inst"] {
        text = text.replace(&format!("%{name}_dir%"), &folder);
    }
    for (name, value) in [
        ("%db_home_dir%", format!("{folder}/db")),
        ("%db_lib%", "bdb".to_owned()),
        ("%ds_port%", port.to_string()),
        ("%ds_suffix%", BASE.to_owned()),
        ("%ds_user%", user.trim().to_owned()),
        ("%fqdn%", "localhost".to_owned()),
        ("%ldapi%", format!("{folder}/run/ldapi")),
        ("%ldapi_enabled%", "off".to_owned()),
        ("%ldapi_autobind%", "off".to_owned()),
        ("%rootdn%", ADMIN.to_owned()),
        (
            "nsslapd-rootpw: %ds_passwd%",
            format!(
                "nsslapd-accesslog-logbuffering: off\nnsslapd-rootpwstoragescheme: CLEAR\nnsslapd-rootpw: {ADMIN_PASSWORD}"
            ),
        ),
    ] {
        text = text.replace(name, &value);
    }
    let entries = text.split("\n\n").map(|entry| {
        let on = PLUGINS
            .iter()
            .any(|name| entry.trim_start().starts_with(&format!("dn: cn={name},")));
        if on {
            entry.replace("pluginenabled: off", "pluginenabled: on")
        } else {
            entry.to_owned()
        }
    });
    format!(
        "{}\n\n\
         dn: cn=userroot,cn=ldbm database,cn=plugins,cn=config\n\
         objectClass: top\nobjectClass: extensibleObject\nobjectClass: nsBackendInstance\n\
         cn: userroot\nnsslapd-suffix: {BASE}\n\n\
         dn: cn=\"{BASE}\",cn=mapping tree,cn=config\n\
         objectClass: top\nobjectClass: extensibleObject\nobjectClass: nsMappingTree\n\
         cn: {BASE}\nnsslapd-state: backend\nnsslapd-backend: userroot\n",
        entries.collect::<Vec<_>>().join("\n\n").trim_end()
    )
}
