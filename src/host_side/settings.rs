//! What the host is told: where the broker is, and what it is known by there.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use url::Url;
use zeroize::Zeroizing;

use crate::model::{HostCredential, Secret};

/// Where the package keeps what the host is known by.
const CREDENTIAL_FILE: &str = "/etc/x2godirector/host/credential";
/// What `[agent] key_file` of the broker is, unless it says otherwise.
const KEY_FILE: &str = "%h/.x2go/authorized_keys";
/// Longest file read, in bytes.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// The settings of a host.
#[derive(Debug)]
pub struct Settings {
    /// The broker's name or address, as its certificate has it.
    pub broker: String,
    /// The port there.
    pub port: u16,
    /// The authorities, or the broker's own certificate, that are believed; those of the system if there is none.
    pub ca_file: Option<PathBuf>,
    /// What the host is known by.
    pub credential: HostCredential,
}

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    broker: Option<String>,
    ca_file: Option<PathBuf>,
    credential_file: Option<PathBuf>,
    key_file: Option<String>,
}

/// Why the host cannot ask.
#[derive(Debug, thiserror::Error)]
#[error("{}: {why}", path.display())]
pub struct SettingsError {
    path: PathBuf,
    why: String,
}

impl Settings {
    /// Reads the file, and the credential that it names; nothing if it names no broker, as when it was just installed.
    /// Blocks on file access.
    ///
    /// # Errors
    /// Says which file is wrong and what to do.
    pub fn read(path: &Path) -> Result<Option<Self>, SettingsError> {
        let written = written(path)?;
        let Some(named) = written.broker else {
            return Ok(None);
        };
        let (broker, port) = broker(&named).ok_or_else(|| SettingsError {
            path: path.to_owned(),
            why: "`broker` is written like \"https://broker.example.org:8443\"".to_owned(),
        })?;
        let credential_file = written.credential_file.unwrap_or(CREDENTIAL_FILE.into());
        Ok(Some(Self {
            broker,
            port,
            ca_file: written.ca_file,
            credential: credential(&credential_file)?,
        }))
    }
}

/// The one file of a user that the broker's key may have lines written into, as the agent takes it. A host without a file
/// of settings has the usual one. Blocks on file access.
///
/// # Errors
/// Says what is wrong with the file of settings.
pub fn key_file(path: &Path) -> Result<String, SettingsError> {
    let written = match path.try_exists() {
        Ok(false) => None,
        _ => written(path)?.key_file,
    };
    Ok(written.unwrap_or_else(|| KEY_FILE.to_owned()))
}

fn written(path: &Path) -> Result<Written, SettingsError> {
    let bad = |why: String| SettingsError {
        path: path.to_owned(),
        why,
    };
    let text = File::open(path)
        .and_then(text)
        .map_err(|error| bad(error.to_string()))?;
    toml::from_str(text.expose()).map_err(|error| bad(error.message().to_owned()))
}

/// The host and port of an HTTPS URL that has nothing else.
fn broker(text: &str) -> Option<(String, u16)> {
    let url = Url::parse(text).ok()?;
    let is_bare = url.path() == "/" && url.query().is_none() && url.username().is_empty();
    if url.scheme() != "https" || !is_bare {
        return None;
    }
    let host = url.host_str()?.trim_start_matches('[').trim_end_matches(']');
    Some((host.to_owned(), url.port_or_known_default()?))
}

fn credential(path: &Path) -> Result<HostCredential, SettingsError> {
    let bad = |why: String| SettingsError {
        path: path.to_owned(),
        why,
    };
    let io = |error: io::Error| bad(error.to_string());
    let file = File::open(path).map_err(io)?;
    let mode = file.metadata().map_err(io)?.permissions().mode();
    if mode & 0o077 != 0 {
        let why = "others than its owner may read it: chmod 600, and make a new credential if they have";
        return Err(bad(why.to_owned()));
    }
    let text = text(file).map_err(io)?;
    HostCredential::new(Secret::new(text.expose().trim_end().to_owned())).map_err(|why| bad(why.to_string()))
}

/// The text of a file that is no longer than it may be.
fn text(file: File) -> io::Result<Secret> {
    // Room for all of it, so that no copy of a part is left behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(
        usize::try_from(FILE_BYTES_MAX).unwrap_or_default() + 1,
    ));
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(io::Error::other("is too long"));
    }
    Secret::from_utf8(bytes).ok_or_else(|| io::Error::other("is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::fs::Permissions;

    use super::*;

    #[test]
    fn the_broker_is_a_bare_https_url() {
        assert_eq!(
            broker("https://b.example.org"),
            Some(("b.example.org".to_owned(), 443))
        );
        assert_eq!(
            broker("https://[2001:db8::1]:8443/"),
            Some(("2001:db8::1".to_owned(), 8443))
        );
        for bad in [
            "http://b",
            "https://b/x",
            "b:8443",
            "https://u@b",
            "https://b/?x",
            "",
        ] {
            assert_eq!(broker(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_credential_that_others_may_read_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let (file, secret) = (folder.path().join("host.toml"), folder.path().join("credential"));
        let written = format!(
            "broker = \"https://b:8443\"\ncredential_file = \"{}\"\n",
            secret.display()
        );
        fs::write(&file, &written).unwrap();
        let problem = || Settings::read(&file).err().unwrap().to_string();
        assert!(problem().contains("credential: No such file"));
        fs::write(&secret, "0a".repeat(32) + "\n").unwrap();
        fs::set_permissions(&secret, Permissions::from_mode(0o640)).unwrap();
        assert!(problem().contains("chmod 600"));
        fs::set_permissions(&secret, Permissions::from_mode(0o600)).unwrap();
        let settings = Settings::read(&file).unwrap().unwrap();
        assert_eq!((settings.broker.as_str(), settings.port), ("b", 8443));
        fs::write(&secret, "0a").unwrap();
        assert!(problem().contains("64 lower-case"));
        fs::write(&file, written + "cafile = \"x\"\n").unwrap();
        assert!(problem().contains("unknown field `cafile`"));
    }

    #[test]
    fn the_file_as_it_is_installed_names_no_broker() {
        let installed = Path::new("debian/host/host.toml");
        assert!(Settings::read(installed).unwrap().is_none());
        assert_eq!(key_file(installed).unwrap(), KEY_FILE);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("host.toml");
        assert_eq!(key_file(&file).unwrap(), KEY_FILE);
        assert!(Settings::read(&file).is_err());
        // What stands in its comments are the keys that there are.
        let switched_on = fs::read_to_string(installed)
            .unwrap()
            .lines()
            .filter(|line| line.contains(" = "))
            .map(|line| format!("{}\n", line.trim_start_matches("# ")))
            .collect::<String>();
        fs::write(&file, switched_on).unwrap();
        let problem = Settings::read(&file).err().unwrap().to_string();
        assert!(problem.starts_with(CREDENTIAL_FILE), "{problem}");
        assert_eq!(key_file(&file).unwrap(), KEY_FILE);
    }
}
