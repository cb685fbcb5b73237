//! A child process that does not outlive its test.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How often a wait looks again.
const POLL: Duration = Duration::from_millis(20);

/// Waits until `ready` gives something, for as long as a machine under load may need.
///
/// # Panics
/// After 60 seconds, saying what did not happen.
pub fn wait_for<T>(what: &str, ready: impl FnMut() -> Option<T>) -> T {
    const LIMIT: Duration = Duration::from_secs(60);
    patiently(LIMIT, ready).unwrap_or_else(|| panic!("{what}: not within {LIMIT:?}"))
}

/// Waits until `ready` gives something; `None` after the limit.
pub fn patiently<T>(limit: Duration, mut ready: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(value) = ready() {
            return Some(value);
        }
        if Instant::now() >= deadline {
            return None;
        }
        std::thread::sleep(POLL);
    }
}

/// A process whose standard error goes to a file, and which is killed when this is dropped.
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts the command.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start(command: Command, log: &Path) -> Self {
        Self::start_with(command, log, Stdio::null())
    }

    /// Starts the command with this as its standard input.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start_with(mut command: Command, log: &Path, stdin: Stdio) -> Self {
        let file = File::create(log).expect("log file");
        command
            .stdin(stdin)
            .stdout(file.try_clone().expect("log file"))
            .stderr(file);
        // A program that was copied a moment ago is busy while another test, which started something meanwhile, has
        // not let go of the copy that was still being written.
        let child = wait_for("a program that is not being written", || match command.spawn() {
            Err(error) if error.kind() == ErrorKind::ExecutableFileBusy => None,
            started => Some(started.unwrap_or_else(|error| panic!("{command:?}: {error}"))),
        });
        Self {
            child,
            log: log.to_owned(),
        }
    }

    /// What it has written to standard output and standard error so far.
    pub fn log(&self) -> String {
        let mut bytes = Vec::new();
        File::open(&self.log)
            .and_then(|mut file| file.read_to_end(&mut bytes))
            .expect("log file");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Waits for a line that holds `text`, and gives the first such line.
    ///
    /// # Panics
    /// If the process ends, or the line does not come.
    pub fn wait_for_line(&mut self, text: &str) -> String {
        let line = |log: String| log.lines().find(|line| line.contains(text)).map(str::to_owned);
        wait_for(text, || {
            let ended = self.child.try_wait().expect("wait");
            let found = line(self.log());
            assert!(
                ended.is_none() || found.is_some(),
                "ended with {ended:?} before `{text}`:\n{}",
                self.log()
            );
            found
        })
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by name, such as `TERM` or `STOP`.
    ///
    /// # Panics
    /// If the process is gone.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args(["-s", name, &self.id().to_string()])
            .status()
            .expect("kill");
        assert!(status.success(), "kill -s {name}: {status}");
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// If it does not end.
    pub fn wait(&mut self) -> ExitStatus {
        wait_for("end of the process", || self.child.try_wait().expect("wait"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only if it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
