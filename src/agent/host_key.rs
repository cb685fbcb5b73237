//! The keys that hosts show, and those that are known of them: what `x2godirector agent-authorize` compares. Whether a
//! host is believed when agents are asked is for ssh(1) to say.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use nix::fcntl::OFlag;
use tokio::process::Command;
use tokio::time::timeout;

use super::output::told;
use crate::model::{Machine, PublicKey};

/// Longest that a host may take to show its keys.
const SCAN_TIMEOUT: Duration = Duration::from_secs(20);
/// ssh-keygen only reads a file.
const LOOK_TIMEOUT: Duration = Duration::from_secs(10);
/// The kinds of host keys, the one first that ssh(1) would choose (ssh_config(5), HostKeyAlgorithms).
const KINDS: [&str; 3] = ["ssh-ed25519", "ecdsa-", "ssh-rsa"];

/// What a machine is called in a file of known hosts (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT).
pub fn known_as(machine: &Machine) -> String {
    match machine.port() {
        22 => machine.address().to_owned(),
        port => format!("[{}]:{port}", machine.address()),
    }
}

/// The keys that a machine shows to whoever asks, best first; nobody has proved yet that they are its own.
///
/// # Errors
/// It shows none, and why.
pub async fn shown(machine: &Machine) -> Result<Vec<PublicKey>, String> {
    let mut scan = Command::new("ssh-keyscan");
    let port = machine.port().to_string();
    scan.args([
        "-T",
        "5",
        "-t",
        "ed25519,ecdsa,rsa",
        "-p",
        &port,
        "--",
        machine.address(),
    ]);
    let output = output(scan, SCAN_TIMEOUT).await?;
    let mut keys = keys_in(&output.stdout);
    keys.sort_by_key(|key| {
        let key = key.to_string();
        KINDS.iter().position(|kind| key.starts_with(kind))
    });
    if keys.is_empty() {
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said
            .lines()
            .rfind(|line| !line.trim().is_empty() && !line.starts_with('#'));
        let why = last.map_or_else(|| "nothing answers there".to_owned(), told);
        return Err(format!("{machine} shows no host key: {why}"));
    }
    Ok(keys)
}

/// The keys that are known of a machine; none where the file is not there.
///
/// # Errors
/// The file cannot be read.
pub async fn known(machine: &Machine, known_hosts: &Path) -> Result<Vec<PublicKey>, String> {
    match File::open(known_hosts) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(format!("{}: {error}", known_hosts.display())),
        Ok(_) => {}
    }
    // Names may be hashed there, which ssh-keygen knows how to compare.
    let mut find = Command::new("ssh-keygen");
    find.args(["-F", &known_as(machine), "-f"]).arg(known_hosts);
    Ok(keys_in(&output(find, LOOK_TIMEOUT).await?.stdout))
}

/// Has a machine's key known from now on. Where root runs this, the file comes to belong to whom its folder belongs, also
/// one that is root's since root has edited it: ssh must read it.
///
/// # Errors
/// The file cannot be written.
pub fn trust(machine: &Machine, known_hosts: &Path, key: &PublicKey) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o644)
        // The folder is another user's where root runs this.
        .custom_flags(OFlag::O_NOFOLLOW.bits())
        .open(known_hosts)?;
    // Of a file that has another name elsewhere, root would give away what stands there.
    if nix::unistd::geteuid().is_root() && file.metadata()?.nlink() == 1 {
        let folder = fs::metadata(known_hosts.parent().unwrap_or(Path::new("/")))?;
        fchown(&file, Some(folder.uid()), Some(folder.gid()))?;
    }
    let mut line = format!("{} {key}\n", known_as(machine));
    if !ends_a_line(&mut file)? {
        line.insert(0, '\n');
    }
    file.write_all(line.as_bytes())?;
    file.sync_all()
}

/// Whether what is appended begins a line of its own.
fn ends_a_line(file: &mut File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(true);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

/// The keys in lines of a file of known hosts. Lines with a marker (`@revoked`) and damaged ones are left out.
pub(super) fn keys_in(lines: &[u8]) -> Vec<PublicKey> {
    let lines = String::from_utf8_lossy(lines);
    let hosts = lines.lines().filter(|line| !line.starts_with(['@', '#']));
    hosts.filter_map(|line| PublicKey::parse(line).ok()).collect()
}

async fn output(mut command: Command, limit: Duration) -> Result<Output, String> {
    let program = command.as_std().get_program().display().to_string();
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output();
    let output = timeout(limit, output)
        .await
        .map_err(|_| format!("{program} took longer than {limit:?}"))?;
    output.map_err(|error| format!("{program} cannot be run: {error}; install openssh-client"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::chown;

    use super::*;
    use crate::model::HostAddress;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";

    fn machine(port: u16) -> Machine {
        Machine::new(&HostAddress::new("TS01.example.org").unwrap(), port)
    }

    #[tokio::test]
    async fn a_key_that_is_trusted_is_known_for_its_machine_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("known_hosts");
        assert_eq!(known(&machine(22), &file).await.unwrap(), []);
        fs::write(&file, "other.example.org ssh-rsa AAAA").unwrap();
        let key = PublicKey::parse(KEY).unwrap();
        trust(&machine(22), &file, &key).unwrap();
        assert_eq!(
            fs::read_to_string(&file).unwrap(),
            format!("other.example.org ssh-rsa AAAA\nts01.example.org {KEY}\n")
        );
        assert_eq!(
            known(&machine(22), &file).await.unwrap(),
            std::slice::from_ref(&key)
        );
        assert_eq!(known(&machine(2222), &file).await.unwrap(), []);
        trust(&machine(2222), &file, &key).unwrap();
        assert_eq!(known(&machine(2222), &file).await.unwrap(), [key]);
    }

    #[test]
    fn a_file_that_root_has_edited_comes_back_to_whom_its_folder_belongs() {
        let me = nix::unistd::geteuid();
        let owner = if me.is_root() { 4321 } else { me.as_raw() };
        let folder = tempfile::tempdir().unwrap();
        chown(folder.path(), Some(owner), None).unwrap();
        let file = folder.path().join("known_hosts");
        fs::write(&file, "").unwrap();
        let key = PublicKey::parse(KEY).unwrap();
        trust(&machine(22), &file, &key).unwrap();
        assert_eq!(fs::metadata(&file).unwrap().uid(), owner);

        let linked = folder.path().join("linked");
        let elsewhere = folder.path().join("elsewhere");
        fs::write(&elsewhere, "").unwrap();
        fs::hard_link(&elsewhere, &linked).unwrap();
        trust(&machine(22), &linked, &key).unwrap();
        assert_eq!(fs::metadata(&elsewhere).unwrap().uid(), me.as_raw());
    }

    #[tokio::test]
    async fn what_shows_no_key_is_said() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let nobody = Machine::new(&HostAddress::new("127.0.0.1").unwrap(), port);
        let why = shown(&nobody).await.unwrap_err();
        assert!(
            why.starts_with(&format!("127.0.0.1:{port} shows no host key: ")),
            "{why}"
        );
    }

    #[test]
    fn only_whole_keys_without_a_marker_are_read() {
        let lines = format!(
            "# ts01 found: line 1\n@revoked ts01 {KEY}\nts01 ssh-dss AAAA\n|1|x=|y= {KEY} c\n\u{0}\n"
        );
        assert_eq!(keys_in(lines.as_bytes()), [PublicKey::parse(KEY).unwrap()]);
    }
}
