//! One run of a program: what it reads, what it writes, and its end.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::message::OUTPUT_BYTES_MAX;
use super::settings::Program;
use super::trust::{Distrust, trusted};

/// How much of its complaints is logged, in bytes.
const COMPLAINT_BYTES_MAX: usize = 1024;
/// How long a killed program may take to be gone.
const REAP_TIMEOUT: Duration = Duration::from_secs(1);

/// Why a program gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// It is not one that is run.
    #[error(transparent)]
    Distrusted(#[from] Distrust),
    /// It cannot be started, or talked to.
    #[error("cannot be run: {0}")]
    System(#[from] std::io::Error),
    /// It took too long and was killed.
    #[error("gave no answer within {0:?} and was killed")]
    Silent(Duration),
    /// It wrote too much and was killed.
    #[error("wrote more than {OUTPUT_BYTES_MAX} bytes and was killed")]
    TooMuch,
    /// It wrote something that is no text.
    #[error("wrote bytes that are no UTF-8")]
    NotUtf8,
    /// It says that it failed.
    #[error("ended with {status}{complaint}")]
    Failed {
        /// How it ended.
        status: ExitStatus,
        /// `: ` and the first line of what it wrote to its standard error; or nothing.
        complaint: String,
    },
}

/// Runs the program: no shell, an empty environment, `/` as its folder, and nothing open but its three streams, as long as this process
/// was left nothing (the worker sees to that). It and
/// all that it started are killed at its deadline, and when the caller goes away.
///
/// # Errors
/// It gave no answer.
pub(super) async fn run(program: &Program, input: &str) -> Result<String, NoAnswer> {
    trusted(&program.file)?;
    let mut command = Command::new(&program.file);
    command
        .args(&program.arguments)
        .env_clear()
        .current_dir(Path::new("/"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    let mut running = Running::start(&mut command)?;
    match timeout(program.timeout, running.converse(input)).await {
        Ok(answer) => answer,
        Err(_) => {
            kill(running.group);
            // Reaped here, so that no dead process waits for the next one to start.
            let _ = timeout(REAP_TIMEOUT, running.child.wait()).await;
            Err(NoAnswer::Silent(program.timeout))
        }
    }
}

/// A program that runs, with all that it starts; killed when this is dropped.
struct Running {
    child: Child,
    group: Option<Pid>,
}

impl Running {
    fn start(command: &mut Command) -> Result<Self, NoAnswer> {
        let child = command.spawn()?;
        let group = child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .map(Pid::from_raw);
        Ok(Self { child, group })
    }

    /// Writes the question, reads the answer, and waits for the end.
    async fn converse(&mut self, input: &str) -> Result<String, NoAnswer> {
        let (stdin, stdout, stderr) = (
            self.child.stdin.take(),
            self.child.stdout.take(),
            self.child.stderr.take(),
        );
        let write = async {
            if let Some(mut stdin) = stdin {
                // A program that does not care for the question may close its end.
                let _ = stdin.write_all(input.as_bytes()).await;
            }
        };
        let complain = async {
            match stderr {
                Some(stderr) => complaint(stderr).await,
                None => String::new(),
            }
        };
        let group = self.group;
        let read = async {
            let answer = at_most(stdout, OUTPUT_BYTES_MAX).await;
            if matches!(answer, Ok(None)) {
                kill(group);
            }
            answer
        };
        let ((), answer, complaint) = tokio::join!(write, read, complain);
        let status = self.child.wait().await?;
        // Its number may be another's from now on.
        self.group = None;
        let answer = answer?.ok_or(NoAnswer::TooMuch)?;
        if !status.success() {
            return Err(NoAnswer::Failed { status, complaint });
        }
        String::from_utf8(answer).map_err(|_| NoAnswer::NotUtf8)
    }
}

/// Kills a program and all that it started.
fn kill(group: Option<Pid>) {
    if let Some(group) = group {
        // Gone already is what is wanted.
        let _ = killpg(group, Signal::SIGKILL);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        kill(self.group);
    }
}

/// All bytes of a stream; none if there are more than that many, which are then not waited for.
async fn at_most(
    stream: Option<impl AsyncRead + Unpin>,
    limit_bytes: usize,
) -> Result<Option<Vec<u8>>, NoAnswer> {
    let mut read = Vec::new();
    if let Some(stream) = stream {
        let limit = u64::try_from(limit_bytes).unwrap_or(u64::MAX);
        stream
            .take(limit.saturating_add(1))
            .read_to_end(&mut read)
            .await?;
    }
    Ok((read.len() <= limit_bytes).then_some(read))
}

/// The first line of what a program complains of, made fit for a log. The rest is read and thrown away, so that the
/// program can end.
async fn complaint(mut stderr: impl AsyncRead + Unpin) -> String {
    let mut kept = Vec::new();
    let mut piece = [0; COMPLAINT_BYTES_MAX];
    while let Ok(count @ 1..) = stderr.read(&mut piece).await {
        let room = COMPLAINT_BYTES_MAX.saturating_sub(kept.len()).min(count);
        kept.extend_from_slice(piece.get(..room).unwrap_or_default());
    }
    let text = String::from_utf8_lossy(&kept);
    match text.lines().next().map(str::trim) {
        Some(line) if !line.is_empty() => format!(": {}", line.escape_debug()),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hooks::OnFailure;

    fn shell(script: &str, timeout: Duration) -> Program {
        Program {
            file: "/bin/sh".into(),
            arguments: vec!["-c".to_owned(), script.to_owned()],
            timeout,
            on_failure: OnFailure::Refuse,
        }
    }

    const LONG: Duration = Duration::from_secs(30);

    #[tokio::test]
    async fn a_program_reads_the_question_and_nothing_else_of_the_world() {
        let told = run(
            &shell("cat; pwd; env | grep -v -e ^PWD= -e ^SHLVL= -e ^_=; true", LONG),
            "Q\n",
        )
        .await
        .unwrap();
        let lines: Vec<&str> = told.lines().collect();
        assert_eq!(lines, ["Q", "/"]);
    }

    #[tokio::test]
    async fn a_program_that_fails_says_why_in_one_line() {
        let failed = run(&shell("printf 'no\\033licence\\nmore' >&2; exit 3", LONG), "").await;
        let why = failed.unwrap_err().to_string();
        assert_eq!(why, "ended with exit status: 3: no\\u{1b}licence");
        let unheard = run(&shell("exec 0<&-; echo '{}'", LONG), &"x".repeat(300_000)).await;
        assert_eq!(unheard.unwrap(), "{}\n");
    }

    #[tokio::test]
    async fn one_that_writes_for_ever_or_never_is_killed_with_all_that_it_started() {
        let much = run(&shell("yes", LONG), "").await;
        assert!(matches!(much, Err(NoAnswer::TooMuch)), "{much:?}");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("child");
        let script = format!("sleep 1000 & echo $! > {}; wait", file.display());
        let silent = run(&shell(&script, Duration::from_millis(500)), "").await;
        assert!(matches!(silent, Err(NoAnswer::Silent(_))), "{silent:?}");
        let child = std::fs::read_to_string(&file).unwrap();
        let stat = format!("/proc/{}/stat", child.trim());
        // Dead, if its new parent has not reaped it yet.
        let gone = || std::fs::read_to_string(&stat).map_or(true, |stat| stat.contains(") Z "));
        for _ in 0..400 {
            if gone() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the child of a killed program lives");
    }

    #[tokio::test]
    async fn what_is_no_text_is_no_answer() {
        let told = run(&shell("printf '\\377'", LONG), "").await;
        assert!(matches!(told, Err(NoAnswer::NotUtf8)), "{told:?}");
    }
}
