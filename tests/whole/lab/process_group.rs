//! A process together with everything it starts: for programs that leave children behind.

use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdin, ChildStdout, Command};
use std::time::Duration;

use super::process::patiently;

/// How long a process may take to end after it was asked to.
const GRACE: Duration = Duration::from_secs(5);

/// A running process that leads a process group of its own.
pub struct ProcessGroup {
    child: Child,
}

impl ProcessGroup {
    /// Starts the command.
    pub fn start(command: &mut Command) -> Self {
        let child = command
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self { child }
    }

    /// Its process id, which is also the id of its group.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its standard input, where that is a pipe and was not taken before.
    pub fn stdin(&mut self) -> ChildStdin {
        self.child.stdin.take().expect("the command has a pipe as stdin")
    }

    /// Its standard output, where that is a pipe and was not taken before.
    pub fn stdout(&mut self) -> ChildStdout {
        self.child
            .stdout
            .take()
            .expect("the command has a pipe as stdout")
    }

    /// Whether it ended, by itself or not.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits until it ended; says whether it did so within the limit.
    pub fn ends_within(&mut self, limit: Duration) -> bool {
        patiently(limit, || self.has_ended().then_some(())).is_some()
    }

    fn signal_group(&self, name: &str) {
        // That nobody is left in the group is no failure.
        let _ = Command::new("kill")
            .args(["-s", name, "--", &format!("-{}", self.id())])
            .stderr(std::process::Stdio::null())
            .status();
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        if !self.has_ended() {
            self.signal_group("TERM");
            self.ends_within(GRACE);
        }
        self.signal_group("KILL");
        let _ = self.child.wait();
    }
}
