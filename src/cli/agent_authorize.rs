//! `x2godirector agent-authorize`: makes a host and the broker known to each other.

use std::io::{self, Write as _};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, bail, ensure};
use clap::Args;

use super::host_choice::HostChoice;
use super::{ConfigurationFolders, EXIT_FAILURE, EXIT_USAGE, agent_test, complain, complain_about};
use crate::agent::authorization::{self, seen_as};
use crate::agent::host_key::{self, known_as};
use crate::agent::{AgentKind, Asked, Settings, broker_key};
use crate::config;
use crate::model::{Network, PublicKey};

/// Longest wait for ssh to reach the host; what it asks the admin may take longer.
const CONNECT_TIMEOUT: &str = "ConnectTimeout=10";
/// Where a host has the public halves of its keys.
const HOST_KEYS: &str = "/etc/ssh/ssh_host_*_key.pub";

/// Arguments of `agent-authorize`.
#[derive(Debug, Args)]
pub(super) struct AgentAuthorize {
    #[command(flatten)]
    host: HostChoice,
    /// The fingerprint of the host's key, like SHA256:…, as `ssh-keygen -lf` prints it on the host; left out, it is
    /// shown and asked about
    #[arg(long, value_name = "SHA256:…")]
    fingerprint: Option<String>,
    /// Whom your own ssh logs in as to change the host: root, there or under another name of the host
    #[arg(long = "as", value_name = "USER@HOST", value_parser = destination)]
    destination: Option<String>,
    /// The addresses that the key may be used from
    ///
    /// May be given several times. Left out, those under which the host sees this machine.
    #[arg(long, value_name = "NETWORK")]
    from: Vec<Network>,
    /// Change nothing, and print what there is to do by hand
    #[arg(long)]
    print: bool,
    #[command(flatten)]
    configuration: ConfigurationFolders,
}

impl AgentAuthorize {
    /// Succeeds (0) if the agent answers in the end, and fails (1) otherwise.
    pub(super) fn run(self) -> ExitCode {
        let configuration = match config::load(&self.configuration.folders, config::process_environment()) {
            Ok(configuration) => configuration,
            Err(problems) => return complain_about(&problems),
        };
        let asked = match self.host.find(&configuration.farms) {
            Ok(asked) => asked,
            Err(why) => return complain(&why, EXIT_USAGE),
        };
        if asked.kind == AgentKind::Local {
            let why = format!(
                "the agent of {} is on this machine and needs no key (agent = \"local\"); the daemon's user must be in the \
                 group x2gobroker",
                asked.name
            );
            return complain(&why, EXIT_FAILURE);
        }
        match self.authorize(configuration.agent, &asked) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::from(EXIT_FAILURE),
            Err(error) => complain(&format!("{error:#}"), EXIT_FAILURE),
        }
    }

    fn authorize(&self, settings: Settings, asked: &Asked) -> anyhow::Result<bool> {
        let key = broker_key::public(&settings)?;
        let line = authorization::line(&key, &self.networks(asked)?, &settings);
        let commands = authorization::commands(&key, &line, &settings);
        if self.print {
            print(asked, &settings, &line, &commands).context("standard output")?;
            return Ok(true);
        }
        self.know(asked, &settings)?;
        self.install(asked, &settings, &commands)?;
        println!("{} lets the broker's key run its agent:\n  {line}", asked.name);
        let over_ssh = Asked {
            kind: AgentKind::Ssh,
            ..asked.clone()
        };
        let answers = agent_test::test(settings, &over_ssh, None)?;
        if asked.kind == AgentKind::None {
            println!("It is asked for something once its farm has agent = \"ssh\".");
        }
        Ok(answers)
    }

    /// Where the key may be used from.
    #[tokio::main(flavor = "current_thread")]
    async fn networks(&self, asked: &Asked) -> anyhow::Result<Vec<Network>> {
        if !self.from.is_empty() {
            return Ok(self.from.clone());
        }
        let seen = seen_as(&asked.machine).await.map_err(anyhow::Error::msg);
        seen.context("--from is left out, and the host cannot be asked how it sees this machine")
    }

    /// Sees to it that the broker knows the host's key.
    fn know(&self, asked: &Asked, settings: &Settings) -> anyhow::Result<()> {
        let (shown, known) = compare(asked, settings)?;
        if shown.iter().any(|key| known.contains(key)) {
            return Ok(());
        }
        let file = settings.known_hosts.display();
        ensure!(
            known.is_empty(),
            "{} shows another key than the one in {file}, so nothing was done. If it was installed again, run `ssh-keygen \
             -f {file} -R '{}'` and then this again; if not, somebody else answers under its address",
            asked.name,
            known_as(&asked.machine)
        );
        let key = match &self.fingerprint {
            Some(fingerprint) => with_fingerprint(&shown, fingerprint).with_context(|| {
                let shown: Vec<_> = shown.iter().map(PublicKey::fingerprint).collect();
                format!(
                    "{} shows no key with that fingerprint, so nothing was done; it shows {}",
                    asked.name,
                    shown.join(", ")
                )
            })?,
            None => confirmed(asked, &shown)?,
        };
        host_key::trust(&asked.machine, &settings.known_hosts, key)
            .with_context(|| settings.known_hosts.display().to_string())
    }

    /// Runs the commands on the host. Whatever ssh has to ask, it asks the admin.
    fn install(&self, asked: &Asked, settings: &Settings, commands: &str) -> anyhow::Result<()> {
        let machine = &asked.machine;
        let usual = format!("root@{}", machine.address());
        let destination = self.destination.as_deref().unwrap_or(&usual);
        // `%` begins a token there.
        let known_hosts = settings.known_hosts.display().to_string().replace('%', "%%");
        let mut ssh = Command::new("ssh")
            .args(["-T", "-p", &machine.port().to_string()])
            .args(["-o", CONNECT_TIMEOUT, "-o", "StrictHostKeyChecking=yes"])
            .args(["-o", &format!("UserKnownHostsFile=\"{known_hosts}\"")])
            .args(["-o", &format!("HostKeyAlias={}", known_as(machine))])
            .args(["--", destination, "sh", "-s"])
            .stdin(Stdio::piped())
            .spawn()
            .context("ssh cannot be run; install openssh-client")?;
        let fed = ssh
            .stdin
            .take()
            .map(|mut stdin| stdin.write_all(commands.as_bytes()));
        let ended = ssh.wait().context("ssh")?;
        ensure!(
            ended.success() && matches!(fed, Some(Ok(()))),
            "nothing was installed on {destination} ({ended}); give --as with somebody who is root there and whom your ssh \
             logs in, or --print to do it by hand"
        );
        Ok(())
    }
}

/// The keys that the host shows, and those that are known of it.
#[tokio::main(flavor = "current_thread")]
async fn compare(asked: &Asked, settings: &Settings) -> anyhow::Result<(Vec<PublicKey>, Vec<PublicKey>)> {
    let known = host_key::known(&asked.machine, &settings.known_hosts).await;
    let shown = host_key::shown(&asked.machine).await;
    Ok((
        shown.map_err(anyhow::Error::msg)?,
        known.map_err(anyhow::Error::msg)?,
    ))
}

fn with_fingerprint<'k>(shown: &'k [PublicKey], fingerprint: &str) -> Option<&'k PublicKey> {
    shown.iter().find(|key| key.fingerprint() == fingerprint)
}

/// Asks the admin about the key that ssh would choose.
fn confirmed<'k>(asked: &Asked, shown: &'k [PublicKey]) -> anyhow::Result<&'k PublicKey> {
    let key = shown.first().context("it shows no host key")?;
    let fingerprint = key.fingerprint();
    eprint!(
        "{} ({}) shows a host key with the fingerprint\n  {fingerprint}\nOn the host itself, `for key in {HOST_KEYS}; do \
         ssh-keygen -lf \"$key\"; done` prints those of its keys.\nIs it among them (yes or no)? ",
        asked.name, asked.machine
    );
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).context("standard input")?;
    if answer.trim() != "yes" {
        bail!("nothing was done; a fingerprint can also be given with --fingerprint");
    }
    Ok(key)
}

/// Prints what there is to do by hand, as a shell could run it.
fn print(asked: &Asked, settings: &Settings, line: &str, commands: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let Asked { name, machine, .. } = asked;
    let known_hosts = settings.known_hosts.display();
    writeln!(
        out,
        "# The line for the keys of {user} on {name}:\n# {line}\n\n# On {name}, as root; it prints the fingerprints of its \
         keys first:\nfor key in {HOST_KEYS}; do ssh-keygen -lf \"$key\"; done\n{commands}\n# Here, as the daemon's user. \
         Compare the fingerprints before the last command:\nkeys=$(mktemp)\nssh-keyscan -p {port} {address} >\"$keys\"\n\
         ssh-keygen -lf \"$keys\"\ncat \"$keys\" >>\"{known_hosts}\"",
        user = settings.user,
        port = machine.port(),
        address = machine.address(),
    )?;
    out.flush()
}

fn destination(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-@:[]%".contains(c);
    if text.starts_with('-') || !text.contains('@') || !text.chars().all(plain) {
        return Err("write it like root@ts01.example.org".to_owned());
    }
    Ok(text.to_owned())
}
