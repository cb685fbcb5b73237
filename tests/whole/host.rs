//! What runs on X2Go servers, as sshd runs it. `scripts/test-package` has the same with sshd and the real agent.

use std::os::unix::fs::symlink;
use std::process::{Command, Output};

const PROGRAM: &str = env!("CARGO_BIN_EXE_x2godirector-host");
/// An account of every Debian whose uid is not one of the system's.
const ACCOUNT: &str = "nobody";

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Runs the forced command for what somebody asked; `echo` stands for the agent.
fn agent(asked: Option<&str>) -> Output {
    let folder = tempfile::tempdir().unwrap();
    // The name says which command is meant.
    let name = folder.path().join("agent");
    symlink(PROGRAM, &name).unwrap();
    let mut command = Command::new(name);
    command.args(["--program", "/bin/echo", "--config", "debian/host/host.toml"]);
    match asked {
        Some(asked) => command.env("SSH_ORIGINAL_COMMAND", asked),
        None => command.env_remove("SSH_ORIGINAL_COMMAND"),
    };
    command.output().unwrap()
}

#[test]
fn a_host_that_was_told_of_no_broker_has_no_keys_and_no_complaint() {
    let output = Command::new(PROGRAM)
        .args(["authorized-keys", ACCOUNT, "--config", "debian/host/host.toml"])
        .output()
        .unwrap();
    assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
    assert!(text(&output.stderr).contains("names no broker yet"), "{output:?}");
}

#[test]
fn the_agent_gets_the_words_of_a_known_task() {
    let output = agent(Some("/usr/lib/x2godirector/agent 'alice' listsessions"));
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    assert_eq!(text(&output.stdout), "alice listsessions\n");
}

#[test]
fn everything_else_is_refused_aloud() {
    for asked in [
        None,
        Some(""),
        Some("sh"),
        Some("/p alice ping; id"),
        Some("/p alice format-disk"),
    ] {
        let output = agent(asked);
        assert_eq!(output.status.code(), Some(64), "{asked:?}: {output:?}");
        assert!(
            output.stdout.is_empty() && !output.stderr.is_empty(),
            "{asked:?}: {output:?}"
        );
    }
}
